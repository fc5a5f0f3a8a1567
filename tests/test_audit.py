"""The audit: each gate fails on a leak that is made for it, and on rows without a leak all gates hold."""

import copy
import json

import numpy as np
import pytest
from block_rows import block, of_other_providers
from fakes import WordEncoder
from rows import past_call, row

from petoolbench import SETTINGS, InputError, setting_of
from petoolkit.audit.audit import audit_rows
from petoolkit.audit.audit_rows import RowsInMemory
from petoolkit.audit.choices import Choices
from petoolkit.audit.gates import check_gate_names, gate_names
from petoolkit.audit.rating_order import shares_later
from petoolkit.audit.resolution import resolution
from petoolkit.audit.row_counts import COUNTS
from petoolkit.audit.solver import FittingRows, share_right
from petoolkit.audit.solvers import SOLVERS
from petoolkit.audit.tree_solvers import Trees
from petoolkit.dataset_record import DatasetRecord

AERWYN, CIRROX = "<Weather>.<Aerwyn>.<forecast>", "<Weather>.<Cirrox>.<forecast>"
RATED = next(name for name, setting in SETTINGS.items() if setting.is_rated)
MIXED = [name for name, setting in SETTINGS.items() if setting.dislikes != "none"]
RECORD = DatasetRecord(origin="build", author="offline", split="provider")


@pytest.fixture(autouse=True)
def _no_model(monkeypatch):
    monkeypatch.setattr("petoolkit.embedding.Encoder", WordEncoder)


def blocks(number, name):
    """Rows of so many blocks, each of two users of its own."""
    return [
        one
        for index in range(number)
        for one in block(
            (f"{name}{index}a", f"{name}{index}b"), block_id=f"{name}{index}", group_id=f"{name}{index % 9}"
        )
    ]


def clean():
    """Test rows, and training rows of other providers."""
    return blocks(12, "t"), of_other_providers(blocks(24, "r"))


def same_providers():
    """Test and training rows with the same candidates."""
    return blocks(12, "t"), blocks(24, "r")


def audited(test, train=(), record=RECORD, **options):
    rows = RowsInMemory()
    for split, some in (("test", test), ("train", train)):
        for one in some:
            rows.add(setting_of(one), split, one)
    return audit_rows(rows, "bench", "hash", record, **options)


def gates(test, train, record=RECORD):
    return {gate.name: gate.passes for gate in audited(test, train, record).gates}


def gold(one):
    return one["tool_call"]["tool_name"]


def rival(one):
    return next(name for name in one["same_function_tools"] if name != gold(one))


def call(tool_name, liked=True, one=None):
    provider = tool_name.split(">.<")[1]
    past = past_call(provider, rating=int(liked) if one and SETTINGS[setting_of(one)].is_rated else None)
    return {**past, "tool_name": tool_name}


def in_history(one, *calls):
    """The row with further past calls at the end of its history."""
    history = [*one["history"], *calls]
    return {**one, "history": history, "history_length": len(history), "taste": ""}


# Each leak takes the clean rows of a split and gives leaking ones.


def liked_provider_is_golds(one, split):
    return in_history(one, call(gold(one).replace("<forecast>", "<other>"), one=one))


def rivals_provider_is_disliked(one, split):
    calls = [call(rival(one), False, one)]
    return {**in_history(one), "history": [*calls, *one["history"]], "history_length": len(one["history"]) + 1}


def gold_tool_is_called(one, split):
    return in_history(one, call(gold(one), one=one))


def gold_stands_first(one, split):
    tools = sorted(one["candidate_tools"], key=lambda tool: tool["tool_name"] != gold(one))
    return {**one, "candidate_tools": tools}


def gold_is_described_at_length(one, split):
    tools = copy.deepcopy(one["candidate_tools"])
    for tool in tools:
        if tool["tool_name"] == gold(one):
            tool["provider_description"] += " It is a very good and well known company of many years."
    return {**one, "candidate_tools": tools}


def instruction_tells(one, split):
    return {**one, "instruction": f"{one['instruction']} {'Quickly' if 'Aerwyn' in gold(one) else 'Well'}, please."}


def history_is_of_one_opinion(one, split):
    """Ratings and order are not needed: the gold tool's words stand in the history, and no rival's."""
    described = next(t["provider_description"] for t in one["candidate_tools"] if t["tool_name"] == gold(one))
    past = {**call("<Money>.<Fjordane>.<find>", one=one), "provider_description": described}
    return {**one, "history": [past], "history_length": 1, "taste": ""}


def taste_finds_the_rival(one, split):
    taste = json.loads(one["taste"])
    traits = taste["tool_traits"]
    traits[gold(one)], traits[rival(one)] = traits[rival(one)], traits[gold(one)]
    return {**one, "taste": json.dumps(taste)}


def likes_come_last(one, split):
    return {**one, "history": sorted(one["history"], key=lambda call: call["rating"] or 0)}


LEAKS = {  # gate: leak, and whether training rows have the same candidates
    "provider-vote": (liked_provider_is_golds, False),
    "provider-seen": (liked_provider_is_golds, False),
    "provider-not-seen": (rivals_provider_is_disliked, False),
    "provider-most-recent": (liked_provider_is_golds, False),
    "tool-seen": (gold_tool_is_called, False),
    "tool-not-seen": (rivals_provider_is_disliked, False),
    "position": (gold_stands_first, False),
    "longest": (gold_is_described_at_length, False),
    "instruction-words": (instruction_tells, True),
    "memoriser": (lambda one, split: one, True),
    "co-occurrence": (lambda one, split: one, True),
    "trees": (liked_provider_is_golds, False),
    "trees-identity": (gold_is_described_at_length, False),
    "attribute-words-blind": (history_is_of_one_opinion, False),
    "attribute-embedding-blind": (history_is_of_one_opinion, False),
    "trait-oracle": (taste_finds_the_rival, False),
    "rating-order": (likes_come_last, False),
    "provider-overlap": (lambda one, split: one, True),
}


def test_without_a_leak_all_gates_hold():
    found = gates(*clean())
    assert set(found) == set(gate_names())
    assert all(found.values())


@pytest.mark.parametrize("gate", LEAKS)
def test_a_gate_fails_on_its_leak(gate):
    leak, is_same = LEAKS[gate]
    test, train = same_providers() if is_same else clean()
    found = gates([leak(one, "test") for one in test], [leak(one, "train") for one in train])
    assert not found[gate]


def test_popularity_fails_where_one_tool_is_always_gold():
    test, train = same_providers()
    found = gates(*([one for one in some if gold(one) == AERWYN] for some in (test, train)))
    assert not found["popularity"]


def test_every_gate_has_a_leak():
    assert {*LEAKS, "popularity"} == set(gate_names())


def test_providers_may_be_shared_unless_the_split_is_by_provider():
    record = DatasetRecord(origin="build", author="offline", split="user")
    assert "provider-overlap" not in gates(*same_providers(), record)


# --- solvers on rows that one can check by eye ---------------------------------------------------------------------


def choice(name, one, fitted=()):
    """The tool that a solver calls; `None` where several have the highest score."""
    choices, solver = Choices([one]), SOLVERS[name]
    learned = solver.learner and solver.learner(FittingRows(len(fitted), frozenset(one["same_function_tools"])))
    if learned:
        learned.add(Choices(list(fitted)), 0)
        learned.fit()
    scores = solver.score(learned, choices)[0]
    best = np.flatnonzero(scores >= scores.max() - 1e-9)
    return choices.tools[0][best[0]]["tool_name"] if len(best) == 1 else None


@pytest.mark.parametrize(
    ("name", "calls", "expected"),
    [
        ("provider-vote", [("Aerwyn", 1), ("Cirrox", 1), ("Cirrox", 0)], AERWYN),
        ("provider-vote", [("Aerwyn", 0)], CIRROX),
        ("provider-vote", [("Aerwyn", 1), ("Cirrox", 1)], None),
        ("provider-seen", [("Aerwyn", 0)], AERWYN),
        ("provider-not-seen", [("Aerwyn", 1)], CIRROX),
        ("provider-most-recent", [("Aerwyn", 1), ("Cirrox", 0), ("Equandra", 1)], CIRROX),
        ("tool-seen", [("Aerwyn", 1)], None),  # the provider, by another tool
    ],
)
def test_who_stands_in_the_history(name, calls, expected):
    assert choice(name, row("u", RATED, "Aerwyn", [past_call(*each) for each in calls])) == expected


def test_a_tool_that_was_called():
    one = row("u", RATED, "Aerwyn", [call(CIRROX)])
    assert choice("tool-seen", one) == CIRROX
    assert choice("tool-not-seen", one) == AERWYN


def test_what_is_fitted_on_other_rows():
    often = [row("v", RATED, "Cirrox", [past_call("Zed", 1)]), row("w", RATED, "Cirrox"), row("x", RATED, "Aerwyn")]
    one = row("u", RATED, "Aerwyn", [past_call("Zed", 1)])
    assert choice("popularity", one, often) == CIRROX
    assert choice("position", one, often) == CIRROX
    assert choice("memoriser", one, often) == CIRROX
    assert choice("co-occurrence", one, often) == CIRROX
    assert choice("co-occurrence", row("u", RATED, "Aerwyn", [past_call("Zed", 0)]), often) is None
    quick = {**row("y", RATED, "Aerwyn"), "instruction": "The forecast, quickly"}
    assert choice("instruction-words", {**one, "instruction": "Quickly"}, [*often, quick]) == AERWYN


def test_readers_add_liked_and_take_off_disliked_descriptions():
    history = [
        {**past_call("Zed", rating), "provider_description": text} for rating, text in ((1, "Hosted in Europe."),)
    ]
    one = row("u", RATED, "Cirrox", history)
    assert choice("attribute-words", one) == CIRROX
    disliked = row("u", RATED, "Aerwyn", [{**history[0], "rating": 0}])
    assert choice("attribute-words", disliked) == AERWYN
    assert choice("attribute-words-blind", disliked) == CIRROX
    assert choice("attribute-embedding", disliked) == AERWYN
    assert choice("attribute-embedding-blind", disliked) == CIRROX


def test_the_oracle_counts_traits():
    for one in block():
        assert choice("trait-oracle", one) == gold(one)


def test_equal_scores_share_the_choice():
    choices = Choices([row("u", RATED, "Aerwyn")])
    assert share_right([np.array([1.0, 1.0])], choices).tolist() == [0.5]


def test_without_training_rows_whole_blocks_are_left_out():
    """Leaving single rows out reads 0 % on balanced blocks: the row left out is the one whose tool is missing."""
    record = audited([one for one in blocks(9, "t") if setting_of(one) == RATED])
    scores = {one.solver: one.value for one in record.settings[RATED].scores}
    assert scores["popularity"] == record.settings[RATED].ceiling == 0.5


# --- counts --------------------------------------------------------------------------------------------------------


def counted(one):
    return {count.name for count in COUNTS if count.holds(one)}


def test_what_rows_give_away():
    one = row("u", RATED, "Aerwyn", [past_call("Zed", 1)])
    tools = one["candidate_tools"]
    assert counted(one) == set()
    assert counted({**one, "history": [{**past_call("Zed"), "instruction": one["instruction"]}]}) == {
        "instruction-in-history"
    }
    assert counted({**one, "instruction": "Ask aerwyn for the weather"}) == {"instruction-names-gold"}
    assert counted({**one, "instruction": "Ask Aerwyn or Cirrox for the weather"}) == set()
    assert counted({**one, "history": [call(CIRROX)]}) == {"gold-function-in-history", "gold-provider-in-history"}
    assert counted({**one, "history": [past_call("Cirrox")]}) == {"gold-provider-in-history"}
    assert counted({**one, "tool_call": {**one["tool_call"], "parameters": '{"city": "Paris"}'}}) == {
        "gold-at-defaults"
    }
    assert counted({**one, "same_function_tools": [AERWYN], "instruction": "Weather?"}) == {
        "no-rival",
        "distractor-takes-the-same",
    }
    elsewhere = [{**tool, "tool_name": tool["tool_name"].replace("<Weather>", "<Travel>")} for tool in tools[1:]]
    alone = {**one, "same_function_tools": [AERWYN], "instruction": "Weather?"}
    assert counted({**alone, "candidate_tools": [tools[0], *elsewhere]}) == {"no-rival"}
    assert counted({**one, "history": []}) == {"no-history"}


def test_identical_documents():
    one = row("u", RATED, "Aerwyn", [past_call("Zed", 1)])
    tools = [{**one["candidate_tools"][0], "tool_name": tool["tool_name"]} for tool in one["candidate_tools"]]
    assert counted({**one, "candidate_tools": tools}) == {
        "ambiguous-gold",
        "identical-documents",
        "distractor-takes-the-same",
    }


def test_breaches_and_broken_rules_are_counted_and_such_rows_not_asked():
    test, train = clean()
    test[0] = {**test[0], "history_length": 7}
    test[1] = {**test[1], "instruction": "Something else"}
    record = audited(test, train)
    assert record.breaches == {"history_length is not the history's": 1}
    assert record.broken_rules["instruction or candidates differ"] == 1
    assert "Not asked, since they break the contract: 1 row." in record.notes
    assert sum(one.rows for one in record.settings.values()) == len(test) - 1


def test_overlap_of_the_splits():
    shared = {one.name: (one.shared, one.of) for one in audited(*same_providers()).overlaps}
    assert shared["user"] == (0, 24)
    assert shared["block"] == (0, 12)
    assert shared["gold tool"] == (2, 2)
    assert shared["provider"] == (4, 4)
    assert shared["instruction"] == (1, 1)
    assert {one.name: one.shared for one in audited(*clean()).overlaps}["provider"] == 0


def test_order_of_ratings():
    def order(*ratings):
        one = row("u", RATED, "Aerwyn", [past_call("Zed", rating) for rating in ratings])
        return shares_later(Choices([one]))[0]

    assert order(0, 1) == 1
    assert order(1, 0) == 0
    assert order(1, 0, 1) == 0.5
    assert np.isnan(order(1, 1))


def test_likes_and_dislikes():
    record = audited(*clean())
    assert record.liked_calls == dict.fromkeys(SETTINGS, 24)
    assert {name: record.disliked_calls[name] for name in MIXED} == dict.fromkeys(MIXED, 24)


# --- rows in parts -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("has_train", [True, False])
def test_it_does_not_matter_how_many_rows_a_part_has(monkeypatch, has_train):
    test, train = same_providers()
    whole = audited(test, train if has_train else ())
    monkeypatch.setattr("petoolkit.audit.audit_rows._ROWS_OF_PART", 7)
    assert audited(test, train if has_train else ()) == whole


def test_trees_learn_of_evenly_spread_rows_however_these_come():
    rows = [one for one in blocks(9, "t") if setting_of(one) == RATED]
    given = FittingRows(7_000, frozenset())
    at_once, in_parts = Trees(given, True), Trees(given, True)
    at_once.add(Choices(rows), 0)
    for start in range(0, len(rows), 5):
        part = Trees(given, True)
        part.add(Choices(rows[start : start + 5]), start)
        in_parts.merge(part)
    for one in (at_once, in_parts):
        one.fit()
    found = [one.scores(Choices(rows)) for one in (at_once, in_parts)]
    assert np.array_equal(*map(np.concatenate, found))


def test_rows_of_a_block_come_together_in_whatever_order_they_are(monkeypatch):
    monkeypatch.setattr("petoolkit.audit.audit_rows._ROWS_OF_PART", 4)
    rows = RowsInMemory()
    added = blocks(10, "t")
    for number, one in enumerate(sorted(added, key=lambda one: one["user_id"][::-1])):
        rows.add(setting_of(one), "test" if number % 3 else "train", one)
    parts = [[row for some in part for row in some.part] for part in rows.in_whole_blocks()]
    assert len(parts) > 3
    assert sorted(row["id"] for part in parts for row in part) == sorted(row["id"] for row in added)
    in_parts = [{row["block_id"] for row in part} for part in parts]
    assert sum(map(len, in_parts)) == 10


# --- what the rows can show ----------------------------------------------------------------------------------------


def test_rows_of_a_cluster_that_are_all_alike_count_once():
    clusters = np.repeat(np.arange(50), 4)
    alike = resolution(clusters, {"reader": [np.repeat(np.arange(50) % 2, 4).astype(float)]})
    assert alike.correlation == pytest.approx(1)
    assert alike.effective_rows == pytest.approx(50)
    apart = resolution(clusters, {"reader": [np.tile([1.0, 0, 1, 0], 50)]})
    assert apart.effective_rows == 200
    # Two-sided test at 5 %, power 80 %, of a paired difference with 30 % of the rows discordant: 2.8 sqrt(0.3 / n).
    assert apart.smallest_difference == pytest.approx(2.80 * np.sqrt(0.3 / 200), rel=0.03)


def test_without_anything_to_measure_rows_of_a_cluster_count_as_alike():
    assert resolution(np.repeat(np.arange(5), 2), {"reader": [np.full(5, 0.5), np.full(5, 0.5)]}).effective_rows == 5


# --- datasets that cannot be asked everything ----------------------------------------------------------------------


def test_without_a_training_split():
    test, _ = clean()
    record = audited(test)
    assert record.fitted_on == "other blocks"
    assert "There is no training split" in record.notes[0]
    assert not record.overlaps
    passes = {gate.name: gate.passes for gate in record.gates}
    assert passes["popularity"] and passes["provider-seen"]
    assert not passes["co-occurrence"]  # all these blocks have the same candidates and past calls


def test_without_a_test_split():
    _, train = clean()
    record = audited([], train)
    assert record.split == "train"
    assert "There is no test split" in record.notes[0]


def test_with_one_setting_and_without_histories():
    rows = [{**one, "history": [], "history_length": 0, "taste": ""} for one in clean()[0] if setting_of(one) == RATED]
    record = audited(rows)
    assert list(record.settings) == [RATED]
    assert "There are no rows to ask in chronological." in record.notes
    assert record.settings[RATED].not_asked["attribute-words"] == "providers are not described"
    assert record.settings[RATED].rating_order is None


def test_groups_of_one_are_left_out():
    rows = clean()[0]
    rows[:3] = [{**one, "same_function_tools": [gold(one)]} for one in rows[:3]]
    record = audited(rows)
    assert "Not asked: 3 rows in which only one candidate does the job." in record.notes
    assert sum(one.rows for one in record.settings.values()) == len(rows) - 3


def test_with_no_row_to_ask():
    rows = [{**one, "same_function_tools": [gold(one)]} for one in clean()[0]]
    with pytest.raises(InputError, match="has two candidates that do the job"):
        audited(rows)


def test_one_block_cannot_be_judged():
    record = audited(block())
    assert not record.gates
    assert {score.passes for one in record.settings.values() for score in one.scores} == {None}
    assert record.settings[RATED].not_asked["trees"] == "there are no other rows to fit it on"


def test_a_taste_of_another_form_is_no_traceback():
    rows = [{**one, "taste": "free"} for one in clean()[0]]
    record = audited(rows)
    assert "`taste` is not that of a build" in record.settings[RATED].not_asked["trait-oracle"]
    assert record.broken_rules == {"`taste` does not say what decided": 12}


def test_a_missing_embedding_model_is_said(monkeypatch):
    def missing():
        raise InputError("the model is not here.")

    monkeypatch.setattr("petoolkit.embedding.Encoder", missing)
    assert audited(*clean()).settings[RATED].not_asked["attribute-embedding"] == "the model is not here."


# --- what is let through -------------------------------------------------------------------------------------------


def test_a_failing_gate_can_be_allowed_by_name():
    test, train = clean()
    leaking = [[liked_provider_is_golds(one, "") for one in some] for some in (test, train)]
    names = {gate.name for gate in audited(*leaking).failed}
    assert "provider-seen" in names
    assert {gate.name for gate in audited(*leaking, allowed=("provider-seen",)).failed} == names - {"provider-seen"}
    recipe = DatasetRecord(origin="build", author="offline", recipe={"audit": {"allow": sorted(names)}})
    assert not audited(*leaking, record=recipe).failed


def test_an_unknown_gate_is_named():
    with pytest.raises(InputError, match="unknown gate 'provider'; choose one of: provider-vote"):
        check_gate_names(["provider"])


def test_few_blocks_do_not_judge_an_order_that_was_drawn():
    test, train = blocks(5, "t"), of_other_providers(blocks(5, "r"))
    record = audited([likes_come_last(one, "test") for one in test], train)
    assert "rating-order" not in {gate.name for gate in record.gates}
    assert "fewer than 10 blocks" in record.settings[RATED].not_asked["rating-order"]
