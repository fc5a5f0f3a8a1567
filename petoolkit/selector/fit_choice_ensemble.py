"""Fitting networks and trees on the same rows."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from petoolkit.selector.choice_ensemble import ChoiceEnsemble
from petoolkit.selector.fit_choice_model import fit_choice_model
from petoolkit.selector.fit_choice_trees import fit_choice_trees


def fit_choice_ensemble(
    evidence: Sequence[np.ndarray],
    right: Sequence[np.ndarray],
    seed: int = 0,
    in_networks: np.ndarray | None = None,
    **how: Any,
) -> ChoiceEnsemble:
    """Fit both.

    Args:
        evidence: for each row, (candidates, columns).
        right: for each row, (candidates,) bool: the tools that count as right.
        seed: of both.
        in_networks, how: what else `fit_choice_model` takes.
    """
    networks = fit_choice_model(evidence, right, seed, in_networks, **how)
    return ChoiceEnsemble(networks, fit_choice_trees(evidence, right, seed))
