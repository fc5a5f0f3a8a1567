"""Clusters at every eps from one pass over the pairs of vectors, without a graph in memory.

With `min_samples: 2`, DBSCAN's clusters are the connected components of the graph of all pairs within eps. At any eps,
these are the components of a minimum spanning forest, cut at eps; and a forest of n vectors has n - 1 edges at most.
So the pairs go by in strips, and of each strip's pairs and the forest so far only a forest is kept.
"""

from collections.abc import Iterable, Iterator
from functools import partial
from typing import NamedTuple

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components, minimum_spanning_tree

from petoolkit.engines.engine import HERE, Engine
from petoolkit.exact_products import close_pairs, half_squares

_STRIP = 2_048  # vectors whose pairs are one chunk of work
_MOST_EDGES = 1_000_000  # that wait before they are merged into the forest


class Forest(NamedTuple):
    """Edges: numbers of both vectors, and their distance."""

    first: np.ndarray
    second: np.ndarray
    distance: np.ndarray


def spanning_forest(vectors: np.ndarray, largest: float, engine: Engine = HERE) -> Forest:
    """A minimum spanning forest of all pairs within the largest eps; the same of equal weights whatever the engine.

    Args:
        vectors: (n, dimension), from `on_grid`.
        largest: cosine distance.
        engine: does the strips.
    """
    strips = [(start, min(start + _STRIP, len(vectors))) for start in range(0, len(vectors), _STRIP)]
    work = partial(_of_strip, vectors, half_squares(vectors), largest)
    return _merged((forest for _, forest in engine.run(work, strips)), len(vectors))


def components(forest: Forest, number: int, eps: float) -> np.ndarray:
    """(number,) the components of the vectors at an eps, numbered in the order of their first vectors."""
    near = forest.distance <= eps
    edges = np.ones(int(near.sum()), np.int8)
    graph = coo_matrix((edges, (forest.first[near], forest.second[near])), (number, number))
    labels = connected_components(graph, directed=False)[1]
    _, first, inverse = np.unique(labels, return_index=True, return_inverse=True)
    return np.argsort(np.argsort(first))[inverse]


def _of_strip(vectors: np.ndarray, halves: np.ndarray, largest: float, strip: tuple[int, int]) -> Forest:
    return _merged((Forest(*pairs) for pairs in close_pairs(vectors, halves, largest, *strip)), len(vectors))


def _merged(forests: Iterable[Forest], number: int) -> Forest:
    """A minimum spanning forest of the edges of all."""
    waiting: list[Forest] = [Forest(np.empty(0, np.int32), np.empty(0, np.int32), np.empty(0))]
    kept = edges = 0
    for forest in forests:
        waiting.append(forest)
        edges += len(forest.distance)
        if edges > kept + _MOST_EDGES:
            waiting = [_reduced(waiting, number)]
            kept = edges = len(waiting[0].distance)
    return _reduced(waiting, number)


def _reduced(forests: list[Forest], number: int) -> Forest:
    first, second, distance = (np.concatenate(columns) for columns in zip(*forests, strict=True))
    # A sparse matrix has no edge of weight 0; one more than a distance (a multiple of 2**-41, 4 at most) is exact.
    graph = coo_matrix((distance + 1, (first, second)), (number, number)).tocsr()
    tree = minimum_spanning_tree(graph).tocoo()
    return Forest(tree.row.astype(np.int32), tree.col.astype(np.int32), tree.data - 1)


def parts_of(labels: np.ndarray) -> Iterator[np.ndarray]:
    """The numbers of the vectors of each component, in the components' order."""
    order = np.argsort(labels, kind="stable")
    yield from np.split(order, np.flatnonzero(np.diff(labels[order])) + 1)
