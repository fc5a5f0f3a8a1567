"""Export: rows that keep the contract, split so that nothing crosses over."""

import json
import re
from collections import Counter

import datasets
import pytest
from fakes import full, parameter, tool, tool_set
from petoolkit.builder.recipe import ExportSettings
from petoolkit.builder.stage_notes import Notes
from petoolkit.builder.stages.export import draw_test_users, export

from petoolbench import FEATURES, SETTINGS, SPLITS, breaches

GOLD, PEER, OTHER, LIKED, DISLIKED = (full(f"Data.{name}") for name in ("A.x", "B.x", "A.y", "A.z", "B.z"))


def call(name, rating=None, instruction="Get maps."):
    return {
        "instruction": instruction,
        "tool_name": name,
        "provider_description": "",
        "parameters": "{}",
        "rating": rating,
    }


# --- splitting ------------------------------------------------------------------------------------------------------

# 40 users, 8 gold tools of 5 users, 4 groups of 2 tools.
EVEN = [{"user_id": f"u{number}", "gold_tool": f"t{number % 8}", "group_id": f"g{number % 4}"} for number in range(40)]
# 20 users: one tool of 12 users and 8 of one; its group has 12, and two more have 4.
UNEVEN = [{"user_id": f"u{n}", "gold_tool": "t0", "group_id": "g0"} for n in range(12)] + [
    {"user_id": f"u{n}", "gold_tool": f"t{n}", "group_id": f"g{n % 2 + 1}"} for n in range(12, 20)
]


@pytest.mark.parametrize(
    ("users", "split", "share", "number"),
    [
        (EVEN, "user", 0.25, 10),
        (EVEN, "tool", 0.25, 10),
        (EVEN, "function", 0.25, 10),
        (EVEN, "function", 0.5, 20),
        (EVEN, "tool", 0.3, 10),
        (EVEN, "user", 0.3, 12),
        (UNEVEN, "user", 0.25, 5),
        (UNEVEN, "tool", 0.25, 5),
        (UNEVEN, "function", 0.25, 4),
        (UNEVEN, "function", 0.45, 8),
        ([], "user", 0.25, 0),
    ],
)
def test_the_test_split_has_its_share_and_whole_units(users, split, share, number):
    """No gold tool, or no function, of the test split may be asked for in training."""
    unit = {"user": "user_id", "tool": "gold_tool", "function": "group_id"}[split]
    settings = ExportSettings(split=split, test_share=share)
    chosen = [draw_test_users(users, users, settings, seed) for seed in range(20)]
    for test in chosen:
        assert len(test) == number
        in_test = {user[unit] for user in users if user["user_id"] in test}
        in_training = {user[unit] for user in users if user["user_id"] not in test}
        assert not in_test & in_training
    if users is EVEN:
        assert len(set(map(frozenset, chosen))) > 1


def test_the_split_does_not_depend_on_the_order_of_users():
    for split in ("user", "tool", "function"):
        settings = ExportSettings(split=split)
        assert draw_test_users(EVEN, EVEN, settings, 3) == draw_test_users(EVEN[::-1], EVEN, settings, 3)


# --- the stage ------------------------------------------------------------------------------------------------------

TOOLS = tool_set(
    tool("Data.A.x", "get news", "free", required=[parameter("city", "STRING", '"Rome"', ["Hidden"], "A city")]),
    tool("Data.B.x", "get news", "paid", optional=[parameter("days", None, None, ["Hidden"])], response='{"a": 1}'),
    tool("Data.A.y", "tell jokes", "free"),
    tool("Data.A.z", "draw maps", "free"),
    tool("Data.B.z", "draw maps", "paid"),
)
USERS = [
    {"user_id": f"u{number}", "group_id": "g1", "category": "Data", "gold_tool": GOLD, "rejected": None}
    for number in range(8)
]
HISTORIES = [
    {
        "user_id": user["user_id"],
        "preferred_only": [call(LIKED)],
        "rating_integrated": [call(LIKED, 1), call(DISLIKED, 0)],
        "chronological": [call(DISLIKED), call(LIKED)],
    }
    for user in USERS
]
INSTRUCTIONS = [
    {"user_id": user["user_id"], "instruction": "Get news.", "parameters": '{"city": "Rome"}', "rejected": None}
    for user in USERS
]
CANDIDATES = [
    {"user_id": user["user_id"], "candidate_tools": [OTHER, PEER, GOLD], "same_function_tools": [PEER, GOLD]}
    for user in USERS
]


def exported(histories=HISTORIES, candidates=CANDIDATES, instructions=INSTRUCTIONS, notes=None):
    test_users = draw_test_users(USERS, candidates, ExportSettings(), 0)
    return list(
        export(USERS, histories, instructions, candidates, TOOLS, test_users, ExportSettings(), notes or Notes())
    )


def test_a_user_becomes_one_row_a_setting():
    rows = exported()[:3]
    assert {written.pop("split") for written in rows} <= set(SPLITS)
    documents = [
        {
            "tool_name": OTHER,
            "tool_description": "tell jokes",
            "provider_description": "free",
            "required_parameters": [],
            "optional_parameters": [],
            "schema": None,
        },
        {
            "tool_name": PEER,
            "tool_description": "get news",
            "provider_description": "paid",
            "required_parameters": [],
            "optional_parameters": [
                {"name": "days", "type": None, "description": "", "default": None, "schema": None}
            ],
            "schema": None,
        },
        {
            "tool_name": GOLD,
            "tool_description": "get news",
            "provider_description": "free",
            "required_parameters": [
                {"name": "city", "type": "STRING", "description": "A city", "default": '"Rome"', "schema": None}
            ],
            "optional_parameters": [],
            "schema": None,
        },
    ]
    assert rows == [
        {
            "id": f"u0/{setting}",
            "user_id": "u0",
            "group_id": "g1",
            "category": "Data",
            "block_id": "",
            "kind": "preference",
            "instruction": "Get news.",
            "history": HISTORIES[0][setting],
            "history_length": len(HISTORIES[0][setting]),
            "candidate_tools": documents,
            "tool_call": {"tool_name": GOLD, "parameters": '{"city": "Rome"}'},
            "acceptable_tools": [GOLD],
            "same_function_tools": [PEER, GOLD],
            "taste": "",
        }
        for setting in SETTINGS
    ]
    assert [list(written) for written in rows] == [list(FEATURES)] * 3


def test_rows_are_of_the_datasets_features_to_the_last_key():
    """`datasets` would drop a column that the features do not name, and fill one that is missing."""
    rows = [{key: value for key, value in written.items() if key != "split"} for written in exported()]
    assert datasets.Dataset.from_list(rows, features=FEATURES).to_list() == rows


def test_examples_of_values_never_reach_the_dataset():
    """They are what gold parameters are drawn from."""
    assert "Hidden" not in json.dumps(exported())


def test_a_users_rows_are_all_in_one_split_and_without_candidates_there_are_none():
    rows = exported(candidates=CANDIDATES[2:])
    splits = {(written["user_id"], written["split"]) for written in rows}
    assert [written["id"] for written in rows] == [f"u{n}/{setting}" for n in range(2, 8) for setting in SETTINGS]
    assert Counter(split for _, split in splits) == {"train": 4, "test": 2}


def test_rows_are_counted_by_split():
    notes = Notes()
    rows = exported(notes=notes)
    assert notes.counts == {"train rows": 18, "test rows": 6}
    statistics = notes.statistics.summary()
    assert statistics["rows"] == len(rows) and statistics["distinct gold tools"] == 1


GOOD_HISTORY = {
    "preferred_only": [call(LIKED)],
    "rating_integrated": [call(LIKED, 1), call(DISLIKED, 0)],
    "chronological": [call(DISLIKED), call(LIKED)],
}


@pytest.mark.parametrize(
    ("history", "candidates", "breach"),
    [
        ({}, {"candidate_tools": [GOLD, PEER]}, None),
        ({}, {"candidate_tools": [OTHER, GOLD, PEER, OTHER]}, "candidates repeat"),
        ({}, {"candidate_tools": [OTHER, PEER, LIKED]}, "the gold tool is no"),
        ({}, {"candidate_tools": [OTHER, GOLD]}, "same-function tools are no"),
        ({}, {"same_function_tools": [PEER, OTHER]}, "the gold tool is not among the same-function tools"),
        ({}, {"same_function_tools": [GOLD]}, "only one candidate does the job"),
        ({"chronological": []}, {}, "the history is empty"),
        ({"chronological": [call(LIKED), call(PEER)]}, {}, "the history holds a tool of the gold function"),
        ({"chronological": [call(LIKED), call(GOLD)]}, {}, "the history holds a tool of the gold function"),
        ({"chronological": [call(LIKED, instruction="Get news.")]}, {}, "the history holds the instruction"),
        ({"chronological": [call(LIKED, 1)]}, {}, "ratings do not fit the setting"),
        ({"chronological": [call(DISLIKED, 0), call(LIKED)]}, {}, "ratings do not fit the setting"),
        ({"rating_integrated": [call(LIKED)]}, {}, "ratings do not fit the setting"),
        ({"rating_integrated": [call(DISLIKED, 0), call(LIKED)]}, {}, "ratings do not fit the setting"),
    ],
)
def test_a_row_that_breaks_the_contract_stops_the_export_and_is_named(history, candidates, breach):
    histories = [{**HISTORIES[0], **GOOD_HISTORY, **history}, *HISTORIES[1:]]
    chosen = [{**CANDIDATES[0], **candidates}, *CANDIDATES[1:]]
    if breach is None:
        assert all(breaches(row, of_a_build=True) == [] for row in exported(histories, chosen))
        return
    setting = next(iter(history), "preferred_only")
    with pytest.raises(ValueError, match=re.escape(f"row u0/{setting}: ") + f".*{breach}"):
        exported(histories, chosen)


def test_all_breaches_of_a_row_are_named():
    broken = [{**HISTORIES[0], "preferred_only": []}, *HISTORIES[1:]]
    chosen = [{**CANDIDATES[0], "same_function_tools": [GOLD]}, *CANDIDATES[1:]]
    with pytest.raises(ValueError, match=r"only one candidate does the job; the history is empty$"):
        exported(broken, chosen)
