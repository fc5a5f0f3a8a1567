"""The description of a solver, and the scores of its choices."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, Protocol

import numpy as np

from petoolbench import ToolName
from petoolkit.audit.choices import Choices, Provider

Kind = Literal["shortcut", "blind reader", "reader", "oracle"]
Needs = Literal["provider descriptions", "a taste"]
# From what was learned, and rows to be solved: for each of these, (same-function tools,) scores.
Score = Callable[[Any, Choices], list[np.ndarray]]


@dataclass(frozen=True)
class FittingRows:
    """What is known of the rows that a solver is fitted on before it sees them.

    Args:
        number: of the rows.
        tools: names of those that the rows to be solved choose among.
    """

    number: int
    tools: frozenset[str]

    @cached_property
    def _providers(self) -> frozenset[Provider]:
        return frozenset((name.category, name.provider) for name in map(ToolName.parse, self.tools))

    def may_offer(self, provider: Provider) -> bool:
        """Whether the rows to be solved may choose a tool of a provider; nobody asks what is learned of others."""
        return len(provider) == 1 or provider in self._providers  # without a name, its description stands for it


class Learner(Protocol):
    """What a solver learns of rows, which it is given in parts; other processes learn of some of them."""

    def add(self, choices: Choices, first: int) -> None:
        """Learn of some rows; `first` is the number of the first one."""

    def merge(self, other: Any) -> None:
        """Learn what another one has learned of the rows that come next."""

    def fit(self) -> None:
        """Make of it what scores need; all rows have been given."""


@dataclass(frozen=True)
class Solver:
    """A rule that chooses among the candidates that do the job; it never reads the gold call of the rows it solves.

    Args:
        name: key in `audit.json`, and in a recipe's list of shortcuts that are let through.
        description: what it chooses, for people.
        kind: a `shortcut` and a `blind reader` know no preference and must fail; a `reader` reads the history; the
            `oracle` is given what decided, and must succeed.
        score: gives the candidates' scores; the highest is chosen, and equal ones share the choice. Its first argument
            is what `learner` made, or `None`.
        needs: without this, it is not asked.
        learner: makes what learns of other rows; `None` if nothing is learned.
    """

    name: str
    description: str
    kind: Kind
    score: Score
    needs: tuple[Needs, ...] = ()
    learner: Callable[[FittingRows], Learner] | None = None

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
