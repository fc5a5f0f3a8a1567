"""What a counterfactual is, and the ids of its rows."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, NamedTuple

from petoolbench import Setting
from petoolkit.evaluator.counterfactuals.neighbours import Neighbours

# A share of right calls, or that of a model that knows which tools do the job, and nothing of the user.
Expectation = float | Literal["ceiling"]
_MARK = "#"  # between the id of a row and the name of a counterfactual


class ChangedRow(NamedTuple):
    """A row of a counterfactual, and the tool that its other expectation is about (such as the twin's gold tool)."""

    row: dict
    other_tool: str | None = None


@dataclass(frozen=True)
class Counterfactual:
    """One way to change rows, and what it must do to the calls of a sound model.

    A sound model finds the tools that do the job, and calls the one that fits what the user likes.

    Args:
        name: as `--counterfactual` and `scores.json` have it.
        changes: what is changed, for people.
        make: takes a row and the rows beside it; gives the changed row, or `None` where it cannot be made.
        expected: takes a setting; gives the expected share of calls of the row's own gold tool, or `None` where the
            change leaves the setting's rows as they are, so that they are not asked again.
        deviation: what it means if a model scores something else.
        needs: what rows must have for it, for people.
        other: whose tool the second expectation is about, for people; empty if there is none.
        expected_other: the expected share of calls of that tool.
        kind: the kind of the rows (`petoolbench.KINDS`) that are changed.
        given_function: whether shares are those of the calls of a tool that does the job; otherwise, of all rows.
    """

    name: str
    changes: str
    make: Callable[[dict, Neighbours], ChangedRow | None]
    expected: Callable[[Setting], Expectation | None]
    deviation: str
    needs: str = "rows of the kind preference"
    other: str = ""
    expected_other: float | None = None
    kind: str = "preference"
    given_function: bool = True


def changed_id(row_id: str, name: str) -> str:
    """The id of a counterfactual's row: `u000001/chronological#swap`."""
    return f"{row_id}{_MARK}{name}"


def counterfactual_of(row_id: str) -> str:
    """The name of the counterfactual that a row id belongs to; empty for a row of the dataset."""
    return row_id.rpartition("/")[2].partition(_MARK)[2]
