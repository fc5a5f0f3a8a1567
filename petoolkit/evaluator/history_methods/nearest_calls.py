"""The past calls nearest to a request: `--history retrieved:K`."""

from collections.abc import Iterable, Sequence
from functools import cached_property

from petoolkit.chunks import in_chunks
from petoolkit.selector.row_vectors import RowVectors

_ROWS_AT_ONCE = 2_000  # whose texts are embedded together
_DIGITS = 6  # of a similarity: what float32 tells apart, so that equal texts are exactly as near


class NearestCalls:
    """Finds the past calls whose request was nearest to a row's request, by the cosine of their sentence vectors.

    Args:
        number: the most calls of a row.
    """

    def __init__(self, number: int):
        self._number = number

    @cached_property
    def _vectors(self) -> RowVectors:
        return RowVectors()

    @property
    def fingerprint(self) -> str:
        """Identifies the embedding model."""
        return self._vectors.fingerprint

    def prepare(self, rows: Iterable[dict]) -> None:
        """Embed each distinct text of rows once, some rows at a time, with a progress bar; they are kept on disk."""
        for part in in_chunks(rows, _ROWS_AT_ONCE):
            self._vectors.of(_texts(part), "requests and past calls")

    def numbers(self, rows: Sequence[dict]) -> list[list[int]]:
        """For each row the numbers of its nearest calls, in the order of time; of equally near ones, the latest."""
        vectors = self._vectors.of(_texts(rows), "requests and past calls")
        found = []
        for row in rows:
            request = vectors[row["instruction"]]
            nearness = [round(float(vectors[call["instruction"]] @ request), _DIGITS) for call in row["history"]]
            latest_first = sorted(range(len(nearness)), key=lambda number: (-nearness[number], -number))
            found.append(sorted(latest_first[: self._number]))
        return found


def _texts(rows: Iterable[dict]) -> Iterable[str]:
    for row in rows:
        yield row["instruction"]
        yield from (call["instruction"] for call in row["history"])
