"""Why a row's gold tool is the right one, in words and counts, and in the terminal's view of a row."""

import json

import pytest
from block_rows import block, no_preference, override
from rich.console import Console
from rows import past_call, row

from petoolbench import SETTINGS
from petoolkit.evaluator.row_view import row_view, user_view
from petoolkit.row_reasons import reason_of

BY_SETTING = {one["id"].rpartition("/")[2]: one for one in block() if one["user_id"] == "u1"}


def shown(view) -> str:
    console = Console(width=110, record=True, file=open("/dev/null", "w"))  # noqa: SIM115 (it is never read)
    console.print(view)
    return " ".join(console.export_text().replace("│", " ").split())


@pytest.mark.parametrize(
    ("setting", "call_traits", "counts"),
    [
        ("preferred_only", [["free"]], [(1, 0), (0, 0)]),
        ("rating_integrated", [["free"], ["eu hosted"]], [(1, 0), (0, 1)]),
        ("chronological", [["eu hosted"], ["free"]], [(1, 0), (0, 1)]),
    ],
)
def test_the_reason_names_the_trait_and_counts_the_calls_that_show_it(setting, call_traits, counts):
    reason = reason_of(BY_SETTING[setting])
    assert reason.sentence == (
        "The user likes 'free': 1 liked past call shows it, and of the 2 tools that do the job only Aerwyn has it."
    )
    assert reason.call_traits == call_traits
    assert [one.tool_name for one in reason.evidence] == [
        "<Weather>.<Aerwyn>.<forecast>",
        "<Weather>.<Cirrox>.<forecast>",
    ]
    assert [(one.liked, one.disliked) for one in reason.evidence] == counts
    assert [one.is_preferred for one in reason.evidence] == [True, False]
    assert [one.traits for one in reason.evidence] == [["free"], ["eu hosted"]]


def test_rows_of_other_kinds_say_what_decides_there():
    reason = reason_of(override())
    assert reason.sentence == (
        "The user likes 'free', which Aerwyn has. The request states another need, which Cirrox meets."
    )
    assert [(one.tool_name.split(">.<")[1], one.is_preferred) for one in reason.evidence] == [
        ("Cirrox", False),
        ("Aerwyn", True),
    ]
    reason = reason_of(no_preference())
    assert reason.sentence == ("No past call shows a trait of the 2 tools that do the job, so each of them is right.")
    assert reason.trait == ""
    assert reason.call_traits == [[]]


@pytest.mark.parametrize(
    "taste",
    ["", "{", "[]", "null", "{}", json.dumps({"tool": None, "trait": 7, "tool_traits": {}, "call_traits": []})],
)
def test_a_taste_that_cannot_be_read_gives_no_reason(taste):
    assert reason_of({**BY_SETTING["chronological"], "taste": taste}) is None


def test_a_shortened_history_gives_no_reason():
    one = BY_SETTING["chronological"]
    assert reason_of({**one, "history": one["history"][1:]}) is None


def test_the_terminal_shows_what_called_tools_are_like_and_why_gold_is_gold():
    text = shown(row_view(BY_SETTING["rating_integrated"]))
    assert "liked Fjordane / find [free] Something of money. It does not cost anything." in text
    assert "disliked Gillamar / find [eu hosted]" in text
    assert "only Aerwyn has it." in text
    assert "Aerwyn / forecast (preferred) 1 0 free" in text
    assert "Cirrox / forecast 0 1 eu hosted" in text
    assert "override" not in text


def test_the_terminal_names_another_kind_than_preference():
    assert "override: the request states a need" in shown(row_view(override()))
    assert "no preference: every tool that does the job is right" in shown(row_view(no_preference()))


def test_a_row_without_taste_is_shown_as_before():
    text = shown(row_view(row("u1", "preferred_only", "Cirrox", [past_call("Aerwyn")])))
    assert "The user likes" not in text
    assert "liked calls" not in text


def test_a_users_rows_in_all_settings_have_one_reason_without_counts():
    text = shown(user_view([BY_SETTING[name] for name in SETTINGS]))
    assert text.count("only Aerwyn has it") == 1
    assert "liked calls" not in text
