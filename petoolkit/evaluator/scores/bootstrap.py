"""Intervals by resampling: rows about one function resemble each other, so whole function groups are drawn."""

import numpy as np


def cluster_sums(values: np.ndarray, rows: np.ndarray, clusters: np.ndarray) -> np.ndarray:
    """(clusters,) sums of `values` over the rows numbered in `rows`; `clusters` holds each row's cluster number."""
    return np.bincount(clusters[rows], weights=values[rows], minlength=clusters.max(initial=-1) + 1)


def ratio_intervals(
    numerators: np.ndarray, denominators: np.ndarray, rounds: int, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """95 % intervals of ratios of sums: percentile bootstrap over clusters, drawn with replacement.

    All columns see the same draws. A round in which nothing of a column's denominator was drawn is left out for that
    column. A ratio of exactly 0 or 1 in every cluster gets an interval without width.

    Args:
        numerators: (clusters, columns), the sums of each cluster.
        denominators: (clusters, columns), what they are divided by, at least 0.
        rounds: how often to draw.
        seed: the same seed gives the same intervals.

    Returns:
        The 2.5 and 97.5 percentiles, each (columns,); NaN where fewer than two clusters have a denominator, as
        there is no spread to see.
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
