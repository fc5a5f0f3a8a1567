"""Distances between vectors that are the same on every machine, down to the last bit.

The last bits of a plain float32 product depend on the processor's kernel, on the number of threads and on how many
vectors are multiplied at once, and so do ranks and groups of nearly equal distances. Here vectors are rounded to
multiples of 2**-20, which moves a cosine by some 1e-6, and multiplied in float64, without any rounding:

- Each entry is an integer A times 2**-20, so each product of two entries is an integer times 2**-40, and so is each
  sum of some of them, in whatever order and with or without fused operations.
- Such a sum is at most |A1 B1| + |A2 B2| + ... <= ||A|| ||B|| (Cauchy-Schwarz), which for vectors of length 1 is 2**40
  units, for any number of dimensions. A float64 holds every integer up to 2**53. So no partial sum is ever rounded.

A length of up to `_LONGEST` is therefore allowed, and checked.
"""

from collections.abc import Iterator, Sequence

import numpy as np

from petoolbench import InputError

_STEPS = 2.0**20  # of the grid, for 1
_LONGEST, _SHORTEST = 1.01, 0.99
# The product of two float32 vectors of length 1 with n entries is wrong by n * 2**-24 at most, in whatever order it is
# summed; see `close_pairs`.
_ERROR_OF_AN_ENTRY = 1.05 * 2.0**-24
_TILE_ROWS, _TILE_COLUMNS = 1024, 2048  # of the matrix of products that is in memory at once
_DENSE = 0.02  # share of close pairs in a tile, above which all of its products are computed exactly
_PAIRS_AT_ONCE = 8_192
_SUMMED = 4_096  # vectors whose sum, times another vector, is exact: 2**12 * 2**40 units

Pairs = tuple[np.ndarray, np.ndarray, np.ndarray]  # row numbers, column numbers, distances


def on_grid(vectors: np.ndarray) -> np.ndarray:
    """Vectors of length 1, rounded so that `products` of them are exact.

    Args:
        vectors: (n, dimension), of any floating type.

    Returns:
        (n, dimension) float32, which holds the grid's numbers exactly.

    Raises:
        InputError: if a vector has another length.
    """
    rounded = np.empty(vectors.shape, np.float32)
    for start in range(0, len(vectors), _PAIRS_AT_ONCE):
        part = slice(start, start + _PAIRS_AT_ONCE)
        rounded[part] = np.rint(np.asarray(vectors[part], np.float32) * np.float32(_STEPS)) / np.float32(_STEPS)
    lengths = np.sqrt(2 * half_squares(rounded))
    wrong = ~((lengths >= _SHORTEST) & (lengths <= _LONGEST))  # not a number, too
    if wrong.any():
        raise InputError(
            f"{int(wrong.sum()):,} of {len(lengths):,} vectors do not have length 1 (number "
            f"{int(np.flatnonzero(wrong)[0]):,} has {lengths[wrong][0]:g}), so their distances mean nothing; take "
            "another embedding model."
        )
    return rounded


def products(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """(left, right) float64 products of vectors from `on_grid`, exact."""
    return left.astype(np.float64) @ right.astype(np.float64).T


def half_squares(vectors: np.ndarray) -> np.ndarray:
    """(n,) half of each vector's product with itself, exact; nearly 1/2, as rounding changes lengths a little."""
    halves = np.empty(len(vectors))
    for start in range(0, len(vectors), _PAIRS_AT_ONCE):
        part = vectors[start : start + _PAIRS_AT_ONCE].astype(np.float64)
        halves[start : start + _PAIRS_AT_ONCE] = np.einsum("nd,nd->n", part, part) / 2
    return halves


def distances(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """(left, right) cosine distances of vectors from `on_grid`, exact: half of the squared distance, 0 between equals.

    For vectors of length 1, that is one minus the product.
    """
    return half_squares(left)[:, None] + half_squares(right)[None, :] - products(left, right)


def close_pairs(vectors: np.ndarray, halves: np.ndarray, largest: float, start: int, stop: int) -> Iterator[Pairs]:
    """Pairs of vectors that are no further apart than `largest`, tile by tile.

    Only pairs that a float32 product, less its largest possible error, leaves over are multiplied exactly.

    Args:
        vectors: (n, dimension), from `on_grid`.
        halves: (n,), their `half_squares`.
        largest: cosine distance.
        start, stop: the first vector of each pair is one of these; the second comes after it.

    Yields:
        Numbers of first vectors, numbers of second vectors, and their exact distances.
    """
    error = _ERROR_OF_AN_ENTRY * vectors.shape[1] * _LONGEST**2
    limit = np.float32(2 * halves.min(initial=1) - largest - error - 2.0**-22)
    for top in range(start, stop, _TILE_ROWS):
        rows = vectors[top : min(top + _TILE_ROWS, stop)]
        for left in range(top, len(vectors), _TILE_COLUMNS):
            columns = vectors[left : left + _TILE_COLUMNS]
            close = np.flatnonzero(rows @ columns.T >= limit)
            first, second = np.divmod(close, len(columns))
            later = left + second > top + first
            first, second = first[later], second[later]
            if len(first) > _DENSE * len(rows) * len(columns):
                product = products(rows, columns)[first, second]
            else:
                product = _products_of_pairs(rows, columns, first, second)
            distance = halves[top + first] + halves[left + second] - product
            near = distance <= largest
            if near.any():
                yield top + first[near], left + second[near], distance[near]


def _products_of_pairs(rows: np.ndarray, columns: np.ndarray, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    found = np.empty(len(first))
    for start in range(0, len(first), _PAIRS_AT_ONCE):
        part = slice(start, start + _PAIRS_AT_ONCE)
        one, other = rows[first[part]].astype(np.float64), columns[second[part]].astype(np.float64)
        found[part] = np.einsum("pd,pd->p", one, other)
    return found


class GridVectors:
    """Vectors on the grid in which one searches; a float32 product tells where exact ones are worth their time.

    Args:
        vectors: (n, dimension), of length 1.

    Raises:
        InputError: if one of them has another length.
    """

    def __init__(self, vectors: np.ndarray):
        self.rows = on_grid(vectors)
        self.halves = half_squares(self.rows)
        self._smallest_half = float(self.halves.min(initial=1))
        spread = float(self.halves.max(initial=0)) - self._smallest_half if len(self.rows) else 0.0
        # Of a float32 product, as a measure of distance.
        self._error = _ERROR_OF_AN_ENTRY * self.rows.shape[1] * _LONGEST**2 + spread + 2.0**-22

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, numbers: "int | Sequence[int] | np.ndarray | slice") -> np.ndarray:
        """The vectors with these numbers."""
        return self.rows[numbers]

    def rough(self, queries: np.ndarray) -> np.ndarray:
        """(queries, n) float32 products, whose last bits depend on the machine: for `nearest` and `within` alone."""
        return queries @ self.rows.T

    def distances(self, query: np.ndarray, numbers: np.ndarray | slice) -> np.ndarray:
        """(numbers,) exact distances of one vector on the grid to those with these numbers."""
        half = half_squares(query[None])[0]
        return half + self.halves[numbers] - products(self.rows[numbers], query[None])[:, 0]

    def least_rough(self, largest: float) -> np.float32:
        """The `rough` product below which two vectors are certainly further apart than `largest`."""
        return np.float32(2 * self._smallest_half - largest - 3 * self._error)

    def within(self, query: np.ndarray, rough: np.ndarray, largest: float) -> np.ndarray:
        """The numbers of the vectors that are no further from a query than `largest`, in their order.

        Args:
            query: (dimension,), on the grid.
            rough: (n,), its `rough` products.
            largest: cosine distance.
        """
        near = np.flatnonzero(rough >= self.least_rough(largest))
        return near[self.distances(query, near) <= largest]

    def nearest(
        self, query: np.ndarray, rough: np.ndarray, number: int, allowed: np.ndarray | None = None
    ) -> np.ndarray:
        """The numbers of the nearest vectors to a query, nearest first; of equally near ones the first in order.

        Args:
            query: (dimension,), on the grid.
            rough: (n,), its `rough` products.
            number: how many; there are fewer if fewer are allowed.
            allowed: (n,) bool: which ones may be taken; all if there are none.
        """
        possible = np.arange(len(self.rows)) if allowed is None else np.flatnonzero(allowed)
        if number < len(possible):
            of_possible = rough[possible]
            limit = np.partition(of_possible, len(possible) - max(number, 1))[len(possible) - max(number, 1)]
            possible = possible[of_possible >= np.float32(limit - 4 * self._error)]
        return possible[np.argsort(self.distances(query, possible), kind="stable")][:number]


def distance_sums(vectors: np.ndarray) -> np.ndarray:
    """(n,) for each vector on the grid, the sum of its distances to all of them."""
    halves = half_squares(vectors)
    found = len(vectors) * halves
    for start in range(0, len(vectors), _SUMMED):
        # Each product is exact, and numbers that are added one by one give the same sum everywhere.
        found += halves[start : start + _SUMMED].sum()
        found -= products(vectors, vectors[start : start + _SUMMED].sum(axis=0, dtype=np.float64)[None])[:, 0]
    return found
