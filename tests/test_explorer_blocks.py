"""What the explorer shows of datasets with blocks: why gold is gold, the users side by side, rows of other kinds."""

import pytest
from block_rows import block, no_preference, override
from petoolkit.builder.dataset_folder import write_dataset
from report_folders import Page
from rows import DATASET_FACTS, row

from petoolbench import SETTINGS
from petoolkit.explorer.block_table import block_table
from petoolkit.explorer.browse import matching
from petoolkit.explorer.content import read_content
from petoolkit.explorer.view import View
from petoolkit.explorer.view_html import rows_html

ROWS = [*block(), *(override(setting=setting) for setting in SETTINGS), no_preference()]
ALONE = row("u9", "chronological", "Cirrox")
BY_ID = {one["id"]: one for one in [*ROWS, ALONE]}


@pytest.fixture(scope="module")
def content(tmp_path_factory):
    folder = tmp_path_factory.mktemp("blocks") / "petoolbench"
    write_dataset(folder, [("test", one) for one in [*ROWS, ALONE]], lambda: DATASET_FACTS)
    return read_content(str(folder), None, [])


def ids(content, **filters):
    return [content.index.ids[number] for number in matching(content, View(**filters))]


def opened(content, row_id):
    return rows_html(content, View(row=row_id))[1]


def text(html):
    return " ".join(" ".join(Page(html).text).split())


def test_rows_of_other_kinds_are_browsed_with_the_others(content):
    assert content.index.choices["kind"] == ["preference", "override", "no_preference"]
    assert content.index.choices["setting"] == list(SETTINGS)
    assert ids(content, kind="override", setting="chronological") == ["u1-override/chronological"]
    assert ids(content, kind="no_preference") == ["u1-no-preference/chronological"]
    assert len(ids(content, kind="preference")) == 7
    listed, _ = rows_html(content, View(kind="override"))
    assert text(listed).count("past calls · test · override") == 2  # of the mixed settings
    assert "as rating-integrated" in text(opened(content, "u1-override/chronological"))


def test_a_search_finds_what_a_called_tools_provider_is_like(content):
    assert ids(content, text="frankfurt", setting="preferred_only", kind="preference") == ["u2/preferred_only"]


def test_the_page_says_why_gold_is_gold_and_what_called_providers_are_like(content):
    shown = text(opened(content, "u1/rating_integrated"))
    assert (
        "The user likes 'free': 1 liked past call shows it, and of the 2 tools that do the job only Aerwyn has it."
        in shown
    )
    assert "liked Fjordane / find free Something of money. It does not cost anything." in shown
    assert "disliked Gillamar / find eu hosted" in shown
    html = opened(content, "u1/rating_integrated")
    assert 'class="badge trait decides"' in html
    assert html.count('class="badge trait decides"') == 1  # the liked trait, in the history


def test_rows_of_other_kinds_say_so(content):
    assert "Override: the request states a need" in text(opened(content, "u1-override/chronological"))
    assert "Cirrox / forecast gold" in text(opened(content, "u1-override/chronological"))
    assert "Aerwyn / forecast preferred" in text(opened(content, "u1-override/chronological"))
    assert "No preference: every tool that does the job is right" in text(
        opened(content, "u1-no-preference/chronological")
    )


@pytest.mark.parametrize(
    ("setting", "cells"),
    [
        (
            "rating_integrated",
            {
                "Fjordane": [("liked", "+"), ("disliked", "\N{MINUS SIGN}")],
                "Gillamar": [("disliked", "\N{MINUS SIGN}"), ("liked", "+")],
            },
        ),
        (
            "chronological",
            {"Gillamar": [("disliked", "1"), ("liked", "2")], "Fjordane": [("liked", "2"), ("disliked", "1")]},
        ),
        ("preferred_only", {"Fjordane": [("liked", "1"), None], "Gillamar": [None, ("liked", "1")]}),
    ],
)
def test_the_users_of_a_block_stand_side_by_side(content, setting, cells):
    table = block_table(content, View(), BY_ID[f"u1/{setting}"])
    assert [(user.user_id, user.gold.provider, user.trait, user.query) for user in table.users] == [
        ("u1", "Aerwyn", "free", ""),
        ("u2", "Cirrox", "eu hosted", f"?row=u2/{setting}"),
    ]
    assert {call.name.provider: call.cells for call in table.calls} == cells
    assert {call.name.provider: call.traits for call in table.calls} == {
        "Fjordane": ["free"],
        "Gillamar": ["eu hosted"],
    }
    assert table.other_kinds[0] == ("u1-override", f"?row=u1-override/{setting}")
    shown = text(opened(content, f"u1/{setting}"))
    assert "The users of this block (2;" in shown
    assert "Rows of other kinds: u1-override" in shown


def test_the_calls_of_a_block_are_in_the_order_of_the_open_row(content):
    for user in ("u1", "u2"):
        row = BY_ID[f"{user}/chronological"]
        table = block_table(content, View(), row)
        assert [str(call.name) for call in table.calls] == [call["tool_name"] for call in row["history"]]


def test_a_row_without_block_has_no_table_and_no_reason(content):
    assert block_table(content, View(), ALONE) is None
    shown = text(opened(content, "u9/chronological"))
    assert "The users of this block" not in shown
    assert "The user likes" not in shown
