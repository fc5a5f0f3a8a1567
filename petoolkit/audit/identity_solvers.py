"""Shortcuts that know no preference: who stands in the history, and where a tool stands among its rivals."""

from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np

from petoolkit.audit.choices import Choices
from petoolkit.audit.solver import FittingRows, Score, Solver


def _by_provider(value: Callable[[np.ndarray, np.ndarray], float]) -> Score:
    """Score a candidate by the past calls of its provider: `value` takes their positions (from 1) and liking."""

    def score(learned: Any, choices: Choices) -> list[np.ndarray]:
        scores = []
        for providers, called, liking in zip(choices.providers, choices.called_providers, choices.liking, strict=True):
            found = []
            for provider in providers:
                positions = np.array([n for n, other in enumerate(called) if other == provider], int)
                found.append(value(positions + 1, liking[positions]))
            scores.append(np.array(found, float))
        return scores

    return score


def _tool_seen(sign: float) -> Score:
    def score(learned: Any, choices: Choices) -> list[np.ndarray]:
        scores = []
        for row, tools in zip(choices.rows, choices.tools, strict=True):
            called = {call["tool_name"] for call in row["history"]}
            scores.append(sign * np.array([tool["tool_name"] in called for tool in tools], float))
        return scores

    return score


class Positions:
    """How often an acceptable tool stood first, second ... among the same-function tools.

    Args:
        rows: that it is fitted on.
    """

    def __init__(self, rows: FittingRows):
        self._rows: Counter[tuple[int, ...]] = Counter()  # number of rows by the positions of their acceptable tools
        self._counts = np.zeros(0)

    def add(self, choices: Choices, first: int) -> None:
        """See `Learner`."""
        self._rows.update(tuple(np.flatnonzero(acceptable).tolist()) for acceptable in choices.acceptable)

    def merge(self, other: "Positions") -> None:
        """See `Learner`."""
        self._rows.update(other._rows)

    def fit(self) -> None:
        """See `Learner`."""
        self._counts = np.zeros(1 + max((max(positions, default=0) for positions in self._rows), default=0))
        for positions, rows in sorted(self._rows.items()):
            self._counts[list(positions)] += rows / max(len(positions), 1)

    def scores(self, choices: Choices) -> list[np.ndarray]:
        """For each row, (same-function tools,) scores."""
        most = max(map(len, choices.tools), default=0)
        counts = np.pad(self._counts, (0, max(0, most - len(self._counts))))
        return [counts[: len(tools)] for tools in choices.tools]


def _longest(learned: Any, choices: Choices) -> list[np.ndarray]:
    """The longest description of a provider: what an eager writer says more about."""
    return [np.array([len(tool["provider_description"]) for tool in tools], float) for tools in choices.tools]


IDENTITY_SOLVERS = (
    Solver(
        "provider-vote",
        "the provider with the most liked calls less disliked ones in the history",
        "shortcut",
        _by_provider(lambda positions, liking: liking.sum()),
    ),
    Solver(
        "provider-seen",
        "a provider that stands in the history",
        "shortcut",
        _by_provider(lambda positions, liking: float(len(positions) > 0)),
    ),
    Solver(
        "provider-not-seen",
        "a provider that does not stand in the history",
        "shortcut",
        _by_provider(lambda positions, liking: -float(len(positions) > 0)),
    ),
    Solver(
        "provider-most-recent",
        "the provider that was called last",
        "shortcut",
        _by_provider(lambda positions, liking: positions.max(initial=0)),
    ),
    Solver("tool-seen", "a tool that stands in the history", "shortcut", _tool_seen(1)),
    Solver("tool-not-seen", "a tool that does not stand in the history", "shortcut", _tool_seen(-1)),
    Solver(
        "position",
        "the position among its rivals where the gold tool most often stands",
        "shortcut",
        Positions.scores,
        learner=Positions,
    ),
    Solver("longest", "the provider with the longest description", "shortcut", _longest, ("provider descriptions",)),
)
