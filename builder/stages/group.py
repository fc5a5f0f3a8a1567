"""Stage 3, group: tools that do the same job (paper, section 3.2.2, "Tool Classification")."""

import math
import os
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import connected_components
from sklearn.cluster import DBSCAN
from sklearn.neighbors import NearestNeighbors

from petoolbench import PARAMETER_KINDS, InputError, ToolName
from petoolkit.console import make_console

from ..stage_notes import Notes
from ..tools import Tools, provider_of

if TYPE_CHECKING:
    from ..recipe import GroupSettings

NOISE = -1  # DBSCAN's label of what belongs to no cluster
_SAMPLED = 256  # texts whose neighbours are counted before all neighbours are kept
_BYTES_OF_A_PAIR = 60  # of neighbours: a distance and an index, and what clustering copies of them
_LARGE = 2e9  # bytes that are worth a message


def group(tools: Tools, settings: "GroupSettings", notes: Notes) -> list[dict]:
    """Cluster tools by functionality, then keep what is uniform.

    A group's tools have the same category, required and optional parameters (names and types) and response schema,
    come from two or more providers, and differ in their attributes: a preference between twins could not be read from
    them.

    Args:
        tools: the collected and understood tools.
        settings: eps, min_samples, and further eps to report on.
        notes: its counts get what was kept, and what was dropped for each reason. Its extra gets the `sweep`: for each
            eps {eps, clusters, clustered, purity by category and by parameters (share of the clustered tools that
            agree with most of their cluster), groups, kept}.

    Output columns:
        group_id (str), category (str), tools (list of str, sorted)
        functionality (str): of the group's most central tool, the group's own words for its function.

    Returns:
        The groups in order of category and first tool.

    Raises:
        InputError: if no group is left.
    """
    graph, text_index, weights = _neighbour_graph(tools, max([settings.eps, *settings.sweep]))

    def cluster(eps: float) -> np.ndarray:
        labels = cluster_graph(graph, weights, eps, settings.min_samples)
        return labels[text_index]

    notes.extra["sweep"] = sweep = []
    for eps in sorted({settings.eps, *settings.sweep}):
        labels = cluster(eps)
        members = [group for cluster in _clusters(labels) for group in uniform_groups(tools, cluster, Counter())]
        sweep.append({"eps": eps, **_purity(tools, labels), "groups": len(members), "kept": sum(map(len, members))})

    found = [g for c in _clusters(cluster(settings.eps)) for g in uniform_groups(tools, c, notes.counts)]
    if not found:
        raise InputError(
            f"no group of same-function tools is left of {len(tools):,} tools at eps {settings.eps}: the catalogue "
            "needs tools of two or more providers with the same category, parameters and response; raise group.eps or "
            "add catalogues."
        )
    notes.counts["groups"] = len(found)
    notes.counts["tools in groups"] = sum(map(len, found))
    found.sort(key=lambda names: (ToolName.parse(names[0]).category, names[0]))
    return [_row(tools, number, names) for number, names in enumerate(found, start=1)]


def _row(tools: Tools, number: int, names: list[str]) -> dict:
    return {
        "group_id": f"g{number:05d}",
        "category": ToolName.parse(names[0]).category,
        "tools": names,
        "functionality": tools[_central(tools, names)]["functionality"],
    }


def _neighbour_graph(tools: Tools, eps: float) -> tuple[csr_matrix, np.ndarray, np.ndarray]:
    """Distances up to `eps` between distinct functionality texts; each tool's text; how many tools have each text."""
    texts = [tool["functionality"] for tool in tools.rows]
    _, first, text_index, weights = np.unique(texts, return_index=True, return_inverse=True, return_counts=True)
    _check_memory(tools.functionality[first], eps)
    neighbours = NearestNeighbors(radius=euclidean(eps), algorithm="brute").fit(tools.functionality[first])
    return neighbours.radius_neighbors_graph(mode="distance"), text_index, weights


def _check_memory(vectors: np.ndarray, eps: float) -> None:
    """Estimate the memory that the pairs of neighbours take, and say so if it is large.

    Raises:
        InputError: if it is more than this machine has.
    """
    sampled = vectors[:: max(1, len(vectors) // _SAMPLED)]
    share = float(np.mean(sampled @ vectors.T >= 1 - eps))
    needed = share * len(vectors) ** 2 * _BYTES_OF_A_PAIR
    if needed < _LARGE:
        return
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    large = (
        f"{len(vectors):,} distinct functions have {share:.0%} of the others within the largest eps, {eps}: grouping "
        f"them takes about {needed / 1e9:.0f} GB of memory"
    )
    if needed > memory:
        raise InputError(
            f"{large}, and this machine has {memory / 1e9:.0f} GB; lower group.eps and group.sweep, or "
            "take fewer tools."
        )
    make_console(stderr=True).print(f"{large}.", markup=False, highlight=False)


def cluster_graph(graph: csr_matrix, weights: np.ndarray, eps: float, min_samples: int) -> np.ndarray:
    """DBSCAN labels of the distinct texts; the same as over all tools, each text weighing as many as have it."""
    if min_samples <= 2:  # then clusters are the connected components, which take a tenth of the time and memory
        near = graph.data <= euclidean(eps)
        starts = np.concatenate([[0], np.cumsum(near)])[graph.indptr]
        linked = csr_matrix((np.ones(starts[-1], np.int8), graph.indices[near], starts), graph.shape)
        labels = connected_components(linked, directed=False)[1]
        sizes = np.bincount(labels, weights)
        kept = np.where(sizes >= min_samples, np.cumsum(sizes >= min_samples) - 1, NOISE)
        return kept[labels]
    clustering = DBSCAN(eps=euclidean(eps), min_samples=min_samples, metric="precomputed")
    return clustering.fit(graph, sample_weight=weights).labels_


def euclidean(cosine_distance: float) -> float:
    """The distance between two unit vectors, given one minus their cosine."""
    return math.sqrt(2 * cosine_distance)


def _clusters(labels: np.ndarray) -> Iterator[list[int]]:
    """Row numbers of each cluster; noise is none."""
    members: dict[int, list[int]] = defaultdict(list)
    for row, label in enumerate(labels):
        if label != NOISE:
            members[int(label)].append(row)
    yield from members.values()


def uniform_groups(tools: Tools, cluster: Iterable[int], counts: Counter) -> Iterator[list[str]]:
    """Split a cluster into groups of uniform tools; counts what falls out, by reason."""
    alike: dict[tuple, list[dict]] = defaultdict(list)
    for row in cluster:
        tool = tools.rows[row]
        alike[(ToolName.parse(tool["tool_name"]).category, *_signature(tool), tool["response"])].append(tool)
    for members in alike.values():
        kept: dict[tuple[str, str], dict] = {}
        for tool in sorted(members, key=lambda tool: tool["tool_name"]):
            if provider_of(tool["tool_name"]) in kept:
                counts["dropped: second tool of a provider"] += 1
            elif any(tool["attributes"] == other["attributes"] for other in kept.values()):
                counts["dropped: same attributes as another"] += 1
            else:
                kept[provider_of(tool["tool_name"])] = tool
        if len(kept) >= 2:
            yield [tool["tool_name"] for tool in kept.values()]
        else:
            counts["dropped: no other provider alike"] += len(kept)


def _signature(tool: dict) -> tuple:
    return tuple(tuple(sorted((p["name"], (p["type"] or "").upper()) for p in tool[kind])) for kind in PARAMETER_KINDS)


def _purity(tools: Tools, labels: np.ndarray) -> dict:
    clusters = list(_clusters(labels))
    clustered = sum(map(len, clusters))

    def agreeing(key) -> float:
        largest = sum(Counter(key(tools.rows[row]) for row in rows).most_common(1)[0][1] for rows in clusters)
        return round(largest / clustered, 3) if clustered else 0.0

    return {
        "clusters": len(clusters),
        "clustered": clustered,
        "largest": max(map(len, clusters), default=0),
        "purity_category": agreeing(lambda tool: ToolName.parse(tool["tool_name"]).category),
        "purity_parameters": agreeing(_signature),
    }


def _central(tools: Tools, names: list[str]) -> str:
    vectors = tools.functionality[[tools.index[name] for name in names]]
    return names[int(np.argmax(vectors @ vectors.sum(axis=0)))]
