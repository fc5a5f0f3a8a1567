"""Candidates: the whole group, what a retriever finds, and strangers; nothing else that could do the job."""

from collections import Counter

import pytest
from fakes import WordEncoder, full, market, parameter, tool, tool_set
from petoolkit.builder.recipe import CandidateSettings
from petoolkit.builder.stage_notes import Notes
from petoolkit.builder.stages.candidates import candidates
from petoolkit.builder.tools import Tools

from petoolbench import InputError


def chosen(tools, groups, number, retrieved, users, instruction="please", seed=0, counts=None, same_function=None):
    """Rows for `users`, a table from id to gold tool; of every id, the group is the one that holds the gold tool."""
    group_of = {name: row["group_id"] for row in groups for name in row["tools"]}
    rows = [{"user_id": user, "group_id": group_of[gold], "gold_tool": gold} for user, gold in users.items()]
    asked = [{"user_id": user, "instruction": instruction, "rejected": None} for user in users]
    settings = CandidateSettings(number=number, retrieved=retrieved, same_function=same_function)
    notes = Notes(Counter() if counts is None else counts)
    return list(candidates(rows, asked, groups, tools, WordEncoder(), settings, len(users), seed, notes))


GOLD, PEER = full("Data.Alder.weather"), full("Data.Birch.weather")
SONGS, BAND, JOKES, NEWS = (full(f"Data.Alder.{api}") for api in ("songs", "band", "jokes", "news"))
TOOLS = tool_set(
    tool("Data.Alder.weather", "get weather"),
    tool("Data.Birch.weather", "get weather", "paid"),
    tool("Data.Solo.weather", "get weather", "paid", response='{"other": 1}'),
    tool("Data.Alder.songs", "play songs"),
    tool("Data.Alder.band", "play songs live"),
    tool("Data.Alder.jokes", "tell jokes"),
    tool("Data.Alder.news", "read news"),
)
GROUPS = [{"group_id": "g1", "tools": [GOLD, PEER]}]
USERS = {f"u{number}": GOLD for number in range(60)}


@pytest.mark.parametrize(
    ("number", "retrieved", "instruction", "always", "drawn_from"),
    [
        (2, 0, "songs", {GOLD, PEER}, set()),
        (2, 5, "songs", {GOLD, PEER}, set()),
        (3, 1, "songs", {GOLD, PEER, SONGS}, set()),
        (3, 1, "play songs live", {GOLD, PEER, BAND}, set()),
        (3, 0, "songs", {GOLD, PEER}, {SONGS, BAND, JOKES, NEWS}),
        (4, 1, "songs", {GOLD, PEER, SONGS}, {BAND, JOKES, NEWS}),
        (4, 1, "get weather and jokes", {GOLD, PEER, JOKES}, {SONGS, BAND, NEWS}),
        (5, 2, "songs", {GOLD, PEER, SONGS, BAND}, {JOKES, NEWS}),
        (6, 5, "songs", {GOLD, PEER, SONGS, BAND, JOKES, NEWS}, set()),
        (6, 0, "songs", {GOLD, PEER, SONGS, BAND, JOKES, NEWS}, set()),
    ],
)
def test_the_group_then_the_nearest_then_the_rest_at_random(number, retrieved, instruction, always, drawn_from):
    """What does the same job outside the group never is: it would be right and count as wrong."""
    rows = chosen(TOOLS, GROUPS, number, retrieved, USERS, instruction)
    assert [row["user_id"] for row in rows] == list(USERS)
    for row in rows:
        names = row["candidate_tools"]
        assert len(names) == len(set(names)) == number
        assert always <= set(names)
        assert row["same_function_tools"] == [name for name in names if name in (GOLD, PEER)]
    assert {name for row in rows for name in row["candidate_tools"]} - always == drawn_from


def test_too_few_tools_are_refused_with_the_number_there_is():
    with pytest.raises(InputError, match=f"7 candidates were asked for, but only 6 tools can stand beside {GOLD}"):
        chosen(TOOLS, GROUPS, 7, 5, USERS)


def test_a_group_larger_than_the_number_is_cut_and_counted():
    """The gold tool stays; each other one is drawn for some user."""
    names = [full(f"Data.P{number}.weather") for number in range(5)]
    tools = tool_set(*(tool(f"Data.P{number}.weather", "get weather", f"a{number}") for number in range(5)))
    counts = Counter()
    users = {f"u{number}": names[2] for number in range(60)}
    rows = chosen(tools, [{"group_id": "g1", "tools": names}], 3, 5, users, counts=counts)
    assert counts == {"groups cut to 3 candidates": 60}
    for row in rows:
        assert len(set(row["candidate_tools"])) == 3
        assert names[2] in row["candidate_tools"]
        assert row["same_function_tools"] == row["candidate_tools"]
    assert {name for row in rows for name in row["candidate_tools"]} == set(names)


def test_same_function_tools_can_be_fewer_than_the_group():
    names = [full(f"Data.P{number}.weather") for number in range(5)]
    others = [tool(f"Data.Q.{api}", words) for api, words in (("songs", "play songs"), ("news", "read news"))]
    tools = tool_set(*(tool(f"Data.P{n}.weather", "get weather", f"a{n}") for n in range(5)), *others)
    counts = Counter()
    users = {f"u{number}": names[2] for number in range(60)}
    rows = chosen(tools, [{"group_id": "g1", "tools": names}], 4, 1, users, counts=counts, same_function=2)
    assert counts == {"groups cut to 2 candidates": 60}
    assert all(len(row["same_function_tools"]) == 2 and names[2] in row["same_function_tools"] for row in rows)
    assert {name for row in rows for name in row["same_function_tools"]} == set(names)


def test_a_group_as_large_as_the_number_is_not_cut():
    counts = Counter()
    (row,) = chosen(TOOLS, GROUPS, 2, 5, {"u1": GOLD}, counts=counts)
    assert set(row["candidate_tools"]) == {GOLD, PEER}
    assert counts == {}


def test_the_gold_tool_stands_anywhere():
    """A fixed position would be an answer.

    2,000 users, 8 positions: 250 each, standard deviation 14.8. More than 90 off (six deviations) at any position
    happens by chance for about one seed in 10^7.
    """
    tools, groups = market()
    gold = groups[0]["tools"][1]
    rows = chosen(tools, groups, 8, 2, {f"u{number}": gold for number in range(2000)}, "get news")
    positions = Counter(row["candidate_tools"].index(gold) for row in rows)
    assert sorted(positions) == list(range(8))
    assert all(abs(times - 250) <= 90 for times in positions.values())


def test_a_rejected_instruction_gets_no_candidates():
    users = [{"user_id": user, "group_id": "g1", "gold_tool": GOLD} for user in ("u1", "u2")]
    asked = [
        {"user_id": "u1", "instruction": "songs", "rejected": "names a tool"},
        {"user_id": "u2", "instruction": "songs", "rejected": None},
    ]
    rows = candidates(users, asked, GROUPS, TOOLS, WordEncoder(), CandidateSettings(number=3), 2, 0, Notes())
    assert [row["user_id"] for row in rows] == ["u2"]


def test_only_as_many_accepted_users_as_are_asked_for_get_candidates():
    """More are drawn where some are rejected; the first ones are taken, so that the rest changes nothing."""
    users = [{"user_id": f"u{number}", "group_id": "g1", "gold_tool": GOLD} for number in range(5)]
    asked = [
        {"user_id": user["user_id"], "instruction": "songs", "rejected": "names a tool" if number == 1 else None}
        for number, user in enumerate(users)
    ]
    rows = candidates(users, asked, GROUPS, TOOLS, WordEncoder(), CandidateSettings(number=3), 2, 0, Notes())
    assert [row["user_id"] for row in rows] == ["u0", "u2"]


def test_a_user_alone_has_the_same_candidates():
    """Chance belongs to the record: neither order nor company matters."""
    tools, groups = market()
    users = {f"u{number}": groups[number % 8]["tools"][number % 3] for number in range(24)}
    together = chosen(tools, groups, 10, 5, users, "get news")
    backwards = dict(reversed(users.items()))
    assert chosen(tools, groups, 10, 5, backwards, "get news") == together[::-1]
    for row in together:
        alone = {row["user_id"]: users[row["user_id"]]}
        assert chosen(tools, groups, 10, 5, alone, "get news") == [row]
    assert chosen(tools, groups, 10, 5, users, "get news", seed=1) != together


def test_a_tool_with_the_same_parameters_could_do_the_job_from_further_away():
    city, date = parameter("city"), parameter("date")
    tools = [
        tool("Weather.Aerwyn.now", "get the weather", required=[city]),
        tool("Weather.Brontal.now", "show rain and the weather", required=[city]),  # distance 0.48
        tool("Weather.Cindra.days", "show rain and the weather", required=[city, date]),
        tool("Travel.Delgor.now", "show rain and the weather", required=[city]),
        tool("Weather.Elvira.air", "show pollen and rain", required=[city]),
        tool("Weather.Fendor.any", "show rain and the weather"),
    ]
    known = {one["tool_name"]: one for one in tools}

    def doing(**how):
        same = Tools(known, WordEncoder(), 0.1, **how).does_job_of("<Weather>.<Aerwyn>.<now>")
        return [one["provider"] for one, could in zip(tools, same, strict=True) if could]

    assert doing() == ["Aerwyn"]
    assert doing(furthest=0.5, uniform="parameters") == ["Aerwyn", "Brontal"]
    assert doing(furthest=0.5, uniform="function") == ["Aerwyn"]
    assert doing(furthest=0.2, uniform="parameters") == ["Aerwyn"]
    parameterless = Tools(known, WordEncoder(), 0.1, furthest=1.0, uniform="parameters")
    assert parameterless.does_job_of("<Weather>.<Fendor>.<any>").sum() == 4  # those with its very words
