"""What each solver scores on a dataset, with intervals over blocks, and whether the gate lets it pass."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from petoolkit.audit.choices import Choices
from petoolkit.audit.solver import Solver, share_right
from petoolkit.audit.solvers import SOLVERS
from petoolkit.evaluator.scores.bootstrap import cluster_sums, ratio_intervals

FOLDS = 10  # where there are no other rows to fit on: whole blocks are left out in turn
ROUNDS, SEED = 1000, 0


@dataclass(frozen=True)
class Solved:
    """The score of one solver in one setting, in shares of the rows."""

    solver: Solver
    value: float
    low: float | None
    high: float | None


def solve(choices: Choices, fitting: Choices | None) -> tuple[list[Solved], dict[str, str]]:
    """Ask all solvers that can be asked.

    Args:
        choices: the rows to be solved, of one setting.
        fitting: rows of the same setting to fit on, such as the training split; `None` if there are none: then the
            solvers are fitted on the rows themselves, without the blocks (or users) that they solve.

    Returns:
        The scores, and for each solver that was not asked, why.
    """
    solved, not_asked = [], {}
    for solver in SOLVERS.values():
        if reason := _why_not(solver, choices):
            not_asked[solver.name] = reason
            continue
        right = np.zeros(len(choices.rows))
        for fitted, numbers in _fits(solver, choices, fitting):
            part = choices.at(numbers) if len(numbers) < len(choices.rows) else choices
            right[numbers] = share_right(solver.score(fitted, part), part)
        solved.append(_with_interval(solver, right, choices))
    return solved, not_asked


def _why_not(solver: Solver, choices: Choices) -> str | None:
    if "provider descriptions" in solver.needs and not choices.are_described:
        return "providers are not described"
    if "a taste" in solver.needs and not choices.have_tastes:
        return "rows do not say what decided"
    if solver.kind == "blind reader" and not choices.has_dislikes:
        return "there is nothing to be blind to: histories hold liked calls alone"
    return None


def _fits(solver: Solver, choices: Choices, fitting: Choices | None) -> Iterator[tuple[Choices, np.ndarray]]:
    """Rows to fit on, and numbers of the rows to be solved with them."""
    everything = np.arange(len(choices.rows))
    if "fitting rows" not in solver.needs:
        yield Choices([]), everything
    elif fitting is not None:
        yield fitting, everything
    else:
        units = np.unique([row["block_id"] or row["user_id"] for row in choices.rows], return_inverse=True)[1]
        fold = units % FOLDS
        for number in np.unique(fold):
            yield choices.at(everything[fold != number]), everything[fold == number]


def _with_interval(solver: Solver, right: np.ndarray, choices: Choices) -> Solved:
    everything = np.arange(len(right))
    rights, numbers = (
        cluster_sums(values, everything, choices.clusters)[:, None] for values in (right, np.ones(len(right)))
    )
    low, high = ratio_intervals(rights, numbers, ROUNDS, SEED)
    bounds = [None if np.isnan(bound[0]) else float(bound[0]) for bound in (low, high)]
    return Solved(solver, float(right.mean()), *bounds)
