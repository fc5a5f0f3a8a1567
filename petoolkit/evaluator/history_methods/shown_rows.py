"""Rows as a model is shown them: with the past calls that a history method leaves, or with a text instead of them."""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from petoolbench import on_one_line
from petoolkit.chunks import in_chunks
from petoolkit.evaluator.counterfactuals.row_changes import with_order
from petoolkit.evaluator.history_methods.memories import Memory, history_keys
from petoolkit.evaluator.history_methods.method_table import NOTES, PYTHON, RETRIEVED, HistoryMethod
from petoolkit.evaluator.history_methods.nearest_calls import NearestCalls
from petoolkit.evaluator.history_methods.writing_tasks import WRITING_TASKS

Repeat = TypeVar("Repeat")
_ROWS_AT_ONCE = 256


@dataclass(frozen=True)
class ShownRow:
    """A row as a model is shown it.

    Args:
        row: of the dataset or a counterfactual, with the past calls that are shown.
        text: what is shown instead of past calls; `None` where calls are shown.
        dropped: number of oldest calls that the text was made without, since they did not fit into a prompt.
        retrieved: numbers of the calls that were retrieved, from 0; `None` for other methods.
        error: why it is not known what to show; `None` if it is.
    """

    row: dict
    text: str | None = None
    dropped: int = 0
    retrieved: tuple[int, ...] | None = None
    error: str | None = None


class HistoryView:
    """Shows rows by a history method.

    The method works on the history that a row has: of a counterfactual's row, on the changed one.

    Args:
        method: of `--history`.
        memories: what is known of histories, by key, for methods whose kind `is_kept`.
    """

    def __init__(self, method: HistoryMethod, memories: dict[str, Memory] | None = None):
        self.method = method
        self.memories = memories or {}
        self._nearest = NearestCalls(method.number) if method.name == RETRIEVED else None

    @property
    def fingerprint(self) -> str | None:
        """Identifies what the method works with: the embedding model, or the task of writing; `None` if nothing."""
        if self._nearest:
            return self._nearest.fingerprint
        task = WRITING_TASKS.get(self.method.name)
        return hashlib.sha256(task.encode()).hexdigest()[:16] if task else None

    def prepare(self, rows: Iterable[dict]) -> None:
        """Do once, with a progress bar, what takes time for all rows."""
        if self._nearest:
            self._nearest.prepare(rows)

    def missing_keys(self, row: dict) -> list[str]:
        """The keys of the memories that a row needs, and that are not there."""
        return [key for key in self._keys(row) if key not in self.memories]

    def of_asked(self, asked: Iterable[tuple[dict, Repeat]]) -> Iterator[tuple[ShownRow, Repeat]]:
        """Rows with the numbers of their repeats, in their order."""
        for part in in_chunks(asked, _ROWS_AT_ONCE):
            shown = self.of([row for row, _ in part])
            yield from ((one, repeat) for one, (_, repeat) in zip(shown, part, strict=True))

    def of(self, rows: Sequence[dict]) -> list[ShownRow]:
        """Some rows."""
        if self._nearest:
            found = zip(rows, self._nearest.numbers(rows), strict=True)
            return [ShownRow(with_order(row, numbers), retrieved=tuple(numbers)) for row, numbers in found]
        if self.method.kind.numbers is None:
            return list(map(self._remembered, rows))
        lengths = (len(row["history"]) for row in rows)
        numbers = [self.method.kind.numbers(length, self.method.number) for length in lengths]
        return [
            ShownRow(row if len(shown) == len(row["history"]) else with_order(row, shown))
            for row, shown in zip(rows, numbers, strict=True)
        ]

    def memory_of(self, row: dict) -> Memory | None:
        """What is shown of a row's history; `None` if it is not known, or there is none."""
        keys = self._keys(row)
        return self.memories.get(keys[-1]) if keys else None

    def _remembered(self, row: dict) -> ShownRow:
        if not row["history"]:
            return ShownRow(row)
        keys, memory = self._keys(row), self.memory_of(row)
        if memory is not None and memory.calls is not None:
            return ShownRow(with_order(row, memory.calls))
        bare = with_order(row, ())
        if memory is not None and memory.text is not None:
            kind = self.method.kind
            text = f"{kind.heading}\n{on_one_line({kind.shown_as: memory.text})}"
            return ShownRow(bare, text, memory.dropped)
        errors = (found.error for key in keys if (found := self.memories.get(key)) and found.error)
        return ShownRow(bare, error=next(errors, f"its {self.method.kind.shown_as} is not here"))

    def _keys(self, row: dict) -> list[str]:
        """The keys of the memories that a row needs, the one that is shown last; none without past calls."""
        if not row["history"]:
            return []
        if self.method.name == PYTHON:
            return [row["id"]]
        keys = history_keys(row)
        return keys if self.method.name == NOTES else keys[-1:]


class RowsInView:
    """The rows as a model is shown them, whenever they are gone through, for rules that read all of them.

    Args:
        view: that shows them.
        rows: which can be gone through several times.
    """

    def __init__(self, view: HistoryView, rows: Iterable[dict]):
        self._view, self._rows = view, rows

    def __iter__(self) -> Iterator[dict]:
        return (shown.row for shown, _ in self._view.of_asked((row, None) for row in self._rows))


def known_rows(
    asked: Iterable[tuple[ShownRow, Repeat]], unknown: list[tuple[ShownRow, Repeat]]
) -> Iterator[tuple[ShownRow, Repeat]]:
    """The rows of which it is known what to show; the others are added to `unknown`."""
    for shown, repeat in asked:
        if shown.error:
            unknown.append((shown, repeat))
        else:
            yield shown, repeat
