"""What weighs evidence: networks and trees together, since each is right where the other is not."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from petoolkit.selector.choice_model import ChoiceModel
from petoolkit.selector.choice_trees import ChoiceTrees


@dataclass
class ChoiceEnsemble:
    """The mean of two utilities.

    Args:
        networks: linear utilities with small networks.
        trees: gradient-boosted ones; `None` if networks alone decide.
    """

    networks: ChoiceModel
    trees: ChoiceTrees | None

    def utilities(self, evidence: np.ndarray) -> np.ndarray:
        """(candidates,), of (candidates, columns)."""
        of_networks = self.networks.utilities(evidence).mean(axis=0)
        return (of_networks + self.trees.utilities(evidence)) / 2 if self.trees else of_networks

    def probabilities(self, evidence: np.ndarray) -> np.ndarray:
        """(candidates,) probabilities that the user wants each; they sum to 1."""
        return self.probabilities_of_rows([evidence])[0]

    def probabilities_of_rows(self, evidence: Sequence[np.ndarray]) -> list[np.ndarray]:
        """The `probabilities` of each row; trees are asked of all together, since a call of them has its cost."""
        if self.trees is None:
            return [self.networks.probabilities(row) for row in evidence]
        from scipy.special import softmax

        utilities = self.utilities(np.concatenate(evidence))
        ends = np.cumsum([len(row) for row in evidence])
        return [softmax(of_row) for of_row in np.split(utilities, ends[:-1])]
