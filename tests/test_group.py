"""Group: clusters one can see, then only what is uniform."""

from collections import Counter, defaultdict

import numpy as np
import pytest
from fakes import VectorEncoder, WordEncoder, full, parameter, tool, tool_set
from petoolkit.builder.grouping import tool_clusters, uniform_tools
from petoolkit.builder.grouping.readable_texts import MULTILINGUAL_MODEL, is_readable
from petoolkit.builder.grouping.spanning_forest import components, spanning_forest
from petoolkit.builder.grouping.tool_clusters import dbscan, large_enough, neighbour_graph
from petoolkit.builder.grouping.uniform_tools import split_by_distance, uniform_groups
from petoolkit.builder.recipe import GroupSettings
from petoolkit.builder.stage_notes import Notes
from petoolkit.builder.stages.group import group
from petoolkit.builder.tools import Tools
from sklearn.cluster import DBSCAN

from petoolbench import InputError
from petoolkit.exact_products import distances, on_grid

CITY = parameter("city")


def grouped(tools, **settings):
    """Rows, sweep and counts."""
    notes = Notes()
    given = {"parameterless": True, "max_distance": 0.99} | settings
    rows = group(tools, GroupSettings(**given), True, notes)
    return rows, notes.extra["sweep"], notes.counts


def on_circle(*angles):
    """Vectors of length 1, each at an angle."""
    return on_grid(np.array([[np.cos(angle), np.sin(angle)] for angle in angles]))


@pytest.mark.parametrize(
    ("points", "weights", "min_samples", "labels"),
    [
        ([0.0, 0.01, 0.5, 0.51, 0.9], [1, 1, 1, 1, 1], 2, [0, 0, 1, 1, -1]),
        ([0.0, 0.01, 0.5, 0.51, 0.9], [1, 1, 1, 1, 2], 2, [0, 0, 1, 1, 2]),
        ([0.0, 0.01, 0.5, 0.51, 0.9], [1, 1, 1, 1, 1], 3, [-1, -1, -1, -1, -1]),
        ([0.0, 0.01, 0.5, 0.51, 0.9], [2, 1, 1, 1, 1], 3, [0, 0, -1, -1, -1]),
        ([0.0, 0.04, 0.08, 0.12], [1, 1, 1, 1], 2, [0, 0, 0, 0]),
        ([0.12, 0.9, 0.04, 0.0, 0.08], [1, 1, 1, 1, 1], 2, [0, -1, 0, 0, 0]),
        ([0.0, 0.0, 0.9], [1, 1, 1], 2, [0, 0, -1]),
        ([0.0], [1], 2, [-1]),
        ([0.0], [1], 1, [0]),
    ],
    ids=[
        "two pairs",
        "twice",
        "pairs too small",
        "a pair of three",
        "chain",
        "mixed",
        "equal",
        "alone",
        "alone is enough",
    ],
)
def test_clusters_of_points_on_a_circle(points, weights, min_samples, labels):
    """A text that two tools share weighs two."""
    eps = 0.05**2 / 2  # as a cosine distance, 0.05 along the circle
    vectors, weights = on_circle(*points), np.array(weights)
    assert dbscan(neighbour_graph(vectors, 2 * eps), weights, eps, min_samples).tolist() == labels
    if min_samples <= 2:
        found = components(spanning_forest(vectors, 2 * eps), len(points), eps)
        assert large_enough(found, weights, min_samples).tolist() == labels


@pytest.mark.parametrize("min_samples", [2, 3])
@pytest.mark.parametrize("eps", [0.03, 0.06, 0.1])
def test_groups_of_distinct_providers_are_the_clusters_of_sklearn(min_samples, eps):
    """Clustering distinct texts by euclidean distance is DBSCAN over all tools by cosine distance."""
    random = np.random.default_rng(7)
    centres = random.normal(size=(12, 8))
    vectors = {f"text {n:03d}": centres[n % 12] + 0.3 * random.normal(size=8) for n in range(150)}
    texts = sorted([*vectors, *list(vectors)[::3]])
    rows = [tool(f"Data.P{n}.api", text, attributes=f"attributes {n}") for n, text in enumerate(texts)]
    tools = Tools({row["tool_name"]: row for row in rows}, VectorEncoder(vectors), eps)
    labels = DBSCAN(eps=eps, min_samples=min_samples, metric="cosine").fit_predict([vectors[text] for text in texts])
    expected = defaultdict(set)
    for name, label in zip(tools.index, labels, strict=True):
        if label != -1:
            expected[label].add(name)
    assert 2 <= len(expected) < len(texts) / 2
    assert -1 in labels

    rows, (sweep,), _ = grouped(tools, eps=eps, min_samples=min_samples)
    assert {frozenset(row["tools"]) for row in rows} == set(map(frozenset, expected.values()))
    assert (sweep["clusters"], sweep["clustered"]) == (len(expected), sum(map(len, expected.values())))
    assert sweep["largest"] == max(map(len, expected.values()))


def test_strangers_never_become_a_group():
    """DBSCAN gives all of them the label -1; they look uniform, but do not do the same job."""
    tools = tool_set(
        tool("Data.Alder.news", "get news", "free"),
        tool("Data.Birch.news", "get news", "paid"),
        tool("Data.Cedar.jokes", "tell jokes", "fast"),
        tool("Data.Dogwood.maps", "draw maps", "slow"),
    )
    rows, _, _ = grouped(tools, eps=0.1)
    assert rows == [
        {
            "group_id": "g00001",
            "category": "Data",
            "tools": [full("Data.Alder.news"), full("Data.Birch.news")],
            "functionality": "get news",
            "largest_distance": 0.0,
        }
    ]


def test_groups_stand_in_order_of_category_and_name_with_the_words_of_the_most_central_tool():
    """ "b c" shares a word with each of the others, which share none: it is the centre."""
    tools = tool_set(
        tool("Sport.Cedar.x", "scores", "fast"),
        tool("Sport.Alder.y", "scores", "free"),
        tool("Data.Cedar.z", "c d", "fast"),
        tool("Data.Birch.z", "b c", "paid"),
        tool("Data.Alder.z", "a b", "free"),
    )
    rows, _, _ = grouped(tools, eps=0.51, max_distance=1)
    assert rows == [
        {
            "group_id": "g00001",
            "category": "Data",
            "tools": [full("Data.Alder.z"), full("Data.Birch.z"), full("Data.Cedar.z")],
            "functionality": "b c",
            "largest_distance": 1.0,
        },
        {
            "group_id": "g00002",
            "category": "Sport",
            "tools": [full("Sport.Alder.y"), full("Sport.Cedar.x")],
            "functionality": "scores",
            "largest_distance": 0.0,
        },
    ]


BASE = tool("Data.Alder.news", attributes="free", required=[CITY], response='{"a": 1}')
LONE = {"dropped: no other provider alike": 2}
GROUPED = {}
APART = GroupSettings(eps=0.5, max_distance=1)  # the rule of distance is tested by itself


@pytest.mark.parametrize(
    ("second", "counts"),
    [
        (tool("Data.Birch.news", "x", "paid", [CITY], [], '{"a": 1}'), GROUPED),
        (tool("Data.Birch.news", "x", "paid", [parameter("city", "string")], [], '{"a": 1}'), GROUPED),
        (tool("Data.Birch.news", "x", "paid", [parameter("city", default='"Rome"')], [], '{"a": 1}'), GROUPED),
        (tool("Food.Birch.news", "x", "paid", [CITY], [], '{"a": 1}'), LONE),
        (tool("Food.Alder.news", "x", "paid", [CITY], [], '{"a": 1}'), LONE),
        (tool("Data.Birch.news", "x", "paid", [parameter("town")], [], '{"a": 1}'), LONE),
        (tool("Data.Birch.news", "x", "paid", [parameter("city", "NUMBER")], [], '{"a": 1}'), LONE),
        (tool("Data.Birch.news", "x", "paid", [parameter("city", None)], [], '{"a": 1}'), LONE),
        (tool("Data.Birch.news", "x", "paid", [], [CITY], '{"a": 1}'), LONE),
        (tool("Data.Birch.news", "x", "paid", [CITY, parameter("zip")], [], '{"a": 1}'), LONE),
        (tool("Data.Birch.news", "x", "paid", [CITY], [parameter("days")], '{"a": 1}'), LONE),
        (tool("Data.Birch.news", "x", "paid", [CITY], [], '{"a": 2}'), LONE),
        (tool("Data.Birch.news", "x", "paid", [CITY], [], None), GROUPED),
        (tool("Data.Birch.news", "x", "paid", [{**CITY, "schema": '{"enum": ["Rome"]}'}], [], '{"a": 1}'), LONE),
        (tool("Data.Birch.news", "x", "paid", [{**CITY, "schema": '{"minLength": 1}'}], [], '{"a": 1}'), GROUPED),
        (
            tool("Data.Alder.other", "x", "paid", [CITY], [], '{"a": 1}'),
            {"dropped: second tool of a provider or vendor": 1, "dropped: no other provider alike": 1},
        ),
        (
            tool("Data.Birch.news", "x", "free", [CITY], [], '{"a": 1}'),
            {"dropped: same attributes as another": 1, "dropped: no other provider alike": 1},
        ),
    ],
)
def test_two_tools_of_a_cluster_are_a_group_only_if_alike(second, counts):
    found = Counter()
    groups = list(uniform_groups(tool_set(BASE, second), [0, 1], APART, True, found))
    assert groups == ([[BASE, second]] if counts is GROUPED else [])
    assert found == counts


def test_a_cluster_splits_into_several_groups_and_the_first_by_name_stays():
    tools = tool_set(
        tool("Data.Birch.b", attributes="paid", required=[CITY, parameter("days", "NUMBER")]),
        tool("Data.Alder.b", attributes="free", required=[CITY, parameter("days", "NUMBER")]),
        tool("Data.Alder.a", attributes="free", required=[parameter("days", "NUMBER"), CITY]),
        tool("Data.Cedar.c", attributes="paid", required=[CITY, parameter("days", "NUMBER")]),
        tool("Data.Cedar.d", attributes="fast"),
        tool("Data.Birch.d", attributes="paid"),
        tool("Data.Stranger.d", attributes="none"),
    )
    counts = Counter()
    settings = APART.model_copy(update={"parameterless": True})
    found = list(uniform_groups(tools, range(6), settings, True, counts))
    assert [[one["tool_name"] for one in members] for members in found] == [
        [full("Data.Alder.a"), full("Data.Birch.b")],
        [full("Data.Birch.d"), full("Data.Cedar.d")],
    ]
    assert counts == {"dropped: second tool of a provider or vendor": 1, "dropped: same attributes as another": 1}


def test_the_sweep_reports_what_one_can_count_by_hand():
    """ "a b c d" and "a b c e" are 0.25 apart: one cluster at 0.3, not at 0.1."""
    tools = tool_set(
        tool("Data.Alder.x", "a b c d", "free"),
        tool("Data.Birch.x", "a b c d", "paid"),
        tool("Data.Cedar.x", "a b c e", "fast", required=[CITY]),
        tool("Food.Alder.y", "k l", "free"),
        tool("Music.Alder.y", "k l", "paid"),
        tool("Music.Birch.z", "q", "paid"),
    )
    rows, sweep, counts = grouped(tools, eps=0.1, sweep=[0.3, 0.1])
    assert sweep == [
        {
            "eps": 0.1,
            "clusters": 2,
            "clustered": 4,
            "largest": 2,
            "purity_category": 0.75,
            "purity_parameters": 1.0,
            "groups": 1,
            "kept": 2,
        },
        {
            "eps": 0.3,
            "clusters": 2,
            "clustered": 5,
            "largest": 3,
            "purity_category": 0.8,
            "purity_parameters": 0.8,
            "groups": 1,
            "kept": 2,
        },
    ]
    assert [row["tools"] for row in rows] == [[full("Data.Alder.x"), full("Data.Birch.x")]]
    assert counts == {"groups": 1, "tools in groups": 2, "dropped: no other provider alike": 2}


@pytest.mark.parametrize(
    ("tools", "said"),
    [
        ([("Data.Alder.x", "a"), ("Data.Birch.x", "b")], "no two tools of different providers are that near"),
        ([("Data.Alder.x", "a")], "no two tools of different providers are that near"),
        ([("Data.Alder.x", "a"), ("Data.Alder.y", "a")], "no two tools of different providers are that near"),
        ([("Data.Alder.x", "a"), ("Food.Birch.x", "a")], "1 are split by category; give these catalogues one `cat"),
        ([("Data.Alder.x", "a", "free", [CITY]), ("Data.Birch.x", "a")], "parameters' names; take group.uniform: req"),
        (
            [("Data.Alder.x", "a", "free", [CITY]), ("Data.Birch.x", "a", "free", [parameter("city", "NUMBER")])],
            "1 are split by parameters' types; take group.uniform: required",
        ),
        (
            [("Data.Alder.x", "a", "free", [], [], '"b"'), ("Data.Birch.x", "a", "free", [], [], '"c"')],
            "1 are split by response; leave the responses out",
        ),
        ([("Data.Alder.x", "a b c"), ("Data.Birch.x", "a b d")], r"1 are split by distance; raise group.max_distance"),
        ([("Data.Alder.x", "a"), ("Data.Birch.x", "a")], "having parameters; take group.parameterless: true"),
        (
            [("Data.Alder.x", "a", "free", [CITY]), ("Data.Birch.x", "a", "free", [CITY])],
            "have the same attributes; take blocks.attributes: assigned",
        ),
    ],
)
def test_a_catalogue_without_a_group_is_refused_with_the_rule_that_split_its_clusters(tools, said):
    rows = [tool(*one) for one in tools]
    with pytest.raises(InputError, match=f"no group .* is left of {len(tools)} tools at eps 0.4: .*{said}"):
        grouped(tool_set(*rows), eps=0.4, max_distance=0.2, parameterless=False)


def test_a_chain_is_split_where_its_ends_are_too_far_apart():
    """Neighbours are 0.25 apart, the ends of the chain 0.75."""
    chain = ["a b c d", "a b c e", "a b f e", "a g f e"]
    rows = [tool(f"Data.P{n}.x", text, f"attributes {n}") for n, text in enumerate(chain)]
    tools = tool_set(*rows)
    for most, parts in ((0.2, 4), (0.3, 2), (0.76, 1)):
        found = split_by_distance(tools, rows, most)
        assert len(found) == parts
        assert sorted(one["tool_name"] for part in found for one in part) == [one["tool_name"] for one in rows]
    rows, _, _ = grouped(tools, eps=0.3, max_distance=0.3)
    assert [(len(row["tools"]), row["largest_distance"]) for row in rows] == [(2, 0.25), (2, 0.25)]


@pytest.mark.parametrize("most_linked", [3_000, 10])
def test_no_two_tools_of_a_part_are_further_apart_than_the_bound(monkeypatch, most_linked):
    monkeypatch.setattr(uniform_tools, "_MOST_LINKED", most_linked)
    random = np.random.default_rng(3)
    vectors = {f"text {n:03d}": row for n, row in enumerate(random.normal(size=(120, 3)))}
    vectors |= {f"twin {n:03d}": np.ones(3) for n in range(15)}
    rows = [tool(f"Data.P{n}.x", text, f"attributes {n}") for n, text in enumerate(vectors)]
    tools = Tools({row["tool_name"]: row for row in rows}, VectorEncoder(vectors), 0.1)
    parts = split_by_distance(tools, rows, 0.1)
    assert sorted(one["tool_name"] for part in parts for one in part) == sorted(tools.index)
    for part in parts:
        vectors = tools.functionality[[tools.index[one["tool_name"]] for one in part]]
        assert distances(vectors, vectors).max() < 0.10001
    assert {"P120", "P134"} <= {one["provider"] for part in parts if len(part) >= 15 for one in part}


def test_groups_agree_in_as_much_as_is_asked_for():
    tools = tool_set(
        tool("Data.Alder.a", attributes="free", required=[CITY], optional=[parameter("days")]),
        tool("Data.Birch.a", attributes="paid", required=[CITY]),
        tool("Data.Cedar.a", attributes="fast", required=[parameter("town")]),
    )
    for uniform, size in (("required", 2), ("function", 3)):
        rows, _, _ = grouped(tools, eps=0.1, uniform=uniform)
        assert [len(row["tools"]) for row in rows] == [size]
    with pytest.raises(InputError, match="split by parameters' names"):
        grouped(tools, eps=0.1)


def test_tools_of_the_background_are_in_no_group():
    tools = tool_set(
        tool("Data.Alder.a", attributes="free", required=[CITY]),
        tool("Data.Birch.a", attributes="paid", required=[CITY]),
        tool("Data.Cedar.a", attributes="fast", required=[CITY], background=True),
    )
    rows, _, _ = grouped(tools, eps=0.1)
    assert [row["tools"] for row in rows] == [[full("Data.Alder.a"), full("Data.Birch.a")]]


def test_services_of_one_vendor_are_not_rivals():
    tools = tool_set(
        tool("Data.Alder.a", attributes="free", required=[CITY], vendor="example.com"),
        tool("Data.Birch.a", attributes="paid", required=[CITY], vendor="example.com"),
        tool("Data.Cedar.a", attributes="fast", required=[CITY]),
    )
    rows, _, counts = grouped(tools, eps=0.1)
    assert [row["tools"] for row in rows] == [[full("Data.Alder.a"), full("Data.Cedar.a")]]
    assert counts["dropped: second tool of a provider or vendor"] == 1


def test_twins_are_a_group_where_attributes_are_assigned():
    tools = tool_set(tool("Data.Alder.a", required=[CITY]), tool("Data.Birch.a", required=[CITY]))
    assert len(group(tools, GroupSettings(eps=0.1), False, Notes())) == 1


class _Letters:
    """A tokenizer that knows English words, and of other scripts single letters."""

    unk_token = "?"

    def tokenize(self, text):
        return [t for w in text.split() for t in ([w] if w.isascii() else ["?" if c == "己" else c for c in w])]

    def get_vocab(self):
        return {f"word{n}": n for n in range(600)} | {"да": 600}


def test_tools_that_the_model_cannot_read_are_in_no_group(capsys):
    texts = ["get the weather", "Погода в city", "己己 a b c"]
    encoder = WordEncoder()
    encoder.tokenizer = _Letters
    assert is_readable(texts, encoder).tolist() == [True, False, True]
    rows = [
        tool(f"Data.P{n}.x", text, f"attributes {n}", [CITY])
        for n, text in enumerate([texts[0], texts[0], *[texts[1]] * 2])
    ]
    notes = Notes()
    found = group(Tools({r["tool_name"]: r for r in rows}, encoder, 0.1), GroupSettings(eps=0.1), True, notes)
    assert [len(row["tools"]) for row in found] == [2]
    assert notes.counts["dropped: in a language that the embedding model does not know"] == 2
    assert "2 of 4 tools are in a language" in capsys.readouterr().err
    assert "paraphrase-multilingual-MiniLM-L12-v2" in MULTILINGUAL_MODEL


def test_groups_that_take_much_memory_are_said_beforehand_and_refused_where_it_is_not_there(monkeypatch, capsys):
    alike = {f"text {n:03d}": np.array([1.0, n / 1e6]) for n in range(40)}
    rows = [tool(f"Data.P{n}.api", text, attributes=f"attributes {n}") for n, text in enumerate(alike)]
    tools = Tools({row["tool_name"]: row for row in rows}, VectorEncoder(alike), 0.1)
    monkeypatch.setattr(tool_clusters, "_LARGE", 100.0)
    grouped(tools, eps=0.1)
    assert capsys.readouterr().err == ""  # without a graph, nothing is large
    grouped(tools, eps=0.1, min_samples=3)
    assert "40 distinct functions have 100% of the others within the largest eps, 0.1" in capsys.readouterr().err
    monkeypatch.setattr(tool_clusters, "_BYTES_OF_A_PAIR", 1e15)
    with pytest.raises(InputError, match=r"take group\.min_samples: 2, which takes little, lower group\.eps"):
        grouped(tools, eps=0.1, min_samples=3)
