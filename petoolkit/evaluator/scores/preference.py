"""How well calls follow preference: pairs of users, the gain over no history, and rows of counterfactuals."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from petoolbench import SETTINGS, InputError, setting_of
from petoolkit.evaluator.counterfactuals.changed_rows import ChangedRows, RowsInForm
from petoolkit.evaluator.counterfactuals.counterfactual import ChangedRow, Counterfactual, counterfactual_of
from petoolkit.evaluator.counterfactuals.counterfactual_table import COUNTERFACTUALS
from petoolkit.evaluator.scores.bootstrap import cluster_sums, clusters_of, difference_intervals, ratio_intervals
from petoolkit.evaluator.scores.breakdowns import by_setting
from petoolkit.evaluator.scores.judgements import Judgements, judge
from petoolkit.evaluator.stored_predictions import PredictionsByRow, by_row
from petoolkit.evaluator.stored_rows import facts_of
from petoolkit.replies import READERS

_READER = READERS[0]
_ROUNDS, _SEED = 1000, 0
_BLIND = "no-history"  # the counterfactual that a gain is over
Counts = tuple[np.ndarray, np.ndarray]  # numerators and denominators, of rows or of clusters


def preference_scores(
    rows: Sequence[dict],
    judged: Judgements,
    changed: Mapping[str, ChangedRows],
    of_counterfactuals: Iterable[dict],
    repeats: int,
) -> dict[str, Any]:
    """The fields of `petoolkit.evaluator.records.Preference`.

    Args:
        rows: rows of the dataset.
        judged: the replies to them.
        changed: rows of counterfactuals by name.
        of_counterfactuals: replies to these.
        repeats: number of replies asked to each row.

    Raises:
        InputError: if a reply is about a row of a counterfactual that is not among them.
    """
    rows = facts_of(rows)
    of_each = _by_counterfactual(by_row(of_counterfactuals), changed)
    blind = judge(changed[_BLIND].rows, of_each[_BLIND], repeats) if _BLIND in changed else None
    found = {}
    for name, made in changed.items():
        own = blind if blind and name == _BLIND else judge(made.rows, of_each[name], repeats)
        other = None
        if COUNTERFACTUALS[name].expected_other is not None:
            other = judge(RowsInForm(made, _with_other_gold), of_each[name], repeats)
        found[name] = _of_counterfactual(COUNTERFACTUALS[name], made.as_they_were, own, other, rows, judged)
    return {
        "pairs": _pairs(rows, judged, blind),
        "history_gain": _history_gain(rows, judged, blind) if blind else {},
        "counterfactual_scores": found,
    }


def _by_counterfactual(predictions: PredictionsByRow, names: Iterable[str]) -> dict[str, PredictionsByRow]:
    """The replies to the rows of each counterfactual."""
    ids: dict[str, list[str]] = {name: [] for name in names}
    for row_id in predictions.row_ids:
        if (name := counterfactual_of(row_id)) not in ids:
            raise InputError(
                f"a prediction is about {row_id!r}, and the evaluation does not ask such a row; remove it from the "
                "predictions, or evaluate again."
            )
        ids[name].append(row_id)
    return {name: predictions.only(of_name) for name, of_name in ids.items()}


def _with_other_gold(one: ChangedRow) -> dict:
    gold = one.other_tool or ""
    return {**one.row, "tool_call": {**one.row["tool_call"], "tool_name": gold}, "acceptable_tools": [gold]}


def pair_differences(rows: Sequence[dict], a: Judgements, b: Judgements) -> dict[str, dict]:
    """What B's pair accuracy given the function has more than A's, by setting; empty if the rows are of no blocks."""
    rows = facts_of(rows)
    if not any(row["block_id"] for row in rows):
        return {}
    clusters, found = clusters_of(rows), {}
    for setting, numbers in by_setting(rows).items():
        (pairs_a, right_a), (pairs_b, right_b) = (pair_counts(rows, one, numbers, clusters) for one in (a, b))
        found[setting] = _difference((right_b, pairs_b), (right_a, pairs_a))
    return found


def _pairs(rows: Sequence[dict], judged: Judgements, blind: Judgements | None) -> dict[str, dict]:
    """Pair accuracy given the function, by setting; empty if the rows are of no blocks."""
    if not any(row["block_id"] for row in rows):
        return {}
    found = {}
    clusters = clusters_of(rows)
    for setting, numbers in by_setting(rows).items():
        pairs, right = pair_counts(rows, judged, numbers, clusters)
        low, high = ratio_intervals(right[:, None], pairs[:, None], _ROUNDS, _SEED)
        gain = None
        if blind:
            blind_pairs, blind_right = pair_counts(rows, blind, numbers, clusters)
            gain = _difference((right, pairs), (blind_right, blind_pairs))
        found[setting] = {
            "pairs": _number_of_pairs(rows, numbers) * judged.repeats,
            "counted": int(pairs.sum()),
            "score": _score(right, pairs, low[0], high[0]),
            "gain": gain,
        }
    return found


def pair_counts(rows: Sequence[dict], judged: Judgements, numbers: np.ndarray, clusters: np.ndarray) -> Counts:
    """(clusters,) pairs in which both calls are of a tool that does the job, and those in which both are right."""
    does_the_job = judged.outcome(_READER).right_function
    is_right = judged.right(_READER, "tool_acc")
    pairs, right = np.zeros(clusters.max() + 1), np.zeros(clusters.max() + 1)
    for members in _blocks(rows, numbers):
        apart = _apart(rows, members)
        for values, sums in ((does_the_job, pairs), (is_right, right)):
            own = values[members].astype(float)  # (users, repeats)
            sums[clusters[members[0]]] += np.einsum("ir,ij,jr->", own, apart, own) / 2
    return pairs, right


def _blocks(rows: Sequence[dict], numbers: np.ndarray) -> list[list[int]]:
    """Row numbers of the users of each block and setting."""
    members: dict[tuple[str, str], list[int]] = {}
    for number in numbers.tolist():
        if rows[number]["block_id"]:
            members.setdefault((rows[number]["block_id"], setting_of(rows[number])), []).append(number)
    return list(members.values())


def _apart(rows: Sequence[dict], members: list[int]) -> np.ndarray:
    """(users, users) 1 where two users of a block prefer different tools."""
    golds = np.array([rows[number]["tool_call"]["tool_name"] for number in members])
    return (golds[:, None] != golds[None, :]).astype(float)


def _number_of_pairs(rows: Sequence[dict], numbers: np.ndarray) -> int:
    return int(sum(_apart(rows, members).sum() for members in _blocks(rows, numbers)) / 2)


def _history_gain(rows: Sequence[dict], judged: Judgements, blind: Judgements) -> dict[str, dict]:
    """What Preference Acc has more than without history, by setting."""
    clusters = clusters_of(rows)
    sums = [_preference_counts(one) for one in (judged, blind)]
    return {
        setting: _difference(*(tuple(cluster_sums(values, numbers, clusters) for values in counts) for counts in sums))  # type: ignore[arg-type]
        for setting, numbers in by_setting(rows).items()
    }


def _preference_counts(judged: Judgements) -> Counts:
    """(rows,) right calls, and calls of a tool that does the job."""
    return judged.right(_READER, "tool_acc").sum(axis=1), judged.outcome(_READER).right_function.sum(axis=1)


def _difference(first: Counts, second: Counts) -> dict[str, float | None]:
    """The ratio of the first sums less that of the second, with its interval."""
    if not first[1].sum() or not second[1].sum():
        return dict.fromkeys(("value", "low", "high"))
    value = first[0].sum() / first[1].sum() - second[0].sum() / second[1].sum()
    low, high = difference_intervals(first, second, _ROUNDS, _SEED)
    return {"value": float(value), "low": _none_if_nan(low), "high": _none_if_nan(high)}


def _of_counterfactual(
    counterfactual: Counterfactual,
    rows: Sequence[dict],
    judged: Judgements,
    judged_other: Judgements | None,
    plain_rows: Sequence[dict],
    plain: Judgements,
) -> dict[str, dict]:
    """Shares of calls of a row's own tool and of the other tool, observed and expected, by setting.

    Args:
        counterfactual: whose rows were asked.
        rows: what groups them.
        judged: the replies to them.
        judged_other: the same with the other tool as the gold one; `None` if there is none.
        plain_rows, plain: the dataset's rows, and the replies to them.
    """
    own = judged.right(_READER, "tool_acc").sum(axis=1)
    counted = np.full(len(rows), judged.repeats)
    if counterfactual.given_function:
        counted = judged.outcome(_READER).right_function.sum(axis=1)
    expected = np.array([_expected(counterfactual, row) for row in rows])
    clusters, found = clusters_of(rows), {}
    for setting, numbers in by_setting(rows).items():
        found[setting] = {
            "rows": len(numbers),
            "missing": int(judged.missing[numbers].sum()),
            "own": _share(own, counted, numbers, clusters),
            "expected": float(expected[numbers].mean()),
        }
        if judged_other:
            other = judged_other.right(_READER, "tool_acc").sum(axis=1)
            found[setting]["other"] = _share(other, counted, numbers, clusters)
            found[setting]["expected_other"] = counterfactual.expected_other
    as_they_are = by_setting(plain_rows)
    for setting, numbers in as_they_are.items():
        if setting in SETTINGS and setting not in found and counterfactual.expected(SETTINGS[setting]) is None:
            share = _share(*_preference_counts(plain), numbers, clusters_of(plain_rows))
            found[setting] = {"rows": 0, "own": share, "expected": 1.0}
    return {setting: found[setting] for setting in as_they_are if setting in found}


def _expected(counterfactual: Counterfactual, row: dict) -> float:
    expected = counterfactual.expected(SETTINGS[setting_of(row)])
    if expected == "ceiling":
        return len(row["acceptable_tools"]) / len(row["same_function_tools"])
    assert expected is not None
    return expected


def _share(right: np.ndarray, counted: np.ndarray, numbers: np.ndarray, clusters: np.ndarray) -> dict:
    rights, counts = (cluster_sums(values, numbers, clusters) for values in (right, counted))
    low, high = ratio_intervals(rights[:, None], counts[:, None], _ROUNDS, _SEED)
    return _score(rights, counts, low[0], high[0])


def _score(right: np.ndarray, counted: np.ndarray, low: float, high: float) -> dict[str, float | None]:
    value = float(right.sum() / counted.sum()) if counted.sum() else None
    return {"value": value, "low": _none_if_nan(low), "high": _none_if_nan(high)}


def _none_if_nan(value: float) -> float | None:
    return None if np.isnan(value) else float(value)
