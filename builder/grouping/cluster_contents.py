"""What the clusters of a sweep hold: figures at every eps, and the groups at the one that is taken.

Many clusters are the same at several eps, so each is looked into once; an engine does parts of them.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from petoolkit.engines.engine import HERE, Engine

from ..parameter_forms import parameter_types
from ..tools import Tools
from .tool_clusters import Cluster
from .uniform_tools import Members, providers_in, split_rules, uniform_groups

if TYPE_CHECKING:
    from ..recipe import GroupSettings

_TOOLS_AT_ONCE = 1_000
_PURE_IN: dict[str, Callable[[dict], Any]] = {
    "category": lambda tool: tool["category"],
    "parameters": parameter_types,
}


class Contents(NamedTuple):
    """What clusters hold.

    Args:
        sweep: for each eps, {eps, clusters, clustered, largest, purity by category and by parameters (share of the
            clustered tools that agree with most of their cluster), groups, kept}.
        rules: at the settings' eps, see `spanning_after_each_rule`.
        groups: at that eps, the row numbers of each group's tools.
        counts: at that eps, tools that are in no group, by reason.
    """

    sweep: list[dict[str, float]]
    rules: dict[str, int]
    groups: list[list[int]]
    counts: Counter[str]


class _Part(NamedTuple):
    """Clusters, and for each whether it is one at the settings' eps."""

    clusters: list[Cluster]
    is_taken: list[bool]


class _Found(NamedTuple):
    """Of a part: numbers for the figures of each cluster, and see `Contents`."""

    numbers: list[Counter[str]]
    rules: dict[str, int]
    groups: list[list[int]]
    counts: Counter[str]


def contents(
    tools: Tools,
    at_eps: Mapping[float, list[Cluster]],
    settings: "GroupSettings",
    has_attributes: bool,
    engine: Engine = HERE,
) -> Contents:
    """What the clusters at each eps hold.

    Args:
        tools: the tools.
        at_eps: their clusters, at the settings' eps and others.
        settings: of groups.
        has_attributes: see `uniform_groups`.
        engine: looks into the clusters.
    """
    parts = list(_parts(at_eps, settings.eps))
    numbers: dict[tuple[int, ...], Counter[str]] = {}
    rules: Counter[str] = Counter()
    groups: list[list[int]] = []
    counts: Counter[str] = Counter()
    found = engine.run(partial(_found, tools, settings, has_attributes), parts)
    for part, (_, one) in zip(parts, found, strict=True):
        numbers.update(zip(map(tuple, part.clusters), one.numbers, strict=True))
        rules.update(one.rules)
        groups += one.groups
        counts.update(one.counts)
    sweep = [{"eps": eps, **_figures([numbers[tuple(one)] for one in some])} for eps, some in at_eps.items()]
    return Contents(sweep, dict(rules), groups, counts)


def _parts(at_eps: Mapping[float, list[Cluster]], taken_eps: float) -> Iterator[_Part]:
    """All distinct clusters, the largest first: nobody waits for one at the end."""
    taken = set(map(tuple, at_eps[taken_eps]))
    distinct = {tuple(cluster) for some in at_eps.values() for cluster in some}
    part, tools = _Part([], []), 0
    for cluster in sorted(distinct, key=lambda one: (-len(one), one)):
        part.clusters.append(list(cluster))
        part.is_taken.append(cluster in taken)
        tools += len(cluster)
        if tools >= _TOOLS_AT_ONCE:
            yield part
            part, tools = _Part([], []), 0
    yield part


def _found(tools: Tools, settings: "GroupSettings", has_attributes: bool, part: _Part) -> _Found:
    counts: Counter[str] = Counter()
    numbers, taken, taken_groups = [], [], []
    for cluster, is_taken in zip(*part, strict=True):
        groups = list(uniform_groups(tools, cluster, settings, has_attributes, counts if is_taken else None))
        numbers.append(_numbers([tools.outline(row) for row in cluster], groups))
        if is_taken:
            taken.append(cluster)
            taken_groups += [[tools.index[tool["tool_name"]] for tool in members] for members in groups]
    return _Found(numbers, spanning_after_each_rule(tools, taken, settings), taken_groups, counts)


def _numbers(members: Members, groups: list[Members]) -> Counter[str]:
    counted = Counter(tools=len(members), groups=len(groups), kept=sum(map(len, groups)))
    for what, value_of in _PURE_IN.items():  # how many agree with most of their cluster
        counted[what] = Counter(map(value_of, members)).most_common(1)[0][1]
    return counted


def _figures(numbers: list[Counter[str]]) -> dict[str, float]:
    """Numbers of clusters, tools and groups, and how pure the clusters are."""
    total: Counter[str] = Counter()
    for one in numbers:
        total.update(one)
    clustered = total["tools"]
    return {
        "clusters": len(numbers),
        "clustered": clustered,
        "largest": max((one["tools"] for one in numbers), default=0),
        **{f"purity_{what}": round(total[what] / clustered, 3) if clustered else 0.0 for what in _PURE_IN},
        "groups": total["groups"],
        "kept": total["kept"],
    }


def spanning_after_each_rule(tools: Tools, clusters: list[Cluster], settings: "GroupSettings") -> dict[str, int]:
    """How many clusters have tools of two or more providers, and how many have such a part after each rule."""
    spanning = _with_spanning_parts([[tools.outline(row) for row in cluster]] for cluster in clusters)
    counts = {"clusters of two or more providers": len(spanning)}
    for asks, rule in split_rules(tools, settings).items():
        spanning = _with_spanning_parts([kept for part in parts for kept in rule(part)] for parts in spanning)
        counts[asks] = len(spanning)
    return counts


def _with_spanning_parts(clusters: Iterable[list[Members]]) -> list[list[Members]]:
    """The parts of each cluster that have tools of two or more providers, of the clusters that have such parts."""
    spanning = ([part for part in parts if providers_in(part) >= 2] for parts in clusters)
    return [parts for parts in spanning if parts]
