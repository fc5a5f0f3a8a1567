"""Parameters without a model: required ones at values found in the instruction, else their documented defaults."""

import json
import re
from typing import Any

_NUMBER = re.compile(r"(?<![\w.'-])-?\d+(?:\.\d+)?(?![\w'-])")
_QUOTED = re.compile(r"'([^']*)'|\"([^\"]*)\"|“([^”]*)”")


def parameters_from_instruction(tool: dict, instruction: str) -> dict[str, Any]:
    """Fill a candidate tool's required parameters.

    A value is looked for next to the parameter's name, then as its default standing in the instruction, then, by type,
    as the first number or quoted text that no other parameter took.
    """
    taken: set[str] = set()
    return {parameter["name"]: _value(parameter, instruction, taken) for parameter in tool["required_parameters"]}


def _value(parameter: dict, instruction: str, taken: set[str]) -> Any:
    default = None if parameter["default"] is None else json.loads(parameter["default"])
    kind = (parameter["type"] or "").upper()
    text = _named(parameter["name"], instruction)
    if text is None and isinstance(default, str) and default and default in instruction:
        text = default
    if text is None:
        found = (
            _NUMBER.findall(instruction)
            if kind == "NUMBER"
            else ["".join(groups) for groups in _QUOTED.findall(instruction)]
        )
        text = next((value for value in found if value not in taken), None)
    if text is None:
        return default if default is not None else ""
    taken.add(text)
    return _typed(text, kind)


def _named(name: str, instruction: str) -> str | None:
    """The value that stands behind, or in front of, a parameter's name."""
    words = re.sub(r"([a-z0-9])([A-Z])", r"\1 \2", name)
    spoken = r"[\W_]+".join(map(re.escape, re.findall(r"[^\W_]+", words)))
    if not spoken:
        return None
    value = r"(?:'([^']*)'|\"([^\"]*)\"|(-?\d[\w.:-]*\w|\d|true|false))"
    behind = re.search(rf"\b{spoken}\b(?:\s+(?:is|of|as|to|with))?\s*[:=]?\s*{value}", instruction, re.IGNORECASE)
    match = behind or re.search(rf"{value} as (?:the|a) {spoken}\b", instruction, re.IGNORECASE)
    return next(group for group in match.groups() if group is not None) if match else None


def _typed(text: str, kind: str) -> Any:
    if kind == "NUMBER" and re.fullmatch(r"-?\d+", text):
        return int(text)
    if kind == "NUMBER" and re.fullmatch(r"-?\d+\.\d+", text):
        return float(text)
    if kind == "BOOLEAN" and text.lower() in ("true", "false"):
        return text.lower() == "true"
    return text
