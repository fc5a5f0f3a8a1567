"""Rows as a model is shown them: with the past calls that a history method leaves."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from petoolkit.chunks import in_chunks
from petoolkit.evaluator.counterfactuals.row_changes import with_order
from petoolkit.evaluator.history_methods.method_table import LAST, NONE, RETRIEVED, HistoryMethod
from petoolkit.evaluator.history_methods.nearest_calls import NearestCalls

Repeat = TypeVar("Repeat")
_ROWS_AT_ONCE = 256


@dataclass(frozen=True)
class ShownRow:
    """A row as a model is shown it.

    Args:
        row: of the dataset or a counterfactual, with the past calls that are shown.
        text: what is shown in the stead of past calls; `None` where calls are shown.
    """

    row: dict
    text: str | None = None


class HistoryView:
    """Shows rows by a history method.

    The method works on the history that a row has: of a counterfactual's row, on the changed one.

    Args:
        method: of `--history`.
    """

    def __init__(self, method: HistoryMethod):
        self._method = method
        self._nearest = NearestCalls(method.number) if method.name == RETRIEVED else None

    @property
    def fingerprint(self) -> str | None:
        """Identifies what the method works with beside the rows: the embedding model; `None` if nothing."""
        return self._nearest.fingerprint if self._nearest else None

    def prepare(self, rows: Iterable[dict]) -> None:
        """Do once, with a progress bar, what takes time for all rows."""
        if self._nearest:
            self._nearest.prepare(rows)

    def of_asked(self, asked: Iterable[tuple[dict, Repeat]]) -> Iterator[tuple[ShownRow, Repeat]]:
        """Rows with the numbers of their repeats, in their order."""
        for part in in_chunks(asked, _ROWS_AT_ONCE):
            shown = self.of([row for row, _ in part])
            yield from ((one, repeat) for one, (_, repeat) in zip(shown, part, strict=True))

    def of(self, rows: Sequence[dict]) -> list[ShownRow]:
        """Some rows."""
        if self._nearest:
            return [ShownRow(with_order(*one)) for one in zip(rows, self._nearest.numbers(rows), strict=True)]
        return list(map(self._shown, rows))

    def _shown(self, row: dict) -> ShownRow:
        length = len(row["history"])
        if self._method.name == NONE:
            return ShownRow(with_order(row, ()))
        if self._method.name == LAST:
            return ShownRow(with_order(row, range(max(0, length - self._method.number), length)))
        return ShownRow(row)


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
