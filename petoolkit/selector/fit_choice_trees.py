"""Fitting trees on rows whose right tools are known: gradient boosting, whose trees are kept as arrays."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from petoolkit.selector.choice_trees import ChoiceTrees
from petoolkit.selector.single_threaded import single_threaded

_TREES = 80
_RATE = 0.12
_MOST_LEAVES = 15
_FEWEST_IN_LEAF = 20  # candidates
_COLUMNS_SEEN = 0.3  # share of the columns that a node chooses from, so that none is relied on alone


def fit_choice_trees(evidence: Sequence[np.ndarray], right: Sequence[np.ndarray], seed: int = 0) -> ChoiceTrees:
    """Fit trees.

    Args:
        evidence: for each row, (candidates, columns).
        right: for each row, (candidates,) bool: the tools that count as right.
        seed: of the columns that a node sees.
    """
    from sklearn.ensemble import HistGradientBoostingClassifier

    model = HistGradientBoostingClassifier(
        learning_rate=_RATE,
        max_iter=_TREES,
        max_leaf_nodes=_MOST_LEAVES,
        min_samples_leaf=_FEWEST_IN_LEAF,
        l2_regularization=1.0,
        max_features=_COLUMNS_SEEN,
        early_stopping=False,
        random_state=seed,
    )
    with single_threaded():
        model.fit(np.concatenate(evidence), np.concatenate(right))
    # A pickle is no file to share, and there is no public way to the nodes.
    return _as_arrays([of_class.nodes for (of_class,) in model._predictors])


def _as_arrays(trees: list[Any]) -> ChoiceTrees:
    """The nodes of trees, each padded with leaves that nothing leads to."""
    most = max(len(nodes) for nodes in trees)
    own = np.arange(most)
    feature, below, above = np.zeros((3, len(trees), most), dtype=np.intp)
    threshold, value = np.zeros((2, len(trees), most))
    for number, nodes in enumerate(trees):
        size, leads_on = len(nodes), ~nodes["is_leaf"].astype(bool)
        feature[number, :size] = np.where(leads_on, nodes["feature_idx"], 0)
        threshold[number, :size] = np.where(leads_on, nodes["num_threshold"], 0)
        below[number] = above[number] = own
        below[number, :size][leads_on] = nodes["left"][leads_on]
        above[number, :size][leads_on] = nodes["right"][leads_on]
        value[number, :size] = nodes["value"]
    return ChoiceTrees(feature, threshold, below, above, value)
