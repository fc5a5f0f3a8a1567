"""Confidence intervals by a cluster bootstrap.

Rows of one block, or of one function group where there are no blocks, resemble each other, so these are drawn whole.
"""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

_ROUNDS_AT_ONCE = 40  # in which draws are numbers of eight bytes


def clusters_of(rows: Sequence[dict]) -> np.ndarray:
    """(rows,) numbers of the rows' blocks, or of their function groups where they have no block."""
    return np.unique([row["block_id"] or row["group_id"] for row in rows], return_inverse=True)[1]


def cluster_sums(values: np.ndarray, rows: np.ndarray, clusters: np.ndarray) -> np.ndarray:
    """(clusters,) sums of `values` over the row numbers in `rows`; `clusters` holds the cluster number of each row."""
    return np.bincount(clusters[rows], weights=values[rows], minlength=clusters.max(initial=-1) + 1)


def ratio_intervals(
    numerators: np.ndarray, denominators: np.ndarray, rounds: int, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """95 % intervals of ratios of sums: a percentile bootstrap over clusters, which are drawn with replacement.

    All columns use the same draws. A round is left out of a column if the denominators drawn there sum to 0. If the
    ratio is exactly 0 or exactly 1 in every cluster, the interval has no width.

    Args:
        numerators: (clusters, columns), the sum of each cluster.
        denominators: (clusters, columns), the sum of each cluster, at least 0.
        rounds: number of draws.
        seed: random seed.

    Returns:
        The 2.5 and 97.5 percentiles, each (columns,); NaN if fewer than two clusters have a denominator above 0.
    """
    columns = numerators.shape[1]
    low, high = np.full(columns, np.nan), np.full(columns, np.nan)
    spread = np.count_nonzero(denominators, axis=0) > 1
    if spread.any():
        ratios = _drawn_ratios(numerators[:, spread], denominators[:, spread], rounds, seed)
        low[spread], high[spread] = np.nanpercentile(ratios, [2.5, 97.5], axis=0)
    return low, high


def difference_intervals(
    first: tuple[np.ndarray, np.ndarray], second: tuple[np.ndarray, np.ndarray], rounds: int, seed: int
) -> tuple[float, float]:
    """The 95 % interval of a ratio of sums less another, of the same clusters, as in `ratio_intervals`.

    Args:
        first, second: numerators and denominators, each (clusters,).
        rounds: number of draws.
        seed: random seed.

    Returns:
        The 2.5 and 97.5 percentiles; NaN if a ratio has fewer than two clusters with a denominator above 0.
    """
    numerators, denominators = (np.stack(columns, axis=1) for columns in zip(first, second, strict=True))
    if (np.count_nonzero(denominators, axis=0) < 2).any():
        return np.nan, np.nan
    ratios = _drawn_ratios(numerators, denominators, rounds, seed)
    low, high = np.nanpercentile(ratios[:, 0] - ratios[:, 1], [2.5, 97.5])
    return float(low), float(high)


def _drawn_ratios(numerators: np.ndarray, denominators: np.ndarray, rounds: int, seed: int) -> np.ndarray:
    """(rounds, columns) ratios of the sums of drawn clusters; NaN where a denominator is 0."""
    sums = np.hstack([numerators, denominators])
    draws = _draws(len(numerators), rounds, seed)
    drawn = np.concatenate([part.astype(float) @ sums for part in _in_parts(draws)])
    numerator, denominator = np.hsplit(drawn, 2)
    return np.divide(numerator, denominator, out=np.full_like(numerator, np.nan), where=denominator > 0)


@lru_cache(maxsize=2)  # all scores of a dataset are drawn alike
def _draws(clusters: int, rounds: int, seed: int) -> np.ndarray:
    """(rounds, clusters) how often each cluster was drawn: once on average, and never 256 times (below 1 in 256!)."""
    rng, shares = np.random.default_rng(seed), np.full(clusters, 1 / clusters)
    draws = np.empty((rounds, clusters), np.uint8)
    for part in _in_parts(draws):
        part[:] = rng.multinomial(clusters, shares, size=len(part))
    return draws


def _in_parts(draws: np.ndarray) -> list[np.ndarray]:
    return [draws[start : start + _ROUNDS_AT_ONCE] for start in range(0, len(draws), _ROUNDS_AT_ONCE)]
