"""Which tools do the same job: a partition, so that it does not tell which of them was called."""

from collections.abc import Iterator

import numpy as np
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.sparse import csr_matrix, vstack
from scipy.sparse.csgraph import connected_components
from scipy.spatial.distance import squareform

_ROWS_AT_ONCE = 2_000
_MOST_LINKED = 4_000  # tools whose distances are compared at once
_NARROWER = 0.8
_ROUNDING = 1e-6  # of a cosine distance


def same_function_groups(vectors: np.ndarray, most: float) -> np.ndarray:
    """(tools,) for each tool, the number of the first tool of its group.

    No two tools of a group are further apart than `most`: groups are those of complete linkage.

    Args:
        vectors: (tools, dimension) unit vectors of what each tool does.
        most: cosine distance.
    """
    first = np.arange(len(vectors))
    for members in _chains(vectors, first, most):
        if len(members) > 1:
            labels = fcluster(linkage(_distances(vectors[members]), "complete"), most + _ROUNDING, "distance")
            for label in np.unique(labels):
                first[members[labels == label]] = members[labels == label].min()
    return first


def _chains(vectors: np.ndarray, members: np.ndarray, most: float) -> Iterator[np.ndarray]:
    """Sets of tools between which no two are nearer than `most`; sets that are too large are cut at less."""
    own = vectors[members]
    near = vstack(
        [
            csr_matrix(own[start : start + _ROWS_AT_ONCE] @ own.T >= 1 - most - _ROUNDING)
            for start in range(0, len(own), _ROWS_AT_ONCE)
        ]
    )
    _, labels = connected_components(near, directed=False)
    order = np.argsort(labels, kind="stable")
    for chain in np.split(order, np.flatnonzero(np.diff(labels[order])) + 1):
        if len(chain) <= _MOST_LINKED:
            yield members[chain]
        elif most > _ROUNDING:
            yield from _chains(vectors, members[chain], most * _NARROWER)
        else:  # equal texts: one of them stands for all
            yield members[chain][:1]


def _distances(vectors: np.ndarray) -> np.ndarray:
    """Cosine distances of all pairs, in the order that `linkage` reads."""
    return squareform(np.clip(1 - vectors @ vectors.T, 0, None), checks=False)
