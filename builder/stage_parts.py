"""Stages whose records are made each on its own: they go by in parts, which an engine does."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from petoolkit.chunks import parts_of
from petoolkit.files import json_line
from petoolkit.json_lines import LinesOfFile

from .row_statistics import RowStatistics
from .stage_notes import Notes

Rows = list[dict]


@dataclass(frozen=True)
class InParts:
    """How a stage is cut into parts.

    Args:
        rows: the arguments of which a part gets its own: the first holds the records, the others rows of theirs, in
            the records' order.
        key: the column that names the record of a row; not read if there is one argument only.
        size: records of a part.
        counted_before: the argument that gets how much was counted in all parts before.
        count: counts something in a part's rows.
    """

    rows: tuple[str, ...]
    key: str = ""
    size: int = 100
    counted_before: str | None = None
    count: Callable[[Mapping[str, Rows]], int] = lambda rows: 0

    def cut(self, given: Mapping[str, Iterable[dict]]) -> Iterator[dict[str, Any]]:
        """The arguments of each part.

        Args:
            given: all rows by argument; they are read as they are asked for.
        """
        records, *others = self.rows
        streams = {name: _Stream(given[name], self.key) for name in others}
        before = 0
        for part in parts_of(given[records], self.size):
            if not streams:
                yield {records: part}
                continue
            rows: dict[str, Rows] = {records: list(part)}
            names = {record[self.key] for record in rows[records]}
            rows |= {name: stream.of(names) for name, stream in streams.items()}
            yield rows if self.counted_before is None else {**rows, self.counted_before: before}
            before += self.count(rows)


class _Stream:
    def __init__(self, rows: Iterable[dict], key: str):
        self._rows, self._key = iter(rows), key
        self._waiting = next(self._rows, None)

    def of(self, names: set[str]) -> Rows:
        found = []
        while self._waiting is not None and self._waiting[self._key] in names:
            found.append(self._waiting)
            self._waiting = next(self._rows, None)
        return found


@dataclass
class Part:
    """What was made of a part.

    Args:
        text: its rows as JSON lines.
        rows: their number.
        counts: see `Notes`.
        statistics: the state of its `RowStatistics`, if the stage has some.
    """

    text: bytes
    rows: int
    counts: dict[str, int] = field(default_factory=dict)
    statistics: dict[str, Any] | None = None

    def note(self, notes: Notes) -> None:
        """Add what it counted to a stage's notes."""
        notes.counts.update(self.counts)
        if self.statistics is not None:
            notes.statistics = notes.statistics or RowStatistics()
            notes.statistics.merge(self.statistics)


@dataclass(frozen=True)
class PartWork:
    """Makes a part; can be sent to another process.

    Args:
        make: the stage's function.
        shared: its arguments, except those of each part and `notes`.
        takes_notes: whether it has an argument `notes`.
    """

    make: Callable[..., Iterable[dict | str]]
    shared: dict[str, Any]
    takes_notes: bool

    def __call__(self, part: dict[str, Any]) -> Part:
        notes = Notes()
        rows = {name: list(one) if isinstance(one, LinesOfFile) else one for name, one in part.items()}
        given = {**self.shared, **rows, **({"notes": notes} if self.takes_notes else {})}
        lines = [json_line(row) for row in with_fates(self.make(**given), notes.counts)]
        statistics = None if notes.statistics is None else notes.statistics.state()
        return Part("".join(lines).encode(), len(lines), dict(notes.counts), statistics)


def with_fates(rows: Iterable[dict | str], counts: Counter[str]) -> Iterator[dict | str]:
    """Rows, counted by their fate where they have one: accepted, or rejected for a reason."""
    for row in rows:
        if isinstance(row, dict) and "rejected" in row:
            counts[f"rejected: {row['rejected']}" if row["rejected"] else "accepted"] += 1
        yield row
