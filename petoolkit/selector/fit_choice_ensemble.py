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
    """Fit networks, and trees where these see all that the trees would.

    Trees weigh all columns together. Where only some may be, so that the rest holds for other ways to write than those
    of the training rows, there are none: fitted on one build and asked of another, they cost 3 to 4 points.

    Args:
        evidence: for each row, (candidates, columns).
        right: for each row, (candidates,) bool: the tools that count as right.
        seed: of both.
        in_networks: (columns,) bool: which columns the networks see; all, if null.
        how: what else `fit_choice_model` takes.
    """
    networks = fit_choice_model(evidence, right, seed, in_networks, **how)
    return ChoiceEnsemble(networks, fit_choice_trees(evidence, right, seed) if in_networks is None else None)
