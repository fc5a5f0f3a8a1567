"""Splitting a cluster of tools into groups whose members can stand in for one another.

DBSCAN's clusters are chains: each tool is near another, but the ends of a chain can do different things. The rules
here split a cluster until any two tools of a group agree in all that is asked for, and are near each other.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import squareform

from petoolbench import PARAMETER_KINDS
from petoolkit.exact_products import distances

from ..parameter_forms import UNIFORM, parameter_names, parameter_types
from ..tools import Tools
from .spanning_forest import components, parts_of, spanning_forest

if TYPE_CHECKING:
    from ..recipe import GroupSettings

_MOST_LINKED = 3_000  # tools whose distances are compared at once; larger sets are cut into components first
_NARROWER = 0.9
_ROUNDING = 4e-6  # of a cosine distance: vectors are rounded (`petoolkit.exact_products`)

Members = list[dict]  # tools
Rule = Callable[[Members], list[Members]]


def split_rules(tools: Tools, settings: "GroupSettings") -> dict[str, Rule]:
    """The rules that split a cluster, in the order in which they are applied, by what they ask."""
    kinds = UNIFORM[settings.uniform]
    rules: dict[str, Rule] = {
        "category": _split_by(lambda tool: tool["category"]),
        "parameters' names": _split_by(lambda tool: parameter_names(tool, kinds)),
        "parameters' types": _split_by(lambda tool: parameter_types(tool, kinds)),
        "response": _split_by_response,
        "distance": lambda members: split_by_distance(tools, members, settings.max_distance),
    }
    if not settings.parameterless:
        rules["having parameters"] = lambda members: [members] if _has_parameters(members[0]) else []
    return rules


def uniform_groups(
    tools: Tools,
    cluster: Iterable[int],
    settings: "GroupSettings",
    has_attributes: bool,
    counts: Counter[str] | None = None,
) -> Iterator[Members]:
    """Split a cluster into groups of uniform tools of two or more providers.

    Args:
        cluster: row numbers of `tools`.
        settings: what a group's tools agree in, and how far they may be apart.
        has_attributes: whether preferences rest on what is documented of the providers: then two tools of a group may
            not have the same attributes.
        counts: gets the tools that are in no group, by reason; without it, parts of one provider are left at once.

    Yields:
        The tools of each group, in order of their names.
    """
    parts = [[tools.outline(row) for row in cluster]]
    counted = Counter[str]() if counts is None else counts
    for asks, rule in split_rules(tools, settings).items():
        if counts is None:
            parts = [members for members in parts if providers_in(members) >= 2]
        split = [rule(members) for members in parts]
        if asks == "having parameters" and (lost := sum(map(len, parts)) - sum(map(len, chain.from_iterable(split)))):
            counted["dropped: without parameters"] += lost
        parts = [part for kept in split for part in kept]
    for members in parts:
        kept: dict[tuple[str, str], dict] = {}
        for tool in sorted(members, key=lambda tool: tool["tool_name"]):
            if rival_key(tool) in kept:
                counted["dropped: second tool of a provider or vendor"] += 1
            elif has_attributes and any(tool["attributes"] == other["attributes"] for other in kept.values()):
                counted["dropped: same attributes as another"] += 1
            else:
                kept[rival_key(tool)] = tool
        if len(kept) >= 2:
            yield list(kept.values())
        else:
            counted["dropped: no other provider alike"] += len(kept)


def rival_key(tool: dict) -> tuple[str, str]:
    """What a tool has in common with those that are not its rivals: its vendor, else its provider."""
    return ("", tool["vendor"]) if tool["vendor"] else (tool["category"], tool["provider"])


def providers_in(members: Members) -> int:
    """How many providers, or vendors of several services, these tools are of."""
    return len(set(map(rival_key, members)))


def _has_parameters(tool: dict) -> bool:
    return any(tool[kind] for kind in PARAMETER_KINDS)


def _split_by(key: Callable[[dict], Any]) -> Rule:
    def split(members: Members) -> list[Members]:
        parts: dict[Any, Members] = defaultdict(list)
        for tool in members:
            parts[key(tool)].append(tool)
        return list(parts.values())

    return split


def _split_by_response(members: Members) -> list[Members]:
    """Tools with the same response; those that document none stay with the most common one."""
    documented = _split_by(lambda tool: tool["response"])([tool for tool in members if tool["response"]])
    silent = [tool for tool in members if not tool["response"]]
    if not documented:
        return [silent]
    most_common = max(documented, key=len)  # of equal ones the first
    return [[*part, *silent] if part is most_common else part for part in documented]


def split_by_distance(tools: Tools, members: Members, most: float) -> list[Members]:
    """Split tools so that no two of a part are further apart than `most` (a cosine distance), by complete linkage."""
    rows = [tools.index[tool["tool_name"]] for tool in members]
    return [[members[index] for index in part] for part in _within(tools.functionality[rows], most)]


def _within(vectors: np.ndarray, most: float) -> list[list[int]]:
    """Positions of vectors, in parts within which no two are further apart than `most`."""
    if len(vectors) < 2:
        return [list(range(len(vectors)))]
    if len(vectors) > _MOST_LINKED:  # complete linkage takes time and memory with the square
        return _of_large(vectors, most)
    apart = distances(vectors, vectors)
    if apart.max() <= most + _ROUNDING:
        return [list(range(len(vectors)))]
    labels = fcluster(linkage(squareform(apart, checks=False), "complete"), most + _ROUNDING, "distance")
    return [np.flatnonzero(labels == label).tolist() for label in dict.fromkeys(labels.tolist())]


def _of_large(vectors: np.ndarray, most: float) -> list[list[int]]:
    """The same for very many: what is too large is cut into components at ever smaller distances, until it is small.

    All cuts are of one minimum spanning forest, so they are exact, and the same wherever they are made.
    """
    forest = spanning_forest(vectors, most)
    found: list[list[int]] = []
    waiting = [(np.arange(len(vectors)), most)]
    while waiting:
        part, limit = waiting.pop()
        if len(part) <= _MOST_LINKED:
            found += [part[positions].tolist() for positions in map(np.array, _within(vectors[part], most))]
        elif limit < _ROUNDING:  # equal texts: all of them are near
            found.append(part.tolist())
        else:
            limit *= _NARROWER
            labels = components(forest, len(vectors), limit)[part]
            waiting += [(part[positions], limit) for positions in parts_of(labels)]
    return found
