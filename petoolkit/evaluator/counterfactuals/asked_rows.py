"""All rows that an evaluation asks: those of the dataset, and those of counterfactuals behind them."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain

from petoolkit.evaluator.counterfactuals.changed_rows import ChangedRows
from petoolkit.evaluator.stored_rows import StoredRows


@dataclass(frozen=True)
class AskedRows:
    """The rows, read or made whenever they are gone through.

    Args:
        rows: of the dataset.
        changed: those of counterfactuals by name.
    """

    rows: StoredRows
    changed: Mapping[str, ChangedRows]

    def __iter__(self) -> Iterator[dict]:
        return chain(self.rows, *(made.rows for made in self.changed.values()))

    @property
    def ids(self) -> Iterator[str]:
        """Their ids."""
        return chain((row["id"] for row in self.rows.facts), *(made.ids for made in self.changed.values()))

    def of(self, counterfactual: str) -> Iterable[dict]:
        """Those of one counterfactual, or the dataset's own by an empty name; they can be gone through several times.

        Raises:
            KeyError: for one that is not asked.
        """
        return self.changed[counterfactual].rows if counterfactual else self.rows
