"""What each solver scores on a dataset, with intervals over blocks."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np

from petoolbench import InputError
from petoolkit.audit.choices import Choices
from petoolkit.audit.solver import Solver, share_right
from petoolkit.audit.solvers import SOLVERS
from petoolkit.engines.engine import HERE, Engine
from petoolkit.evaluator.scores.bootstrap import cluster_sums, ratio_intervals

FOLDS = 10  # where there are no other rows to fit on: whole blocks are left out in turn
ROUNDS, SEED = 1000, 0


@dataclass(frozen=True)
class Solved:
    """The score of one solver in one setting, in shares of the rows.

    Args:
        solver: which one.
        right: (rows,) probability that it chooses an acceptable tool.
        value: the mean of these.
        low, high: bounds of its 95 % interval over blocks; `None` if there is one block only.
    """

    solver: Solver
    right: np.ndarray
    value: float
    low: float | None
    high: float | None


def solve(
    choices: Choices,
    fitting: Choices | None,
    on_solver: Callable[[str], None] = lambda name: None,
    engine: Engine = HERE,
) -> tuple[list[Solved], dict[str, str]]:
    """Ask all solvers that can be asked.

    Args:
        choices: the rows to be solved, of one setting.
        fitting: rows of the same setting to fit on, such as the training split; `None` if there are none: then the
            solvers are fitted on the rows themselves, without the blocks (or users) that they solve.
        on_solver: gets the name of each solver before it is asked.
        engine: asks the solvers; each of its processes holds the rows.

    Returns:
        The scores, and for each solver that was not asked, why.
    """

    def names() -> Iterator[str]:
        for name in SOLVERS:
            on_solver(name)
            yield name

    solved, not_asked = [], {}
    solvers = list(SOLVERS.values())
    for number, right in engine.run(partial(_right_or_why_not, choices, fitting), names()):
        if isinstance(right, str):
            not_asked[solvers[number].name] = right
        else:
            value, low, high = mean_with_interval(right, choices.clusters)
            solved.append(Solved(solvers[number], right, value, low, high))
    return solved, not_asked


def _right_or_why_not(choices: Choices, fitting: Choices | None, name: str) -> np.ndarray | str:
    """(rows,) probabilities that a solver is right, or why it cannot be asked."""
    solver = SOLVERS[name]
    if reason := _why_not(solver, choices, fitting):
        return reason
    try:
        return _right(solver, choices, fitting)
    except InputError as error:  # a model that cannot be loaded
        return str(error)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        if "a taste" not in solver.needs:
            raise
        return f"the rows' `taste` is not that of a build ({type(error).__name__})"


def _right(solver: Solver, choices: Choices, fitting: Choices | None) -> np.ndarray:
    right = np.zeros(len(choices.rows))
    for fitted, numbers in _fits(solver, choices, fitting):
        part = choices.at(numbers) if len(numbers) < len(choices.rows) else choices
        right[numbers] = share_right(solver.score(fitted, part), part)
    return right


def _why_not(solver: Solver, choices: Choices, fitting: Choices | None) -> str | None:
    if "provider descriptions" in solver.needs and not choices.are_described:
        return "providers are not described"
    if "a taste" in solver.needs and not choices.have_tastes:
        return "rows do not say what decided"
    if solver.kind == "blind reader" and not choices.has_dislikes:
        return "there is nothing to be blind to: histories hold liked calls alone"
    if "fitting rows" in solver.needs and fitting is None and len(np.unique(_units(choices))) < 2:
        return "there are no other rows to fit it on"
    return None


def _units(choices: Choices) -> np.ndarray:
    """(rows,) numbers of the blocks, or of the users where there are no blocks."""
    return np.unique([row["block_id"] or row["user_id"] for row in choices.rows], return_inverse=True)[1]


def _fits(solver: Solver, choices: Choices, fitting: Choices | None) -> Iterator[tuple[Choices, np.ndarray]]:
    """Rows to fit on, and numbers of the rows to be solved with them."""
    everything = np.arange(len(choices.rows))
    if "fitting rows" not in solver.needs:
        yield Choices([]), everything
    elif fitting is not None:
        yield fitting, everything
    else:
        fold = _units(choices) % FOLDS
        for number in np.unique(fold):
            yield choices.at(everything[fold != number]), everything[fold == number]


def mean_with_interval(values: np.ndarray, clusters: np.ndarray) -> tuple[float, float | None, float | None]:
    """The mean of (rows,) values, and its 95 % interval over clusters; no interval if there is one cluster only."""
    everything = np.arange(len(values))
    sums, numbers = (cluster_sums(each, everything, clusters)[:, None] for each in (values, np.ones(len(values))))
    low, high = ratio_intervals(sums, numbers, ROUNDS, SEED)
    return float(values.mean()), _bound(low), _bound(high)


def _bound(values: np.ndarray) -> float | None:
    return None if np.isnan(values[0]) else float(values[0])
