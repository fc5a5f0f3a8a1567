"""A model's reply as it was read: its reasoning, and the part that holds the call."""

import json
import re
from dataclasses import dataclass
from typing import Any

from petoolkit.call_forms import ToolCall, calls_by_name, read_value
from petoolkit.evaluator.scores.judgements import gold_documents
from petoolkit.reasoning import has_reasoning
from petoolkit.replies import answer_of, read_reply
from petoolkit.scoring import parameter_error, read_gold_call, tool_error

REASONING, READ = "reasoning", "read"
_OBJECT = re.compile(r'\{\s*"')
_MOST_TRIES = 200
_DECODER = json.JSONDecoder()


@dataclass(frozen=True)
class ReplyPart:
    """A part of a raw reply; `kind` is `REASONING`, `READ` (the call), or empty."""

    text: str
    kind: str = ""


@dataclass(frozen=True)
class Verdict:
    """What one reader makes of a reply; an error is one of `ERROR_TYPES`, or `None` where that part is right."""

    reader: str
    call: ToolCall | None
    how: str | None  # one of `petoolkit.replies.HOW_READ`
    tool_error: str | None
    parameter_error: str | None


def verdict(row: dict, reply: str | None, reader: str) -> Verdict:
    """What one of `READERS` makes of a reply to a row."""
    gold, names = read_gold_call(row["tool_call"]), {tool["tool_name"] for tool in row["candidate_tools"]}
    call, how = read_reply(reply, reader, names)
    error = tool_error(call, gold, names, row["same_function_tools"], row["acceptable_tools"])
    return Verdict(reader, call, how, error, parameter_error(call, gold, reader, gold_documents(row)))


def reply_parts(reply: str, call: ToolCall | None, names: set[str]) -> list[ReplyPart]:
    """A raw reply in parts, which together are the reply.

    Args:
        reply: as the model wrote it.
        call: that the robust reader found in it.
        names: of the candidates.
    """
    answer = answer_of(reply)
    start = reply.rfind(answer) if has_reasoning(reply) else len(reply) - len(reply.lstrip())
    if start < 0:  # the answer stands in several pieces
        return [ReplyPart(reply)]
    if has_reasoning(reply) and not answer:
        return [ReplyPart(reply, REASONING)]
    before, behind = reply[:start], reply[start + len(answer) :]
    first, last = _span(answer, call, names) if call else (0, 0)
    parts = [
        ReplyPart(before, REASONING if has_reasoning(reply) else ""),
        ReplyPart(answer[:first]),
        ReplyPart(answer[first:last], READ),
        ReplyPart(answer[last:] + behind),
    ]
    return [part for part in parts if part.text]


def _span(answer: str, call: ToolCall, names: set[str]) -> tuple[int, int]:
    """Where the call stands in an answer: its JSON object, or what is known of it where it is not one."""
    tries, beginning = 0, _OBJECT.search(answer)
    while beginning and tries < _MOST_TRIES:
        start = end = beginning.start()
        try:
            value, end = _DECODER.raw_decode(answer, start)
        except (ValueError, RecursionError):
            value = None
        if value is not None and _is_call(value, call, names):
            return start, end
        tries += 1
        beginning = _OBJECT.search(answer, max(end, start + 1))
    for start, name, arguments in calls_by_name(answer, names):
        if name == call.tool_name:
            return start, _end_of_arguments(answer, start + len(name), arguments)
    start = answer.find(str(call.tool_name))
    if start < 0:
        return 0, 0
    brace, last = answer.rfind("{", 0, start), answer.rfind("}")
    return (brace, last + 1) if brace >= 0 and start < last else (start, start + len(str(call.tool_name)))


def _is_call(value: Any, call: ToolCall, names: set[str]) -> bool:
    reading = read_value(value, names)
    return reading is not None and reading.call == call


def _end_of_arguments(answer: str, end: int, arguments: dict[str, Any] | int) -> int:
    if isinstance(arguments, int):
        try:
            return _DECODER.raw_decode(answer, arguments)[1]
        except (ValueError, RecursionError):
            return end
    line = answer.find("\n", end)
    return len(answer) if line < 0 else line
