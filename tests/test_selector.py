"""A selector: rows that one can check by eye, the same choices from its files, and what is refused."""

import json
import random
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from selector_rows import NEEDS, SETTINGS_HERE, WAYS, WordVectors, call, candidate, made_row, made_rows, with_need

from petoolbench import InputError
from petoolkit.selector import fit_attribute_reader, fit_choice_model, fit_trait_head
from petoolkit.selector.evidence import EVIDENCE
from petoolkit.selector.fit_selector import FitOptions, fit_selector
from petoolkit.selector.selector_files import RECORD, WEIGHTS
from petoolkit.selector.tool_selector import Selector


@pytest.fixture(scope="module")
def fit(one_thread):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fit_attribute_reader, "_STEPS_OF_PROJECTION", 40)
        patch.setattr(fit_choice_model, "_FEWEST_STEPS", 100)
        patch.setattr(fit_choice_model, "_MEMBERS", 2)
        patch.setattr(fit_trait_head, "_STEPS", 120)
        rows = made_rows(240)
        rows += [with_need(row) for row in rows if row["taste"]]
        return fit_selector(rows, FitOptions("words", ladder=False), WordVectors())


@pytest.fixture(scope="module")
def selector(fit):
    return Selector(fit.fitted, WordVectors())


def chosen(selector, rows):
    return [ranking[0].tool_name for ranking in selector.rank(rows, reasons=False)]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("setting", SETTINGS_HERE)
def test_each_kind_of_evidence_alone_decides(selector, way, setting):
    rng = random.Random(7)
    rows = [made_row(1000 + n, way, setting, rng) for n in range(20)]
    right = [name in row["acceptable_tools"] for name, row in zip(chosen(selector, rows), rows, strict=True)]
    assert sum(right) >= 18


@pytest.mark.parametrize("setting", SETTINGS_HERE)
def test_a_need_that_the_request_states_decides_and_the_taste_where_it_states_none(selector, setting):
    rng = random.Random(8)
    rows = [made_row(6000 + n, "attributes", setting, rng) for n in range(20)]
    for asked in (rows, [with_need(row) for row in rows]):
        right = [name in row["acceptable_tools"] for name, row in zip(chosen(selector, asked), asked, strict=True)]
        assert sum(right) >= 18


def test_what_nobody_knows_counts_as_none(selector):
    """Two tools of which nothing tells them apart are as likely; the one that does the job goes before others."""
    alike = [candidate("<W>.<A>.<f>", "weather forecast city"), candidate("<W>.<B>.<f>", "weather forecast city")]
    other = candidate("<W>.<C>.<f>", "song lyrics title")
    ranking = selector.choose("I want the weather forecast city of Oslo", [], [other, *alike])
    assert {one.tool_name for one in ranking[:2]} == {one["tool_name"] for one in alike}
    assert ranking[0].probability == pytest.approx(ranking[1].probability, abs=0.02)
    assert sum(one.probability for one in ranking) == pytest.approx(1)
    (only,) = selector.choose("", [], [{"tool_name": "just/this one"}])
    assert only.probability == 1


def test_the_order_of_candidates_changes_nothing_at_all(selector):
    for row in made_rows(40, 2000):
        (ranking,) = selector.rank([row])
        tools = list(row["candidate_tools"])
        random.Random(row["id"]).shuffle(tools)
        (other,) = selector.rank([{**row, "candidate_tools": tools}])
        assert [(one.tool_name, one.probability, one.reasons) for one in ranking] == [
            (one.tool_name, one.probability, one.reasons) for one in other
        ]
        assert all(tools[one.number]["tool_name"] == one.tool_name for one in other)


def test_a_row_is_ranked_alike_alone_and_among_others_and_in_threads(selector):
    rows = made_rows(40, 3000)
    together = selector.rank(rows)
    assert [selector.rank([row])[0] for row in rows] == together
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda row: selector.rank([row])[0], rows * 4)) == together * 4


def test_its_files_give_the_same_choices_and_are_data(selector, tmp_path):
    rows = made_rows(40, 4000)
    selector.save(tmp_path / "one")
    loaded = Selector.load(tmp_path / "one", vectors=WordVectors())
    assert chosen(loaded, rows) == chosen(selector, rows)
    loaded.save(tmp_path / "two")
    assert (tmp_path / "one" / WEIGHTS).read_bytes() == (tmp_path / "two" / WEIGHTS).read_bytes()
    assert sum(path.stat().st_size for path in (tmp_path / "one").iterdir()) < 5e6


def test_other_names_change_nothing_where_descriptions_speak(selector):
    def renamed(row):
        return json.loads(json.dumps(row).replace(">.<P", ">.<X").replace(">.<R", ">.<Y").replace(">.<Q", ">.<Z"))

    rows = made_rows(60, 5000, ("attributes",))
    rows += [with_need(row) for row in rows]
    names = [
        json.loads(json.dumps(name).replace(">.<P", ">.<X").replace(">.<Q", ">.<Z")) for name in chosen(selector, rows)
    ]
    assert chosen(selector, [renamed(row) for row in rows]) == names


def test_reasons_name_the_calls_and_traits_that_spoke_for_a_tool(selector):
    tools = [
        candidate("<Weather>.<A>.<f>", "weather forecast city", "It costs nothing."),
        candidate("<Weather>.<B>.<f>", "weather forecast city", "Servers stand in Europe."),
    ]
    history = [
        call("<Music>.<C>.<x>", "", "Data stays in Frankfurt.", 0),
        call("<Food>.<D>.<y>", "", "No fee is charged.", 1),
    ]
    best = selector.choose("the weather forecast city", history, tools)[0]
    assert best.tool_name == "<Weather>.<A>.<f>"
    told = [reason for reason in best.reasons if reason.evidence == "traits"]
    assert told and told[0].calls == (1,) and told[0].traits == ("free",)
    assert all(reason.text == EVIDENCE[reason.evidence].description for reason in best.reasons)
    needed = selector.choose(f"the weather forecast city. {NEEDS['eu_hosted']}", history, tools)[0]
    assert needed.tool_name == "<Weather>.<B>.<f>"
    asked = [reason for reason in needed.reasons if reason.evidence == "needed traits"]
    assert asked and asked[0].traits == ("eu_hosted",) and asked[0].calls == ()


def test_held_out_rows_are_of_functions_that_it_was_not_fitted_on(fit):
    assert len(fit.judged) == 300
    assert sum(one.is_right for one in fit.judged) > 0.75 * 300


def damaged(record=None, weights=None, missing=None):
    def change(folder):
        if record is not None:
            known = json.loads((folder / RECORD).read_text())
            (folder / RECORD).write_text(record if isinstance(record, str) else json.dumps({**known, **record}))
        if weights is not None:
            (folder / WEIGHTS).write_bytes(weights)
        if missing:
            (folder / missing).unlink()

    return change


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (damaged(missing=RECORD), r"does not hold a selector: selector\.json is missing"),
        (damaged(missing=WEIGHTS), r"does not hold a selector: selector\.safetensors is missing"),
        (damaged(record="{"), "selector.json"),
        (damaged(record="[1]"), "is not a selector's record"),
        (damaged(record={"form": 7}), "a selector of form 7, and this version reads form 8"),
        (damaged(record={"evidence": 3}), r"damaged \(`evidence`\)"),
        (damaged(record={"evidence": ["magic"]}), r"does not know \(magic\)"),
        (damaged(record={"evidence": ["job"]}), r"damaged \(`mean`\)"),
        (damaged(weights=b"no weights"), "is not the file that selector.json was written with"),
    ],
)
def test_a_damaged_selector_is_refused_in_a_sentence(selector, tmp_path, change, said):
    selector.save(tmp_path)
    change(tmp_path)
    with pytest.raises(InputError, match=said):
        Selector.load(tmp_path)


@pytest.mark.parametrize(
    ("name", "number", "said"),
    [
        ("feature", 10_000, "`feature`"),
        ("below", 10_000, "`below`"),
        ("above", -1, "`above`"),
        ("value", float("nan"), "a weight is not a finite number"),
    ],
)
def test_damaged_trees_are_refused(fit, tmp_path, name, number, said):
    choice = fit.fitted.choice
    values = getattr(choice.trees, name).astype(float)
    values[0, -1] = number
    trees = replace(choice.trees, **{name: values})
    Selector(replace(fit.fitted, choice=replace(choice, trees=trees)), WordVectors()).save(tmp_path)
    with pytest.raises(InputError, match=said):
        Selector.load(tmp_path)


def test_a_node_that_leads_back_is_refused_and_not_followed_for_ever(fit, tmp_path):
    choice = fit.fitted.choice
    above = choice.trees.above.copy()
    above[0, 2] = 1
    trees = replace(choice.trees, above=above)
    Selector(replace(fit.fitted, choice=replace(choice, trees=trees)), WordVectors()).save(tmp_path)
    with pytest.raises(InputError, match="`above`"):
        Selector.load(tmp_path)


def test_a_selector_without_trees_is_loaded_without_them(fit, tmp_path):
    fitted = replace(fit.fitted, choice=replace(fit.fitted.choice, trees=None))
    without = Selector(fitted, WordVectors())
    without.save(tmp_path)
    loaded = Selector.load(tmp_path, vectors=WordVectors())
    assert loaded.fitted.choice.trees is None
    rows = made_rows(12, 4000)
    assert chosen(loaded, rows) == chosen(without, rows)


def test_vectors_of_another_model_are_refused(fit):
    class Others(WordVectors):
        fingerprint = "others"

    with pytest.raises(InputError, match="vectors of words with other weights"):
        Selector(fit.fitted, Others()).choose("x", [], [{"tool_name": "a"}])


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("x", [], []), "no tool to choose from"),
        ((3, [], [{"tool_name": "a"}]), "the instruction is of the type int"),
        (("x", [{}], [{"tool_name": "a"}]), "past call 0 has no `tool_name`"),
        (("x", [], [{"tool_name": "a"}, {"name": "b"}]), "tool 1 has no `tool_name`"),
        (("x", [], [{"tool_name": "a"}], "daily"), "unknown setting 'daily'"),
    ],
)
def test_what_cannot_be_chosen_from_is_refused_in_a_sentence(selector, arguments, said):
    with pytest.raises(InputError, match=said):
        selector.choose(*arguments)


def test_rows_of_one_function_are_refused():
    rows = [row for row in made_rows(60) if row["group_id"] == "g1"]
    with pytest.raises(InputError, match="rows of several functions"):
        fit_selector(rows, FitOptions("words"), WordVectors())
