"""Metrics and error types of tool calls.

`METRICS` and `ERROR_TYPES` list them; scores, reports, cards and the explorer loop over these tables.
`petoolkit.replies` defines a call and reads it from a reply.
"""

import json
from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal, NamedTuple

from petoolbench import InputError
from petoolkit.call_forms import ToolCall, as_call
from petoolkit.call_parameters import ParameterDocument, given_parameters, has_right_parameters


class Outcome(NamedTuple):
    """Which parts of a call are right, as booleans; of many calls, boolean arrays of one shape."""

    right_tool: Any
    right_parameters: Any
    right_function: Any  # the called tool is a same-function tool, or the gold tool


@dataclass(frozen=True)
class Metric:
    """A metric: the share of right calls among the calls that are counted.

    Chance is the expected share if the called tool is drawn from the candidates at random.

    Args:
        name: key in `scores.json` and in the results of `evaluate` modules.
        label: name for people.
        description: one sentence about what is measured.
        is_right: returns whether calls are right.
        is_counted: returns whether calls are counted; `None` counts all calls.
    """

    name: str
    label: str
    description: str
    is_right: Callable[[Outcome], Any]
    is_counted: Callable[[Outcome], Any] | None = None


METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric(
            "tool_acc",
            "Tool Acc",
            "The called tool is the gold one (paper, section 3.4), or another that counts as right.",
            lambda outcome: outcome.right_tool,
        ),
        Metric(
            "param_acc",
            "Param Acc",
            "The parameters equal the gold ones, whatever the tool (paper, section 3.4).",
            lambda outcome: outcome.right_parameters,
        ),
        Metric(
            "joint_acc",
            "Joint Acc",
            "Tool and parameters are both right in one call.",
            lambda outcome: outcome.right_tool & outcome.right_parameters,
        ),
        Metric(
            "preference_acc",
            "Preference Acc",
            "The called tool is right, among the calls of a tool that does the job.",
            lambda outcome: outcome.right_tool,
            is_counted=lambda outcome: outcome.right_function,
        ),
    )
}
# Names of the metrics that are shares of all rows.
ACCURACIES = tuple(metric.name for metric in METRICS.values() if metric.is_counted is None)


@dataclass(frozen=True)
class ErrorType:
    """One of the paper's error types (its Table 2, section 5.5).

    Args:
        name: abbreviation, which the paper and `scores.json` use.
        label: full name.
        partitions: whether it is an error of the tool, of the parameters, or of both. The types of one partition
            exclude each other; their shares and the accuracy (Tool Acc or Param Acc) sum to 1.
    """

    name: str
    label: str
    partitions: tuple[Literal["tool", "parameters"], ...]


# In the order in which they are checked.
ERROR_TYPES: dict[str, ErrorType] = {
    error.name: error
    for error in (
        ErrorType("IF", "invalid format", ("tool", "parameters")),
        ErrorType("TH", "tool hallucination", ("tool",)),
        ErrorType("TFM", "tool functionality mismatch", ("tool",)),
        ErrorType("TPM", "tool preference mismatch", ("tool",)),
        ErrorType("PNM", "parameter name mismatch", ("parameters",)),
        ErrorType("PVM", "parameter value mismatch", ("parameters",)),
    )
}
TOOL_ERRORS, PARAMETER_ERRORS = (
    tuple(error.name for error in ERROR_TYPES.values() if partition in error.partitions)
    for partition in ("tool", "parameters")
)


def error_reference(row: dict) -> dict:
    """The columns of a row that the error types need: gold call, candidates, same-function and acceptable tools.

    Of a row without `acceptable_tools`, as earlier versions wrote them, the gold tool alone is right.
    """
    return {
        "tool_call": row["tool_call"],
        "candidate_tools": [tool["tool_name"] for tool in row["candidate_tools"]],
        "same_function_tools": row["same_function_tools"],
        "acceptable_tools": row.get("acceptable_tools") or [row["tool_call"]["tool_name"]],
    }


def read_gold_call(reference: str | dict) -> ToolCall:
    """Read a gold call: the `tool_call` struct of a row, or the same as JSON text.

    The result is cached and shared: do not change its parameters.

    Raises:
        InputError: if the reference is not a tool call.
    """
    try:
        key = reference if isinstance(reference, str) else (reference["tool_name"], reference["parameters"])
        call = _read_gold(key)
    except (KeyError, TypeError):  # parameters that are a dictionary cannot be a cache key; or this is not a struct
        call = as_call(reference)
    if call is None:
        raise InputError(
            f"this reference is not a tool call: {str(reference)[:200]!r}; give the row's `tool_call`, or JSON text "
            'like {"tool_name": "<Category>.<Provider>.<Api>", "parameters": {}}.'
        )
    return call


@lru_cache(maxsize=65_536)  # many replies have the same gold call
def _read_gold(reference: str | tuple[str, str]) -> ToolCall | None:
    if not isinstance(reference, str):
        return as_call(dict(zip(("tool_name", "parameters"), reference, strict=True)))
    try:
        return as_call(json.loads(reference))
    except (ValueError, RecursionError):
        return None


def is_right_tool(call: ToolCall | None, gold: ToolCall, acceptable_tools: Collection[str] = ()) -> bool:
    """Whether the called tool is right (Tool Acc of one row; paper, section 3.4); `None` is wrong.

    Args:
        call: the call as it was read.
        gold: the gold call.
        acceptable_tools: names of the tools that count as right beside the gold one.
    """
    if call is None:
        return False
    # The paper reader accepts names that are not text, which a set cannot be asked for.
    return call.tool_name == gold.tool_name or (isinstance(call.tool_name, str) and call.tool_name in acceptable_tools)


def tool_error(
    call: ToolCall | None,
    gold: ToolCall,
    candidate_tools: Collection[str],
    same_function_tools: Collection[str],
    acceptable_tools: Collection[str] = (),
) -> str | None:
    """The error of `TOOL_ERRORS` that a call has, `None` if its tool is right (paper, section 5.5).

    IF: there is no call. TH: the called tool is not a candidate. TFM: it is a candidate with another function. TPM:
    it is a same-function tool, but not a right one. The gold tool is right even if the row does not list it among
    its candidates or same-function tools. The paper reader accepts tool names that are not text; these are TH.

    Args:
        call: the call as it was read; `None` (unreadable) is IF.
        gold: the gold call.
        candidate_tools: names of the row's candidates.
        same_function_tools: names of the candidates with the gold tool's function.
        acceptable_tools: names of the tools that count as right beside the gold one.
    """
    if call is None:
        return "IF"
    if is_right_tool(call, gold, acceptable_tools):
        return None
    if not isinstance(call.tool_name, str) or call.tool_name not in candidate_tools:
        return "TH"
    return "TPM" if call.tool_name in same_function_tools else "TFM"


def parameter_error(
    call: ToolCall | None,
    gold: ToolCall,
    reader: str = "robust",
    documents: dict[str, ParameterDocument] | None = None,
) -> str | None:
    """The error of `PARAMETER_ERRORS` that a call has, `None` if its parameters are right (paper, section 5.5).

    IF: there is no call. PNM: the set of parameter names is not the gold one; the paper reader accepts parameters
    that are not a JSON object, and these are PNM too. PVM: the names are right, and at least one value is wrong.
    The arguments are those of `has_right_parameters`.
    """
    if call is None:
        return "IF"
    if has_right_parameters(call, gold, reader, documents):
        return None
    if not isinstance(call.parameters, dict):
        return "PNM"
    given, expected = call.parameters, gold.parameters
    if reader != "paper":
        given, expected = given_parameters(given, documents), given_parameters(expected, documents)
    return "PVM" if given.keys() == expected.keys() else "PNM"
