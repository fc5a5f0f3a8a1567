"""Clusters of tools whose functionality descriptions are near one another: DBSCAN, exact at any size."""

import math
import os
from collections import defaultdict
from collections.abc import Iterator

import numpy as np
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import connected_components
from sklearn.cluster import DBSCAN
from sklearn.neighbors import NearestNeighbors

from petoolbench import InputError
from petoolkit.console import make_console

from ..tools import Tools

NOISE = -1  # DBSCAN's label of what belongs to no cluster
_SAMPLED = 256  # texts whose neighbours are counted before all neighbours are kept
_BYTES_OF_A_PAIR = 60  # of neighbours: a distance and an index, and what clustering copies of them
_LARGE = 2e9  # bytes that are worth a message

Cluster = list[int]  # row numbers of `Tools`


class ToolClusters:
    """The clusters of tools at any eps up to the largest.

    Args:
        tools: the tools.
        largest_eps: largest cosine distance within which two descriptions count as neighbours.
        min_samples: fewest tools within eps of one another, DBSCAN's.
        clustered: (tools,) bool: which tools are clustered; the others are in no cluster.

    Raises:
        InputError: if the neighbours take more memory than this machine has.
    """

    def __init__(self, tools: Tools, largest_eps: float, min_samples: int, clustered: np.ndarray):
        self._rows = np.flatnonzero(clustered)
        texts = [tools.rows[row]["functionality"] for row in self._rows]
        _, first, self._text_index, self._weights = np.unique(
            texts, return_index=True, return_inverse=True, return_counts=True
        )
        vectors = tools.functionality[self._rows[first]]
        _check_memory(vectors, largest_eps)
        neighbours = NearestNeighbors(radius=euclidean(largest_eps), algorithm="brute").fit(vectors)
        self._graph = neighbours.radius_neighbors_graph(mode="distance")
        self._min_samples = min_samples

    def at(self, eps: float) -> list[Cluster]:
        """The clusters at an eps."""
        labels = cluster_graph(self._graph, self._weights, eps, self._min_samples)[self._text_index]
        return list(_clusters(labels, self._rows))


def _clusters(labels: np.ndarray, rows: np.ndarray) -> Iterator[Cluster]:
    members: dict[int, list[int]] = defaultdict(list)
    for row, label in zip(rows, labels, strict=True):
        if label != NOISE:
            members[int(label)].append(int(row))
    yield from members.values()


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
