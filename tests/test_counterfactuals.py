"""Counterfactuals on rows that one can check by eye: how they are made, asked, stored and scored."""

import io
import json

import pytest
from petoolkit.builder.dataset_folder import write_dataset
from rows import DATASET_FACTS, past_call, prediction, row
from two_blocks import AERWYN, CIRROX, block, blocks, override, without_preference

from petoolbench import SETTINGS, InputError, provider_of, render_messages, setting_of
from petoolkit.console import make_console
from petoolkit.evaluator.counterfactuals import kept_rows
from petoolkit.evaluator.counterfactuals.changed_rows import changed_rows, chosen_counterfactuals
from petoolkit.evaluator.counterfactuals.counterfactual import changed_id, counterfactual_of
from petoolkit.evaluator.counterfactuals.counterfactual_table import COUNTERFACTUALS
from petoolkit.evaluator.counterfactuals.row_changes import other_name
from petoolkit.evaluator.evaluate import evaluate
from petoolkit.evaluator.history_methods.shown_rows import ShownRow
from petoolkit.evaluator.models.baselines import predict
from petoolkit.evaluator.options import Options
from petoolkit.evaluator.prompts.row_prompts import make_prompts
from petoolkit.evaluator.records import Manifest, Scores
from petoolkit.evaluator.results_folder import read_results
from petoolkit.evaluator.row_fingerprint import fingerprint
from petoolkit.evaluator.scores.comparison import compare
from petoolkit.evaluator.scores.judgements import judge
from petoolkit.evaluator.scores.preference import preference_scores
from petoolkit.evaluator.scores.rescore import score_folder

ROWS = blocks()
OTHERS = [make(one) for make in (override, without_preference) for one in ROWS if one["block_id"] == "b1"]
SPLIT = [("test", one) for one in [*ROWS, *OTHERS]] + [
    ("train", {**one, "id": f"t{one['id']}", "user_id": f"t{one['user_id']}", "block_id": f"t{one['block_id']}"})
    for one in ROWS
]


def changed(name, setting="rating_integrated", rows=ROWS):
    """The changed rows of the first block in one setting."""
    made = changed_rows([*rows, *OTHERS], [name])[name]
    return [one for one in made if setting_of(one.row) == setting and one.row["block_id"] == "b1"]


def called(history):
    return [provider_of(one)[1] for one in history]


def taste(one):
    return json.loads(one.row["taste"])


def test_no_history_leaves_no_past_call():
    first, second = changed("no-history")
    assert first.row["history"] == [] == taste(first)["call_traits"] and first.row["history_length"] == 0
    assert first.row["id"] == "b1-0/rating_integrated#no-history"
    assert render_messages(first.row) == render_messages(second.row), "nothing tells the users apart"


def test_no_attributes_leaves_no_description_in_the_prompt():
    first, second = changed("no-attributes", "preferred_only")
    for one in (first, second):
        prompt = render_messages(one.row)[0]["content"]
        assert not any(said in prompt for said in ("No fee", "Hosted", "never pay", "Paris.", "Old and new"))
        assert taste(one)["tool_traits"] == {AERWYN: [], CIRROX: [], "<Weather>.<Dovarque>.<convert>": []}
        assert taste(one)["call_traits"] == [[]]
    assert called(first.row["history"]) == ["Fredo"], "names stay"


def test_swap_turns_ratings_around_and_asks_no_other_setting():
    first, second = changed("swap")
    assert [(called([one])[0], one["rating"]) for one in first.row["history"]] == [("Fredo", 0), ("Euria", 1)]
    assert [(called([one])[0], one["rating"]) for one in second.row["history"]] == [("Fredo", 1), ("Euria", 0)]
    assert changed("swap", "preferred_only") == changed("swap", "chronological") == []


def test_shuffle_gives_users_with_the_same_calls_the_same_order():
    first, second = changed("shuffle", "chronological")
    assert first.row["history"] == second.row["history"]
    assert taste(first)["call_traits"] == taste(second)["call_traits"]
    for one in changed("shuffle"):
        before = next(row for row in ROWS if row["id"] == one.row["id"].partition("#")[0])
        by_call = dict(zip(called(one.row["history"]), taste(one)["call_traits"], strict=True))
        assert by_call == {"Fredo": ["free"], "Euria": ["europe"]}, "what a call shows goes with it"
        assert sorted(map(str, one.row["history"])) == sorted(map(str, before["history"])), "its rating, too"


def test_reverse_puts_the_newest_call_first():
    first, _ = changed("reverse", "chronological")
    assert called(first.row["history"]) == ["Fredo", "Euria"]
    assert taste(first)["call_traits"] == [["free"], ["europe"]]


def test_a_stranger_is_of_another_block_and_the_same_for_the_whole_block():
    first, second = changed("stranger")
    assert called(first.row["history"]) == ["Fredo1", "Euria1"]
    assert first.row["history"] == second.row["history"] and first.other_tool is None
    assert first.row["candidate_tools"] == ROWS[0]["candidate_tools"]


def test_a_stranger_shows_none_of_the_candidates_providers_if_possible():
    meets = [{**one, "history": [past_call("Aerwyn", 1)]} for one in block("b0", "rating_integrated", 2)]
    for number in range(20):
        rows = [*block("b1", "rating_integrated"), *meets, *block(f"c{number}", "rating_integrated", 1)]
        assert called(changed("stranger", rows=rows)[0].row["history"]) == ["Fredo1", "Euria1"]
    assert called(changed("stranger", rows=rows[:4])[0].row["history"]) == ["Aerwyn"]


def test_the_twin_is_the_other_user_of_the_block():
    first, second = changed("twin", "chronological")
    assert (first.row["history"], first.other_tool) == (ROWS[5]["history"], CIRROX)
    assert (second.row["history"], second.other_tool) == (ROWS[4]["history"], AERWYN)
    assert taste(first)["call_traits"] == [["free"], ["europe"]] and taste(first)["tool"] == AERWYN


def test_move_exchanges_descriptions_of_the_providers_that_do_the_job():
    first, second = changed("move", "preferred_only")
    says = {one["tool_name"]: one["provider_description"] for one in first.row["candidate_tools"]}
    assert says == {
        AERWYN: "Hosted in Europe.",
        CIRROX: "No fee and no key.",
        "<Weather>.<Dovarque>.<convert>": "Old and new.",
    }
    assert taste(first)["tool_traits"] == {
        AERWYN: ["europe"],
        CIRROX: ["free"],
        "<Weather>.<Dovarque>.<convert>": [],
    }
    assert (first.other_tool, second.other_tool) == (CIRROX, AERWYN)


def test_moved_descriptions_go_round_among_three():
    first = ROWS[0]["candidate_tools"][0]
    tools = [{**first, "tool_name": f"<W>.<{n}>.<f>", "provider_description": n} for n in "abc"]
    names = [one["tool_name"] for one in tools]
    one = {**ROWS[0], "candidate_tools": tools, "same_function_tools": names, "taste": ""}
    one |= {"tool_call": {**one["tool_call"], "tool_name": names[0]}, "acceptable_tools": names[:1]}
    moved = next(iter(changed_rows([one], ["move"])["move"]))
    assert [tool["provider_description"] for tool in moved.row["candidate_tools"]] == ["b", "c", "a"]
    assert moved.other_tool == names[2], "the third one has the description of the first, which is the gold one"


def test_descriptions_that_are_alike_cannot_be_moved():
    same = [{**tool, "provider_description": "Good."} for tool in ROWS[0]["candidate_tools"]]
    assert len(changed_rows([{**one, "candidate_tools": same} for one in ROWS], ["move"])["move"]) == 0


def test_rename_gives_other_names_of_the_same_form_in_the_whole_row():
    assert other_name("<Weather>.<Aerwyn_2>.<getNow>") == "<Weather>.<Ouvzcr_2>.<kuxRez>"
    assert other_name("get_weather") == "kux_zuoxluv"
    letters = "abcdefghijklmnopqrstuvwxyz"
    assert sorted(other_name(letters)) == list(letters), "no two names become one"
    first, _ = changed("rename")
    new = [other_name(AERWYN), other_name(CIRROX)]
    assert first.row["same_function_tools"] == new and first.row["acceptable_tools"] == new[:1]
    assert first.row["tool_call"]["tool_name"] == new[0] and taste(first)["tool"] == new[0]
    assert [one["tool_name"] for one in first.row["candidate_tools"]][:2] == new
    assert not any(name in json.dumps(first.row) for name in ("Aerwyn", "Cirrox", "Dovarque", "Fredo", "Euria"))


class Counting:
    """A model of which only the counting of tokens is asked."""

    def count_tokens(self, messages, candidate_tools=()):
        return 1


@pytest.mark.parametrize("protocol", ["prompt", "tools"])
def test_prompts_of_changed_rows_show_what_was_changed(protocol):
    """Without past calls, a prompt has no heading for them; a twin's prompt is that of the twin's own row."""

    def system_text(one):
        (prompt,) = make_prompts([(ShownRow(one), 0)], Counting(), Options(protocol=protocol), {})
        assert prompt.row_id == one["id"]
        return prompt.messages[0]["content"]

    blind = system_text(changed("no-history")[0].row)
    assert "Calls made for this user before" not in blind
    assert "Calls made for this user before" in system_text(ROWS[2])
    assert system_text(changed("twin")[0].row) == system_text(ROWS[3]) != system_text(ROWS[2])
    assert "Fredo1" in system_text(changed("stranger")[0].row)


def test_rows_of_other_kinds_are_asked_as_they_are():
    first, _ = changed("override")
    assert first.row == {**override(ROWS[2]), "id": "b1-0-override/rating_integrated#override"}
    assert (first.row["tool_call"]["tool_name"], first.other_tool) == (CIRROX, AERWYN)
    first, _ = changed("no-preference")
    assert first.row["id"] == "b1-0-no-preference/rating_integrated#no-preference"


def test_changed_rows_are_made_again_each_time_that_they_are_gone_through(monkeypatch):
    """Rows lie in a file in parts; what a row takes of another is read from there."""
    monkeypatch.setattr(kept_rows, "_ROWS_AT_ONCE", 5)
    rows = [*ROWS, *OTHERS]
    for name, made in changed_rows(iter(rows), COUNTERFACTUALS).items():
        first, again = list(made), list(made)
        assert first == again and len(made) == len(first) > 0
        assert [one.row["id"] for one in first] == list(made.ids)
        assert fingerprint(made.rows) == made.fingerprint
        assert [changed_id(one["id"], name) for one in made.as_they_were] == list(made.ids)
    assert list(kept_rows.KeptRows(rows)) == rows


def test_a_full_folder_for_temporary_files_is_named(monkeypatch):
    monkeypatch.setattr(kept_rows.tempfile, "TemporaryFile", lambda **_: io.FileIO("/dev/full", "r+"))
    with pytest.raises(InputError, match=r"temporary files, \S+ \(No space left on device\); .* set TMPDIR"):
        changed_rows(ROWS, ["swap"])


def test_a_reply_to_a_row_that_is_not_asked_is_named():
    changed = changed_rows(ROWS, ["swap"])
    judged = judge(ROWS, [])
    with pytest.raises(InputError, match="'b1-0/chronological#twin', and the evaluation does not ask such a row"):
        preference_scores(ROWS, judged, changed, [prediction({"id": "b1-0/chronological#twin"}, "")], 1)


def test_ids_say_what_they_are():
    assert changed_id("u000001/chronological", "swap") == "u000001/chronological#swap"
    assert counterfactual_of("u000001/chronological#swap") == "swap"
    assert counterfactual_of("a#b/chronological") == counterfactual_of("u000001/chronological") == ""
    assert setting_of({"id": "u000001/chronological#swap"}) == "chronological"


def test_names_are_chosen_in_the_order_of_the_table():
    assert chosen_counterfactuals("twin, swap") == ["swap", "twin"]
    assert chosen_counterfactuals("all") == list(COUNTERFACTUALS) == chosen_counterfactuals("swap,all")
    assert chosen_counterfactuals("") == []
    with pytest.raises(InputError, match="unknown counterfactual 'twins'; choose one of: all, no-history,"):
        chosen_counterfactuals("swap,twins")


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    folder = tmp_path_factory.mktemp("counterfactuals") / "petoolbench"
    write_dataset(folder, SPLIT, lambda: DATASET_FACTS)
    return str(folder)


@pytest.fixture(scope="module")
def oracle(dataset, tmp_path_factory):
    """An evaluation of the oracle with all counterfactuals."""
    out = tmp_path_factory.mktemp("oracle") / "out"
    return out, evaluate(dataset, "all", "baseline:trait-oracle", out, counterfactuals="all")


# In %, preferred-only / rating-integrated / chronological, as the design has it; two tools do the job.
EXPECTED = {
    "no-history": (50, 50, 50),
    "no-attributes": (50, 50, 50),
    "swap": (100, 0, 100),
    "shuffle": (100, 100, 50),
    "reverse": (100, 100, 0),
    "stranger": (50, 50, 50),
    "twin": (0, 0, 0),
    "move": (0, 0, 0),
    "rename": (100, 100, 100),
}


@pytest.mark.parametrize(("name", "shares"), EXPECTED.items())
def test_an_oracle_of_traits_scores_what_is_expected(oracle, name, shares):
    found = oracle[1].counterfactual_scores[name]
    assert [100 * found[setting].own.value for setting in SETTINGS] == list(shares)
    assert [100 * found[setting].expected for setting in SETTINGS] == list(shares)
    if name in ("twin", "move"):
        assert [100 * found[setting].other.value for setting in SETTINGS] == [100, 100, 100]
        assert [100 * found[setting].expected_other for setting in SETTINGS] == [100, 100, 100]
    else:
        assert found["all"].other is None


def test_an_oracle_of_traits_follows_the_taste_in_override_rows(oracle):
    found = oracle[1].counterfactual_scores
    assert (found["override"]["all"].own.value, found["override"]["all"].other.value) == (0, 1)
    assert (found["override"]["all"].expected, found["override"]["all"].expected_other) == (1, 0)
    assert found["override"]["all"].rows == 6
    assert found["no-preference"]["all"].own.value == 1, "either tool is right"


def test_settings_that_a_counterfactual_leaves_as_they_are_are_not_asked(oracle):
    swap = oracle[1].counterfactual_scores["swap"]
    assert {setting: found.rows for setting, found in swap.items()} == {
        "preferred_only": 0,
        "rating_integrated": 4,
        "chronological": 0,
        "all": 4,
    }
    asked = [line["id"] for line in read_results(oracle[0]).of_counterfactuals if line["id"].endswith("#swap")]
    assert asked == [f"{user}/rating_integrated#swap" for user in ("b1-0", "b1-1", "b2-0", "b2-1")]


def test_plain_scores_never_mix_with_those_of_counterfactuals(oracle, dataset, tmp_path):
    plain = evaluate(dataset, "all", "baseline:trait-oracle", tmp_path / "out")
    assert plain.counterfactuals == {} == plain.counterfactual_scores
    for name in ("rows", "scores", "chance", "breakdowns", "repeats", "counts", "dependence"):
        assert getattr(plain, name) == getattr(oracle[1], name)
    assert [line["id"] for line in read_results(oracle[0]).predictions] == [
        one["id"] for setting in SETTINGS for one in ROWS if setting_of(one) == setting
    ]


def test_counterfactuals_are_added_to_a_folder_and_go_on_where_they_were_stopped(dataset, tmp_path):
    out = tmp_path / "out"
    evaluate(dataset, "all", "baseline:random", out)
    plain = (out / "predictions.jsonl").read_text()
    evaluate(dataset, "all", "baseline:random", out, counterfactuals="swap")
    lines = (out / "predictions.jsonl").read_text().splitlines(keepends=True)
    assert "".join(lines[:12]) == plain and len(lines) == 16
    assert list(Manifest.read(out).counterfactuals) == ["swap"]

    (out / "predictions.jsonl").write_text("".join(lines[:13]))  # stopped in the middle
    scores = evaluate(dataset, "all", "baseline:random", out, counterfactuals="reverse")
    assert list(Manifest.read(out).counterfactuals) == ["swap", "reverse"]
    assert scores.counterfactual_scores["swap"]["all"].missing == 0, "what the folder holds goes on, too"
    assert (out / "predictions.jsonl").read_text().startswith("".join(lines))
    assert score_folder(out, make_console()) == Scores.read(out) == scores


def test_rows_that_are_not_those_that_were_asked_are_refused(dataset, tmp_path):
    out = tmp_path / "out"
    evaluate(dataset, "all", "baseline:random", out, counterfactuals="swap")
    manifest = json.loads((out / "manifest.json").read_text())
    manifest["counterfactuals"]["swap"] = "0" * 16
    (out / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(InputError, match="the rows of the counterfactual swap are other ones than those"):
        score_folder(out, make_console())
    with pytest.raises(InputError, match="asks other rows for the counterfactual swap"):
        evaluate(dataset, "all", "baseline:random", out, counterfactuals="swap")


def test_what_cannot_be_asked_is_said(dataset, tmp_path):
    with pytest.raises(InputError, match=r"what the counterfactual swap needs \(a setting with ratings\)"):
        evaluate(dataset, "chronological", "baseline:random", tmp_path / "out", counterfactuals="swap,reverse")
    with pytest.raises(InputError, match="leave out --history none"):
        evaluate(dataset, "all", "openai:x", tmp_path / "out", Options(history="none"), counterfactuals="swap")
    with pytest.raises(InputError, match="leave out --prompt released"):
        evaluate(dataset, "all", "openai:x", tmp_path / "out", Options(prompt="released"), counterfactuals="swap")
    scores = evaluate(dataset, "chronological", "baseline:random", tmp_path / "out", counterfactuals="all")
    assert list(scores.counterfactuals) == [name for name in COUNTERFACTUALS if name != "swap"]


def test_a_dataset_without_blocks_and_tastes_is_asked_what_can_be(tmp_path):
    rows = [row(f"u{n}", "chronological", "Aerwyn", [past_call("Cirrox"), past_call("Equandra")]) for n in range(3)]
    rows = [{**one, "group_id": f"g{number}"} for number, one in enumerate(rows)]
    write_dataset(tmp_path / "d", [("test", one) for one in rows], lambda: DATASET_FACTS)
    scores = evaluate(str(tmp_path / "d"), "all", "baseline:lexical", tmp_path / "out", counterfactuals="all")
    asked = ["no-history", "no-attributes", "shuffle", "reverse", "stranger", "move", "rename"]
    assert list(scores.counterfactuals) == asked and scores.pairs == {}
    with pytest.raises(InputError, match=r"counterfactual twin needs \(blocks of users\)"):
        evaluate(str(tmp_path / "d"), "all", "baseline:lexical", tmp_path / "two", counterfactuals="twin")
    with pytest.raises(InputError, match="trait-oracle reads what decided, and u0/chronological does not say it"):
        predict("trait-oracle", rows, lambda: [], 0)


def test_two_evaluations_are_compared_by_pairs(oracle, dataset, tmp_path):
    out = tmp_path / "random"
    evaluate(dataset, "all", "baseline:lexical", out, counterfactuals="twin")
    comparison = compare(out, oracle[0])
    assert (comparison.preference_a.pairs["all"].score.value, comparison.preference_b.pairs["all"].score.value) == (
        0,
        1,
    )
    assert comparison.pairs["all"].value == 1
    assert list(comparison.preference_a.counterfactual_scores) == ["twin"]
    assert comparison.preference_b.pairs["all"].gain.value == 1
