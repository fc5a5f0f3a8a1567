"""Checks of datasets with blocks before they are published: the rules of blocks, and what the splits may not share."""

import json
from pathlib import Path

import pytest
from block_rows import block, no_preference, of_other_providers, override
from petoolkit.builder.dataset_folder import write_dataset
from rich.console import Console

from petoolbench import SETTINGS, InputError
from petoolkit.block_rules import broken_rules
from petoolkit.dataset_record import DatasetRecord
from petoolkit.publisher.pack_dataset import DatasetOptions, pack_dataset

CONSOLE = Console(file=open("/dev/null", "w"), width=200)  # noqa: SIM115 (it is never read)
TRAIN = of_other_providers(block(("t1", "t2"), block_id="b0", group_id="g0"))
RECIPE = {
    "design": "controlled",
    "catalogue": ["embedded"],
    "author": "offline",
    "blocks": {"wording": "crossed", "attributes": "assigned"},
}


def build(folder: Path, test, train=TRAIN, split="provider") -> Path:
    rows = [("train", one) for one in train] + [("test", one) for one in test]
    record = DatasetRecord(origin="build", author="offline", split=split, recipe=RECIPE)
    write_dataset(folder / "petoolbench", rows, lambda: record)
    return folder / "petoolbench"


def card(folder) -> str:
    package = pack_dataset(folder, "me/bench", DatasetOptions(rules=False), CONSOLE)
    return package.files["README.md"].decode()


def refusal(folder) -> str:
    with pytest.raises(InputError) as told:
        card(folder)
    return str(told.value)


def whole():
    return [*block(), *(override(setting=setting) for setting in SETTINGS), no_preference()]


def test_the_block_of_these_tests_keeps_all_rules():
    assert broken_rules(whole(), is_crossed=True) == []


def test_a_whole_block_with_rows_of_all_kinds_is_published(tmp_path):
    text = card(build(tmp_path, whole()))
    assert "training and test share no user, no block and no provider. 2 blocks were checked against the rules" in text
    assert 'load_dataset("me/bench", "chronological")  # or "preferred_only", "rating_integrated"' in text
    assert 'load_dataset("me/bench", "selectivity")' in text
    assert "| `selectivity` | none | 4 |" in text
    assert "**Traits were assigned**" in text
    assert "Histories describe a trait in other words than the candidates" in text
    assert "can often be inferred from the provider's name" not in text
    assert "`no_preference` (the history says nothing" in text


def changed(rows, **columns):
    """The rows with other columns in the first one."""
    return [{**rows[0], **columns}, *rows[1:]]


def gold_of(one):
    return {"tool_call": one["tool_call"], "acceptable_tools": one["acceptable_tools"]}


BROKEN = {
    "another instruction": (
        changed(block(), instruction="Rain in Oslo?"),
        "of a block, instruction or candidates differ (1: b1)",
    ),
    "a gold tool twice": (changed(block(), **gold_of(block()[3])), "of a block, a tool is not gold just once (1: b1)"),
    "a user is missing": (block()[3:], "of a block, a tool is not gold just once (1: b1)"),
    "other parameters": (
        changed(block(), tool_call={**block()[0]["tool_call"], "parameters": '{"city": "Rome"}'}),
        "of a block, the gold calls' parameters differ, or do not fit a tool (1: b1)",
    ),
    "no taste": (changed(block(), taste=""), "of a block, `taste` does not say what decided (1: b1)"),
    "a taste without traits": (changed(block(), taste="{}"), "of a block, `taste` does not say what decided (1: b1)"),
    "words of a candidate": (
        changed(
            block(),
            history=[{**block()[0]["history"][0], "provider_description": "Now no fee and no key."}],
        ),
        "of a block, a history uses words of its candidates (1: b1)",
    ),
}


@pytest.mark.parametrize(("rows", "sentence"), BROKEN.values(), ids=BROKEN)
def test_a_block_that_breaks_a_rule_is_named(tmp_path, rows, sentence):
    assert sentence in refusal(build(tmp_path, rows))


def test_words_of_a_candidate_are_let_be_where_wordings_are_not_crossed(tmp_path, monkeypatch):
    monkeypatch.setitem(RECIPE, "blocks", {"wording": "as_is"})
    rows, _ = BROKEN["words of a candidate"]
    text = card(build(tmp_path, rows))
    assert "in other words than the candidates" not in text
    assert "**Traits were assigned**" not in text


def test_a_block_in_both_splits_is_refused(tmp_path):
    rows = of_other_providers(block(("t1", "t2")))
    assert "train and test share a block (1: b1)" in refusal(build(tmp_path, block(), [*TRAIN, *rows], "user"))


def with_past_provider(rows, name):
    return json.loads(json.dumps(rows).replace("<Money>.<Fjordane>", f"<Money>.<{name}>"))


@pytest.mark.parametrize(
    ("train", "test", "shared"),
    [
        (TRAIN, block(), None),
        (block(("t1", "t2"), block_id="b0"), block(), "share a provider (4: Weather/Aerwyn, Weather/Cirrox, "),
        # What a training row's history shows may not be a candidate of a test row; the other way round it may.
        (
            with_past_provider(TRAIN, "Odd"),
            json.loads(json.dumps(block()).replace("<Weather>.<Dovarque>", "<Money>.<Odd>")),
            "share a provider (1: Money/Odd)",
        ),
        (
            json.loads(json.dumps(TRAIN).replace("<Weather>.<Dovarque2>", "<Money>.<Odd>")),
            with_past_provider(block(), "Odd"),
            None,
        ),
    ],
    ids=["apart", "candidates", "a past call of training", "a past call of the test split"],
)
def test_providers_of_the_test_splits_candidates_stand_in_no_training_row(tmp_path, train, test, shared):
    folder = build(tmp_path, test, train)
    if shared:
        assert shared in refusal(folder)
    else:
        assert "no provider." in card(folder)


def test_a_row_of_another_kind_in_a_settings_folder_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("petoolkit.builder.dataset_folder.config_of", lambda row: row["id"].rpartition("/")[2])
    problem = "rows lie in another config's folder (1: u1-no-preference/chronological)"
    assert problem in refusal(build(tmp_path, [*block(), no_preference()]))
