"""Requests, past calls and tools as an assistant has them, as a row that a selector reads."""

from collections.abc import Mapping, Sequence
from typing import Any

from petoolbench import PARAMETER_KINDS, InputError, to_json_text


def given_row(
    instruction: str, history: Sequence[Mapping[str, Any]], tools: Sequence[Mapping[str, Any]], setting: str | None
) -> dict[str, Any]:
    """A row with the columns that a selector reads; what is not known is empty.

    Raises:
        InputError: if there is no tool, or a tool or call has no name.
    """
    if not isinstance(instruction, str):
        raise InputError(f"the instruction is of the type {type(instruction).__name__}; give a text.")
    if not tools:
        raise InputError("there is no tool to choose from; give at least one candidate.")
    if setting is None:
        setting = "rating_integrated" if any(one.get("rating") is not None for one in history) else "preferred_only"
    return {
        "id": f"given/{setting}",
        "instruction": instruction,
        "history": [_call(one, number) for number, one in enumerate(history)],
        "candidate_tools": [_tool(one, number) for number, one in enumerate(tools)],
    }


def _call(call: Mapping[str, Any], number: int) -> dict[str, Any]:
    return {
        "instruction": call.get("instruction") or "",
        "tool_name": _name(call, "past call", number),
        "provider_description": call.get("provider_description") or "",
        "rating": call.get("rating"),
    }


def _tool(tool: Mapping[str, Any], number: int) -> dict[str, Any]:
    return {
        "tool_name": _name(tool, "tool", number),
        "tool_description": tool.get("tool_description") or "",
        "provider_description": tool.get("provider_description") or "",
        **{kind: [_parameter(one) for one in tool.get(kind) or ()] for kind in PARAMETER_KINDS},
        "schema": _json_text(tool.get("schema")),
    }


def _parameter(parameter: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "name": str(parameter.get("name") or ""),
        "type": str(parameter.get("type") or ""),
        "description": parameter.get("description") or "",
        "default": _json_text(parameter.get("default")),
        "schema": _json_text(parameter.get("schema")),
    }


def _json_text(value: Any) -> str | None:
    """Values that are not JSON text become it; in rows they are text already."""
    if value is None or isinstance(value, str):
        return value
    return to_json_text(value)


def _name(entry: Mapping[str, Any], noun: str, number: int) -> str:
    name = entry.get("tool_name") if isinstance(entry, Mapping) else None
    if not isinstance(name, str) or not name:
        raise InputError(f"{noun} {number} has no `tool_name`; give each a name.")
    return name
