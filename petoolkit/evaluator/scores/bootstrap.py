"""Confidence intervals by a cluster bootstrap.

Rows of one function group resemble each other, so whole groups are drawn.
"""

import numpy as np


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
    clusters, columns = numerators.shape
    low, high = np.full(columns, np.nan), np.full(columns, np.nan)
    spread = np.count_nonzero(denominators, axis=0) > 1
    if spread.any():
        drawn = np.random.default_rng(seed).multinomial(clusters, np.full(clusters, 1 / clusters), size=rounds)
        sums = drawn.astype(float) @ np.hstack([numerators[:, spread], denominators[:, spread]])
        numerator, denominator = np.hsplit(sums, 2)
        ratios = np.divide(numerator, denominator, out=np.full_like(numerator, np.nan), where=denominator > 0)
        low[spread], high[spread] = np.nanpercentile(ratios, [2.5, 97.5], axis=0)
    return low, high
