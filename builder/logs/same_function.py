"""Which tools do the same job: a partition, so that it does not tell which of them was called."""

from collections.abc import Iterator

import numpy as np

from ..grouping.spanning_forest import components, parts_of, spanning_forest
from ..grouping.uniform_tools import split_by_distance
from ..tools import Tools


def same_function_groups(tools: Tools, known: np.ndarray, most: float) -> np.ndarray:
    """(tools,) for each tool, the number of the first tool of its group.

    No two tools of a group are further apart than `most`: groups are those of complete linkage.

    Args:
        tools: the tools.
        known: (tools,) bool: which tools the embedding model can read; each of the others is a group of its own.
        most: cosine distance.
    """
    first = np.arange(len(tools))
    for chain in _chains(tools.functionality.rows, np.flatnonzero(known), most):
        for group in split_by_distance(tools, [tools.rows[row] for row in chain], most):
            numbers = [tools.index[tool["tool_name"]] for tool in group]
            first[numbers] = min(numbers)
    return first


def _chains(vectors: np.ndarray, rows: np.ndarray, most: float) -> Iterator[np.ndarray]:
    """Sets of two or more rows, between which no two vectors are within `most` of each other."""
    if not len(rows):
        return
    labels = components(spanning_forest(vectors[rows], most), len(rows), most)
    for chain in parts_of(labels):
        if len(chain) > 1:
            yield rows[chain]
