"""Parameters of a tool call without a model: values from the instruction, or else the documented defaults."""

import json
import re
from typing import Any

_NUMBER = re.compile(r"(?<![\w.'-])-?\d+(?:\.\d+)?(?![\w'-])")
_QUOTED = re.compile(r"'([^']*)'|\"([^\"]*)\"|“([^”]*)”")


def parameters_from_instruction(tool: dict, instruction: str) -> dict[str, Any]:
    """Values of a candidate tool's required parameters, by name.

    A value is the text next to the parameter's name; or else its default, if the instruction contains it; or else, by
    type, the first number or quoted text that no other parameter has; or else the default, or an empty text.
    """
    used: set[str] = set()
    return {parameter["name"]: _value(parameter, instruction, used) for parameter in tool["required_parameters"]}


def _value(parameter: dict, instruction: str, used: set[str]) -> Any:
    default = None if parameter["default"] is None else json.loads(parameter["default"])
    kind = (parameter["type"] or "").upper()
    text = _value_beside_name(parameter["name"], instruction)
    if text is None and isinstance(default, str) and default and default in instruction:
        text = default
    if text is None:
        found = (
            _NUMBER.findall(instruction)
            if kind == "NUMBER"
            else ["".join(groups) for groups in _QUOTED.findall(instruction)]
        )
        text = next((value for value in found if value not in used), None)
    if text is None:
        return default if default is not None else ""
    used.add(text)
    return _typed(text, kind)


def _value_beside_name(name: str, instruction: str) -> str | None:
    """The value after or before a parameter's name in the instruction; `None` if there is none."""
    words = re.sub(r"([a-z0-9])([A-Z])", r"\1 \2", name)
    name_pattern = r"[\W_]+".join(map(re.escape, re.findall(r"[^\W_]+", words)))
    if not name_pattern:
        return None
    value = r"(?:'([^']*)'|\"([^\"]*)\"|(-?\d[\w.:-]*\w|\d|true|false))"
    after = rf"\b{name_pattern}\b(?:\s+(?:is|of|as|to|with))?\s*[:=]?\s*{value}"
    before = rf"{value} as (?:the|a) {name_pattern}\b"
    match = re.search(after, instruction, re.IGNORECASE) or re.search(before, instruction, re.IGNORECASE)
    return next(group for group in match.groups() if group is not None) if match else None


def _typed(text: str, kind: str) -> Any:
    if kind == "NUMBER" and re.fullmatch(r"-?\d+", text):
        return int(text)
    if kind == "NUMBER" and re.fullmatch(r"-?\d+\.\d+", text):
        return float(text)
    if kind == "BOOLEAN" and text.lower() in ("true", "false"):
        return text.lower() == "true"
    return text


class ParameterFiller:
    """Fills parameters with what was learnt of a build's calls.

    Args:
        weights: by name of the array; empty for the filler that ships.
    """

    def __init__(self, weights: dict[str, Any]):
        self._weights = weights

    def parameters(self, tool: dict, instruction: str) -> dict[str, Any]:
        """The parameters of a call of a candidate tool."""
        return parameters_from_instruction(tool, instruction)
