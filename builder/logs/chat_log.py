"""Chat transcripts with tool calls in OpenAI's form, a conversation an entry."""

from collections.abc import Iterable, Iterator, Mapping
from itertools import chain, islice
from typing import Any

from petoolbench import InputError

from .log_call import LogForm, LoggedCall, LogSource
from .log_columns import choose_columns
from .table_log import read_call

_LOOKED_AT = 1_000  # conversations whose keys are known
_Event = tuple[str, str, str, str]  # user, id, name and arguments of a call
_OWN = {"request", "tool", "arguments"}  # fields that the messages hold


def is_conversation(value: Any) -> bool:
    """Whether a decoded value is a conversation."""
    return isinstance(value, dict) and isinstance(value.get("messages"), list)


def chat_calls(entries: Iterable[Any], source: LogSource) -> Iterator[LoggedCall]:
    """The calls of conversations. A call's request is the last user message before it.

    User, time, rating and offered tools are looked for in the message with the call, in the conversation, and in its
    `metadata`, by their common names or those given.

    Raises:
        InputError: if a key that is given is nowhere, or nothing names users.
    """
    entries = iter(entries)
    first = list(islice(entries, _LOOKED_AT))
    names = dict.fromkeys(name for entry in first for holder in _holders(entry) for name in holder)
    given = {field: name for field, name in source.columns.items() if field not in _OWN}
    try:
        keys = choose_columns([name for name in names if name != "messages"], given, ("user",))
    except InputError as error:
        raise InputError(f"{source.file}: {error}.") from None
    keys = {field: key for field, key in keys.items() if field not in _OWN}
    source.taken.update(keys)
    seen: set[_Event] = set()
    for entry in chain(first, entries):
        if not is_conversation(entry):
            source.counts["left out: an entry has no messages"] += 1
            continue
        yield from _calls(entry, keys, source, seen)


def _holders(entry: Any) -> Iterator[Mapping[str, Any]]:
    """What can hold keys of a conversation: its messages with calls, itself, its metadata."""
    if not is_conversation(entry):
        return
    for message in entry["messages"]:
        if isinstance(message, dict) and _tool_calls(message):
            yield {name: value for name, value in message.items() if name not in ("role", "content", "tool_calls")}
    yield entry
    if isinstance(metadata := entry.get("metadata"), dict):
        yield metadata


def _calls(entry: dict, keys: Mapping[str, str], source: LogSource, seen: set[_Event]) -> Iterator[LoggedCall]:
    """The calls of a conversation, but for those with an id that an earlier conversation had: many logs hold each
    conversation anew with every turn."""
    request = ""
    own: set[_Event] = set()
    metadata = entry.get("metadata")
    shared = [holder for holder in (entry, metadata) if isinstance(holder, dict)]
    for message in entry["messages"]:
        if not isinstance(message, dict):
            continue
        if message.get("role") == "user":
            request = _content(message.get("content")) or request
        for name, arguments, call_id in _tool_calls(message):
            values = {field: _first(key, [message, *shared]) for field, key in keys.items()}
            event = (str(values["user"]), call_id, str(name), str(arguments))
            if event in seen:
                source.counts["left out: repeated event"] += 1
                continue
            if call_id:
                own.add(event)
            call = read_call(
                {
                    "time": None,
                    "rating": None,
                    "offered": None,
                    **values,
                    "request": request,
                    "tool": name,
                    "arguments": arguments,
                },
                source.counts,
            )
            if call:
                yield call
    seen |= own


def _first(key: str, holders: Iterable[Mapping[str, Any]]) -> Any:
    return next((holder[key] for holder in holders if holder.get(key) is not None), None)


def _content(content: Any) -> str:
    """The text of a message: text, or the text parts of a list."""
    if isinstance(content, list):
        parts = [part.get("text") for part in content if isinstance(part, dict)]
        return "\n".join(part for part in parts if isinstance(part, str)).strip()
    return content.strip() if isinstance(content, str) else ""


def _tool_calls(message: dict) -> list[tuple[Any, Any, str]]:
    """Name, arguments and id ("" if it has none) of a message's calls, in OpenAI's form of today or the one before it
    (`function_call`)."""
    calls = message.get("tool_calls")
    found = []
    for call in calls if isinstance(calls, list) else []:
        if isinstance(call, dict) and isinstance(function := call.get("function"), dict):
            call_id = call.get("id")
            found.append(
                (function.get("name"), function.get("arguments"), call_id if isinstance(call_id, str) else "")
            )
    if isinstance(function := message.get("function_call"), dict):
        found.append((function.get("name"), function.get("arguments"), ""))
    return found


CHAT = LogForm(
    "chat transcripts",
    "one conversation a line or entry, with `messages` that hold `tool_calls`, and a `user`, itself or in `metadata`",
    is_conversation,
    chat_calls,
)
