"""The model that weighs evidence: linear utilities and small networks, whose probabilities are averaged."""

from dataclasses import dataclass

import numpy as np

_LARGEST = 6.0  # standard deviations; what is further away counts as this far


@dataclass
class ChoiceModel:
    """Several members, each a linear utility plus a network of one layer.

    Args:
        mean, scale: (columns,) of the evidence in training rows.
        linear: (members, columns).
        inner, inner_bias: (members, columns, width) and (members, width).
        outer: (members, width).
    """

    mean: np.ndarray
    scale: np.ndarray
    linear: np.ndarray
    inner: np.ndarray
    inner_bias: np.ndarray
    outer: np.ndarray

    def standardised(self, evidence: np.ndarray) -> np.ndarray:
        """Evidence in standard deviations from the mean, (candidates, columns)."""
        return np.clip((evidence - self.mean) / self.scale, -_LARGEST, _LARGEST)

    def utilities(self, evidence: np.ndarray) -> np.ndarray:
        """(members, candidates)."""
        values = self.standardised(evidence)
        inner = np.tanh(values @ self.inner + self.inner_bias[:, None, :])
        return self.linear @ values.T + np.einsum("mcw,mw->mc", inner, self.outer)

    def probabilities(self, evidence: np.ndarray) -> np.ndarray:
        """(candidates,) probabilities that the user wants each; they sum to 1."""
        utilities = self.utilities(evidence)
        weights = np.exp(utilities - utilities.max(axis=1, keepdims=True))
        return (weights / weights.sum(axis=1, keepdims=True)).mean(axis=0)
