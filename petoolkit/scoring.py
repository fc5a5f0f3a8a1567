"""Judging a call: is the tool right, are the parameters, and which of the paper's error types is it if not.

`METRICS` and `ERROR_TYPES` are the tables of what can be said about calls; scores, reports, cards and the explorer loop
over them. What a call is, and how one is read out of a reply, is in `petoolkit.replies`.
"""

import json
import re
from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal, NamedTuple

import datasets

from petoolbench import FEATURES, PARAMETER_KINDS, InputError
from petoolkit.replies import ToolCall, as_call


class Outcome(NamedTuple):
    """What is right about calls: booleans, or boolean arrays of one shape."""

    right_tool: Any
    right_parameters: Any
    right_function: Any  # the tool does the job; the gold one does


@dataclass(frozen=True)
class Metric:
    """A share of calls; chance is the same share of calls of a candidate drawn at random.

    Args:
        name: its key in `scores.json` and in results of `evaluate` modules.
        label: its name for people.
        description: what it says, in one sentence.
        is_right: which calls count as right.
        is_counted: of which calls the share is taken; of all, if `None`.
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
            "The called tool is the gold one (paper, section 3.4).",
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
            "The called tool is the gold one, among the calls of a tool that does the job.",
            lambda outcome: outcome.right_tool,
            is_counted=lambda outcome: outcome.right_function,
        ),
    )
}
# Metrics that are shares of all rows: each reply is right or wrong, whatever the others are.
ACCURACIES = tuple(metric.name for metric in METRICS.values() if metric.is_counted is None)


@dataclass(frozen=True)
class ErrorType:
    """One of the paper's error types (its Table 2, section 5.5).

    Args:
        name: its abbreviation, which the paper and `scores.json` use.
        label: its whole name.
        partitions: what it is an error of. The types of a partition exclude each other, and sum with its accuracy to 1.
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

# Inputs of the accuracies' `evaluate` modules: raw replies, and gold calls as structs or as JSON text.
METRIC_FEATURES = [
    datasets.Features({"predictions": datasets.Value("string"), "references": references})
    for references in (FEATURES["tool_call"], datasets.Value("string"))
]
# Inputs of the module of error types: raw replies, and what `error_reference` makes of rows.
ERROR_METRIC_FEATURES = datasets.Features(
    {
        "predictions": datasets.Value("string"),
        "references": {
            "tool_call": FEATURES["tool_call"],
            "candidate_tools": [datasets.Value("string")],
            "same_function_tools": FEATURES["same_function_tools"],
        },
    }
)


def error_reference(row: dict) -> dict:
    """The columns that the error types need of a row: its gold call, and the names of its candidates and of those that
    do the same job."""
    return {
        "tool_call": row["tool_call"],
        "candidate_tools": [tool["tool_name"] for tool in row["candidate_tools"]],
        "same_function_tools": row["same_function_tools"],
    }


def read_gold_call(reference: str | dict) -> ToolCall:
    """Read a gold call: the `tool_call` struct of a row, or the same as JSON text. Do not change its parameters.

    Raises:
        InputError: if it is no call.
    """
    try:
        key = reference if isinstance(reference, str) else (reference["tool_name"], reference["parameters"])
        call = _read_gold(key)
    except (KeyError, TypeError):  # a struct whose parameters are an object, which is no key, or no struct at all
        call = as_call(reference)
    if call is None:
        raise InputError(
            f"this reference is no tool call: {str(reference)[:200]!r}; give the row's `tool_call`, or JSON text like "
            '{"tool_name": "<Category>.<Provider>.<Api>", "parameters": {}}.'
        )
    return call


@lru_cache(maxsize=65_536)  # one gold call stands behind many replies
def _read_gold(reference: str | tuple[str, str]) -> ToolCall | None:
    if not isinstance(reference, str):
        return as_call(dict(zip(("tool_name", "parameters"), reference, strict=True)))
    try:
        return as_call(json.loads(reference))
    except (ValueError, RecursionError):
        return None


def parameter_types(tool: dict) -> dict[str, str]:
    """Documented types by parameter name, of one tool document (a row's `candidate_tools` entry)."""
    return {p["name"]: (p["type"] or "").upper() for kind in PARAMETER_KINDS for p in tool[kind]}


def is_right_tool(call: ToolCall | None, gold: ToolCall) -> bool:
    """Tool Acc of one row (paper, section 3.4): the called tool is the gold one. An unreadable reply is wrong."""
    return call is not None and call.tool_name == gold.tool_name


def has_right_parameters(
    call: ToolCall | None, gold: ToolCall, reader: str = "robust", types: dict[str, str] | None = None
) -> bool:
    """Param Acc of one row (paper, section 3.4): the parameters equal the gold ones, whatever the tool.

    Args:
        call: the call as `reader` read it; `None` (unreadable) is wrong.
        gold: the gold call.
        reader: `paper` compares as Python does (3 equals 3.0, 1 equals true, "3" is not 3); `robust` keeps booleans
            apart from numbers and uses `types`.
        types: documented types of the gold tool (`parameter_types`). With them, `robust` takes the text "3" of a
            NUMBER as 3 and "true" of a BOOLEAN as true, on both sides.
    """
    if call is None:
        return False
    if reader == "paper":
        return call.parameters == gold.parameters
    if call.parameters.keys() != gold.parameters.keys():
        return False
    types = types or {}
    return all(
        _equal_json(_typed(value, types.get(name)), _typed(gold.parameters[name], types.get(name)))
        for name, value in call.parameters.items()
    )


def tool_error(
    call: ToolCall | None, gold: ToolCall, candidate_tools: Collection[str], same_function_tools: Collection[str]
) -> str | None:
    """Which of `TOOL_ERRORS` a call is, `None` if its tool is right (paper, section 5.5).

    IF: there is no call. TH: its tool is no candidate. TFM: a candidate of another function. TPM: one of the same
    function, but not the gold one. The gold tool is right even where a row leaves it out of its candidates or of the
    same-function tools; what the paper reader lets through as a name that is no text is TH.

    Args:
        call: the call as it was read; `None` (unreadable) is IF.
        gold: the gold call.
        candidate_tools: names of the row's candidates.
        same_function_tools: names of those that do the same job.
    """
    if call is None:
        return "IF"
    if is_right_tool(call, gold):
        return None
    if not isinstance(call.tool_name, str) or call.tool_name not in candidate_tools:
        return "TH"
    return "TPM" if call.tool_name in same_function_tools else "TFM"


def parameter_error(
    call: ToolCall | None, gold: ToolCall, reader: str = "robust", types: dict[str, str] | None = None
) -> str | None:
    """Which of `PARAMETER_ERRORS` a call is, `None` if its parameters are right (paper, section 5.5).

    IF: there is no call. PNM: the set of parameter names is not the gold one; what the paper reader lets through as
    parameters that are no object has no names, and is PNM too. PVM: the names are right and a value is not.
    Arguments are those of `has_right_parameters`.
    """
    if call is None:
        return "IF"
    if has_right_parameters(call, gold, reader, types):
        return None
    right_names = isinstance(call.parameters, dict) and call.parameters.keys() == gold.parameters.keys()
    return "PVM" if right_names else "PNM"


_NUMBER_TYPES = {"NUMBER", "INTEGER", "INT", "FLOAT", "DOUBLE"}
_BOOLEAN_TYPES = {"BOOLEAN", "BOOL"}
_NUMBER = re.compile(r"[+-]?\d{1,300}(\.\d+)?([eE][+-]?\d{1,3})?")


def _typed(value: Any, documented_type: str | None) -> Any:
    if not isinstance(value, str):
        return value
    text = value.strip()
    if documented_type in _NUMBER_TYPES and _NUMBER.fullmatch(text):
        return int(text) if text.lstrip("+-").isdecimal() else float(text)
    if documented_type in _BOOLEAN_TYPES and text.lower() in ("true", "false"):
        return text.lower() == "true"
    return value


def _equal_json(left: Any, right: Any) -> bool:
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(_equal_json(value, right[key]) for key, value in left.items())
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(_equal_json, left, right))
    return left == right
