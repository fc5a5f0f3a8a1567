"""Candidate tools as native functions of an endpoint (`--protocol tools`), and a native call as a reply again.

Endpoints take names of at most 64 letters, digits, `_` and `-`: each tool and parameter gets one of its own for the
way there, and has its full name back in the reply.
"""

import json
import re
from collections.abc import Iterable
from typing import Any

from petoolbench import to_json_text

_REFUSED = re.compile(r"[^A-Za-z0-9_-]+")
_LONGEST_NAME = 64
_TYPES = {
    "STRING": "string",
    "NUMBER": "number",
    "INTEGER": "integer",
    "BOOLEAN": "boolean",
    "OBJECT": "object",
}  # others are described, and left open


class NativeTools:
    """One row's candidate tools as functions.

    Args:
        candidate_tools: the row's documents.
    """

    def __init__(self, candidate_tools: list[dict]):
        self._tools = _named(candidate_tools, lambda tool: tool["tool_name"])
        self._parameters = {
            name: _named(tool["required_parameters"] + tool["optional_parameters"], lambda p: p["name"])
            for name, tool in self._tools.items()
        }

    def functions(self) -> list[dict[str, Any]]:
        """As an endpoint takes them; a function's description begins with the tool's full name."""
        return [
            {
                "type": "function",
                "function": {
                    "name": name,
                    "description": " ".join(
                        filter(None, (f"{tool['tool_name']}:", tool["tool_description"], tool["provider_description"]))
                    ),
                    "parameters": {
                        "type": "object",
                        "properties": {alias: _property(p) for alias, p in self._parameters[name].items()},
                        "required": [
                            alias for alias, p in self._parameters[name].items() if p in tool["required_parameters"]
                        ],
                    },
                },
            }
            for name, tool in self._tools.items()
        ]

    def reply_of(self, name: str, arguments: str) -> str:
        """The call as a model would have written it; what is no JSON object stays text, for the readers to judge."""
        tool = self._tools.get(name)
        try:
            parameters = json.loads(arguments or "{}")
        except (ValueError, RecursionError):
            parameters = arguments
        if tool and isinstance(parameters, dict):
            known = self._parameters[name]
            parameters = {known[key]["name"] if key in known else key: value for key, value in parameters.items()}
        return to_json_text({"tool_name": tool["tool_name"] if tool else name, "parameters": parameters})


def _named(items: Iterable[dict], name_of) -> dict[str, dict]:
    """Items by a name that an endpoint takes; of several with the same, the later ones get a number."""
    named: dict[str, dict] = {}
    for item in items:
        name = plain = _REFUSED.sub("_", name_of(item)).strip("_")[-_LONGEST_NAME:] or "_"
        number = 1
        while name in named:
            number += 1
            name = f"{plain[: _LONGEST_NAME - 4]}_{number}"
        named[name] = item
    return named


def _property(parameter: dict) -> dict[str, Any]:
    described: dict[str, Any] = {"description": parameter["description"] or ""}
    documented = (parameter["type"] or "").upper()
    if documented in _TYPES:
        described["type"] = _TYPES[documented]
    elif documented:
        described["description"] = f"({documented.lower()}) {described['description']}"
    if parameter["default"] is not None:
        described["default"] = json.loads(parameter["default"])
    return described
