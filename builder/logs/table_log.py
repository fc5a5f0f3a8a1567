"""Tables with one call a row: JSON Lines, CSV, parquet."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain, islice
from typing import Any

from petoolbench import InputError

from .log_call import LogForm, LoggedCall, LogSource
from .log_columns import FIELDS, NEEDED, choose_columns
from .log_values import read_arguments, read_rating, read_time, read_tools

_LOOKED_AT = 1_000  # rows whose keys are taken as the table's columns


def table_calls(rows: Iterable[Mapping[str, Any]], source: LogSource) -> Iterator[LoggedCall]:
    """The calls of a table's rows.

    Raises:
        InputError: if a column that is given or needed is not there.
    """
    rows = iter(rows)
    first = list(islice(rows, _LOOKED_AT))
    if not first:
        raise InputError(f"{source.file} holds no calls; give a log with some.")
    names = list(dict.fromkeys(name for row in first if isinstance(row, dict) for name in row))
    try:
        columns = choose_columns(names, source.columns, NEEDED)
    except InputError as error:
        raise InputError(f"{source.file}: {error}.") from None
    source.taken.update(columns)
    user, time, request, tool, arguments, rating, offered = map(columns.get, FIELDS)
    counts = source.counts
    for row in chain(first, rows):
        if not isinstance(row, dict):
            counts["left out: a line is not an object"] += 1
            continue
        call = read_call(
            {
                "user": row.get(user),
                "time": row.get(time) if time else None,
                "request": row.get(request),
                "tool": row.get(tool),
                "arguments": row.get(arguments),
                "rating": row.get(rating) if rating else None,
                "offered": row.get(offered) if offered else None,
            },
            counts,
        )
        if call:
            yield call


def read_call(values: dict[str, Any], counts: Counter[str]) -> LoggedCall | None:
    """A call of its fields' values as a log has them; `None`, and counted, where it cannot be read."""
    user, request, tool = (_text(values[name]) for name in ("user", "request", "tool"))
    for name, text in (("user", user), ("request", request), ("tool", tool)):
        if not text:
            counts[f"left out: no {name}"] += 1
            return None
    time = values["time"]
    if time == "":
        time = None
    if time is not None:
        try:
            time = read_time(time)
        except ValueError:
            counts["left out: the time cannot be read"] += 1
            return None
    try:
        arguments = read_arguments(values["arguments"])
    except ValueError:
        counts["left out: arguments are not JSON"] += 1
        return None
    try:
        rating = read_rating(values["rating"])
    except ValueError:
        counts["taken as not rated: the rating cannot be read"] += 1
        rating = None
    offered = values["offered"]
    return LoggedCall(user, time, request, tool, arguments, rating, read_tools(offered) if offered else None)


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value.strip()
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else ""


TABLE = LogForm(
    "a table",
    "JSON Lines, CSV or parquet with one call a row: user, request, tool, arguments, and where known time, rating, "
    "offered",
    lambda value: isinstance(value, dict),
    table_calls,
)
