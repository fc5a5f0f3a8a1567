"""Fitting what tells which candidates do the job of a request."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from petoolkit.selector.fit_choice_model import fit_choice_model
from petoolkit.selector.function_evidence import (
    PAIR_COLUMNS,
    PARAMETERS_COLUMN,
    REQUEST_COLUMNS,
    pair_evidence,
    request_evidence,
)
from petoolkit.selector.job_reader import JobReader
from petoolkit.selector.row_reading import RowReading
from petoolkit.selector.single_threaded import single_threaded

_SURE = 20.0  # a bias beside which nothing else counts


@dataclass(frozen=True)
class JobCase:
    """A request and its candidates.

    Args:
        fits: (candidates, REQUEST_COLUMNS).
        pairs: (candidates, candidates, PAIR_COLUMNS).
        does: (candidates,) bool: which of them do the job.
    """

    fits: np.ndarray
    pairs: np.ndarray
    does: np.ndarray


def job_case(row: Mapping[str, Any], reading: RowReading, vectors: Mapping[str, np.ndarray]) -> JobCase:
    """What is learnt of a row."""
    does = np.array([one.tool["tool_name"] in row["same_function_tools"] for one in reading.candidates])
    return JobCase(request_evidence(reading, vectors), pair_evidence(reading, vectors), does)


@single_threaded()
def fit_job_reader(cases: Sequence[JobCase], seed: int = 0) -> JobReader | None:
    """Fit a reader; `None` if there is nothing to learn of.

    Args:
        cases: of training rows, each request with its candidates once.
        seed: of the order.
    """
    cases = [one for one in cases if one.does.any()]
    if not cases:
        return None
    model = fit_choice_model(
        [one.fits for one in cases],
        [one.does for one in cases],
        seed,
        in_networks=np.zeros(REQUEST_COLUMNS, dtype=bool),
        epochs=12,
        dropped=0.1,
        width=1,
        members=1,
    )
    return JobReader(model.linear[0] / model.scale, *_fit_sameness(cases))


def _fit_sameness(cases: Sequence[JobCase]) -> tuple[np.ndarray, np.ndarray]:
    """Weights and bias of whether a tool does the same as one that does the job.

    In a build, tools of one job take the same parameters. Elsewhere each names its own, or has none. So half of what
    is learnt of has no parameters in common.
    """
    from sklearn.linear_model import LogisticRegression

    pairs: list[np.ndarray] = []
    same: list[np.ndarray] = []
    for case in cases:
        for number in np.flatnonzero(case.does):
            others = np.arange(len(case.does)) != number
            pairs.append(case.pairs[number][others])
            same.append(case.does[others])
    is_same = np.concatenate(same)
    if not is_same.any() or is_same.all():  # nothing to tell apart
        return np.zeros(PAIR_COLUMNS), np.array([_SURE if is_same.any() else -_SURE])
    known = np.concatenate(pairs)
    without = known.copy()
    without[:, PARAMETERS_COLUMN] = 0.0
    fitted = LogisticRegression().fit(np.concatenate([known, without]), np.tile(is_same, 2))
    return fitted.coef_[0], fitted.intercept_
