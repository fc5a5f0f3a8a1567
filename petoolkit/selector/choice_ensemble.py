"""What weighs evidence: networks and trees together, since each is right where the other is not."""

from dataclasses import dataclass

import numpy as np

from petoolkit.selector.choice_model import ChoiceModel
from petoolkit.selector.choice_trees import ChoiceTrees


@dataclass
class ChoiceEnsemble:
    """The mean of two utilities.

    Args:
        networks: linear utilities with small networks.
        trees: gradient-boosted ones.
    """

    networks: ChoiceModel
    trees: ChoiceTrees

    def utilities(self, evidence: np.ndarray) -> np.ndarray:
        """(candidates,), of (candidates, columns)."""
        return (self.networks.utilities(evidence).mean(axis=0) + self.trees.utilities(evidence)) / 2

    def probabilities(self, evidence: np.ndarray) -> np.ndarray:
        """(candidates,) probabilities that the user wants each; they sum to 1."""
        from scipy.special import softmax

        return softmax(self.utilities(evidence))
