"""Which tools do the same job: a partition, so that it does not tell which of them was called."""

from collections.abc import Iterator

import numpy as np
from scipy.sparse import csr_matrix, vstack
from scipy.sparse.csgraph import connected_components

from ..grouping.uniform_tools import split_by_distance
from ..tools import Tools

_ROWS_AT_ONCE = 2_000


def same_function_groups(tools: Tools, known: np.ndarray, most: float) -> np.ndarray:
    """(tools,) for each tool, the number of the first tool of its group.

    No two tools of a group are further apart than `most`: groups are those of complete linkage.

    Args:
        tools: the tools.
        known: (tools,) bool: which tools the embedding model can read; each of the others is a group of its own.
        most: cosine distance.
    """
    first = np.arange(len(tools))
    for chain in _chains(tools.functionality, np.flatnonzero(known), most):
        for group in split_by_distance(tools, [tools.rows[row] for row in chain], most):
            numbers = [tools.index[tool["tool_name"]] for tool in group]
            first[numbers] = min(numbers)
    return first


def _chains(vectors: np.ndarray, rows: np.ndarray, most: float) -> Iterator[np.ndarray]:
    """Sets of two or more rows, between which no two vectors are within `most` of each other."""
    if not len(rows):
        return
    own = vectors[rows]
    starts = range(0, len(own), _ROWS_AT_ONCE)
    near = vstack([csr_matrix(own[start : start + _ROWS_AT_ONCE] @ own.T >= 1 - most) for start in starts])
    _, labels = connected_components(near, directed=False)
    order = np.argsort(labels, kind="stable")
    for chain in np.split(order, np.flatnonzero(np.diff(labels[order])) + 1):
        if len(chain) > 1:
            yield rows[chain]
