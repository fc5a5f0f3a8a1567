"""Metrics and error types of tool calls.

`METRICS` and `ERROR_TYPES` list them; scores, reports, cards and the explorer loop over these tables.
`petoolkit.replies` defines a call and reads it from a reply.
"""

import json
import re
from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal, NamedTuple

import datasets

from petoolbench import FEATURES, PARAMETER_KINDS, InputError, default_of
from petoolkit.call_forms import ToolCall, as_call


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

# Inputs of the `evaluate` modules tool_acc and param_acc: raw replies, and gold calls as structs or as JSON text.
METRIC_FEATURES = [
    datasets.Features({"predictions": datasets.Value("string"), "references": references})
    for references in (FEATURES["tool_call"], datasets.Value("string"))
]


class EncodableReplies:
    """For `evaluate` modules: half of a surrogate pair, which Arrow cannot hold, becomes a question mark."""

    def add(self, *, prediction: str | None = None, reference: Any = None, **more: Any) -> None:
        """Add a reply; the arguments are those of `evaluate.Metric.add`."""
        super().add(prediction=_encodable(prediction), reference=reference, **more)  # type: ignore[misc]

    def add_batch(self, *, predictions: Any = None, references: Any = None, **more: Any) -> None:
        """Add replies; the arguments are those of `evaluate.Metric.add_batch`."""
        replies = None if predictions is None else [_encodable(reply) for reply in predictions]
        super().add_batch(predictions=replies, references=references, **more)  # type: ignore[misc]


def _encodable(reply: Any) -> Any:
    return reply.encode("utf-8", "replace").decode("utf-8") if isinstance(reply, str) else reply


# Inputs of the `evaluate` module tool_call_errors: raw replies, and references made by `error_reference`.
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
    """The columns of a row that the error types need: gold call, names of the candidates, same-function tools."""
    return {
        "tool_call": row["tool_call"],
        "candidate_tools": [tool["tool_name"] for tool in row["candidate_tools"]],
        "same_function_tools": row["same_function_tools"],
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


class ParameterDocument(NamedTuple):
    """What a tool's document says of a parameter: its type in upper case, whether it is optional, and its default."""

    type: str
    is_optional: bool = False
    default: Any = None


def parameter_documents(tool: dict) -> dict[str, ParameterDocument]:
    """The documents of a tool's parameters by name, of one entry of a row's `candidate_tools`."""
    return {
        parameter["name"]: ParameterDocument(
            (parameter["type"] or "").upper(), kind == "optional_parameters", default_of(parameter)
        )
        for kind in PARAMETER_KINDS
        for parameter in tool[kind]
    }


def is_right_tool(call: ToolCall | None, gold: ToolCall) -> bool:
    """Whether the called tool is the gold one (Tool Acc of one row; paper, section 3.4); `None` is wrong."""
    return call is not None and call.tool_name == gold.tool_name


def has_right_parameters(
    call: ToolCall | None,
    gold: ToolCall,
    reader: str = "robust",
    documents: dict[str, ParameterDocument] | None = None,
) -> bool:
    """Whether the parameters equal the gold ones, whatever the tool is (Param Acc of one row; paper, section 3.4).

    Args:
        call: the call as `reader` read it; `None` (unreadable) is wrong.
        gold: the gold call.
        reader: `paper` compares as Python does (3 equals 3.0, 1 equals true, "3" is not 3); `robust` distinguishes
            booleans from numbers and uses `documents`.
        documents: documents of the gold tool's parameters (`parameter_documents`). With them, `robust` reads the text
            "3" of a NUMBER as 3, "true" of a BOOLEAN as true, "[1]" of an ARRAY as a list and "{}" of an OBJECT as an
            object, and takes an optional parameter as left out whose value is its default, null or the empty text; in
            both calls.
    """
    if call is None:
        return False
    if reader == "paper":
        return call.parameters == gold.parameters
    return _equal_json(_given(call.parameters, documents), _given(gold.parameters, documents))


def is_right_by_optional_rule(
    call: ToolCall | None, gold: ToolCall, documents: dict[str, ParameterDocument] | None
) -> bool:
    """Whether parameters are right by the robust reader only because optional ones may be left out."""
    if call is None or not has_right_parameters(call, gold, documents=documents):
        return False
    as_required = {name: document._replace(is_optional=False) for name, document in (documents or {}).items()}
    return not has_right_parameters(call, gold, documents=as_required)


def tool_error(
    call: ToolCall | None, gold: ToolCall, candidate_tools: Collection[str], same_function_tools: Collection[str]
) -> str | None:
    """The error of `TOOL_ERRORS` that a call has, `None` if its tool is right (paper, section 5.5).

    IF: there is no call. TH: the called tool is not a candidate. TFM: it is a candidate with another function. TPM:
    it is a same-function tool, but not the gold one. The gold tool is right even if the row does not list it among
    its candidates or same-function tools. The paper reader accepts tool names that are not text; these are TH.

    Args:
        call: the call as it was read; `None` (unreadable) is IF.
        gold: the gold call.
        candidate_tools: names of the row's candidates.
        same_function_tools: names of the candidates with the gold tool's function.
    """
    if call is None:
        return "IF"
    if is_right_tool(call, gold):
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
        given, expected = _given(given, documents), _given(expected, documents)
    return "PVM" if given.keys() == expected.keys() else "PNM"


def _given(parameters: dict[str, Any], documents: dict[str, ParameterDocument] | None) -> dict[str, Any]:
    """Parameters with values of their documented types, without optional ones that say nothing."""
    typed = {}
    for name, value in parameters.items():
        document = (documents or {}).get(name, _UNKNOWN)
        typed[name] = _typed(value, document.type)
        default = _typed(document.default, document.type)
        if document.is_optional and (value in (None, "") or _equal_json(typed[name], default)):
            del typed[name]
    return typed


_UNKNOWN = ParameterDocument("")
_NUMBER_TYPES = {"NUMBER", "INTEGER", "INT", "FLOAT", "DOUBLE"}
_BOOLEAN_TYPES = {"BOOLEAN", "BOOL"}
_JSON_TYPES = {"ARRAY": list, "LIST": list, "OBJECT": dict, "DICT": dict}
_NUMBER = re.compile(r"[+-]?\d{1,300}(\.\d+)?([eE][+-]?\d{1,3})?")


def _typed(value: Any, documented_type: str) -> Any:
    if not isinstance(value, str):
        return value
    text = value.strip()
    if documented_type in _NUMBER_TYPES and _NUMBER.fullmatch(text):
        return int(text) if text.lstrip("+-").isdecimal() else float(text)
    if documented_type in _BOOLEAN_TYPES and text.lower() in ("true", "false"):
        return text.lower() == "true"
    if documented_type in _JSON_TYPES:
        try:
            decoded = json.loads(text)
        except (ValueError, RecursionError):
            return value
        return decoded if isinstance(decoded, _JSON_TYPES[documented_type]) else value
    return value


def _equal_json(left: Any, right: Any) -> bool:
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(_equal_json(value, right[key]) for key, value in left.items())
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(_equal_json, left, right))
    return left == right
