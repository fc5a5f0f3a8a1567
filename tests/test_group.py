"""Group: clusters one can see, then only what is uniform."""

from collections import Counter, defaultdict

import numpy as np
import pytest
from fakes import VectorEncoder, full, parameter, tool, tool_set
from petoolkit.builder.recipe import GroupSettings
from petoolkit.builder.stage_notes import Notes
from petoolkit.builder.stages import group as group_stage
from petoolkit.builder.stages.group import cluster_graph, euclidean, group, uniform_groups
from petoolkit.builder.tools import Tools
from scipy.sparse import csr_matrix
from sklearn.cluster import DBSCAN

from petoolbench import InputError

CITY = parameter("city")


def grouped(tools, **settings):
    """Rows, sweep and counts."""
    notes = Notes()
    rows = group(tools, GroupSettings(**settings), notes)
    return rows, notes.extra["sweep"], notes.counts


def graph_of(*points):
    """Distances between points on a line; one's distance to itself is stored, as scikit-learn stores it."""
    distances = np.abs(np.subtract.outer(points, points))
    rows, columns = np.nonzero(distances <= 10)
    return csr_matrix((distances[rows, columns], (rows, columns)))


@pytest.mark.parametrize(
    ("points", "weights", "min_samples", "labels"),
    [
        ([0.0, 0.1, 5.0, 5.1, 9.0], [1, 1, 1, 1, 1], 2, [0, 0, 1, 1, -1]),
        ([0.0, 0.1, 5.0, 5.1, 9.0], [1, 1, 1, 1, 2], 2, [0, 0, 1, 1, 2]),
        ([0.0, 0.1, 5.0, 5.1, 9.0], [1, 1, 1, 1, 1], 3, [-1, -1, -1, -1, -1]),
        ([0.0, 0.1, 5.0, 5.1, 9.0], [2, 1, 1, 1, 1], 3, [0, 0, -1, -1, -1]),
        ([0.0, 0.4, 0.8, 1.2], [1, 1, 1, 1], 2, [0, 0, 0, 0]),
        ([0.0], [1], 2, [-1]),
        ([0.0], [1], 1, [0]),
    ],
    ids=["two pairs, a stranger", "twice", "pairs too small", "a pair of three", "chain", "alone", "alone is enough"],
)
def test_clusters_of_points_on_a_line(points, weights, min_samples, labels):
    """A text that two tools share weighs two."""
    eps = 0.5**2 / 2  # of cosine distance, as euclidean distance 0.5
    assert euclidean(eps) == 0.5
    assert cluster_graph(graph_of(*points), np.array(weights), eps, min_samples).tolist() == labels


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
    rows, _, _ = grouped(tools, eps=0.51)
    assert rows == [
        {
            "group_id": "g00001",
            "category": "Data",
            "tools": [full("Data.Alder.z"), full("Data.Birch.z"), full("Data.Cedar.z")],
            "functionality": "b c",
        },
        {
            "group_id": "g00002",
            "category": "Sport",
            "tools": [full("Sport.Alder.y"), full("Sport.Cedar.x")],
            "functionality": "scores",
        },
    ]


BASE = tool("Data.Alder.news", attributes="free", required=[CITY], response='{"a": 1}')
LONE = {"dropped: no other provider alike": 2}
GROUPED = {}


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
        (tool("Data.Birch.news", "x", "paid", [CITY], [], None), LONE),
        (
            tool("Data.Alder.other", "x", "paid", [CITY], [], '{"a": 1}'),
            {"dropped: second tool of a provider": 1, "dropped: no other provider alike": 1},
        ),
        (
            tool("Data.Birch.news", "x", "free", [CITY], [], '{"a": 1}'),
            {"dropped: same attributes as another": 1, "dropped: no other provider alike": 1},
        ),
    ],
)
def test_two_tools_of_a_cluster_are_a_group_only_if_alike(second, counts):
    found = Counter()
    groups = list(uniform_groups(tool_set(BASE, second), [0, 1], found))
    assert groups == ([[BASE["tool_name"], second["tool_name"]]] if counts is GROUPED else [])
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
    assert list(uniform_groups(tools, range(6), counts)) == [
        [full("Data.Alder.a"), full("Data.Birch.b")],
        [full("Data.Birch.d"), full("Data.Cedar.d")],
    ]
    assert counts == {"dropped: second tool of a provider": 1, "dropped: same attributes as another": 1}


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
    "tools",
    [
        [tool("Data.Alder.x", "a"), tool("Data.Birch.x", "b", "paid")],
        [tool("Data.Alder.x", "a"), tool("Food.Birch.x", "a", "paid")],
        [tool("Data.Alder.x", "a")],
    ],
    ids=["nothing clusters", "nothing is uniform", "one tool"],
)
def test_a_catalogue_without_a_group_is_refused(tools):
    with pytest.raises(InputError, match=f"no group .* is left of {len(tools)} tools at eps 0.1"):
        grouped(tool_set(*tools), eps=0.1)


def test_groups_that_take_much_memory_are_said_beforehand_and_refused_where_it_is_not_there(monkeypatch, capsys):
    alike = {f"text {n:03d}": np.array([1.0, n / 1e6]) for n in range(40)}
    rows = [tool(f"Data.P{n}.api", text, attributes=f"attributes {n}") for n, text in enumerate(alike)]
    tools = Tools({row["tool_name"]: row for row in rows}, VectorEncoder(alike), 0.1)
    monkeypatch.setattr(group_stage, "_LARGE", 100.0)
    grouped(tools, eps=0.1)
    assert "40 distinct functions have 100% of the others within the largest eps, 0.1" in capsys.readouterr().err
    monkeypatch.setattr(group_stage, "_BYTES_OF_A_PAIR", 1e15)
    with pytest.raises(InputError, match=r"lower group\.eps and group\.sweep, or take fewer tools"):
        grouped(tools, eps=0.1)
