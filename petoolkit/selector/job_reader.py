"""Which candidates do the job that a request asks for, by what was learnt of tools that do the same job."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from petoolkit.selector.function_evidence import pair_evidence, request_evidence
from petoolkit.selector.row_reading import Candidate, RowReading

_LEAST = 1e-6  # probability
_DECIMALS = 1  # of its logarithm; between tools of one job, finer differences are noise that trees would split by
_MOST_KEPT = 1_000  # requests of which what was found is kept: users of a benchmark ask the same


@dataclass(frozen=True)
class JobReader:
    """Weights that say which document a request fits, and which tools do the same job.

    Args:
        request_weights: (REQUEST_COLUMNS,) of a conditional logit: which candidate does the request fit?
        sameness_weights: (PAIR_COLUMNS,) of a logistic regression: do two candidates do the same job?
        sameness_bias: (1,) its bias.
    """

    request_weights: np.ndarray
    sameness_weights: np.ndarray
    sameness_bias: np.ndarray
    _kept: dict[tuple[str, tuple[Candidate, ...]], np.ndarray] = field(default_factory=dict, init=False)

    def job_evidence(self, row: RowReading, vectors: Mapping[str, np.ndarray]) -> np.ndarray:
        """(candidates, 2): the logarithm of the probability that a candidate does the job, beside the row's best and
        mean, to one decimal.

        It does the job if the request fits it, or a candidate that does the same as it: so tools that do the same job
        do it alike, however their documents are worded, and what is left to choose between them is the preference.
        """
        key = row.instruction, row.candidates
        found = self._kept.get(key)
        if found is None:
            if len(self._kept) >= _MOST_KEPT:
                self._kept.clear()
            found = self._kept[key] = self._found(row, vectors)
        return found

    def _found(self, row: RowReading, vectors: Mapping[str, np.ndarray]) -> np.ndarray:
        utilities = request_evidence(row, vectors) @ self.request_weights
        fits = np.exp(utilities - utilities.max())
        scores = pair_evidence(row, vectors) @ self.sameness_weights + self.sameness_bias
        same = 1 / (1 + np.exp(-scores))
        np.fill_diagonal(same, 1.0)
        likely = np.log(same @ fits / fits.sum() + _LEAST)
        return np.stack([likely - likely.max(), likely - likely.mean()], axis=1).round(_DECIMALS)
