"""Replies to scores: accuracies and error types with intervals, and what must be seen beside them (DESIGN,
"Scoring")."""

from collections.abc import Iterable

import numpy as np

from petoolkit.evaluator.scores.bootstrap import cluster_sums, ratio_intervals
from petoolkit.evaluator.scores.breakdowns import Stratum, places, strata
from petoolkit.evaluator.scores.chance import chance
from petoolkit.evaluator.scores.judgements import Judgements, judge
from petoolkit.replies import READERS
from petoolkit.scoring import PARAMETER_ERRORS, TOOL_ERRORS

ACCURACIES = ("tool_acc", "param_acc", "joint_acc")
RULED = (*ACCURACIES, "preference_acc")  # the metrics in which higher is better
METRICS = (*RULED, *TOOL_ERRORS, *PARAMETER_ERRORS[1:])


def score(rows: list[dict], predictions: Iterable[dict], rounds: int = 1000, seed: int = 0) -> dict:
    """Score replies against their rows; every row and repeat counts, a missing or unreadable reply as wrong.

    Args:
        rows: rows of the dataset.
        predictions: lines of `predictions.jsonl`, in any order. Rows are repeated as often as the highest `repeat`
            says; what has no prediction is missing.
        rounds: of the bootstrap (`petoolkit.evaluator.scores.bootstrap`), which draws function groups.
        seed: of the bootstrap.

    Returns:
        Parts of `scores.json`. A place is a setting or `all`; a value with interval is {`value`, `low`, `high`}, all
        null where there is nothing to divide by; `low` and `high` are null where all of it is one function group.

        `rows`: number by place. `scores`: by place, reader and one of `METRICS`; `joint_acc` is both right,
        `preference_acc` the gold tool among the calls of a tool of the right function, error types are shares of all.
        `chance`: by place and one of `RULED`. `breakdowns`: by dimension (`history_length`, `category`,
        `gold_position`), place and stratum: its `rows`, and `scores` by reader and one of `ACCURACIES`. `repeats`: by
        place, reader and one of `ACCURACIES`, a value for each repeat. `counts`, of replies by place: `unreadable`
        (by reader), `missing`, `shortened`, `over_window`.

    Raises:
        InputError: for a prediction about a row that is not among `rows`.
    """
    judged = judge(rows, predictions)
    whole = places(rows)
    scores: dict = {place: {reader: {} for reader in READERS} for place in whole}
    breakdowns: dict = {}
    parts = strata(rows)
    for (stratum, reader, metric), value in _with_intervals(rows, judged, parts, rounds, seed).items():
        place, dimension, name = stratum
        if not dimension:
            scores[place][reader][metric] = value
            continue
        names = breakdowns.setdefault(dimension, {}).setdefault(place, {})
        there = names.setdefault(name, {"rows": len(parts[stratum]), "scores": {reader: {} for reader in READERS}})
        there["scores"][reader][metric] = value
    return {
        "rows": {place: len(numbers) for place, numbers in whole.items()},
        "scores": scores,
        "chance": chance(rows, whole),
        "breakdowns": breakdowns,
        "repeats": {place: _by_repeat(judged, numbers) for place, numbers in whole.items()},
        "counts": {place: _counts(judged, numbers) for place, numbers in whole.items()},
    }


def ruled_values(rows: list[dict], predictions: Iterable[dict]) -> dict:
    """What `score` finds for `RULED`, by place, reader and metric, without intervals and all that stands beside it."""
    judged = judge(rows, predictions)
    shares = {reader: _shares(judged, reader) for reader in READERS}
    return {
        place: {
            reader: {metric: _ratio(*(counts[numbers] for counts in shares[reader][metric])) for metric in RULED}
            for reader in READERS
        }
        for place, numbers in places(rows).items()
    }


def best_rule(rules: dict[str, dict]) -> dict:
    """The best of the rule models, by place, reader and one of `RULED`: its `name` and `value`.

    Args:
        rules: the `ruled_values` of each rule model by name, about the same rows; of equals the first is the best.
    """
    first: dict = next(iter(rules.values()), {})
    return {
        place: {reader: {metric: _best(rules, place, reader, metric) for metric in RULED} for reader in readers}
        for place, readers in first.items()
    }


def _best(rules: dict[str, dict], place: str, reader: str, metric: str) -> dict:
    values = {name: found[place][reader][metric] for name, found in rules.items()}
    name = max(values, key=lambda name: -1 if values[name] is None else values[name])
    return {"name": name, "value": values[name]}


def _with_intervals(
    rows: list[dict], judged: Judgements, parts: dict[Stratum, np.ndarray], rounds: int, seed: int
) -> dict[tuple[Stratum, str, str], dict[str, float | None]]:
    """Values with intervals by stratum, reader and metric: all metrics of a whole place, accuracies elsewhere."""
    clusters = np.unique([row["group_id"] for row in rows], return_inverse=True)[1]
    shares = {reader: _shares(judged, reader) for reader in READERS}
    keys = [
        (stratum, reader, metric)
        for stratum in parts
        for reader in READERS
        for metric in (ACCURACIES if stratum.dimension else METRICS)
    ]
    sums = np.array(
        [
            [cluster_sums(values, parts[stratum], clusters) for values in shares[reader][metric]]
            for stratum, reader, metric in keys
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
    """Each metric as a ratio: (rows,) numerators and denominators, counted over the repeats."""
    counts = {
        metric: right.sum(axis=1) for metric, right in (judged.accuracies(reader) | judged.errors(reader)).items()
    }
    asked = np.full(len(judged.missing), judged.repeats)
    shares = {metric: (count, asked) for metric, count in counts.items()}
    return shares | {"preference_acc": (counts["tool_acc"], counts["tool_acc"] + counts["TPM"])}


def _by_repeat(judged: Judgements, numbers: np.ndarray) -> dict:
    return {
        reader: {metric: right[numbers].mean(axis=0).tolist() for metric, right in judged.accuracies(reader).items()}
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
