"""One call as a log holds it, and the description of a form of logs."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(slots=True)
class LoggedCall:
    """A call as the log has it; nothing is checked yet.

    Args:
        user: the log's name of the user.
        time: nanoseconds since 1970; `None` where the log has no time.
        request: what the user asked.
        tool: the log's name of the called tool.
        arguments: a decoded JSON value.
        rating: a number, or whether the call was liked; `None` where it was not rated.
        offered: the log's names of the tools that could have been called; `None` where they are not recorded.
    """

    user: str
    time: int | None
    request: str
    tool: str
    arguments: Any
    rating: float | bool | None = None
    offered: tuple[str, ...] | None = None


@dataclass(frozen=True)
class LogSource:
    """A log file that is being read.

    Args:
        file: the file.
        columns: names of columns (or keys, or attributes) by field, as the user gave them.
        counts: gets the number of what was left out, for each reason.
        taken: gets, by field, the name that was taken for it.
    """

    file: Path
    columns: Mapping[str, str] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)
    taken: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class LogForm:
    """A form in which logs hold calls.

    Args:
        name: name for messages, with its article: `a chat transcript`.
        form: description for messages.
        is_form_of: whether the first decoded JSON value of a file has this form.
        calls: gives the calls of all values of a file.
    """

    name: str
    form: str
    is_form_of: Callable[[Any], bool]
    calls: Callable[[Iterable[Any], LogSource], Iterator[LoggedCall]]
