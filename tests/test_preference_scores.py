"""The headline numbers on replies counted by hand, tests of dependence, and rules that read their own row only."""

import itertools

import numpy as np
import pytest
from rows import past_call, prediction, reply, row, tool
from two_blocks import AERWYN, CIRROX, block, override

from petoolkit.attribute_reading import word_similarities
from petoolkit.evaluator.counterfactuals.changed_rows import changed_rows
from petoolkit.evaluator.models.baselines import BASELINES, predict
from petoolkit.evaluator.scores.bootstrap import clusters_of
from petoolkit.evaluator.scores.dependence import dependence, holm
from petoolkit.evaluator.scores.judgements import judge
from petoolkit.evaluator.scores.preference import pair_differences, preference_scores

SETTING = "rating_integrated"
ROWS = [one for name in ("b1", "b2", "b3", "b4") for one in block(name, SETTING)]  # gold tools: Aerwyn, Cirrox in each
RIGHT = [reply("Aerwyn"), reply("Cirrox")]
OTHER = reply("Dovarque", api="convert")


def scores(replies, blind=None, rows=ROWS, overridden=()):
    """Scores of one reply to each row, and one to each row without history, and to each override row."""
    changed, of_counterfactuals = {}, []
    if blind:
        changed = changed_rows(rows, ["no-history"])
        of_counterfactuals = [
            prediction(row, text) for row, text in zip(changed["no-history"].rows, blind, strict=True)
        ]
    if overridden:
        changed |= changed_rows([*rows, *map(override, rows)], ["override"])
        made = changed["override"].rows
        of_counterfactuals += [prediction(row, text) for row, text in zip(made, overridden, strict=True)]
    predictions = [prediction(one, text) for one, text in zip(rows, replies, strict=True)]
    return preference_scores(rows, judge(rows, predictions), changed, of_counterfactuals, 1)


def test_pair_accuracy_counts_pairs_in_which_both_calls_do_the_job():
    """Both right; one right; one of another function, so not counted; both wrong (each has the other's tool)."""
    replies = [*RIGHT, RIGHT[0], RIGHT[0], RIGHT[0], OTHER, *RIGHT[::-1]]
    pairs = scores(replies)["pairs"]["all"]
    assert (pairs["pairs"], pairs["counted"], pairs["score"]["value"]) == (4, 3, pytest.approx(1 / 3))
    assert pairs["score"]["low"] == 0 and pairs["score"]["high"] == 1 and pairs["gain"] is None
    assert scores(replies)["pairs"][SETTING] == pairs


def test_three_users_make_three_pairs_and_those_of_one_taste_none():
    """Two users of the block prefer Aerwyn: they are right together, but differ in nothing."""
    first, second = block("b1", SETTING)
    rows = [first, {**first, "id": f"b1-2/{SETTING}", "user_id": "b1-2"}, second]
    pairs = scores([RIGHT[0], RIGHT[0], RIGHT[1]], rows=rows)["pairs"]["all"]
    assert (pairs["pairs"], pairs["counted"], pairs["score"]["value"]) == (2, 2, 1)
    pairs = scores([RIGHT[0], RIGHT[1], RIGHT[1]], rows=rows)["pairs"]["all"]
    assert (pairs["counted"], pairs["score"]["value"]) == (2, 0.5)


def test_no_pair_with_both_functions_right_gives_no_share():
    pairs = scores([RIGHT[0], OTHER] * 4)["pairs"]["all"]
    assert (pairs["counted"], pairs["score"]) == (0, {"value": None, "low": None, "high": None})


def test_repeats_are_paired_each_for_itself():
    """First repeat: both right; second: the first user wrong. One of two pairs."""
    rows = block("b1", SETTING)
    predictions = [prediction(one, text) for one, text in zip(rows, RIGHT, strict=True)]
    predictions += [prediction(one, RIGHT[1], repeat=1) for one in rows]
    pairs = preference_scores(rows, judge(rows, predictions, 2), {}, [], 2)["pairs"]["all"]
    assert (pairs["pairs"], pairs["counted"], pairs["score"]["value"]) == (2, 2, 0.5)


def test_gains_over_no_history():
    """With history 3 of 4 pairs and 7 of 8 rows; without, one tool for all: no pair, half of the rows."""
    found = scores([*RIGHT, *RIGHT, *RIGHT, RIGHT[0], RIGHT[0]], blind=[RIGHT[0]] * 8)
    assert found["pairs"]["all"]["gain"]["value"] == 0.75
    assert found["history_gain"]["all"]["value"] == pytest.approx(7 / 8 - 1 / 2)
    low = found["history_gain"]["all"]["low"]
    assert low == pytest.approx(1 / 8), "the block without a gain is three of four drawn ones in 5 % of the draws"
    assert found["counterfactual_scores"]["no-history"]["all"]["own"]["value"] == 0.5


def test_over_personalisation_counts_all_override_rows():
    """In b1 the taste is followed twice, in b2 once, and the request once; of the other four, two did another job."""
    asked = [RIGHT[0], RIGHT[1], RIGHT[0], RIGHT[0], OTHER, None, *RIGHT[::-1]]
    found = scores(RIGHT * 4, overridden=asked)["counterfactual_scores"]["override"]["all"]
    assert found["rows"] == 8 and found["missing"] == 1
    assert (found["own"]["value"], found["other"]["value"]) == (3 / 8, 3 / 8)
    assert (found["expected"], found["expected_other"]) == (1, 0)


def test_rows_without_blocks_have_no_pairs():
    rows = [{**one, "block_id": ""} for one in ROWS]
    assert scores(RIGHT * 4, rows=rows)["pairs"] == {}
    judged = judge(rows, [prediction(one, RIGHT[0]) for one in rows])
    assert pair_differences(rows, judged, judged) == {}


def test_clusters_are_blocks_else_function_groups():
    of_rows = ["g1 b1", "g1 b2", "g1 ", "g1 ", "g2 ", "g2 b1", "g3 ", "g3 "]
    rows = [dict(zip(("group_id", "block_id"), one.split(" "), strict=True)) for one in of_rows]
    numbers = clusters_of(rows)
    assert numbers[0] == numbers[5] and numbers[2] == numbers[3] and len(set(numbers)) == 5


def many_blocks(number, right):
    """Blocks of two users, the gold tool at position 1 or 2, with replies that `right(block, user)` says are right."""
    rows, predictions = [], []
    for index in range(number):
        for user, one in enumerate(block(f"b{index:02}", SETTING)):
            one = {**one, "category": "ABCD"[index % 4], "history_length": [3, 8, 13][index % 3]}
            rows.append(one)
            predictions.append(prediction(one, RIGHT[user] if right(index, user) else RIGHT[1 - user]))
    return rows, judge(rows, predictions)


def test_a_dependence_on_the_position_is_found():
    """The gold tool is called at position 1 always, and at position 2 in every third block."""
    found = dependence(*many_blocks(30, lambda index, user: user == 0 or index % 3 == 0))
    assert found["gold_position"]["all"] == {"bands": 2, "p_value": 1 / 1000}
    assert found["category"]["all"]["p_value"] > 0.2
    assert found["history_length"][SETTING] == {"bands": 3, "p_value": 1 / 1000}, "every third block is as long"


def test_no_dependence_is_found_in_chance_and_the_test_keeps_its_level():
    """Users of a block are right or wrong together, so rows are not independent; 100 draws, at most 10 below 5 %."""
    low = {"category": 0, "gold_position": 0, "history_length": 0}
    for seed in range(100):
        drawn = np.random.default_rng(seed).random(24) < 0.3
        found = dependence(*many_blocks(24, lambda index, user: drawn[index]))  # noqa: B023
        for dimension in low:
            low[dimension] += found[dimension]["all"]["p_value"] < 0.05
    assert max(low.values()) <= 10, low


def test_nothing_to_compare_has_no_p_value():
    rows, judged = many_blocks(4, lambda index, user: True)
    rows = [{**one, "category": "A"} for one in rows]
    assert dependence(rows, judged)["category"]["all"] == {"bands": 1, "p_value": None}
    assert dependence(rows, judged)["gold_position"]["all"] == {"bands": 2, "p_value": 1}


def test_holm_by_hand():
    """0.01 x 4, 0.02 x 3, 0.03 x 2 (no less than the one before), 0.5."""
    assert holm([0.03, 0.01, 0.5, 0.02]) == pytest.approx([0.06, 0.04, 0.5, 0.06])
    assert holm([]) == [] and holm([0.7, 0.8]) == [1, 1]


def described(provider, says, rating):
    return {**past_call(provider, rating), "provider_description": says}


FREE, EUROPE = "There is no fee.", "Servers hosted in Europe."


@pytest.mark.parametrize(
    ("history", "expected"),
    [
        ([past_call("Aerwyn", 1), past_call("Cirrox", 0)], "Aerwyn"),  # the provider
        ([{**past_call("Aerwyn", 1), "tool_name": CIRROX}, past_call("Cirrox", 0)], "Cirrox"),  # the exact tool first
        ([described("Equandra", FREE, 1), described("Dovarque", EUROPE, 0)], "Aerwyn"),  # words of the attributes
        ([described("Equandra", FREE, 0), described("Dovarque", EUROPE, 1)], "Cirrox"),
        ([described("Equandra", EUROPE, 1), past_call("Aerwyn", 1)], "Aerwyn"),  # the provider before the words
    ],
)
def test_the_preference_rule_asks_tool_then_provider_then_words(history, expected):
    one = row("u1", SETTING, "Aerwyn", history)
    assert f"<{expected}>" in next(predict("preference-rule", [one], lambda: [], 0))


@pytest.mark.parametrize("name", ["attribute-words", "attribute-embedding"])
def test_readers_of_attributes_follow_what_called_tools_are_like(name):
    likes_free = row("u1", SETTING, "Aerwyn", [described("Equandra", FREE, 1), described("Dovarque", EUROPE, 0)])
    likes_europe = row("u2", SETTING, "Cirrox", [described("Equandra", FREE, 0), described("Dovarque", EUROPE, 1)])
    replies = list(predict(name, [likes_free, likes_europe], lambda: [], 0))
    assert "<Aerwyn>" in replies[0] and "<Cirrox>" in replies[1]


@pytest.mark.parametrize("name", [name for name, rule in BASELINES.items() if name not in ("lexical", "popularity")])
def test_a_rule_reads_its_own_row_only(name):
    rows = [
        row("u1", SETTING, "Aerwyn", [described("Equandra", FREE, 1), past_call("Dovarque", 0)]),
        row("u2", "chronological", "Cirrox", [described("Equandra", EUROPE, None), past_call("Cirrox")]),
        *block("b1", "chronological"),
    ]
    rows = rows[2:] if BASELINES[name].is_oracle else rows
    alone = list(itertools.chain.from_iterable(predict(name, [one], lambda: [], 0) for one in rows))
    assert list(predict(name, rows, lambda: [], 0)) == alone


def test_a_provider_is_asked_of_the_tool_and_not_cut_out_of_its_name():
    """Names of other forms: the provider is who is described alike."""
    tools = [
        {**tool("x", "x", "Weather forecast for a city", says), "tool_name": name}
        for name, says in (("get_weather", "Nordic weather service."), ("weather_now", "Weather of the south."))
    ]
    liked = {**past_call("x", 1), "tool_name": "get_tides", "provider_description": "Weather of the south."}
    one = {**row("u1", SETTING, "x", [liked], tools), "same_function_tools": ["get_weather", "weather_now"]}
    assert '"weather_now"' in next(predict("preference-rule", [one], lambda: [], 0))


def test_word_similarities_by_hand():
    """Equal texts have 1, texts without a common word 0, an empty text 0 to all; stop words do not count."""
    found = word_similarities(["No fee and no key", ""], ["no key, no fee", "the and of", "servers abroad"])
    assert found[0].tolist() == pytest.approx([1, 0, 0]) and found[1].tolist() == [0, 0, 0]
    assert word_similarities(["a"], []).shape == (1, 0)


def test_an_oracle_is_never_the_best_rule():
    assert [name for name, rule in BASELINES.items() if rule.is_oracle] == ["trait-oracle"]
    assert "oracle" in BASELINES["trait-oracle"].description


def test_names_of_the_block_rows():
    assert ROWS[0]["same_function_tools"] == [AERWYN, CIRROX]


def test_a_rule_that_calls_the_first_of_equals_may_depend_on_the_position():
    """No candidate is known from the training rows: `popularity` calls the first, so it is no placebo there."""
    train = [row("t1", SETTING, "Elsewhere")]
    assert all("<Aerwyn>" in reply for reply in predict("popularity", ROWS, lambda: train, 0))
    assert "gold_position" not in BASELINES["popularity"].cannot_depend_on
    assert "gold_position" in BASELINES["lexical"].cannot_depend_on
