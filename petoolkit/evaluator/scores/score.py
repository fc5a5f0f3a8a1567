"""Replies to scores: metrics and error types with intervals, and what must be seen beside them."""

from collections.abc import Iterable
from typing import Any

import numpy as np

from petoolkit.evaluator.scores.bootstrap import cluster_sums, ratio_intervals
from petoolkit.evaluator.scores.breakdowns import RowGroup, by_setting, row_groups
from petoolkit.evaluator.scores.chance import chance
from petoolkit.evaluator.scores.judgements import Judgements, judge
from petoolkit.replies import READERS
from petoolkit.scoring import ACCURACIES, ERROR_TYPES, METRICS


def score(rows: list[dict], predictions: Iterable[dict], rounds: int = 1000, seed: int = 0) -> dict[str, Any]:
    """Score replies against their rows; every row and repeat counts, a missing or unreadable reply as wrong.

    Args:
        rows: rows of the dataset.
        predictions: lines of `predictions.jsonl`, in any order. Rows are repeated as often as the highest `repeat`
            says; a row or repeat without a prediction is missing.
        rounds: of the bootstrap (`petoolkit.evaluator.scores.bootstrap`), which draws function groups.
        seed: of the bootstrap.

    Returns:
        The fields `rows`, `scores`, `chance`, `breakdowns`, `repeats` and `counts` of
        `petoolkit.evaluator.records.Scores`. A value with its interval is {`value`, `low`, `high`}; all three are null
        where there is nothing to divide by, and the ends of the interval where all rows are of one function group.

    Raises:
        InputError: for a prediction about a row that is not among `rows`.
    """
    judged = judge(rows, predictions)
    whole = by_setting(rows)
    scores: dict = {setting: {reader: {} for reader in READERS} for setting in whole}
    breakdowns: dict = {}
    groups = row_groups(rows)
    for (group, reader, metric), value in _with_intervals(rows, judged, groups, rounds, seed).items():
        if not group.dimension:
            scores[group.setting][reader][metric] = value
            continue
        bands = breakdowns.setdefault(group.dimension, {}).setdefault(group.setting, {})
        band = bands.setdefault(group.band, {"rows": len(groups[group]), "scores": {r: {} for r in READERS}})
        band["scores"][reader][metric] = value
    return {
        "rows": {setting: len(numbers) for setting, numbers in whole.items()},
        "scores": scores,
        "chance": chance(rows, whole),
        "breakdowns": breakdowns,
        "repeats": {setting: _by_repeat(judged, numbers) for setting, numbers in whole.items()},
        "counts": {setting: _counts(judged, numbers) for setting, numbers in whole.items()},
    }


def metric_values(rows: list[dict], predictions: Iterable[dict]) -> dict:
    """The values that `score` finds for `METRICS`, by setting, reader and metric, without intervals."""
    judged = judge(rows, predictions)
    shares = {reader: _shares(judged, reader) for reader in READERS}
    return {
        setting: {
            reader: {metric: _ratio(*(counts[numbers] for counts in shares[reader][metric])) for metric in METRICS}
            for reader in READERS
        }
        for setting, numbers in by_setting(rows).items()
    }


def best_rule(rules: dict[str, dict]) -> dict:
    """The best of the rules, by setting, reader and metric: its `name` and `value`.

    Args:
        rules: the `metric_values` of each rule by name, about the same rows; of equals the first is the best.
    """
    first: dict = next(iter(rules.values()), {})
    return {
        setting: {reader: {metric: _best(rules, setting, reader, metric) for metric in METRICS} for reader in readers}
        for setting, readers in first.items()
    }


def _best(rules: dict[str, dict], setting: str, reader: str, metric: str) -> dict:
    values = {name: found[setting][reader][metric] for name, found in rules.items()}
    name = max(values, key=lambda name: -1 if values[name] is None else values[name])
    return {"name": name, "value": values[name]}


def _with_intervals(
    rows: list[dict], judged: Judgements, groups: dict[RowGroup, np.ndarray], rounds: int, seed: int
) -> dict[tuple[RowGroup, str, str], dict[str, float | None]]:
    """Values with intervals by group, reader and metric: all metrics and error types of a whole setting, accuracies
    of a band."""
    clusters = np.unique([row["group_id"] for row in rows], return_inverse=True)[1]
    shares = {reader: _shares(judged, reader) for reader in READERS}
    keys = [
        (group, reader, metric)
        for group in groups
        for reader in READERS
        for metric in (ACCURACIES if group.dimension else (*METRICS, *ERROR_TYPES))
    ]
    sums = np.array(
        [
            [cluster_sums(values, groups[group], clusters) for values in shares[reader][metric]]
            for group, reader, metric in keys
        ]
    )  # (keys, numerator and denominator, clusters)
    numerators, denominators = sums[:, 0].T, sums[:, 1].T
    low, high = ratio_intervals(numerators, denominators, rounds, seed)
    total, of = numerators.sum(axis=0), denominators.sum(axis=0)
    value = np.divide(total, of, out=np.full(len(keys), np.nan), where=of > 0)
    return {
        key: {"value": _or_null(v), "low": _or_null(lo), "high": _or_null(hi)}
        for key, v, lo, hi in zip(keys, value, low, high, strict=True)
    }


def _shares(judged: Judgements, reader: str) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Each metric and error type as a ratio: (rows,) numerators and denominators, counted over the repeats."""
    shares = {
        metric: (judged.right(reader, metric).sum(axis=1), judged.counted(reader, metric).sum(axis=1))
        for metric in METRICS
    }
    asked = np.full(len(judged.missing), judged.repeats)
    return shares | {error: (found.sum(axis=1), asked) for error, found in judged.errors(reader).items()}


def _by_repeat(judged: Judgements, numbers: np.ndarray) -> dict:
    return {
        reader: {metric: judged.right(reader, metric)[numbers].mean(axis=0).tolist() for metric in ACCURACIES}
        for reader in READERS
    }


def _counts(judged: Judgements, numbers: np.ndarray) -> dict:
    return {
        "unreadable": {reader: int(judged.unreadable(reader)[numbers].sum()) for reader in READERS},
        "missing": int(judged.missing[numbers].sum()),
        "shortened": int(judged.shortened[numbers].sum()),
        "over_window": int(judged.over_window[numbers].sum()),
    }


def _ratio(numerators: np.ndarray, denominators: np.ndarray) -> float | None:
    return float(numerators.sum() / denominators.sum()) if denominators.sum() else None


def _or_null(value: float) -> float | None:
    return None if np.isnan(value) else float(value)
