"""Candidate tools as native functions of a model (`--protocol tools`), and native function calls as replies.

Endpoints take names of at most 64 letters, digits, `_` and `-`: each tool and parameter is sent under a short name,
which is replaced by its full name in the reply. Models that this process runs get the same functions through their
chat template.
"""

import json
import re
from collections.abc import Callable, Iterable
from itertools import islice
from typing import Any

from petoolbench import to_json_text
from petoolkit.call_forms import MENDED, ToolCall, tagged_texts
from petoolkit.replies import read_reply

_REFUSED = re.compile(r"[^A-Za-z0-9_-]+")
_REFUSED_AT_ENDS = re.compile(rf"^{_REFUSED.pattern}|{_REFUSED.pattern}$")
_LONGEST_NAME = 64
# The name of a function where a call begins in a model's own form, behind what marks it.
_CALLED_NAME = re.compile(
    r"(?:(?:\A\s*|>)\[(?=[\w-]+\()|<[|\uff5c][^<>\n]{1,40}[|\uff5c]>|<tool_call>|\[TOOL_CALLS\]|<function="
    r"|<(?:\w{1,20}:)?invoke name=\"|\bto=|\bcall:)\s?(?:functions\.)?"
    rf"([A-Za-z_][\w-]{{0,{_LONGEST_NAME - 1}}})"
)
_MOST_CALLED = 20  # names that are looked at, since each is searched for in the whole reply
CALL_ID = "call00001"  # nine letters and digits: templates of Mistral's models take no other
_TYPES = {
    "STRING": "string",
    "NUMBER": "number",
    "INTEGER": "integer",
    "BOOLEAN": "boolean",
    "OBJECT": "object",
}  # a function has no type for other parameters; their descriptions name it


class NativeTools:
    """One row's candidate tools as functions.

    Args:
        candidate_tools: the documents of the row's candidate tools.
    """

    def __init__(self, candidate_tools: Iterable[dict]):
        self._tools = _by_short_name(candidate_tools, lambda tool: tool["tool_name"])
        self._parameters = {
            name: _by_short_name(tool["required_parameters"] + tool["optional_parameters"], lambda p: p["name"])
            for name, tool in self._tools.items()
        }

    def functions(self) -> list[dict[str, Any]]:
        """The functions in the form that endpoints take; a description begins with the tool's full name."""
        return [
            {
                "type": "function",
                "function": {
                    "name": name,
                    "description": " ".join(
                        filter(None, (f"{tool['tool_name']}:", tool["tool_description"], tool["provider_description"]))
                    ),
                    "parameters": self._schema(name),
                },
            }
            for name, tool in self._tools.items()
        ]

    def _schema(self, name: str) -> dict[str, Any]:
        """The JSON Schema of a function's parameters."""
        tool, parameters = self._tools[name], self._parameters[name]
        rest = json.loads(tool["schema"] or "{}")
        required = [short for short, p in parameters.items() if p in tool["required_parameters"]]
        named = rest.get("required")  # also parameters that the document does not describe
        documented = [p["name"] for p in parameters.values()]  # others may be of any type
        required += [one for one in named if one not in documented] if isinstance(named, list) else []
        return {
            **rest,
            "type": "object",
            "properties": {short: _property(p) for short, p in parameters.items()},
            **({"required": required} if required else {}),
        }

    def short_names(self, tool_name: str) -> tuple[str, dict[str, str]]:
        """The name of a tool's function, and the names of its parameters by their full names.

        Args:
            tool_name: full name of a candidate.
        """
        name = next(short for short, tool in self._tools.items() if tool["tool_name"] == tool_name)
        return name, {parameter["name"]: short for short, parameter in self._parameters[name].items()}

    def message_of(self, call: ToolCall) -> dict[str, Any]:
        """The assistant's message with a native function call, as chat templates and TRL take it.

        Args:
            call: with full names; one of a tool that is not a candidate keeps its names.
        """
        name, parameters = call
        if any(tool["tool_name"] == name for tool in self._tools.values()):
            name, short_names = self.short_names(name)
            parameters = {short_names.get(key, key): value for key, value in parameters.items()}
        return call_message({"name": name, "arguments": parameters})

    def reply_in_text(self, text: str) -> str:
        """The native function call that a model wrote in its own form, as `reply_of` gives it; else the text itself.

        A client would get the same: JSON that needs mending is not a call, and a call of a function that does not
        exist is one.

        Args:
            text: the reply, with the special tokens that mark calls.
        """
        names = [*self._tools, *(tool["tool_name"] for tool in self._tools.values())]
        called = dict.fromkeys(found[1] for found in islice(_CALLED_NAME.finditer(text), _MOST_CALLED))
        for known in (names, None, called):
            call, how = read_reply(text, tools=known)
            if call and how != MENDED:
                return self.reply_of(call.tool_name, to_json_text(self._with_texts(call, text)))
        return text

    def _with_texts(self, call: ToolCall, reply: str) -> dict[str, Any]:
        """Arguments of a call; a text of digits that stands between tags, without type, is a text if documented so."""
        known, texts = self._parameters.get(call.tool_name, {}), tagged_texts(reply)
        return {
            key: texts[key] if key in texts and key in known and _is_text(known[key]) else value
            for key, value in call.parameters.items()
        }

    def reply_of(self, name: str, arguments: str) -> str:
        """A native function call as the JSON text of a tool call, with full names.

        Args:
            name: name of the called function.
            arguments: its arguments as JSON text; if they are not a JSON object, `parameters` is this text.
        """
        tool = self._tools.get(name)
        try:
            parameters = json.loads(arguments or "{}")
        except (ValueError, RecursionError):
            parameters = arguments
        if tool and isinstance(parameters, dict):
            known = self._parameters[name]
            parameters = {known[key]["name"] if key in known else key: value for key, value in parameters.items()}
        return to_json_text({"tool_name": tool["tool_name"] if tool else name, "parameters": parameters})


def call_message(function: dict[str, Any]) -> dict[str, Any]:
    """The assistant's message with a call: `name` and `arguments` of a function."""
    return {
        "role": "assistant",
        "content": "",
        "tool_calls": [{"id": CALL_ID, "type": "function", "function": function}],
    }


def _by_short_name(items: Iterable[dict], full_name: Callable[[dict], str]) -> dict[str, dict]:
    """Items by a name that endpoints take; a name that occurs again gets a number."""
    items_by_name: dict[str, dict] = {}
    for item in items:
        name = plain = _REFUSED.sub("_", _REFUSED_AT_ENDS.sub("", full_name(item)))[-_LONGEST_NAME:] or "_"
        number = 1
        while name in items_by_name:
            number += 1
            name = f"{plain[: _LONGEST_NAME - 4]}_{number}"
        items_by_name[name] = item
    return items_by_name


def _property(parameter: dict) -> Any:
    """A parameter's JSON Schema, as its document had it; made of its type and description if it had none."""
    schema = json.loads(parameter["schema"] or "{}")
    if isinstance(schema, bool) and not (parameter["type"] or parameter["description"] or parameter["default"]):
        return schema  # it allows everything, or nothing
    schema = schema if isinstance(schema, dict) else {}
    described, text = dict(schema), parameter["description"] or ""
    documented = (parameter["type"] or "").upper()
    if not schema and documented in _TYPES:
        described["type"] = _TYPES[documented]
    elif not schema and documented:
        text = f"({documented.lower()}) {text}".strip()
    if text:
        described["description"] = text
    if parameter["default"] is not None:
        described["default"] = json.loads(parameter["default"])
    return described


def _is_text(parameter: dict) -> bool:
    described = _property(parameter)
    return isinstance(described, dict) and described.get("type") == "string"
