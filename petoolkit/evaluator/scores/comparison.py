"""Comparison of two evaluations of the same rows: differences with intervals and p-values, and flipped replies."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from petoolbench import InputError
from petoolkit.evaluator.records import SCORES, Difference, Manifest, Preference, Scores
from petoolkit.evaluator.results_folder import Results, changed_rows_of, read_results, rows_of
from petoolkit.evaluator.scores.bootstrap import cluster_sums, clusters_of, ratio_intervals
from petoolkit.evaluator.scores.breakdowns import by_setting
from petoolkit.evaluator.scores.judgements import Judgements, judge
from petoolkit.evaluator.scores.preference import pair_differences, preference_scores
from petoolkit.evaluator.stored_rows import facts_of
from petoolkit.replies import READERS
from petoolkit.scoring import ACCURACIES

_ROUNDS = 1000
_PERMUTATIONS = 9_999
_SUMS_AT_ONCE = 10_000_000  # numbers in memory
_MUST_BE_EQUAL = ("dataset", "split", "setting", "fingerprint")  # of the manifests, so that the rows are the same


@dataclass(frozen=True)
class Comparison:
    """Differences between evaluation A and evaluation B.

    Args:
        manifest_a, manifest_b: manifests of the evaluations.
        rows: number of rows.
        differences: by setting (or `all`), reader and accuracy: {`a`, `b`, `value`, `low`, `high`, `p_value`}. `value`
            is B minus A, from -1 to 1, with its 95 % interval; the last three are `None` if all rows are of one
            block or function group.
        flipped: replies where, by the robust reader, only one of the two called the right tool: {`id`, `repeat`,
            `instruction`, `tool_call` (the gold one), `right` ("a" or "b"), `reply_a`, `reply_b`}.
        preference_a, preference_b: how well the calls of each follow preference.
        tokens_a, tokens_b: mean tokens of a request, all told; `None` if they are not known.
        pairs: what B's pair accuracy given the function has more, by setting; empty if the rows are of no blocks.
    """

    manifest_a: Manifest
    manifest_b: Manifest
    rows: int
    differences: dict[str, dict[str, dict[str, dict[str, float | None]]]]
    flipped: list[dict]
    preference_a: Preference = field(default_factory=Preference)
    preference_b: Preference = field(default_factory=Preference)
    pairs: dict[str, Difference] = field(default_factory=dict)
    tokens_a: float | None = None
    tokens_b: float | None = None


def compare(folder_a: Path, folder_b: Path, seed: int = 0) -> Comparison:
    """Compare two evaluations, paired by row.

    The bootstrap and the permutation test keep blocks together (function groups, where there are no blocks). The
    repeats of a row are averaged, so the two may have different numbers of repeats; `flipped` is about the repeats
    that both have. P-values are two-sided and not corrected for the number of comparisons.

    Args:
        folder_a, folder_b: folders that `petoolbench evaluate --out` wrote.
        seed: random seed of the bootstrap and the permutations.

    Raises:
        InputError: if a folder does not hold an evaluation, the two are not about the same rows, or the dataset has
            changed since the evaluation.
    """
    a, b = read_results(folder_a), read_results(folder_b)
    for key in _MUST_BE_EQUAL:
        of_a, of_b = getattr(a.manifest, key), getattr(b.manifest, key)
        if of_a != of_b:
            raise InputError(
                f"{folder_a} and {folder_b} cannot be compared: {key} is {of_a!r} in the first and {of_b!r} in the "
                "second; evaluate both on the same rows."
            )
    rows = rows_of(a.manifest)
    judged_a, judged_b = (judge(rows, one.predictions, one.manifest.options.repeat) for one in (a, b))
    return Comparison(
        manifest_a=a.manifest,
        manifest_b=b.manifest,
        rows=len(rows),
        differences=_differences(rows, judged_a, judged_b, seed),
        preference_a=_preference(rows, a, judged_a),
        preference_b=_preference(rows, b, judged_b),
        pairs={name: Difference(**found) for name, found in pair_differences(rows, judged_a, judged_b).items()},
        flipped=_flipped(rows, a, b, judged_a, judged_b),
        tokens_a=_tokens_a_request(folder_a),
        tokens_b=_tokens_a_request(folder_b),
    )


def _tokens_a_request(folder: Path) -> float | None:
    return Scores.read(folder).tokens_a_request if (folder / SCORES).is_file() else None


def _preference(rows: Sequence[dict], results: Results, judged: Judgements) -> Preference:
    changed = changed_rows_of(results.manifest, rows)
    repeats = results.manifest.options.repeat
    found = preference_scores(rows, judged, changed, results.of_counterfactuals, repeats)
    return Preference(**found)


def _differences(rows: Sequence[dict], a: Judgements, b: Judgements, seed: int) -> dict:
    facts = facts_of(rows)
    clusters = clusters_of(facts)
    repeats = np.full(len(rows), a.repeats * b.repeats)
    keys, gains, denominators = [], [], []
    for setting, numbers in by_setting(facts).items():
        for reader in READERS:
            for metric in ACCURACIES:
                of_a, of_b = a.right(reader, metric), b.right(reader, metric)
                gain = of_b.sum(axis=1) * a.repeats - of_a.sum(axis=1) * b.repeats  # integers, so that ties are exact
                keys.append((setting, reader, metric, float(of_a[numbers].mean()), float(of_b[numbers].mean())))
                gains.append(cluster_sums(gain, numbers, clusters))
                denominators.append(cluster_sums(repeats, numbers, clusters))
    low, high = ratio_intervals(np.array(gains).T, np.array(denominators).T, _ROUNDS, seed)
    p_values = _p_values(np.array(gains), seed)
    found: dict = {}
    for (setting, reader, metric, value_a, value_b), lo, hi, p in zip(keys, low, high, p_values, strict=True):
        interval = dict.fromkeys(("low", "high", "p_value"))
        if not np.isnan(lo):
            interval = {"low": float(lo), "high": float(hi), "p_value": float(p)}
        difference = {"a": value_a, "b": value_b, "value": value_b - value_a, **interval}
        found.setdefault(setting, {}).setdefault(reader, {})[metric] = difference
    return found


def _p_values(gains: np.ndarray, seed: int) -> np.ndarray:
    """P-values of a permutation test whose null hypothesis is that each cluster's gain has a random sign.

    Args:
        gains: (comparisons, clusters), B minus A.
        seed: random seed.

    Returns:
        (comparisons,) two-sided p-values; exact if there are few clusters.
    """
    from scipy.stats import permutation_test

    if gains.shape[1] < 2:
        return np.ones(len(gains))
    test = permutation_test(
        (gains,),
        np.sum,
        permutation_type="samples",  # with one sample, it changes signs
        vectorized=True,
        axis=1,
        n_resamples=_PERMUTATIONS,
        batch=max(1, min(500, _SUMS_AT_ONCE // gains.size)),
        rng=seed,
    )
    return test.pvalue


def _flipped(rows: Sequence[dict], a: Results, b: Results, judged_a: Judgements, judged_b: Judgements) -> list[dict]:
    repeats = min(judged_a.repeats, judged_b.repeats)
    right_a, right_b = (judged.right(READERS[0], "tool_acc")[:, :repeats] for judged in (judged_a, judged_b))
    flips = np.argwhere(right_a != right_b).tolist()
    asked = [rows[number] for number in dict.fromkeys(number for number, _ in flips)]
    replies_a, replies_b = (_replies(results, asked) for results in (a, b))
    row_of = dict(zip(dict.fromkeys(number for number, _ in flips), asked, strict=True))
    flipped = []
    for number, repeat in flips:
        row = row_of[number]
        flipped.append(
            {
                "id": row["id"],
                "repeat": repeat,
                "instruction": row["instruction"],
                "tool_call": row["tool_call"],
                "right": "a" if right_a[number, repeat] else "b",
                "reply_a": replies_a.get((row["id"], repeat)),
                "reply_b": replies_b.get((row["id"], repeat)),
            }
        )
    return flipped


def _replies(results: Results, rows: list[dict]) -> dict[tuple[str, int], str | None]:
    """The replies to some rows, by row id and repeat."""
    of_rows = results.predictions.of_rows(row["id"] for row in rows)
    return {(line["id"], line["repeat"]): line["reply"] for lines in of_rows for line in lines}
