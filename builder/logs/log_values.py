"""Values of logs in the ways in which people write them: times, ratings, arguments, lists of tools."""

import datetime
import json
import re
from typing import Any

from petoolkit.decoding import decode_json

_NANOSECONDS = ((1e11, 10**9), (1e14, 10**6), (1e17, 10**3))  # below the first: a count of so many nanoseconds
_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
_NUMBER = re.compile(r"[+-]?\d{1,19}(\.\d{1,12})?([eE][+]?\d{1,2})?")
_LIKED = frozenset(("up", "thumbs_up", "thumbsup", "like", "liked", "positive", "good", "yes", "true", "\U0001f44d"))
_DISLIKED = frozenset(
    ("down", "thumbs_down", "thumbsdown", "dislike", "disliked", "negative", "bad", "no", "false", "\U0001f44e")
)
_SEPARATORS = ("|", ";", "\n")


def read_time(value: Any) -> int:
    """Nanoseconds since 1970 of a time: seconds, milli-, micro- or nanoseconds by their size, or ISO 8601 (UTC, if
    it names no zone).

    Raises:
        ValueError: if it is neither.
    """
    if isinstance(value, bool):
        raise ValueError("not a time")
    if isinstance(value, str):
        text = value.strip()
        value = _moment(text) if not _NUMBER.fullmatch(text) else int(text) if text.isdecimal() else float(text)
    if isinstance(value, datetime.datetime):
        moment = value if value.tzinfo else value.replace(tzinfo=datetime.UTC)
        since = moment - _EPOCH
        return ((since.days * 86_400 + since.seconds) * 10**6 + since.microseconds) * 1000
    if isinstance(value, datetime.date):
        return (value - _EPOCH.date()).days * 86_400 * 10**9
    if isinstance(value, int | float) and abs(value) < 1e20:
        factor = next((factor for limit, factor in _NANOSECONDS if abs(value) < limit), 1)
        return int(value) * factor + round(value % 1 * factor if value >= 0 else 0)
    raise ValueError("not a time")


def _moment(text: str) -> datetime.datetime:
    try:
        return datetime.datetime.fromisoformat(text)
    except OverflowError:
        raise ValueError("not a time") from None


def read_rating(value: Any) -> float | bool | None:
    """A rating: a number, or whether the call was liked; `None` where there is none.

    Raises:
        ValueError: if it is neither.
    """
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        text = value.strip().lower().replace(" ", "_").replace("-", "_")
        if not text or text in ("none", "null", "nan"):
            return None
        if text in _LIKED or text in _DISLIKED:
            return text in _LIKED
        value = float(value)
    if isinstance(value, int | float) and (value != value or abs(value) < 1e6):
        return None if value != value else float(value)  # a missing number is not a number
    raise ValueError("not a rating")


def read_arguments(value: Any) -> Any:
    """Arguments as a decoded JSON value; a call without arguments has an empty object.

    Raises:
        ValueError: if they are text that is not JSON.
    """
    if value is None:
        return {}
    if isinstance(value, str):
        return decode_json(value) if value.strip() else {}
    return value


def read_tools(value: Any) -> tuple[str, ...] | None:
    """Names of offered tools: a list of names or of tools in OpenAI's or MCP's form, also as JSON text, or names with
    separators between them; `None` where nothing is recorded."""
    if isinstance(value, str):
        text = value.strip()
        if text.startswith("["):
            try:
                return read_tools(json.loads(text))
            except (ValueError, RecursionError):
                return None
        separator = next((one for one in _SEPARATORS if one in text), ",")
        value = [name.strip() for name in text.split(separator)]
    if not isinstance(value, list | tuple):
        return None
    names = [name for one in value if (name := _name_of(one))]
    return tuple(dict.fromkeys(names)) or None


def _name_of(tool: Any) -> str | None:
    if isinstance(tool, dict):
        function = tool.get("function")
        named = function if isinstance(function, dict) else tool
        tool = named.get("name") or named.get("tool_name")
    return tool if isinstance(tool, str) else None
