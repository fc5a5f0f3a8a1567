"""The leaderboard and the error types, as plain data for the template."""

from dataclasses import dataclass

from petoolkit.evaluator.report.score_files import ERRORS, Result, Score
from petoolkit.explorer.judged_runs import READER, RIGHT_PARAMETERS, RIGHT_TOOL, Evaluations
from petoolkit.explorer.view import ROWS, View
from petoolkit.scoring import PARAMETER_ERRORS, TOOL_ERRORS
from petoolkit.text import ALL

SHOWN = ("tool_acc", "param_acc", "joint_acc")


@dataclass(frozen=True)
class Segment:
    """A part of a stacked bar; `query` leads to its rows."""

    kind: str  # one of `petoolkit.explorer.judged_runs.OUTCOMES`
    share: float
    query: str


@dataclass(frozen=True)
class Line:
    """One evaluation in the leaderboard."""

    name: str
    is_rule: bool
    scores: list[Score]  # of `SHOWN`
    errors: list[Score]  # of the paper's types
    tool: list[Segment]
    parameters: list[Segment]


@dataclass(frozen=True)
class Board:
    """Evaluations of the same rows."""

    rows: int
    split: str
    lines: list[Line]  # the highest Tool Acc first
    chance: list[float | None]  # of `SHOWN`


def boards(evaluations: Evaluations, view: View) -> list[Board]:
    """A leaderboard for each set of rows that was asked about; about a setting, where the view names one."""
    place = view.place or ALL
    found = []
    for part in evaluations.parts:
        if place not in part.first.rows:
            continue
        runs = sorted(part.runs, key=lambda run: -(run.result.score(place, SHOWN[0], READER).value or 0))
        found.append(
            Board(
                rows=part.first.rows[place],
                split=part.first.split,
                lines=[_line(evaluations.names[run.result.folder], run.result, place) for run in runs],
                chance=[part.first.chance[place].get(metric) for metric in SHOWN],
            )
        )
    return found


def _line(name: str, result: Result, place: str) -> Line:
    def segments(right: str, metric: str, errors: tuple[str, ...]) -> list[Segment]:
        shares = {right: result.score(place, metric, READER).value or 0}
        shares |= {error: result.score(place, error, READER).value or 0 for error in reversed(errors)}
        asked = View(tab=ROWS, split=result.split, setting="" if place == ALL else place, model=name)
        return [Segment(kind, share, asked.but(outcome=kind).query) for kind, share in shares.items() if share]

    return Line(
        name=name,
        is_rule=result.is_rule,
        scores=[result.score(place, metric, READER) for metric in SHOWN],
        errors=[result.score(place, error, READER) for error in ERRORS],
        tool=segments(RIGHT_TOOL, "tool_acc", TOOL_ERRORS),
        parameters=segments(RIGHT_PARAMETERS, "param_acc", PARAMETER_ERRORS),
    )
