"""Instruct: what the user asks gives neither tool nor provider away."""

import pytest
from fakes import full, parameter, tool, tool_set
from petoolkit.builder.authors.offline import OfflineAuthor
from petoolkit.builder.spoken_names import shared_words
from petoolkit.builder.stages.instruct import instruct, objection

from petoolbench import SETTINGS

GROUP = ["<Weather>.<Sunny Skies>.<get_weather>", "<Weather>.<Rainy>.<now>", "<Weather>.<C3PO>.</v2/sky-by-city>"]
PAST = {"Please find the forecast for 'Oslo'."}


@pytest.mark.parametrize(
    ("instruction", "reason"),
    [
        ("Please find the forecast for 'Rome'.", None),
        ("Ask Sunny Skies for the forecast.", "names a provider"),
        ("ask SUNNY-SKIES for the forecast", "names a provider"),
        ("Use 'sunny_skies'.", "names a provider"),
        ("Is it rainy?", "names a provider"),
        ("Ask c3po!", "names a provider"),
        ("Please get weather.", "names a tool"),
        ("GET/WEATHER", "names a tool"),
        ("Forecast, now.", "names a tool"),
        ("What says V2 (sky by city)?", "names a tool"),
        ("Ask Rainy now.", "names a provider"),
        ("I know that snow comes nowadays.", None),
        ("Rainyday forecast for Sunny.", None),
        ("Get the weather over sunny, blue skies.", None),
        ("Weather forecast, city by sky.", None),
        ("", None),
        ("Please find the forecast for 'Oslo'.", "repeats an instruction of the history"),
    ],
)
def test_objection(instruction, reason):
    """A name counts as whole words in a row, however they are written; within longer words it is no name."""
    assert objection(instruction, GROUP, PAST) == reason


@pytest.mark.parametrize("name", ["天気", "Ünal", "Météo-France"])
def test_names_beyond_ascii_are_names(name):
    assert objection(f"Please ask {name.upper()}!", [f"<Weather>.<{name}>.<x1>"], set()) == "names a provider"


def test_a_name_without_letters_is_never_found():
    """It would be found everywhere."""
    assert objection("Find the forecast.", ["<Weather>.<?>.<_/>"], set()) is None


@pytest.mark.parametrize(
    ("common", "reason"),
    [((), "names a tool"), (("weather", "of"), "names a tool"), (("weather", "forecast", "of", "a"), None)],
)
def test_a_tools_name_may_be_said_if_all_descriptions_have_its_words(common, reason):
    names = ["<Weather>.<Alder>.<forecast>", "<Weather>.<Birch>.<weather_forecast>"]
    assert objection("Get the weather forecast of Rome.", names, set(), common) == reason
    assert objection("Ask Alder for the weather forecast.", names, set(), common) == "names a provider"
    texts = ["Get a forecast of the weather", "The weather forecast, of any day"]
    assert shared_words(texts) == {"forecast", "of", "the", "weather"}
    assert shared_words([]) == frozenset()


# --- the stage ------------------------------------------------------------------------------------------------------

OPENINGS = ("I want to {}.", "I need to {}.", "Please {}.", "Can you {}?", "Help me {}.", "I would like to {}.")
USERS = [f"u{number}" for number in range(60)]
SONG = "sing a song"  # `sing` has no other words for it: six instructions are possible
SONGS = [opening.format(SONG) for opening in OPENINGS]


def written(provider="Birch", functionality=SONG, past=(), users=USERS, required=(), seed=0, own=None, **changes):
    """Instructions for users whose gold tool is Alder's, in a group with `provider`'s; `own` are its own words."""
    tools = tool_set(
        tool("Data.Alder.x1", own or functionality, required=required),
        tool(f"Data.{provider}.x2", functionality, "paid"),
    )
    rows = [
        {"user_id": user, "group_id": "g1", "gold_tool": full("Data.Alder.x1"), "rejected": None, **changes}
        for user in users
    ]
    histories = [
        {
            "user_id": user,
            **{setting: [] for setting in SETTINGS},
            "chronological": [{"instruction": said} for said in past],
            "rejected": None,
        }
        for user in users
    ]
    groups = [{"group_id": "g1", "tools": list(tools.index), "functionality": functionality}]
    return list(instruct(rows, histories, groups, tools, OfflineAuthor(tools.rows), seed))


def test_an_accepted_instruction_comes_with_the_gold_calls_parameters():
    mood = parameter("mood", default='"Rome"')
    for row in written(required=[mood]):
        instruction = row.pop("instruction")
        assert SONG in instruction
        assert "'Rome'" in instruction
        assert row == {
            "user_id": row["user_id"],
            "parameters": '{"mood": "Rome"}',
            "rejected": None,
            "raw_reply": None,
        }


def test_an_instruction_speaks_the_groups_words():
    """The gold tool's own would tell it from the others of its group."""
    assert {row["instruction"] for row in written(own="hum a tune")} == set(SONGS)


def test_a_leak_is_drawn_again():
    """Providers have all kinds of names: this one leaks through one of six openings. No draw does it twelve times."""
    unhindered = {row["user_id"]: row["instruction"] for row in written()}
    redrawn = {row["user_id"]: row["instruction"] for row in written(provider="Please")}
    leaking = {user for user, text in unhindered.items() if text.startswith("Please")}
    assert leaking
    assert set(unhindered.values()) == set(SONGS)
    assert set(redrawn.values()) == {song for song in SONGS if not song.startswith("Please")}
    assert {user for user in USERS if unhindered[user] != redrawn[user]} == leaking


def test_an_instruction_of_the_history_is_drawn_again():
    """Three of six are left; twelve draws miss them with a chance of 2^-12, and so for two of 60 users of 10^-4."""
    rows = written(past=SONGS[:3])
    assert {row["instruction"] for row in rows if not row["rejected"]} == set(SONGS[3:])
    assert sum(row["rejected"] is not None for row in rows) <= 1


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"functionality": "ask alder for news"}, "names a provider"),
        ({"provider": "Sing", "functionality": "sing a song"}, "names a provider"),
        ({"functionality": "find x2 news", "own": "find news"}, "names a tool"),
        ({"past": SONGS}, "repeats an instruction of the history"),
    ],
)
def test_a_user_whose_every_draw_leaks_is_rejected_with_the_reason(settings, reason):
    for row in written(**settings):
        assert row["rejected"] == reason


def test_a_tools_name_that_all_descriptions_have_may_be_said():
    assert {row["rejected"] for row in written(functionality="find x2 news")} == {None}


def test_a_rejected_user_is_asked_nothing():
    assert written(rejected="too few tools that do not overlap") == []


def test_a_user_alone_asks_the_same():
    """Chance belongs to the record: neither order nor company matters."""
    together = written(past=SONGS[:2])
    assert written(past=SONGS[:2], users=USERS[::-1]) == together[::-1]
    assert [written(past=SONGS[:2], users=[user])[0] for user in USERS[:10]] == together[:10]
    assert written(past=SONGS[:2], seed=1) != together
