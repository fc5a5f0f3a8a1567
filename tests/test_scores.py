"""Scores of stored replies: every number against cases worked by hand, intervals against scipy's."""

import random

import numpy as np
import pytest
import scipy.stats
from rows import past_call, prediction, reply, row, tool

from petoolbench import InputError
from petoolkit.evaluator.scores.bootstrap import ratio_intervals
from petoolkit.evaluator.scores.score import best_rule, metric_values, score
from petoolkit.replies import READERS
from petoolkit.scoring import ERROR_TYPES, METRICS

ROWS = [
    row("u1", "preferred_only", "Cirrox", [past_call("Cirrox")], group="g1"),
    row("u2", "rating_integrated", "Aerwyn", [past_call("Aerwyn", 1)] * 6, group="g1"),
    row("u3", "rating_integrated", "Cirrox", group="g2"),
    row("u4", "chronological", "Aerwyn", [past_call("Cirrox")] * 5, group="g2", category="Money"),
    row("u5", "chronological", "Cirrox", [past_call("Equandra")] * 51, group="g3", category="Money"),
]
INDENTED = reply("Aerwyn", '{"city": "Rome"}').replace("{", "{\n", 1)
PREDICTIONS = [
    prediction(ROWS[0], reply("Cirrox")),
    prediction(ROWS[1], INDENTED, dropped_interactions=2, over_window=True),  # no call to the paper's reader
    prediction(ROWS[2], "", cut=True),
    prediction(ROWS[3], reply("Cirrox")),
]  # and nothing about u5


def values(scores):
    return {metric: share["value"] for metric, share in scores.items()}


def whole(rows, predictions):
    return score(rows, predictions)["scores"]["all"]


def test_shares_are_those_counted_by_hand():
    scores = score(ROWS, PREDICTIONS)["scores"]
    assert list(scores) == ["preferred_only", "rating_integrated", "chronological", "all"]
    assert values(scores["all"]["robust"]) == pytest.approx(
        {
            "tool_acc": 2 / 5,
            "param_acc": 2 / 5,
            "joint_acc": 1 / 5,
            "preference_acc": 2 / 3,
            "IF": 2 / 5,
            "TH": 0,
            "TFM": 0,
            "TPM": 1 / 5,
            "PNM": 0,
            "PVM": 1 / 5,
        }
    )
    paper = {"tool_acc": 1 / 5, "param_acc": 2 / 5, "joint_acc": 1 / 5, "preference_acc": 1 / 2, "IF": 3 / 5, "PVM": 0}
    assert values(scores["all"]["paper"]).items() >= paper.items()
    assert values(scores["rating_integrated"]["robust"]).items() >= {"tool_acc": 1 / 2, "IF": 1 / 2}.items()
    assert values(scores["chronological"]["robust"]).items() >= {"tool_acc": 0, "TPM": 1 / 2, "IF": 1 / 2}.items()


def test_rows_chance_and_counts_are_those_counted_by_hand():
    scored = score(ROWS, PREDICTIONS)
    assert scored["rows"] == {"preferred_only": 1, "rating_integrated": 2, "chronological": 2, "all": 5}
    # One of four is gold, two take a city and do the job.
    chance = {"tool_acc": 0.25, "param_acc": 0.5, "joint_acc": 0.25, "preference_acc": 0.5}
    assert scored["chance"] == dict.fromkeys(scored["rows"], chance)
    assert scored["counts"]["all"] == {
        "unreadable": {"robust": 1, "paper": 2},
        "how_read": {"as asked": 3, "own form": 0, "mended": 0},
        "by_optional_rule": 0,
        "missing": 1,
        "shortened": 2,
        "over_window": 1,
        "cut_replies": 0,
    }
    assert scored["counts"]["chronological"]["missing"] == 1
    assert scored["counts"]["preferred_only"]["unreadable"] == {"robust": 0, "paper": 0}


def test_chance_is_averaged_over_rows_with_few_candidates_and_with_none():
    few = row("u", "chronological", "Aerwyn", candidates=[tool("Aerwyn", "forecast", "x"), tool("Equandra", "y", "z")])
    none = {**few, "id": "v/chronological", "candidate_tools": []}
    chance = score([few, none], [])["chance"]["all"]
    assert chance == {"tool_acc": 0.25, "param_acc": 0, "joint_acc": 0, "preference_acc": 1}
    assert score([none], [])["chance"]["all"]["preference_acc"] is None


def test_the_partitions_sum_to_one_whatever_the_replies():
    """Every kind of reply, over rows, settings and repeats."""
    rng = random.Random(0)
    kinds = [reply("Cirrox"), reply("Aerwyn", "{}"), reply("Equandra", "{}", "lyrics"), reply("Nobody"), "", None]
    kinds += [INDENTED, reply("Aerwyn", '{"city": "Rome"}')]
    predictions = [prediction(one, rng.choice(kinds), repeat) for one in ROWS for repeat in range(20)]
    scores = score(ROWS, predictions)["scores"]
    for of_setting in scores.values():
        for reader in READERS:
            assert list(of_setting[reader]) == [*METRICS, *ERROR_TYPES]
            share = values(of_setting[reader])
            assert sum(share[metric] for metric in ("tool_acc", "IF", "TH", "TFM", "TPM")) == pytest.approx(1)
            assert sum(share[metric] for metric in ("param_acc", "IF", "PNM", "PVM")) == pytest.approx(1)
            assert all(share["low"] is None or share["low"] <= share["high"] for share in of_setting[reader].values())
    assert min(values(scores["all"]["robust"]).values()) > 0


@pytest.mark.parametrize("absent", [[], [prediction(ROWS[0], None, error="timed out")]], ids=["no line", "no reply"])
def test_a_missing_reply_is_wrong_in_both_partitions(absent):
    scored = score(ROWS[:1], absent)
    for reader in READERS:
        assert values(scored["scores"]["all"][reader]).items() >= {"tool_acc": 0, "param_acc": 0, "IF": 1}.items()
    assert scored["counts"]["all"]["missing"] == 1
    assert scored["counts"]["all"]["unreadable"] == {"robust": 0, "paper": 0}


def test_every_repeat_of_every_row_counts():
    """Two rows, three repeats, of which the second row has one."""
    predictions = [prediction(ROWS[0], reply("Cirrox"), 2), prediction(ROWS[0], reply("Aerwyn"), 0)]
    predictions += [prediction(ROWS[3], reply("Aerwyn"), 0)]
    scored = score([ROWS[0], ROWS[3]], predictions)
    assert scored["scores"]["all"]["robust"]["tool_acc"]["value"] == pytest.approx(2 / 6)
    assert scored["repeats"]["all"]["robust"]["tool_acc"] == [0.5, 0, 0.5]
    assert scored["repeats"]["preferred_only"]["paper"]["param_acc"] == [1, 0, 1]
    assert scored["counts"]["all"]["missing"] == 3
    assert scored["rows"]["all"] == 2


def test_a_request_asked_again_counts_with_its_last_answer():
    failed, asked_again = prediction(ROWS[0], None), prediction(ROWS[0], reply("Cirrox"))
    assert score(ROWS[:1], [failed, asked_again]) == score(ROWS[:1], [asked_again])
    assert score(ROWS[:1], [asked_again, failed]) == score(ROWS[:1], [failed])


def test_predictions_may_come_in_any_order():
    assert score(ROWS, PREDICTIONS[::-1]) == score(ROWS, iter(PREDICTIONS))


def test_a_prediction_about_another_dataset_is_refused():
    with pytest.raises(InputError, match="has no row 'u9/chronological', which a prediction is about"):
        score(ROWS, [{"id": "u9/chronological", "repeat": 0, "reply": ""}])


def test_a_share_of_nothing_is_null():
    scored = whole(ROWS, [prediction(ROWS[0], reply("Equandra", "{}", "lyrics"))])
    assert scored["robust"]["preference_acc"] == {"value": None, "low": None, "high": None}


def test_the_documented_type_decides_for_the_robust_reader_only():
    days = {"name": "city", "type": "NUMBER", "description": "", "default": None}
    one = row("u1", "chronological", "Aerwyn", candidates=[tool("Aerwyn", "forecast", "x", "", [days])])
    one["tool_call"]["parameters"] = '{"city": 3}'
    scored = whole([one], [prediction(one, reply("Aerwyn", '{"city": "3"}'))])
    assert scored["robust"]["param_acc"]["value"] == 1
    assert scored["paper"]["PVM"]["value"] == 1


# --- breakdowns -----------------------------------------------------------------------------------------------------


def test_breakdowns_hold_the_rows_and_scores_counted_by_hand():
    breakdowns = score(ROWS, PREDICTIONS)["breakdowns"]
    assert list(breakdowns) == ["history_length", "category", "gold_position"]

    def told(dimension, place="all"):
        return {
            name: (part["rows"], part["scores"]["robust"]["tool_acc"]["value"])
            for name, part in breakdowns[dimension][place].items()
        }

    assert told("history_length") == {"0": (1, 0), "1-5": (2, 0.5), "6-10": (1, 1), "51+": (1, 0)}
    assert told("history_length", "rating_integrated") == {"0": (1, 0), "6-10": (1, 1)}
    assert told("category") == {"Money": (2, 0), "Weather": (3, 2 / 3)}
    assert told("gold_position") == {"1": (2, 0.5), "2": (3, 1 / 3)}
    part = breakdowns["category"]["all"]["Money"]["scores"]["paper"]
    assert values(part) == {"tool_acc": 0, "param_acc": 0.5, "joint_acc": 0}
    assert breakdowns["category"]["preferred_only"]["Weather"]["scores"]["robust"]["tool_acc"]["low"] is None


@pytest.mark.parametrize(
    ("length", "name"),
    [
        (0, "0"),
        (1, "1-5"),
        (5, "1-5"),
        (6, "6-10"),
        (10, "6-10"),
        (15, "11-15"),
        (20, "16-20"),
        (50, "21-50"),
        (51, "51+"),
    ],
)
def test_history_lengths_fall_into_their_bins(length, name):
    one = row("u1", "chronological", "Aerwyn", [past_call("Cirrox")] * length)
    assert list(score([one], [])["breakdowns"]["history_length"]["all"]) == [name]


def test_bands_stand_in_their_natural_order():
    tools = [tool(f"P{number}", "forecast", "x") for number in range(12)]
    rows = [row(f"u{number}", "chronological", f"P{number}", candidates=tools) for number in (11, 1, 9)]
    rows += [row("u99", "chronological", "Elsewhere", candidates=tools)]
    assert list(score(rows, [])["breakdowns"]["gold_position"]["all"]) == ["2", "10", "12", "none"]


# --- intervals ------------------------------------------------------------------------------------------------------


def test_intervals_are_those_of_the_binomial_where_every_cluster_is_one_row():
    """20 of 40 rows right: draws are binomial, whose 2.5 and 97.5 percentiles are 14 and 26 of 40."""
    right = np.repeat([1.0, 0.0], 20)[:, None]
    low, high = ratio_intervals(right, np.ones_like(right), rounds=20_000, seed=0)
    assert (low, high) == (14 / 40, 26 / 40)


def test_intervals_of_two_clusters_are_those_worked_by_hand():
    """3 of 3 and 1 of 2: drawn twice each with chance 1/4, which gives 6/6 and 2/4; else 4/5."""
    low, high = ratio_intervals(np.array([[3.0], [1.0]]), np.array([[3.0], [2.0]]), rounds=1000, seed=0)
    assert (low, high) == (0.5, 1)


def test_intervals_agree_with_scipys():
    rng = np.random.default_rng(1)
    sizes = rng.integers(1, 9, 60).astype(float)
    right = rng.binomial(sizes.astype(int), rng.beta(1, 1, 60)).astype(float)
    low, high = ratio_intervals(right[:, None], sizes[:, None], rounds=20_000, seed=0)
    other = scipy.stats.bootstrap(
        (right, sizes),
        lambda right, sizes, axis: right.sum(axis) / sizes.sum(axis),
        paired=True,
        vectorized=True,
        method="percentile",
        n_resamples=20_000,
        batch=1_000,
    ).confidence_interval
    assert high - low > 0.1
    assert (low, high) == (pytest.approx(other.low, abs=0.005), pytest.approx(other.high, abs=0.005))


def test_columns_are_drawn_together_and_gaps_are_left_out():
    """Equal columns have equal intervals; one that two of forty clusters have is not 0 where neither is drawn."""
    right = np.random.default_rng(0).integers(0, 2, (40, 1)).astype(float)
    rare = np.zeros((40, 1))
    rare[:2] = 1
    numerators, denominators = np.hstack([right, rare * [[0.5]], right]), np.hstack([rare * 0 + 1, rare, rare * 0 + 1])
    low, high = ratio_intervals(numerators, denominators, rounds=500, seed=3)
    assert (low[0], high[0]) == (low[2], high[2])
    assert (low[1], high[1]) == (0.5, 0.5)


def test_one_function_group_has_no_interval():
    scored = whole(ROWS[:2], PREDICTIONS[:2])
    assert scored["robust"]["tool_acc"] == {"value": 1, "low": None, "high": None}
    # Two groups, of which only one has calls of a tool of the right function.
    scored = whole(ROWS[1:3], PREDICTIONS[1:3])
    assert scored["robust"]["tool_acc"] == {"value": 0.5, "low": 0, "high": 1}
    assert scored["robust"]["preference_acc"] == {"value": 1, "low": None, "high": None}


def test_rows_of_a_group_and_repeats_of_a_row_do_not_narrow_the_interval():
    once = [row(f"u{number}", "chronological", "Cirrox", group=f"g{number}") for number in range(12)]
    replies = [reply("Cirrox" if number < 8 else "Aerwyn") for number in range(12)]
    copies = [{**one, "id": f"copy{copy}{one['id']}"} for copy in range(10) for one in once]
    expected = whole(once, [prediction(*pair) for pair in zip(once, replies, strict=True)])
    assert expected["robust"]["tool_acc"]["low"] < 0.5 < expected["robust"]["tool_acc"]["high"]
    assert whole(copies, [prediction(*pair) for pair in zip(copies, replies * 10, strict=True)]) == expected
    repeated = [prediction(*pair, repeat) for repeat in range(10) for pair in zip(once, replies, strict=True)]
    assert whole(once, repeated) == expected


def test_the_same_seed_gives_the_same_intervals():
    assert score(ROWS, PREDICTIONS, seed=1) == score(ROWS, PREDICTIONS, seed=1)
    rows = [row(f"u{number}", "chronological", "Cirrox", group=f"g{number}") for number in range(100)]
    replies = [prediction(one, reply("Cirrox")) for one in rows[::2]]
    assert len({str(score(rows, replies, rounds=50, seed=seed)["scores"]) for seed in range(5)}) > 1


# --- the best rule --------------------------------------------------------------------------------------------------


def test_the_best_rule_is_named_for_each_place_reader_and_metric():
    def scores(tool_acc, preference_acc):
        shares = {
            "tool_acc": tool_acc,
            "param_acc": 0.2,
            "joint_acc": 0.1,
            "preference_acc": preference_acc,
        }
        return {"all": {"robust": shares}}

    best = best_rule({"random": scores(0.1, None), "lexical": scores(0.3, 0.5), "embedding": scores(0.3, 0.4)})
    assert best == {
        "all": {
            "robust": {
                "tool_acc": {"name": "lexical", "value": 0.3},
                "param_acc": {"name": "random", "value": 0.2},
                "joint_acc": {"name": "random", "value": 0.1},
                "preference_acc": {"name": "lexical", "value": 0.5},
            }
        }
    }
    assert best_rule({"random": scores(0.1, None)})["all"]["robust"]["preference_acc"]["value"] is None


def test_a_rule_is_given_the_values_that_a_model_would_get():
    scores = score(ROWS, PREDICTIONS)["scores"]
    assert metric_values(ROWS, PREDICTIONS) == {
        place: {
            reader: {metric: pytest.approx(by_reader[reader][metric]["value"]) for metric in METRICS}
            for reader in READERS
        }
        for place, by_reader in scores.items()
    }
