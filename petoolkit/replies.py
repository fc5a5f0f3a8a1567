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
        The first call in the reply; `None` if there is none (error type IF of the paper's Table 2).
    """
    check_choice(reader, READERS, "reader")
    return _parse_robust(reply) if reader == "robust" else _parse_paper(reply)


# --- as any client reads ---

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
            value, _ = _DECODER.raw_decode(reply[beginning.start() :])  # an error counts all lines before it
        except RecursionError:  # no client decodes it, and every brace inside would be tried again
            return None
        except ValueError:
            continue
        if call := as_call(value):
            return call
    return None


# --- as the authors' scorer reads ---
#
# Its rule, which the passes below emulate. A call is text of this form, searched from the left:
#
#     {  ANY  "tool_name":  SPACE  "  SHORT  ",  SPACE  "parameters":  SPACE  {  SHORT  }}
#
# ANY is as long as still leaves a match, SHORT as short as can be, neither crosses a line; SPACE is white space, line
# breaks too. The text found is parsed as JSON; without a match, or without JSON that has both
# keys, there is no call. A regular expression of this form backtracks: 4 kB of a looping reply take it 39 s.
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
    """The text that the authors' rule finds; empty if it finds nothing.

    Two passes: the first finds where calls can end, the second where the leftmost call begins, and where it ends.
    """
    ends = _ends_of_calls(reply)
    start, end = -1, -1
    for name in _PAPER_NAME.finditer(reply):
        brace = reply.find("{", _line_start(reply, name.start()), name.start())
        if brace < 0:
            continue
        if -1 < start < brace:  # a later line's: the leftmost call is known
            break
        quote = name.end()
        first = bisect(ends, (quote + 1,))
        if first < len(ends) and ends[first][0] < _line_end(reply, quote):
            start, end = brace, ends[first][1]
    return reply[start:end] if start >= 0 else ""


def _ends_of_calls(reply: str) -> list[tuple[int, int]]:
    """Positions where a tool's name may end, each with the end of the call: behind the next `}}` on that line."""
    ends = []
    braces = 0
    for parameters in _PAPER_PARAMETERS.finditer(reply):
        if braces < parameters.end():
            braces = reply.find("}}", parameters.end())
        if braces < 0:
            break
        if braces < _line_end(reply, parameters.end()):
            ends.append((parameters.start(), braces + 2))
    return ends


def _line_start(text: str, position: int) -> int:
    return text.rfind("\n", 0, position) + 1


def _line_end(text: str, position: int) -> int:
    end = text.find("\n", position)
    return len(text) if end < 0 else end


def as_call(value: Any) -> ToolCall | None:
    """A decoded JSON value as a call; `None` if it is not one. Parameters may be JSON text, `null` or absent."""
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
