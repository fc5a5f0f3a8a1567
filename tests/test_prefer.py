"""Prefer: one taste a user, nothing of the gold function shown, no two tools for one job."""

from itertools import combinations

import pytest
from fakes import full, market, parameter, tool, tool_set
from petoolkit.builder.recipe import HistorySettings, PreferSettings
from petoolkit.builder.stages.prefer import prefer
from petoolkit.builder.taken_tools import TakenTools
from petoolkit.builder.tools import provider_of

USERS = [f"u{number}" for number in range(60)]
LENGTHS = HistorySettings(min_length=2, max_length=6)
# Does the job of "get weather", going by its words (cosine 0.82), but belongs to no group.
NEAR_WEATHER = tool("Data.Stranger.outlook", "get weather please", "free open source")


def drawn(tools, groups, neighbours=2, history=LENGTHS, users=USERS, seed=1):
    return list(prefer(tools, groups, PreferSettings(neighbours=neighbours), history, users, seed))


@pytest.fixture(scope="module")
def market_users():
    tools, groups = market(NEAR_WEATHER, eps=0.2)
    users = drawn(tools, groups)
    assert sum(user["rejected"] is None for user in users) > 40
    return tools, {row["group_id"]: row["tools"] for row in groups}, users


def test_the_gold_tool_and_its_group_are_never_shown_before(market_users):
    """A disliked tool of the gold group would leave the answer to elimination."""
    _, groups, users = market_users
    for user in users:
        group = groups[user["group_id"]]
        assert user["gold_tool"] in group
        assert not set(group) & {*user["preferred"], *user["not_preferred"]}
    assert len({user["gold_tool"] for user in users}) > 12  # of 24: any tool of any group may be gold


def test_no_two_groups_of_a_user_do_the_same_job(market_users):
    """The preferred tools and the gold one differ in function; a disliked tool overlaps only with its own group's."""
    tools, groups, users = market_users
    group_of = {name: names for names in groups.values() for name in names}
    for user in users:
        for left, right in combinations([user["gold_tool"], *user["preferred"]], 2):
            assert not TakenTools(tools, [right]).overlap(left)
        for disliked in user["not_preferred"]:
            own = group_of[disliked]
            assert sum(name in own for name in user["preferred"]) == 1
            others = [name for name in user["preferred"] if name not in own]
            assert not TakenTools(tools, [*others, user["gold_tool"]]).overlap(disliked)
        everything = user["preferred"] + user["not_preferred"]
        assert len(set(everything)) == len(everything)


def test_what_a_user_takes_later_is_compared_with_tools_that_were_far_from_all_before():
    tools, _ = market(NEAR_WEATHER, eps=0.2)
    weather = next(name for name in tools.names if TakenTools(tools, [name]).overlap(NEAR_WEATHER["tool_name"]))
    others = [name for name in tools.names if not TakenTools(tools, [name]).overlap(weather)]
    taken = TakenTools(tools, [])
    assert not taken.overlap(weather)
    taken.add(others * 40)  # more than there is room for at first
    assert not taken.overlap(weather)
    taken.add([NEAR_WEATHER["tool_name"]])
    assert taken.overlap(weather) and taken.overlap(weather)


def test_what_does_the_job_of_the_gold_group_is_no_neighbour(market_users):
    """It overlaps in function although it is in no group."""
    _, _, users = market_users
    shown = {user["group_id"] for user in users if NEAR_WEATHER["tool_name"] in user["preferred"]}
    assert shown
    assert "g-weather" not in shown


def test_accepted_users_have_enough_for_their_histories(market_users):
    _, _, users = market_users
    for user in users:
        assert LENGTHS.min_length <= user["length"] <= LENGTHS.max_length
        enough = len(user["preferred"]) >= user["length"] and len(user["not_preferred"]) >= 0.2 * user["length"]
        assert enough == (user["rejected"] is None)
        assert user["preferred"][: len(user["gold_neighbours"])] == user["gold_neighbours"]
    assert {user["length"] for user in users} == {2, 3, 4, 5, 6}


TASTES = tool_set(
    tool("Data.Gratis.news", "get news", "free open"),
    tool("Data.Costly.news", "get news", "paid fast"),
    tool("Data.Charity.maps", "draw maps", "free open source"),
    tool("Data.Premium.maps", "draw maps", "paid fast support"),
)
TASTE_GROUPS = [
    {"group_id": "g1", "category": "Data", "tools": [full("Data.Gratis.news"), full("Data.Costly.news")]},
    {"group_id": "g2", "category": "Data", "tools": [full("Data.Charity.maps"), full("Data.Premium.maps")]},
]


def test_of_a_later_group_the_tool_nearest_to_the_gold_one_is_liked():
    """A user's taste is one: with two groups of a free and a paid tool there are four users."""
    users = drawn(TASTES, TASTE_GROUPS, neighbours=0, history=HistorySettings(min_length=1, max_length=1))
    by_gold = {user.pop("gold_tool"): user for user in users}
    expected = [
        ("g1", "Data.Gratis.news", "Data.Charity.maps", "Data.Premium.maps"),
        ("g1", "Data.Costly.news", "Data.Premium.maps", "Data.Charity.maps"),
        ("g2", "Data.Charity.maps", "Data.Gratis.news", "Data.Costly.news"),
        ("g2", "Data.Premium.maps", "Data.Costly.news", "Data.Gratis.news"),
    ]
    assert {gold: {key: user[key] for key in user if key != "user_id"} for gold, user in by_gold.items()} == {
        full(gold): {
            "group_id": group_id,
            "category": "Data",
            "gold_neighbours": [],
            "preferred": [full(liked)],
            "not_preferred": [full(disliked)],
            "length": 1,
            "rejected": None,
        }
        for group_id, gold, liked, disliked in expected
    }


@pytest.mark.parametrize(
    ("number", "attributes"),
    [
        (0, []),
        (1, ["free open source"]),
        (2, ["free open source", "paid"]),
        (5, ["free open source", "paid"]),
    ],
)
def test_the_gold_tools_neighbours_are_the_nearest_of_other_providers_one_of_each_attribute_text(number, attributes):
    """The gold provider's other tools would say whom the user prefers, whatever the user likes."""
    tools = tool_set(
        tool("Data.Paid.songs", "play songs", "paid"),
        tool("Data.Near.maps", "draw maps", "free open source"),
        tool("Data.Near.jokes", "tell jokes", "free open source"),
        tool("Data.Gold.scores", "see scores", "free open"),
        tool("Data.Gold.flights", "book flights", "free open"),
        tool("Data.Gold.news", "get news", "free open"),
        tool("Data.Other.news", "get news", "fast"),
    )
    groups = [{"group_id": "g1", "category": "Data", "tools": [full("Data.Gold.news"), full("Data.Other.news")]}]
    gold = [user for user in drawn(tools, groups, number) if user["gold_tool"] == full("Data.Gold.news")]
    assert len(gold) > 15
    for user in gold:
        assert [tools[name]["attributes"] for name in user["gold_neighbours"]] == attributes
    if number:
        first = {user["gold_neighbours"][0] for user in gold}
        assert first == {full("Data.Near.maps"), full("Data.Near.jokes")}


def test_what_does_the_job_of_any_tool_of_the_gold_group_is_no_neighbour():
    """A cluster can be a chain: a tool that overlaps with the gold tool's peer need not overlap with the gold tool."""
    tools = tool_set(
        tool("Data.Gold.news", "read news", "free"),
        tool("Data.Peer.news", "world news", "paid"),
        tool("Data.Solo.news", "world news", "free open"),
        tool("Data.Solo.maps", "draw maps", "free hosted by all"),
    )
    names = [full("Data.Gold.news"), full("Data.Peer.news")]
    users = drawn(tools, [{"group_id": "g1", "category": "Data", "tools": names}], neighbours=4)
    assert {user["gold_tool"] for user in users} == set(names)
    assert {tuple(user["gold_neighbours"]) for user in users} == {(full("Data.Solo.maps"),)}


def test_a_group_any_of_whose_tools_overlaps_is_not_drawn():
    """Here the second tool of each group does the other's job: no user can have both groups."""
    tools = tool_set(
        tool("Data.A.news", "read news", "free"),
        tool("Data.B.news", "world news", "paid"),
        tool("Data.C.maps", "draw maps", "free"),
        tool("Data.D.maps", "world news", "paid"),
    )
    names = list(tools.index)
    groups = [
        {"group_id": "g1", "category": "Data", "tools": names[:2]},
        {"group_id": "g2", "category": "Data", "tools": names[2:]},
    ]
    users = drawn(tools, groups, neighbours=0)
    assert {user["group_id"] for user in users} == {"g1", "g2"}
    assert not any(user["preferred"] or user["not_preferred"] for user in users)


@pytest.mark.parametrize("kind", ["required", "optional"])
def test_more_users_ask_for_a_function_with_parameters(kind):
    """A call without parameters tests half of the task.

    With equal chances, a share of 0.6 of 2,000 users would be nine standard deviations off.
    """
    tools = tool_set(
        tool("Data.A.news", "read news", "free"),
        tool("Data.B.news", "read news", "paid"),
        tool("Data.A.maps", "draw maps", "free", **{kind: [parameter("city")]}),
        tool("Data.B.maps", "draw maps", "paid", **{kind: [parameter("city")]}),
    )
    names = list(tools.index)
    groups = [
        {"group_id": "bare", "category": "Data", "tools": names[:2]},
        {"group_id": "asking", "category": "Data", "tools": names[2:]},
    ]
    users = drawn(tools, groups, 0, HistorySettings(min_length=1, max_length=1), [f"u{n}" for n in range(2000)])
    assert 0.6 < sum(user["group_id"] == "asking" for user in users) / 2000 < 1


def test_a_user_alone_is_the_same_user():
    """Chance belongs to the record: neither order nor company matters."""
    tools, groups = market()
    together = drawn(tools, groups)
    assert drawn(tools, groups, users=USERS[::-1]) == together[::-1]
    for user in together[:10]:
        fresh, _ = market()
        assert drawn(fresh, groups, users=[user["user_id"]]) == [user]
    assert drawn(tools, groups, seed=2) != together


def test_a_catalogue_that_is_too_small_rejects_the_user_and_says_why():
    (user,) = drawn(TASTES, TASTE_GROUPS[:1], neighbours=0, users=["u0"])
    assert user.pop("gold_tool") in TASTE_GROUPS[0]["tools"]
    assert user.pop("length") in range(2, 7)
    assert user == {
        "user_id": "u0",
        "group_id": "g1",
        "category": "Data",
        "gold_neighbours": [],
        "preferred": [],
        "not_preferred": [],
        "rejected": "too few tools that do not overlap",
    }


def test_further_groups_can_be_of_the_gold_tools_category():
    """So that a user dislikes the gold tool's rivals."""
    tools, groups = market(eps=0.2)
    categories = {group["group_id"]: f"c{number % 2}" for number, group in enumerate(groups)}
    groups = [{**group, "category": categories[group["group_id"]]} for group in groups]
    group_of = {name: group for group in groups for name in group["tools"]}

    def foreign(share):
        settings = PreferSettings(neighbours=0, same_category=share)
        users = list(prefer(tools, groups, settings, HistorySettings(min_length=1, max_length=2), USERS, 1))
        shown = [(u["category"], group_of[name]["category"]) for u in users for name in u["not_preferred"]]
        assert len(shown) > 60
        return sum(own != other for own, other in shown) / len(shown)

    assert foreign(1) == 0
    assert 0 < foreign(0.7) < foreign(0)


def test_the_gold_tools_rivals_can_be_all_that_is_disliked():
    """What the user thinks of other providers decides nothing."""
    tools, groups = market(eps=0.2)
    groups = [{**group, "tools": group["tools"][number % 2 :][:3]} for number, group in enumerate(groups)]
    group_of = {group["group_id"]: group["tools"] for group in groups}
    history = HistorySettings(min_length=1, max_length=2)
    for dislike_rivals in (False, True):
        settings = PreferSettings(neighbours=0, dislike_rivals=dislike_rivals)
        users = [user for user in prefer(tools, groups, settings, history, USERS, 1) if not user["rejected"]]
        assert len(users) > 20
        others = liked = 0
        for user in users:
            gold = provider_of(user["gold_tool"])
            rivals = {provider_of(name) for name in group_of[user["group_id"]]} - {gold}
            others += sum(provider_of(name) not in rivals for name in user["not_preferred"])
            liked += sum(provider_of(name) in rivals for name in user["preferred"])
        assert (others == 0, liked == 0) == (dislike_rivals, dislike_rivals)


def test_with_own_provider_the_history_shows_whom_a_user_prefers():
    tools = tool_set(
        tool("Data.Gold.scores", "see scores", "free open"),
        tool("Data.Gold.news", "get news", "free open"),
        tool("Data.Near.maps", "draw maps", "free open source"),
        tool("Data.Other.news", "get news", "fast"),
    )
    groups = [{"group_id": "g1", "category": "Data", "tools": [full("Data.Gold.news"), full("Data.Other.news")]}]

    def first_neighbours(share):
        history = HistorySettings(min_length=1, max_length=1)
        users = prefer(tools, groups, PreferSettings(neighbours=1, own_provider=share), history, USERS, 1)
        return [user["gold_neighbours"] for user in users if user["gold_tool"] == full("Data.Gold.news")]

    assert {tuple(names) for names in first_neighbours(0)} == {(full("Data.Near.maps"),)}
    assert {tuple(names) for names in first_neighbours(1)} == {(full("Data.Gold.scores"),)}
    assert len({tuple(names) for names in first_neighbours(0.5)}) == 2
