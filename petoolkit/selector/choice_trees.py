"""Trees that weigh evidence: what one kind is worth where others are as they are."""

from dataclasses import dataclass

import numpy as np


@dataclass
class ChoiceTrees:
    """Trees whose values add up to the utility of a candidate.

    A leaf leads to itself, and all other nodes to later ones.

    Args:
        feature: (trees, nodes) int: the column of evidence that decides at a node.
        threshold: (trees, nodes): up to this value, it goes on at `below`, beyond at `above`.
        below, above: (trees, nodes) int: numbers of nodes.
        value: (trees, nodes): of a leaf, what it adds.
    """

    feature: np.ndarray
    threshold: np.ndarray
    below: np.ndarray
    above: np.ndarray
    value: np.ndarray

    def utilities(self, evidence: np.ndarray) -> np.ndarray:
        """(candidates,), of (candidates, columns)."""
        trees = np.arange(len(self.feature))[:, None]
        node = np.zeros((len(self.feature), len(evidence)), dtype=np.intp)
        while True:
            columns = self.feature[trees, node]
            is_below = evidence[np.arange(len(evidence)), columns] <= self.threshold[trees, node]
            following = np.where(is_below, self.below[trees, node], self.above[trees, node])
            if (following == node).all():
                return self.value[trees, node].sum(axis=0)
            node = following
