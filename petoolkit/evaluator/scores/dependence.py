"""Tests of whether Tool Acc depends on a dimension of the rows, over all its bands, and Holm's correction."""

from collections import defaultdict
from collections.abc import Iterator, Sequence

import numpy as np

from petoolbench import setting_of
from petoolkit.evaluator.scores.bootstrap import clusters_of
from petoolkit.evaluator.scores.breakdowns import DIMENSIONS, by_setting
from petoolkit.evaluator.scores.judgements import Judgements
from petoolkit.replies import READERS

_ROUNDS, _SEED = 999, 0


def dependence(rows: Sequence[dict], judged: Judgements) -> dict[str, dict[str, dict]]:
    """Number of bands and p-value by dimension and setting (or `all`).

    The statistic compares all bands: the sum over them of their rows' mean surplus, squared and weighted by the number
    of rows. The surplus of a row is what its Tool Acc has more than the mean of its setting's rows with as many tools
    that do the job. It is a permutation test: outcomes are exchanged among the users of a block, all settings of a
    user together, and among blocks of as many users (function groups, where there are no blocks).
    """
    tool_acc = judged.right(READERS[0], "tool_acc").mean(axis=1)
    surplus = tool_acc - _means(tool_acc, [(setting_of(row), len(row["same_function_tools"])) for row in rows])
    tests = {}
    for dimension, (band_of, _) in DIMENSIONS.items():
        bands = np.array([band_of(row) for row in rows], dtype=object)
        for setting, numbers in by_setting(rows).items():
            tests[dimension, setting] = (numbers, np.unique(bands[numbers].astype(str), return_inverse=True)[1])
    observed = {key: _statistic(surplus[numbers], bands) for key, (numbers, bands) in tests.items()}
    as_high = dict.fromkeys(tests, 1)
    for permuted in _permutations(rows, surplus):
        for key, (numbers, bands) in tests.items():
            as_high[key] += _statistic(permuted[numbers], bands) >= observed[key] - 1e-9
    found: dict[str, dict[str, dict]] = {}
    for (dimension, setting), (_, bands) in tests.items():
        number = len(np.unique(bands))
        p_value = as_high[dimension, setting] / (_ROUNDS + 1) if number > 1 else None
        found.setdefault(dimension, {})[setting] = {"bands": number, "p_value": p_value}
    return found


def _means(values: np.ndarray, strata: Sequence[tuple]) -> np.ndarray:
    """(rows,) the mean of each row's stratum."""
    number_of = {stratum: number for number, stratum in enumerate(dict.fromkeys(strata))}
    numbers = np.array([number_of[stratum] for stratum in strata], int)
    return (np.bincount(numbers, values) / np.bincount(numbers))[numbers]


def _statistic(surplus: np.ndarray, bands: np.ndarray) -> float:
    return float((np.bincount(bands, surplus) ** 2 / np.bincount(bands)).sum())


def _permutations(rows: Sequence[dict], values: np.ndarray) -> Iterator[np.ndarray]:
    """(rows,) values that were exchanged, `_ROUNDS` times."""
    rng = np.random.default_rng(_SEED)
    exchangeable = _exchangeable(rows)
    for _ in range(_ROUNDS):
        permuted = values.copy()
        for numbers in exchangeable:
            blocks, users, _ = numbers.shape
            moved = numbers[rng.permutation(blocks)]
            order = rng.permuted(np.tile(np.arange(users), (blocks, 1)), axis=1)
            permuted[numbers] = values[np.take_along_axis(moved, order[:, :, None], axis=1)]
        yield permuted


def _exchangeable(rows: Sequence[dict]) -> list[np.ndarray]:
    """Row numbers, each array (blocks, users, settings), of blocks with as many users in the same settings."""
    of_users: dict[tuple[int, str], dict[str, int]] = defaultdict(dict)
    for number, (cluster, row) in enumerate(zip(clusters_of(rows).tolist(), rows, strict=True)):
        of_users[cluster, row["user_id"]][setting_of(row)] = number
    blocks: dict[tuple, list[list[int]]] = defaultdict(list)
    for (cluster, _), numbers in of_users.items():
        settings = tuple(sorted(numbers))
        blocks[cluster, settings].append([numbers[setting] for setting in settings])
    alike: dict[tuple, list[list[list[int]]]] = defaultdict(list)
    for (_, settings), users in blocks.items():
        alike[len(users), settings].append(users)
    return [np.array(found) for found in alike.values()]


def holm(p_values: Sequence[float]) -> list[float]:
    """P-values corrected for their number, so that the chance of any false finding stays below the level."""
    corrected, highest = [0.0] * len(p_values), 0.0
    for rank, number in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[number]))
        corrected[number] = highest
    return corrected
