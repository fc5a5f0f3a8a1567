"""Reading the tool call out of a reply as the authors' scorer does, in time in proportion to the reply's length."""

import json
import re
from bisect import bisect
from typing import Any

# Its rule, which the passes below emulate. A call is text of this form, searched from the left:
#
#     {  ANY  "tool_name":  SPACE  "  SHORT  ",  SPACE  "parameters":  SPACE  {  SHORT  }}
#
# ANY is as long as still leaves a match, SHORT as short as can be, neither crosses a line; SPACE is white space, line
# breaks too. The text found is parsed as JSON; without a match, or without JSON that has both
# keys, there is no call. A regular expression of this form backtracks: 4 kB of a looping reply take it 39 s.
_PAPER_NAME = re.compile(r'"tool_name":\s*(?=")')
_PAPER_PARAMETERS = re.compile(r'",\s*"parameters":\s*\{')


def read_as_paper(reply: str) -> tuple[Any, Any] | None:
    """The tool name and the parameters that the authors' scorer reads, of any JSON type; `None` without a call."""
    try:
        call = json.loads(_find_paper_call(reply))
    except (ValueError, RecursionError):
        return None
    if not {"tool_name", "parameters"} <= call.keys():
        return None
    return call["tool_name"], call["parameters"]


def _find_paper_call(reply: str) -> str:
    """The text that the authors' rule finds; empty if it finds nothing.

    Two passes: the first finds where calls can end, the second where the leftmost call begins, and where it ends.
    """
    ends = _ends_of_calls(reply)
    start, end = -1, -1
    name_line, quote_line = _Line(reply), _Line(reply)
    for name in _PAPER_NAME.finditer(reply):
        name_line.move_to(name.start())
        brace = name_line.first_brace
        if not 0 <= brace < name.start():
            continue
        if -1 < start < brace:  # a later line's: the leftmost call is known
            break
        quote = name.end()
        quote_line.move_to(quote)
        first = bisect(ends, (quote + 1,))
        if first < len(ends) and ends[first][0] < quote_line.end:
            start, end = brace, ends[first][1]
    return reply[start:end] if start >= 0 else ""


def _ends_of_calls(reply: str) -> list[tuple[int, int]]:
    """Positions where a tool's name may end, each with the end of the call: behind the next `}}` on that line."""
    ends = []
    braces = 0
    line = _Line(reply)
    for parameters in _PAPER_PARAMETERS.finditer(reply):
        if braces < parameters.end():
            braces = reply.find("}}", parameters.end())
        if braces < 0:
            break
        line.move_to(parameters.end())
        if braces < line.end:
            ends.append((parameters.start(), braces + 2))
    return ends


class _Line:
    """The line around a position that only moves to the right, so that no character is searched twice."""

    def __init__(self, text: str):
        self._text = text
        self.end = -1  # of the line, without its line break
        self.first_brace = -1  # of the line; -1 where it holds none

    def move_to(self, position: int) -> None:
        """Find the line that holds a position, which is not before the last one."""
        if position <= self.end:
            return
        start = self._text.rfind("\n", self.end + 1, position) + 1 or self.end + 1
        end = self._text.find("\n", position)
        self.end = len(self._text) if end < 0 else end
        self.first_brace = self._text.find("{", start, self.end)
