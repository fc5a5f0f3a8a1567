"""Clusters of tools whose functionality descriptions are near one another: DBSCAN, exact at any size."""

import os

import numpy as np
from scipy.sparse import coo_matrix, csr_matrix

from petoolbench import InputError
from petoolkit.console import make_console
from petoolkit.engines.engine import HERE, Engine
from petoolkit.exact_products import close_pairs, half_squares

from ..tools import Tools
from .spanning_forest import components, parts_of, spanning_forest

NOISE = -1  # DBSCAN's label of what belongs to no cluster
_MOST_WITHOUT_GRAPH = 2  # min_samples, up to which clusters are components of a spanning forest
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
        engine: compares the tools.

    Raises:
        InputError: if `min_samples` is over 2, and the neighbours take more memory than this machine has.
    """

    def __init__(
        self, tools: Tools, largest_eps: float, min_samples: int, clustered: np.ndarray, engine: Engine = HERE
    ):
        self._rows = np.flatnonzero(clustered)
        texts = [tools.functionality_texts[row] for row in self._rows]
        _, first, self._text_index, self._weights = np.unique(
            texts, return_index=True, return_inverse=True, return_counts=True
        )
        vectors = tools.functionality[self._rows[first]]
        self._min_samples = min_samples
        if min_samples <= _MOST_WITHOUT_GRAPH:
            self._forest = spanning_forest(vectors, largest_eps, engine)
        else:
            _check_memory(vectors, largest_eps, min_samples)
            self._graph = neighbour_graph(vectors, largest_eps)

    def at(self, eps: float) -> list[Cluster]:
        """The clusters at an eps."""
        if self._min_samples <= _MOST_WITHOUT_GRAPH:
            labels = large_enough(components(self._forest, len(self._weights), eps), self._weights, self._min_samples)
        else:
            labels = dbscan(self._graph, self._weights, eps, self._min_samples)
        of_tools = labels[self._text_index]
        clustered = of_tools != NOISE
        rows, of_tools = self._rows[clustered], of_tools[clustered]
        clusters = [rows[part].tolist() for part in parts_of(of_tools)] if len(rows) else []
        return sorted(clusters, key=lambda cluster: cluster[0])


def _check_memory(vectors: np.ndarray, eps: float, min_samples: int) -> None:
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
        f"{len(vectors):,} distinct functions have {share:.0%} of the others within the largest eps, {eps}: with "
        f"group.min_samples {min_samples}, grouping them takes about {needed / 1e9:.0f} GB of memory"
    )
    if needed > memory:
        raise InputError(
            f"{large}, and this machine has {memory / 1e9:.0f} GB; take group.min_samples: {_MOST_WITHOUT_GRAPH}, "
            "which takes little, lower group.eps and group.sweep, or take fewer tools."
        )
    make_console(stderr=True).print(f"{large}.", markup=False, highlight=False)


def neighbour_graph(vectors: np.ndarray, largest: float) -> csr_matrix:
    """The exact distances of all pairs of vectors on the grid within the largest one, each one's own included."""
    number = len(vectors)
    pairs = list(close_pairs(vectors, half_squares(vectors), largest, 0, number))
    first, second = (np.concatenate([np.arange(0), *(pair[side] for pair in pairs)]) for side in (0, 1))
    distance = np.concatenate([np.zeros(0), *(pair[2] for pair in pairs)])
    own = np.arange(number)
    rows, columns = np.concatenate([first, second, own]), np.concatenate([second, first, own])
    values = np.concatenate([distance, distance, np.zeros(number)])
    return coo_matrix((values, (rows, columns)), (number, number)).tocsr()


def dbscan(graph: csr_matrix, weights: np.ndarray, eps: float, min_samples: int) -> np.ndarray:
    """DBSCAN labels of the distinct texts; the same as over all tools, each text weighing as many as have it."""
    from sklearn.cluster import DBSCAN  # takes most of a second to import, and few builds need it

    return DBSCAN(eps=eps, min_samples=min_samples, metric="precomputed").fit(graph, sample_weight=weights).labels_


def large_enough(labels: np.ndarray, weights: np.ndarray, min_samples: int) -> np.ndarray:
    """The labels of those components that hold `min_samples` tools, numbered anew; `NOISE` for the others."""
    sizes = np.bincount(labels, weights)
    kept = np.where(sizes >= min_samples, np.cumsum(sizes >= min_samples) - 1, NOISE)
    return kept[labels]
