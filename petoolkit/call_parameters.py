"""Comparing the parameters of a call with the gold ones, by what the tool's document says of them."""

import json
import re
from typing import Any, NamedTuple

from petoolbench import PARAMETER_KINDS, default_of
from petoolkit.call_forms import ToolCall


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
    return _equal_json(given_parameters(call.parameters, documents), given_parameters(gold.parameters, documents))


def is_right_by_optional_rule(
    call: ToolCall | None, gold: ToolCall, documents: dict[str, ParameterDocument] | None
) -> bool:
    """Whether parameters are right by the robust reader only because optional ones may be left out."""
    if call is None or not has_right_parameters(call, gold, documents=documents):
        return False
    as_required = {name: document._replace(is_optional=False) for name, document in (documents or {}).items()}
    return not has_right_parameters(call, gold, documents=as_required)


def given_parameters(parameters: dict[str, Any], documents: dict[str, ParameterDocument] | None) -> dict[str, Any]:
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
