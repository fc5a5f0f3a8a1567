"""Tests of whether Tool Acc depends on a dimension of the rows, over all its bands, and Holm's correction."""

from collections.abc import Sequence

import numpy as np

from petoolbench import setting_of
from petoolkit.evaluator.scores.bootstrap import clusters_of
from petoolkit.evaluator.scores.breakdowns import DIMENSIONS, by_setting
from petoolkit.evaluator.scores.judgements import Judgements
from petoolkit.replies import READERS

_ROUNDS, _SEED = 1_999, 0
_BATCH = 200  # rounds at a time, to save memory


def dependence(rows: list[dict], judged: Judgements) -> dict[str, dict[str, dict]]:
    """Number of bands and p-value by dimension and setting (or `all`).

    The null hypothesis: what a row's Tool Acc has more than the mean of the rows of its setting with as many tools that
    do the job does not depend on the band. The statistic sums over the bands the square of this surplus, divided by its
    variance; blocks (or function groups) are kept whole, and their surplus gets random signs (a wild cluster
    bootstrap). Few blocks in a band make the test blunt, not wrong.
    """
    tool_acc = judged.right(READERS[0], "tool_acc").mean(axis=1)
    strata = [(setting_of(row), len(row["same_function_tools"])) for row in rows]
    surplus = tool_acc - _means(tool_acc, strata)
    clusters = clusters_of(rows)
    found: dict[str, dict[str, dict]] = {}
    for dimension, (band_of, _) in DIMENSIONS.items():
        bands = np.unique([band_of(row) for row in rows], return_inverse=True)[1]
        for setting, numbers in by_setting(rows).items():
            p_value = _p_value(surplus[numbers], bands[numbers], clusters[numbers])
            number = len(np.unique(bands[numbers]))
            found.setdefault(dimension, {})[setting] = {"bands": number, "p_value": p_value}
    return found


def _means(values: np.ndarray, strata: Sequence[tuple]) -> np.ndarray:
    """(rows,) the mean of each row's stratum."""
    number_of = {stratum: number for number, stratum in enumerate(dict.fromkeys(strata))}
    numbers = np.array([number_of[stratum] for stratum in strata], int)
    return (np.bincount(numbers, values) / np.bincount(numbers))[numbers]


def _p_value(surplus: np.ndarray, bands: np.ndarray, clusters: np.ndarray) -> float | None:
    bands, clusters = (np.unique(labels, return_inverse=True)[1] for labels in (bands, clusters))
    shape = (int(clusters.max(initial=-1)) + 1, int(bands.max(initial=-1)) + 1)
    if min(shape) < 2:
        return None
    of_clusters = np.zeros(shape)
    np.add.at(of_clusters, (clusters, bands), surplus)
    variances = (of_clusters**2).sum(axis=0)
    of_clusters = of_clusters[:, variances > 1e-12] / np.sqrt(variances[variances > 1e-12])
    if not of_clusters.size:  # all rows of a stratum are alike
        return 1.0
    observed = (of_clusters.sum(axis=0) ** 2).sum()
    rng, as_high = np.random.default_rng(_SEED), 1
    for start in range(0, _ROUNDS, _BATCH):
        signs = rng.choice((-1.0, 1.0), size=(min(_BATCH, _ROUNDS - start), shape[0]))
        as_high += int((((signs @ of_clusters) ** 2).sum(axis=1) >= observed - 1e-9).sum())
    return as_high / (_ROUNDS + 1)


def holm(p_values: Sequence[float]) -> list[float]:
    """P-values corrected for their number, so that the chance of any false finding stays below the level."""
    corrected, highest = [0.0] * len(p_values), 0.0
    for rank, number in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[number]))
        corrected[number] = highest
    return corrected
