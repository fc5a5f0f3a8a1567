"""What rows can show: how many independent ones they are worth, and which difference of two models they detect."""

import math
from collections.abc import Mapping, Sequence

import numpy as np

from petoolkit.audit.readers import ORACLE
from petoolkit.audit_record import Resolution

# Two models that are compared answer this share of the rows differently, one right and the other wrong.
DISAGREEMENT = 0.3
_SIGNIFICANT, _POWER = 1.959964, 0.841621  # normal quantiles of a two-sided test at 5 %, and of 80 %


def resolution(clusters: np.ndarray, rights: Mapping[str, Sequence[np.ndarray]]) -> Resolution:
    """The design effect of the clusters, 1 + (m - 1) rho (Kish), and what follows from it.

    m is the mean size of a row's cluster. rho is the intraclass correlation of correctness, of the solver with the
    highest score (the oracle apart): how alike the rows of a cluster are to a model is not known before it is asked.

    Args:
        clusters: (rows,) numbers of the rows' blocks, or of their function groups.
        rights: by solver, (rows,) probability that it is right, in one array or several.
    """
    _, sizes = np.unique(clusters, return_counts=True)
    rows = len(clusters)
    mean_size = float((sizes**2).sum() / rows)
    known: dict[str, tuple[float, float]] = {}  # mean and correlation by solver
    for name in (solver for solver in rights if solver != ORACLE.name):
        right = np.concatenate(rights[name])
        if (correlation := _correlation(right, clusters)) is not None:
            known[name] = float(right.mean()), correlation
    measured_on = max(known, key=lambda name: known[name][0], default=None)
    rho = 1.0 if measured_on is None else min(max(known[measured_on][1], 0.0), 1.0)
    design_effect = 1 + (mean_size - 1) * rho
    effective = rows / design_effect
    factor = (_SIGNIFICANT + _POWER) ** 2
    return Resolution(
        rows=rows,
        clusters=len(sizes),
        correlation=rho,
        measured_on=measured_on,
        design_effect=design_effect,
        effective_rows=effective,
        disagreement=DISAGREEMENT,
        # d solves d^2 = factor (disagreement - d^2) / rows: the variance of a paired difference of rights and wrongs
        smallest_difference=math.sqrt(factor * DISAGREEMENT / (effective + factor)),
    )


def _correlation(right: np.ndarray, clusters: np.ndarray) -> float | None:
    """The intraclass correlation by analysis of variance; `None` where nothing varies or no cluster has two rows."""
    _, clusters = np.unique(clusters, return_inverse=True)
    sizes = np.bincount(clusters).astype(float)
    rows, groups = len(right), len(sizes)
    if groups < 2 or rows == groups or right.std() < 1e-9:
        return None
    means = np.bincount(clusters, weights=right) / sizes
    between = float((sizes * (means - right.mean()) ** 2).sum()) / (groups - 1)
    within = float(((right - means[clusters]) ** 2).sum()) / (rows - groups)
    size = (rows - float((sizes**2).sum()) / rows) / (groups - 1)
    total = between + (size - 1) * within
    return (between - within) / total if total > 0 else None
