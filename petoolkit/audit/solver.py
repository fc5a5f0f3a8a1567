"""The description of a solver, and the scores of its choices."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from petoolkit.audit.choices import Choices

Kind = Literal["shortcut", "blind reader", "reader", "oracle"]
Needs = Literal["fitting rows", "provider descriptions", "a taste"]
# From rows that a solver is fitted on, and rows to be solved: for each of these, (same-function tools,) scores.
Score = Callable[[Choices, Choices], list[np.ndarray]]


@dataclass(frozen=True)
class Solver:
    """A rule that chooses among the candidates that do the job; it never reads the gold call of the rows it solves.

    Args:
        name: key in `audit.json`, and in a recipe's list of shortcuts that are let through.
        description: what it chooses, for people.
        kind: a `shortcut` and a `blind reader` know no preference and must fail; a `reader` reads the history; the
            `oracle` is given what decided, and must succeed.
        score: gives the candidates' scores; the highest is chosen, and equal ones share the choice.
        needs: without this, it is not asked.
    """

    name: str
    description: str
    kind: Kind
    score: Score
    needs: tuple[Needs, ...] = ()

    @property
    def must_fail(self) -> bool:
        """Whether a dataset that measures preference keeps it at the ceiling without history."""
        return self.kind in ("shortcut", "blind reader")


def share_right(scores: list[np.ndarray], choices: Choices) -> np.ndarray:
    """(rows,) probability that an acceptable tool is chosen, when equal scores share the choice."""
    return np.array(
        [
            acceptable[own >= own.max() - 1e-9].mean()
            for own, acceptable in zip(scores, choices.acceptable, strict=True)
        ]
    )
