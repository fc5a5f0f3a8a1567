"""Whether a call's arguments fit its tool's document, as far as a benchmark needs it."""

import json
import re
from collections.abc import Callable
from typing import Any

from petoolbench import PARAMETER_KINDS
from petoolkit.schema_fit import ToolSchema

_NUMBER = re.compile(r"\s*[+-]?\d{1,300}(\.\d+)?([eE][+-]?\d{1,3})?\s*")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_text_of(value: Any, kind: type) -> bool:
    """Whether a value is JSON text of a list or an object."""
    try:
        return isinstance(value, str) and isinstance(json.loads(value), kind)
    except (ValueError, RecursionError):
        return False


# What fits each documented type. Models and clients often give a value as text; scoring reads that as the value.
_FITS: dict[str, Callable[[Any], bool]] = {
    "string": lambda value: not isinstance(value, list | dict),
    "number": lambda value: _is_number(value) or (isinstance(value, str) and bool(_NUMBER.fullmatch(value))),
    "boolean": lambda value: (
        isinstance(value, bool) or (isinstance(value, str) and value.strip().lower() in ("true", "false"))
    ),
    "array": lambda value: isinstance(value, list) or _is_text_of(value, list),
    "object": lambda value: isinstance(value, dict) or _is_text_of(value, dict),
}
_FITS["integer"] = lambda value: _FITS["number"](value) and (isinstance(value, int) or float(value) % 1 == 0)
_DEEPEST = 60  # levels of arguments; deeper ones are not what a tool takes


def is_too_deep(parameters: str) -> bool:
    """Whether the JSON text of arguments has more levels than can be searched and shown."""
    if parameters.count("[") + parameters.count("{") <= _DEEPEST:
        return False
    depth = deepest = 0
    for mark in re.sub(r'"(?:[^"\\]|\\.)*"', "", parameters):
        depth += (mark in "[{") - (mark in "]}")
        deepest = max(deepest, depth)
    return deepest > _DEEPEST


class ArgumentCheck:
    """Checks the arguments of one tool's calls; parameters that are not documented may be given.

    Args:
        tool: its document (columns of `collect`).
    """

    def __init__(self, tool: dict):
        parameters = [parameter for kind in PARAMETER_KINDS for parameter in tool[kind]]
        self._required = [parameter["name"] for parameter in tool[PARAMETER_KINDS[0]]]
        self._types = {
            parameter["name"]: kind for parameter in parameters if (kind := (parameter["type"] or "").lower()) in _FITS
        }
        self._with_schema = {parameter["name"] for parameter in parameters if parameter["schema"] is not None}
        self._schema = ToolSchema(tool) if self._with_schema else None

    def problem(self, arguments: dict[str, Any]) -> str | None:
        """What is wrong, in a few words; `None` if nothing is."""
        if any(arguments.get(name) is None and not self._may_be_null(name, arguments) for name in self._required):
            return "a required parameter is missing"
        for name, value in arguments.items():
            kind = self._types.get(name)
            if kind and value is not None and not _FITS[kind](value):
                return "a parameter has another type"
        if self._schema and any(
            self._breaks_schema(name, arguments[name]) for name in self._with_schema & set(arguments)
        ):
            return "a value does not fit its parameter's JSON Schema"
        return None

    def _may_be_null(self, name: str, arguments: dict[str, Any]) -> bool:
        return name in arguments and name in self._with_schema and not self._breaks_schema(name, None)

    def _breaks_schema(self, name: str, value: Any) -> bool:
        """Whether a value fits neither as it is nor, if it is text, as the JSON value that the text is."""
        assert self._schema is not None
        if not self._schema.misfit_of(name, value):
            return False
        try:
            return not isinstance(value, str) or bool(self._schema.misfit_of(name, json.loads(value)))
        except (ValueError, RecursionError):
            return True
