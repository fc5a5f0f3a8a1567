"""Which differences of several models are real: each two are tested on the same blocks, corrected for their number."""

from dataclasses import dataclass
from itertools import combinations

import numpy as np

from petoolkit.evaluator.scores.bootstrap import cluster_sums, difference_intervals
from petoolkit.evaluator.scores.dependence import holm
from petoolkit.evaluator.scores.judgements import Judgements
from petoolkit.evaluator.scores.preference import Counts
from petoolkit.replies import READERS

LEVEL = 0.05
_ROUNDS, _PERMUTATIONS, _SEED = 1000, 9_999, 0
_AT_ONCE = 1_000  # permutations held in memory


@dataclass(frozen=True)
class PairedDifference:
    """What one model has more than another.

    Args:
        value: difference of the two shares.
        low, high: its 95 % interval, not corrected; `None` if there is none.
        p_value: corrected for the number of pairs that were tested.
    """

    value: float
    low: float | None
    high: float | None
    p_value: float

    @property
    def is_real(self) -> bool:
        """Whether the test supports it."""
        return self.p_value < LEVEL


def paired_differences(counts: dict[str, Counts]) -> dict[tuple[str, str], PairedDifference]:
    """Test each two of several models.

    The statistic is the difference of two ratios of sums over clusters. The null hypothesis is that the two models
    could be exchanged in each cluster; p-values are two-sided, of random exchanges, corrected by Holm's method.

    Args:
        counts: by model, numerators and denominators of its share, each (clusters,), of the same clusters.

    Returns:
        By pair of models, the first less the second; models whose denominators sum to 0 are left out.
    """
    known = {name: pair for name, pair in counts.items() if pair[1].sum()}
    pairs = list(combinations(known, 2))
    if not pairs:
        return {}
    p_values = holm(_p_values([(known[a], known[b]) for a, b in pairs]))
    found = {}
    for (a, b), p_value in zip(pairs, p_values, strict=True):
        low, high = difference_intervals(known[a], known[b], _ROUNDS, _SEED)
        value = _ratio(*(values.sum() for values in known[a])) - _ratio(*(values.sum() for values in known[b]))
        is_known = not np.isnan(low)
        found[a, b] = PairedDifference(float(value), low if is_known else None, high if is_known else None, p_value)
    return found


def tool_acc_counts(judged: Judgements, numbers: np.ndarray, clusters: np.ndarray) -> Counts:
    """(clusters,) right calls and asked replies, of Tool Acc by the robust reader.

    Args:
        judged: replies to all rows.
        numbers: of the rows that count.
        clusters: (rows,) number of the cluster of each row.
    """
    right = judged.right(READERS[0], "tool_acc").sum(axis=1)
    asked = np.full(len(right), judged.repeats)
    return cluster_sums(right, numbers, clusters), cluster_sums(asked, numbers, clusters)


def _p_values(pairs: list[tuple[Counts, Counts]]) -> list[float]:
    """Two-sided p-values of each pair, not corrected."""
    sums = np.array([[[values.sum() for values in counts] for counts in pair] for pair in pairs])  # (pairs, 2, 2)
    gains = np.array([[a - b for a, b in zip(*pair, strict=True)] for pair in pairs])  # (pairs, 2, clusters)
    observed = np.abs(_ratio(sums[:, 0, 0], sums[:, 0, 1]) - _ratio(sums[:, 1, 0], sums[:, 1, 1]))
    rng, as_large = np.random.default_rng(_SEED), np.ones(len(pairs))
    for start in range(0, _PERMUTATIONS, _AT_ONCE):
        exchanged = rng.integers(0, 2, (min(_AT_ONCE, _PERMUTATIONS - start), gains.shape[2])).astype(float)
        moved = np.einsum("rc,pnc->rpn", exchanged, gains, optimize=True)  # what the first gives to the second
        first, second = sums[:, 0] - moved, sums[:, 1] + moved
        drawn = np.abs(_ratio(first[..., 0], first[..., 1]) - _ratio(second[..., 0], second[..., 1]))
        as_large += (drawn >= observed - 1e-12).sum(axis=0)
    return (as_large / (_PERMUTATIONS + 1)).tolist()


def _ratio(numerators: np.ndarray, denominators: np.ndarray) -> np.ndarray:
    """Ratios; 0 where a denominator is 0."""
    numerators, denominators = np.asarray(numerators, float), np.asarray(denominators, float)
    return np.divide(numerators, denominators, out=np.zeros_like(numerators), where=denominators > 0)
