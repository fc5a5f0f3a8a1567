"""Reading the tool call out of a model's reply: as any client would, and as the authors' scorer does."""

import json
import re
from bisect import bisect
from typing import Any, NamedTuple

from petoolbench import check_choice

READERS = ("robust", "paper")


class ToolCall(NamedTuple):
    """A call as it was read: the tool's full name and its parameters, decoded from JSON."""

    tool_name: str
    parameters: dict[str, Any]


def parse_reply(reply: str, reader: str = "robust") -> ToolCall | None:
    """Read the tool call out of a model's raw reply.

    Args:
        reply: what the model wrote.
        reader: `robust` finds the JSON object as any client would: after thinking, inside a fence, indented, with
            prose around it, with its parameters as a JSON string or left out. `paper` finds what the authors' scorer
            finds, and nothing else.

    Returns:
        The first call in the reply, or `None` where there is none (error type IF of the paper's Table 2).
    """
    check_choice(reader, READERS, "reader")
    return _parse_robust(reply) if reader == "robust" else _parse_paper(reply)


_DECODER = json.JSONDecoder()
_OBJECT = re.compile(r'\{(?=\s*"[^"\\]*(?:\\.[^"\\]*)*"\s*:)')  # with a key; other braces can't begin a call


def _parse_robust(reply: str) -> ToolCall | None:
    if "<think>" in reply:
        before, _, thinking = reply.partition("<think>")
        reply = before + thinking.rpartition("</think>")[2] if "</think>" in thinking else before
    elif "</think>" in reply:  # chat templates that open the thinking themselves
        reply = reply.rpartition("</think>")[2]
    if '"tool_name"' not in reply:
        return None
    for beginning in _OBJECT.finditer(reply):
        try:
            value, _ = _DECODER.raw_decode(reply[beginning.start() :])  # an error counts all lines before its place
        except RecursionError:  # what no client decodes; every brace inside would be tried again
            return None
        except ValueError:
            continue
        if call := as_call(value):
            return call
    return None


# White space may stand only after the two colons and the comma; nothing else crosses a line.
_PAPER_NAME = re.compile(r'"tool_name":\s*(?=")')
_PAPER_PARAMETERS = re.compile(r'",\s*"parameters":\s*\{')


def _parse_paper(reply: str) -> ToolCall | None:
    try:
        call = json.loads(_find_paper_call(reply))
    except (ValueError, RecursionError):
        return None
    if not {"tool_name", "parameters"} <= call.keys():
        return None
    return ToolCall(call["tool_name"], call["parameters"])


def _find_paper_call(reply: str) -> str:
    """What the authors' expression finds; empty if nothing. Names and parameters are looked up once each: trying all
    pairs takes minutes in a megabyte full of them."""
    closings = []  # of the quoted string, each with the end of the call
    braces = 0
    for parameters in _PAPER_PARAMETERS.finditer(reply):
        if braces < parameters.end():
            braces = reply.find("}}", parameters.end())
        if braces < 0:
            break
        if braces < _line_end(reply, parameters.end()):
            closings.append((parameters.start(), braces + 2))
    found = (-1, -1)
    for name in _PAPER_NAME.finditer(reply):
        start = reply.find("{", reply.rfind("\n", 0, name.start()) + 1, name.start())
        if start < 0:
            continue
        if -1 < found[0] < start:  # an earlier line's
            break
        opening = name.end()
        place = bisect(closings, (opening + 1,))
        if place < len(closings) and closings[place][0] < _line_end(reply, opening):
            found = (start, closings[place][1])
    return reply[slice(*found)]


def _line_end(text: str, position: int) -> int:
    end = text.find("\n", position)
    return len(text) if end < 0 else end


def as_call(value: Any) -> ToolCall | None:
    """A decoded JSON value as a call, if it is one; parameters may be JSON text, `null` or absent."""
    if not isinstance(value, dict) or not isinstance(value.get("tool_name"), str):
        return None
    parameters = value.get("parameters")
    if isinstance(parameters, str):
        try:
            parameters = json.loads(parameters)
        except (ValueError, RecursionError):
            return None
    if parameters is None:
        parameters = {}
    return ToolCall(value["tool_name"], parameters) if isinstance(parameters, dict) else None
