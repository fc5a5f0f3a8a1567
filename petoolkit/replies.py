"""Reading the tool call out of a model's reply: as a client of that model would, and as the authors' scorer does."""

import json
import re
from collections.abc import Collection, Iterator
from typing import Any

from petoolbench import check_choice
from petoolkit.call_forms import AS_ASKED, MENDED, NAME_KEY, OWN_FORM, Reading, ToolCall, calls_by_name, read_value
from petoolkit.paper_reader import read_as_paper
from petoolkit.reasoning import has_reasoning, without_reasoning

READERS = ("robust", "paper")
HOW_READ = (AS_ASKED, OWN_FORM, MENDED)
_NOT_READ = Reading(None, None)


def parse_reply(reply: str | None, reader: str = "robust", tools: Collection[str] | None = None) -> ToolCall | None:
    """The tool call in a model's raw reply; `None` if it holds none (IF of the paper's Table 2).

    The arguments are those of `read_reply`.
    """
    return read_reply(reply, reader, tools).call


def read_reply(reply: str | None, reader: str = "robust", tools: Collection[str] | None = None) -> Reading:
    """Read the tool call out of a model's raw reply, in time in proportion to its length.

    Args:
        reply: the reply as the model wrote it; `None`, for a failed request, holds no call.
        reader: `robust` finds a call as a client of that model would: after the reasoning, with prose, fences and tags
            around it, in the prompt's form or the model's own, mended where only the form of its JSON is wrong.
            `paper` finds what the authors' scorer finds, and nothing else.
        tools: full names of the candidate tools. A call in a model's own form must name one of them. Without them any
            name will do, and calls that are not one JSON object are not found.

    Returns:
        The first call in the reply, and what it took to read it.

    Raises:
        InputError: for an unknown reader.
    """
    check_choice(reader, READERS, "reader")
    if reply is None:
        return _NOT_READ
    if reader == "paper":
        call = read_as_paper(reply)
        return Reading(ToolCall(*call), AS_ASKED) if call else _NOT_READ
    reply = answer_of(reply)
    return _first_call(reply, tools) or _mended_call(reply, tools) or _NOT_READ


def answer_of(reply: str) -> str:
    """A reply without its reasoning and without white space around it; empty where the reasoning never ended."""
    if has_reasoning(reply):
        reply = without_reasoning(reply, [(start, end) for start, end, _ in _objects(reply)])
    return reply.strip()


def _first_call(reply: str, tools: Collection[str] | None) -> Reading | None:
    objects = _objects(reply) if NAME_KEY.search(reply) else ()
    read = ((start, read_value(value, tools)) for start, _, value in objects)
    position, reading = next(((start, reading) for start, reading in read if reading), (len(reply), None))
    by_name = sorted(calls_by_name(reply, tools or ()), key=lambda found: (found[0], -len(found[1])))
    for start, name, arguments in by_name:
        if start >= position:
            break
        if isinstance(arguments, dict):
            return Reading(ToolCall(name, arguments), OWN_FORM)
        decoded = _decode(reply, arguments)
        if decoded is not None and not read_value(decoded, tools):  # a name in prose may stand before a whole call
            return Reading(ToolCall(name, decoded), OWN_FORM)
    return reading


# --- JSON objects in a text ---

_DECODER = json.JSONDecoder()
_OBJECT = re.compile(r'\{(?=\s*"[^"\\]*(?:\\.[^"\\]*)*"\s*:)')  # with a key; other braces can't begin a call
_DECODED_SHARE = 4  # how often the characters of a reply are decoded, at most
_DECODED_ANYWAY = 500_000  # characters
_SEARCHED = 2_000_000_000  # characters: an error counts the lines before it


def _objects(text: str) -> Iterator[tuple[int, int, Any]]:
    """JSON objects in a text that are not part of one another: beginning, end and value of each."""
    allowed = max(_DECODED_SHARE * len(text), _DECODED_ANYWAY)
    tries = max(100, _SEARCHED // (len(text) + 1))
    beginning = _OBJECT.search(text)
    while beginning and allowed > 0 and tries > 0:
        start = end = beginning.start()
        try:
            value, end = _DECODER.raw_decode(text, start)
            allowed -= end - start
            yield start, end, value
        except RecursionError:  # no client decodes it, and every brace inside would be tried again
            return
        except json.JSONDecodeError as error:
            allowed -= error.pos - start
            tries -= 1
        except ValueError:  # a number of thousands of digits
            tries -= 1
            allowed -= len(text) - start
        beginning = _OBJECT.search(text, max(end, start + 1))


def _decode(text: str, position: int) -> dict[str, Any] | None:
    try:
        return _DECODER.raw_decode(text, position)[0]
    except (ValueError, RecursionError):
        return None


# --- nearly JSON ---

_LOOSE_NAME_KEY = re.compile(
    r"""[{,\uff0c\s]["'\u201c\u2018]?(?:tool\\?_name|name|function)["'\u201d\u2019]?\s*[:\uff1a]"""
)
_LONGEST_MENDED = 4_000  # characters; the library takes time in proportion to the square
_MOST_MENDED = 3
_ENDS_CLOSED = re.compile(r"[}\])](?:[\s`;.]|</?\w[^<>]{0,40}>|\[/\w{1,20}\]|<\|[^<>|]{1,40}\|>)*\Z")


def _mended_call(reply: str, tools: Collection[str] | None) -> Reading | None:
    """A call whose JSON is wrong only in its form; a reply that was cut in the middle of a call holds none."""
    from json_repair import repair_json

    for _, key in zip(range(_MOST_MENDED), _LOOSE_NAME_KEY.finditer(reply), strict=False):
        start = _opening_brace(reply, key.start() + 1)
        if start is None:
            continue
        text = reply[start : start + _LONGEST_MENDED].replace("\\_", "_")
        if not _ends_closed(text):
            continue
        try:
            value = repair_json(text, return_objects=True, skip_json_loads=True)
        except (ValueError, RecursionError):
            continue
        reading = read_value(value, tools)
        if reading and reading.call and (tools is None or reading.call.tool_name in tools):
            return Reading(reading.call, MENDED)
    return None


def _opening_brace(text: str, position: int) -> int | None:
    """The brace that opens the object which a key at a position belongs to."""
    depth = 0
    for index in range(position - 1, max(-1, position - _LONGEST_MENDED), -1):
        depth += {"{": 1, "}": -1}.get(text[index], 0)
        if depth == 1:
            return index
    return None


def _ends_closed(text: str) -> bool:
    """Whether brackets close all that they open, or a bracket ends the text: then the call was not cut off."""
    return bool(_ENDS_CLOSED.search(text[-400:])) or 0 < text.count("{") <= text.count("}")
