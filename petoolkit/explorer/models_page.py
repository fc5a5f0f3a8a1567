"""The leaderboards and the error types, as plain data for the template."""

from dataclasses import dataclass
from itertools import accumulate

from petoolkit.evaluator.records import Score, Scores
from petoolkit.explorer.judged_evaluations import READER, Evaluations
from petoolkit.explorer.outcomes import RIGHT_PARAMETERS, RIGHT_TOOL
from petoolkit.explorer.view import ROWS, View
from petoolkit.scoring import ERROR_TYPES, METRICS, PARAMETER_ERRORS, TOOL_ERRORS
from petoolkit.text import ALL

# The right outcome of each stacked bar, its accuracy, and the errors; their shares sum to 1.
_BARS = {
    "tool": (RIGHT_TOOL, "tool_acc", TOOL_ERRORS),
    "parameters": (RIGHT_PARAMETERS, "param_acc", PARAMETER_ERRORS),
}
# Outcomes of each bar, from its left end to its right.
LEGENDS = {name: [right, *reversed(errors)] for name, (right, _, errors) in _BARS.items()}


@dataclass(frozen=True)
class Segment:
    """A part of a stacked bar; `query` leads to its rows."""

    outcome: str  # one of `petoolkit.explorer.outcomes.OUTCOMES`
    start: float  # share of the bar that is before it
    share: float
    query: str


@dataclass(frozen=True)
class Line:
    """One evaluation in a leaderboard."""

    name: str
    tag: str  # `rule` or `oracle` for those of the toolkit
    scores: list[Score]  # in the order of `METRICS`
    errors: list[Score]  # in the order of `ERROR_TYPES`
    bars: dict[str, list[Segment]]
    lacked: str  # how many replies were missing, cut, unreadable or not read as asked; empty if none were


@dataclass(frozen=True)
class Board:
    """A leaderboard: evaluations of the same rows."""

    rows: int
    split: str
    lines: list[Line]  # the highest Tool Acc first
    chance: list[float | None]  # in the order of `METRICS`


def boards(evaluations: Evaluations, view: View) -> list[Board]:
    """A leaderboard for each set of rows that models were asked about, in the view's setting or all settings."""
    setting = view.board_setting or ALL
    found = []
    for group in evaluations.groups:
        if setting not in group.first.rows:
            continue
        runs = sorted(group.runs, key=lambda run: -(run.result.score(setting, "tool_acc", READER).value or 0))
        found.append(
            Board(
                rows=group.first.rows[setting],
                split=group.first.split,
                lines=[_line(evaluations.names[run.result.folder], run.result, setting) for run in runs],
                chance=[group.first.chance[setting].get(metric) for metric in METRICS],
            )
        )
    return found


def _line(name: str, scores: Scores, setting: str) -> Line:
    rows_view = View(tab=ROWS, split=scores.split, setting="" if setting == ALL else setting, model=name)

    def segments(right: str, accuracy: str, errors: tuple[str, ...]) -> list[Segment]:
        shares = {right: scores.score(setting, accuracy, READER).value or 0}
        shares |= {error: scores.score(setting, error, READER).value or 0 for error in reversed(errors)}
        starts = accumulate(shares.values(), initial=0.0)
        return [
            Segment(outcome, start, share, rows_view.but(outcome=outcome).query)
            for (outcome, share), start in zip(shares.items(), starts, strict=False)
            if share
        ]

    return Line(
        name=name,
        tag="oracle" if scores.is_oracle else "rule" if scores.is_rule else "",
        scores=[scores.score(setting, metric, READER) for metric in METRICS],
        errors=[scores.score(setting, error, READER) for error in ERROR_TYPES],
        bars={bar: segments(*parts) for bar, parts in _BARS.items()},
        lacked=scores.what_replies_lacked(setting, READER),
    )
