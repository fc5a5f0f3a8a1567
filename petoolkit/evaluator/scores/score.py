"""Scores of replies: metrics and error types with intervals, chance, breakdowns and counts."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from petoolkit.evaluator.scores.bootstrap import cluster_sums, clusters_of, ratio_intervals
from petoolkit.evaluator.scores.breakdowns import RowGroup, by_setting, row_groups
from petoolkit.evaluator.scores.chance import chance
from petoolkit.evaluator.scores.dependence import dependence
from petoolkit.evaluator.scores.judgements import Judgements, judge
from petoolkit.evaluator.stored_rows import facts_of
from petoolkit.replies import HOW_READ, READERS
from petoolkit.scoring import ACCURACIES, ERROR_TYPES, METRICS

_COLUMNS_AT_ONCE = 64  # of a bootstrap, each with a sum for every cluster


def score(rows: Sequence[dict], predictions: Iterable[dict], rounds: int = 1000, seed: int = 0) -> dict[str, Any]:
    """Score the replies to rows; every row and repeat counts, and a missing or unreadable reply is wrong.

    Args:
        rows: rows of the dataset.
        predictions: lines of `predictions.jsonl`, in any order. The highest `repeat` sets the number of repeats; a row
            or repeat without a prediction is missing.
        rounds, seed: see `scores_of`.

    Returns:
        See `scores_of`.

    Raises:
        InputError: if a prediction is about a row that is not in `rows`.
    """
    return scores_of(rows, judge(rows, predictions), rounds, seed)


def scores_of(rows: Sequence[dict], judged: Judgements, rounds: int = 1000, seed: int = 0) -> dict[str, Any]:
    """Scores of judged replies.

    Args:
        rows: rows of the dataset.
        judged: the replies to them.
        rounds: number of draws of the bootstrap (`petoolkit.evaluator.scores.bootstrap`).
        seed: random seed of the bootstrap.

    Returns:
        The fields `rows`, `scores`, `chance`, `breakdowns`, `dependence`, `repeats` and `counts` of
        `petoolkit.evaluator.records.Scores`. A value with its interval is {`value`, `low`, `high`}; all three are
        `None` if the denominator is 0, and `low` and `high` are `None` if all rows are of one
        cluster (`clusters_of`).
    """
    facts = facts_of(rows)
    whole = by_setting(facts)
    scores: dict = {setting: {reader: {} for reader in READERS} for setting in whole}
    breakdowns: dict = {}
    groups = row_groups(facts)
    for (group, reader, metric), value in _with_intervals(facts, judged, groups, rounds, seed).items():
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
        "dependence": dependence(facts, judged),
        "repeats": {setting: _by_repeat(judged, numbers) for setting, numbers in whole.items()},
        "counts": {setting: _counts(judged, numbers) for setting, numbers in whole.items()},
    }


def metric_values(rows: Sequence[dict], predictions: Iterable[dict]) -> dict:
    """The values of `METRICS` as in `score`, by setting, reader and metric, without intervals."""
    judged = judge(rows, predictions)
    shares = {reader: _shares(judged, reader) for reader in READERS}
    return {
        setting: {
            reader: {metric: _ratio(*(counts[numbers] for counts in shares[reader][metric])) for metric in METRICS}
            for reader in READERS
        }
        for setting, numbers in by_setting(facts_of(rows)).items()
    }


def best_rule(rules: dict[str, dict]) -> dict:
    """The best of the rules, by setting, reader and metric: its `name` and `value`.

    Args:
        rules: the `metric_values` of each rule on the same rows, by name; if two have the same value, the first wins.
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
    rows: Sequence[dict], judged: Judgements, groups: dict[RowGroup, np.ndarray], rounds: int, seed: int
) -> dict[tuple[RowGroup, str, str], dict[str, float | None]]:
    """Values with intervals by group, reader and metric: all metrics and error types for a whole setting, accuracies
    for a band."""
    clusters = clusters_of(rows)
    shares = {reader: _shares(judged, reader) for reader in READERS}
    keys = [
        (group, reader, metric)
        for group in groups
        for reader in READERS
        for metric in (ACCURACIES if group.dimension else (*METRICS, *ERROR_TYPES))
    ]
    found = {}
    for start in range(0, len(keys), _COLUMNS_AT_ONCE):
        part = keys[start : start + _COLUMNS_AT_ONCE]
        sums = np.array(
            [
                [cluster_sums(values, groups[group], clusters) for values in shares[reader][metric]]
                for group, reader, metric in part
            ]
        )  # (keys, numerator and denominator, clusters)
        numerators, denominators = sums[:, 0].T, sums[:, 1].T
        low, high = ratio_intervals(numerators, denominators, rounds, seed)
        numerator, denominator = numerators.sum(axis=0), denominators.sum(axis=0)
        value = np.divide(numerator, denominator, out=np.full(len(part), np.nan), where=denominator > 0)
        for key, *numbers in zip(part, value, low, high, strict=True):
            found[key] = dict(zip(("value", "low", "high"), map(_none_if_nan, numbers), strict=True))
    return found


def _shares(judged: Judgements, reader: str) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Numerators and denominators of each metric and error type, each (rows,), summed over the repeats."""
    shares = {
        metric: (judged.right(reader, metric).sum(axis=1), judged.counted(reader, metric).sum(axis=1))
        for metric in METRICS
    }
    repeats = np.full(len(judged.missing), judged.repeats)
    return shares | {error: (has_error.sum(axis=1), repeats) for error, has_error in judged.errors(reader).items()}


def _by_repeat(judged: Judgements, numbers: np.ndarray) -> dict:
    return {
        reader: {metric: judged.right(reader, metric)[numbers].mean(axis=0).tolist() for metric in ACCURACIES}
        for reader in READERS
    }


def _counts(judged: Judgements, numbers: np.ndarray) -> dict:
    return {
        "unreadable": {reader: int(judged.unreadable(reader)[numbers].sum()) for reader in READERS},
        "how_read": {how: int(judged.read(how)[numbers].sum()) for how in HOW_READ},
        "by_optional_rule": int(judged.by_optional_rule[numbers].sum()),
        "missing": int(judged.missing[numbers].sum()),
        "shortened": int(judged.shortened[numbers].sum()),
        "over_window": int(judged.over_window[numbers].sum()),
        "cut_replies": int(judged.reply_cut[numbers].sum()),
    }


def _ratio(numerators: np.ndarray, denominators: np.ndarray) -> float | None:
    return float(numerators.sum() / denominators.sum()) if denominators.sum() else None


def _none_if_nan(value: float) -> float | None:
    return None if np.isnan(value) else float(value)
