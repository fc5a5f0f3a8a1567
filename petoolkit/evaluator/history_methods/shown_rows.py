"""Rows as a model is shown them: with the past calls that a history method leaves."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TypeVar

from petoolkit.evaluator.counterfactuals.row_changes import with_order
from petoolkit.evaluator.history_methods.method_table import LAST, NONE, HistoryMethod

Repeat = TypeVar("Repeat")


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

    def of_asked(self, asked: Iterable[tuple[dict, Repeat]]) -> Iterator[tuple[ShownRow, Repeat]]:
        """Rows with the numbers of their repeats, in their order."""
        for row, repeat in asked:
            yield self.of(row), repeat

    def of(self, row: dict) -> ShownRow:
        """One row."""
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
