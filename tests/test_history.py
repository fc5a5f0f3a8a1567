"""History: three forms of one user's past, each true to its setting."""

import json
from random import Random

import pytest
from fakes import full, parameter, tool, tool_set
from petoolkit.builder.authors.offline import OfflineAuthor
from petoolkit.builder.recipe import HistorySettings
from petoolkit.builder.stages.history import apart_by_provider, draw_calls, history

from petoolbench import SETTINGS, Setting

MIXED = [setting.name for setting in SETTINGS.values() if setting.dislikes != "none"]
NEIGHBOURS = [full(f"Data.Alder.n{number}") for number in range(3)]
PREFERRED = NEIGHBOURS + [full(f"Data.Birch.p{number}") for number in range(22)]
NOT_PREFERRED = [full(f"Data.{'CD'[number % 2]}.d{number}") for number in range(10)]


def user(length, **changes):
    return {
        "user_id": "u1",
        "gold_tool": full("Data.Alder.gold"),
        "gold_neighbours": NEIGHBOURS,
        "preferred": PREFERRED,
        "not_preferred": NOT_PREFERRED,
        "length": length,
        "rejected": None,
        **changes,
    }


def drawn(length, setting, settings=None, seeds=50, **changes):
    settings = settings or HistorySettings()
    setting = SETTINGS[setting] if isinstance(setting, str) else setting
    return [draw_calls(user(length, **changes), setting, settings, Random(seed)) for seed in range(seeds)]


@pytest.mark.parametrize("setting", SETTINGS)
@pytest.mark.parametrize(
    ("length", "settings"),
    [
        (1, HistorySettings(min_length=1)),
        (2, HistorySettings(min_length=2)),
        (3, HistorySettings(min_length=3)),
        (5, HistorySettings(min_disliked=0.5, max_disliked=0.9)),
        (5, HistorySettings()),
        (20, HistorySettings()),
    ],
)
def test_a_history_has_the_users_length_in_every_setting(setting, length, settings):
    for calls in drawn(length, setting, settings):
        names = [name for name, _ in calls]
        assert len(names) == len(set(names)) == length
        assert set(names) <= {*PREFERRED, *NOT_PREFERRED}


@pytest.mark.parametrize("length", [5, 8, 20])
def test_preferred_only_holds_preferred_tools_unrated(length):
    for calls in drawn(length, "preferred_only"):
        assert {rating for _, rating in calls} == {None}
        assert {name for name, _ in calls} <= set(PREFERRED)


@pytest.mark.parametrize("length", [5, 8, 20])
def test_rating_integrated_rates_each_call_by_what_the_user_prefers(length):
    for calls in drawn(length, "rating_integrated"):
        assert [rating for _, rating in calls] == [int(name in PREFERRED) for name, _ in calls]


@pytest.mark.parametrize("setting", MIXED)
@pytest.mark.parametrize(
    ("length", "settings", "shares"),
    [
        (3, HistorySettings(), {1 / 3}),
        (4, HistorySettings(), {1 / 4}),
        (5, HistorySettings(), {1 / 5, 2 / 5}),
        (6, HistorySettings(), {2 / 6}),
        (10, HistorySettings(), {2 / 10, 3 / 10, 4 / 10}),
        (20, HistorySettings(), {n / 20 for n in range(4, 10)}),
        (10, HistorySettings(min_disliked=0.3, max_disliked=0.3), {3 / 10}),
    ],
)
def test_the_share_of_disliked_calls_is_any_within_the_settings(setting, length, settings, shares):
    """200 draws of at most six shares: one of them stays away with a chance below 6 * (5/6)^200 < 1e-14."""
    calls_of_all = drawn(length, setting, settings, seeds=200)
    assert {sum(name in NOT_PREFERRED for name, _ in calls) / length for calls in calls_of_all} == shares
    assert all(settings.min_disliked <= share <= settings.max_disliked for share in shares)


def test_disliked_calls_are_no_more_than_there_are():
    for calls in drawn(10, "rating_integrated", not_preferred=NOT_PREFERRED[:2]):
        assert sum(rating == 0 for _, rating in calls) == 2


@pytest.mark.parametrize("length", [5, 6, 10, 20])
def test_several_disliked_calls_never_stand_in_one_block(length):
    """A block would be the chronological setting. A false alarm needs 20 shuffles into a block: (4/10)^20 at worst."""
    several = 0
    for calls in drawn(length, "rating_integrated", seeds=200):
        positions = [position for position, (_, rating) in enumerate(calls) if rating == 0]
        if len(positions) > 1:
            several += 1
            assert positions[-1] - positions[0] >= len(positions)
    assert several > 50


@pytest.mark.parametrize("length", [5, 8, 20])
def test_chronological_tells_the_change_of_taste_by_order_alone(length):
    for calls in drawn(length, "chronological"):
        liked = [name in PREFERRED for name, _ in calls]
        assert liked == sorted(liked)
        assert {rating for _, rating in calls} == {None}
        assert not liked[0]
        assert liked[-1]


@pytest.mark.parametrize("setting", SETTINGS)
def test_every_history_shows_two_neighbours_of_the_gold_tool(setting):
    """They tell which of the gold tool's group the user would like."""
    for calls in drawn(5, setting):
        assert sum(name in NEIGHBOURS for name, _ in calls) >= 2
    for calls in drawn(5, setting, gold_neighbours=NEIGHBOURS[:1]):
        assert NEIGHBOURS[0] in [name for name, _ in calls]


def test_liked_calls_stand_in_any_order():
    """Were the gold tool's neighbours first, their position would tell. A false alarm: below 5 * (3/5)^50."""
    positions = {
        calls.index((name, None))
        for calls in drawn(5, "preferred_only")
        for name in NEIGHBOURS
        if (name, None) in calls
    }
    assert positions == set(range(5))


@pytest.mark.parametrize("is_rated", [True, False])
@pytest.mark.parametrize("dislikes", ["none", "mixed", "first"])
def test_a_further_setting_says_what_its_histories_hold(dislikes, is_rated):
    """Also in combinations that the three settings do not have."""
    setting = Setting("further", "", "", dislikes=dislikes, is_rated=is_rated)
    for calls in drawn(10, setting):
        liked = [name in PREFERRED for name, _ in calls]
        assert len(liked) == 10
        assert [rating for _, rating in calls] == [int(one) if is_rated else None for one in liked]
        assert all(liked) == (dislikes == "none")
        assert dislikes == "mixed" or liked == sorted(liked)
    if dislikes == "mixed":
        assert any(name in PREFERRED for name, _ in (calls[0] for calls in drawn(10, setting)))


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ([], []),
        (["A.1"], ["A.1"]),
        (["A.1", "B.1"], ["A.1", "B.1"]),
        (["A.1", "A.2", "B.1"], ["A.1", "B.1", "A.2"]),
        (["B.1", "A.1", "A.2"], ["A.1", "B.1", "A.2"]),
        (["A.1", "A.2", "B.1", "B.2"], ["A.1", "B.1", "A.2", "B.2"]),
        (["A.1", "A.2", "A.3", "B.1", "C.1"], ["A.1", "B.1", "A.2", "C.1", "A.3"]),
        (["A.1", "A.2", "A.3", "B.1"], ["A.1", "B.1", "A.2", "A.3"]),
        (["A.1", "A.2"], ["A.1", "A.2"]),
    ],
)
def test_a_providers_tools_do_not_stand_together_while_others_are_left(given, expected):
    names = [full(f"Data.{name}") for name in given]
    assert apart_by_provider(names) == [full(f"Data.{name}") for name in expected]


def test_a_provider_of_another_category_is_another_provider():
    names = [full("Data.A.1"), full("Data.A.2"), full("Food.A.1")]
    assert apart_by_provider(names) == [names[0], names[2], names[1]]


# --- the stage ------------------------------------------------------------------------------------------------------

TOOLS = tool_set(
    *(tool(f"Data.Alder.{function}", f"get {function}") for function in ("news", "songs")),
    tool("Data.Birch.maps", "draw maps", required=[parameter("mood", default='"Den Haag"')]),
    tool("Data.Cedar.jokes", "tell jokes"),
)
SMALL = HistorySettings(min_length=3, max_length=3)


def small_user(user_id, **changes):
    *preferred, disliked = TOOLS.index
    return user(
        3, user_id=user_id, gold_neighbours=preferred[:2], preferred=preferred, not_preferred=[disliked], **changes
    )


def written(*users, seed=0):
    return list(history(users, TOOLS, OfflineAuthor(TOOLS.rows), SMALL, seed))


def test_a_row_holds_three_histories_of_whole_interactions():
    (row,) = written(small_user("u1"))
    assert list(row) == ["user_id", *SETTINGS, "rejected", "raw_reply"]
    calls = [call for setting in SETTINGS for call in row[setting]]
    for call in calls:
        assert list(call) == ["instruction", "tool_name", "provider_description", "parameters", "rating"]
        assert TOOLS[call["tool_name"]]["functionality"] in call["instruction"]
        for value in json.loads(call["parameters"]).values():
            assert value in call["instruction"]
    assert {call["parameters"] for call in calls} == {"{}", '{"mood": "Den Haag"}'}
    assert sorted(call["tool_name"] for call in row["preferred_only"]) == sorted(TOOLS.index)[:3]
    assert sorted(str(call["rating"]) for call in row["rating_integrated"]) == ["0", "1", "1"]
    assert row["chronological"][0]["tool_name"] == full("Data.Cedar.jokes")


def test_a_rejected_user_has_no_history():
    rejected = small_user("u1") | {"rejected": "too few tools that do not overlap"}
    assert [row["user_id"] for row in written(rejected, small_user("u2"))] == ["u2"]


def test_a_user_alone_has_the_same_history():
    """Chance belongs to the record: neither order nor company matters."""
    users = [small_user(f"u{number}") for number in range(12)]
    together = written(*users)
    assert written(*users[::-1]) == together[::-1]
    assert [written(one)[0] for one in users] == together
    assert written(*users, seed=1) != together
    assert len({json.dumps(row["preferred_only"]) for row in together}) > 6
