"""Dot-and-interval plots: a row a model, a panel a setting; the shape of a mark tells the kind of a model."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from petoolkit.evaluator.report.run_groups import Run
from petoolkit.evaluator.report.table_parts import MODEL, ORACLE, RULE, kind_of_run
from petoolkit.extras import missing_package
from petoolkit.figure_style import BLUE, GREEN, GREY, PALE
from petoolkit.text import Interval, shortened

try:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D
except ModuleNotFoundError:
    raise missing_package("a report's figures need", "matplotlib", "report") from None

WIDTH = 5.0  # inches: still readable where a telephone shows it at three quarters
ROW = 0.45  # inches for a model's name and its mark
MARKS: dict[str, tuple[str, str]] = {MODEL: ("o", BLUE), RULE: ("s", GREY), ORACLE: ("D", GREEN)}  # shape and colour
_NAMES = {MODEL: "model", RULE: "rule", ORACLE: "oracle, which is told what decided"}
_HEADING, _LEGEND = 0.95, 0.25  # inches


@dataclass(frozen=True)
class Reference:
    """A line to compare with, such as chance; its name stands at the top of a single panel."""

    name: str
    x: float
    style: Literal["dotted", "solid"]


@dataclass(frozen=True)
class Panel:
    """The scores of some runs, in their order; `None` where one was not asked."""

    title: str
    scores: Sequence[Interval | None]
    references: Sequence[Reference] = ()


def dot_plot(runs: Sequence[Run], panels: Sequence[Panel], label: str, lowest: float = 0) -> Figure:
    """A row for each run and a panel for each setting; scores are shares, and shown in percent or points.

    Args:
        runs: whose scores are shown.
        panels: side by side.
        label: of the horizontal axis.
        lowest: where the axis begins; it ends at 100.
    """
    kinds = [kind for kind in MARKS if kind in set(map(kind_of_run, runs))]
    names = 0.2 * max((len(panel.references) for panel in panels), default=0)
    figure = Figure((WIDTH, _HEADING + names + _LEGEND * (len(kinds) > 1) + ROW * len(runs)))
    drawn = figure.subplots(1, len(panels), sharex=True, sharey=True, squeeze=False)[0]
    for axes, panel in zip(drawn, panels, strict=True):
        axes.set_xlim(lowest, 100)
        _references(axes, panel.references, len(runs), figure.get_figheight())
        for y, (run, score) in enumerate(zip(runs, panel.scores, strict=True)):
            axes.axhline(y, color=PALE, linewidth=0.4, zorder=0)
            _dot(axes, y, score, kind_of_run(run), is_written=len(panels) == 1)
        if panel.title:
            axes.set_title(panel.title, color=GREY)
        rows_from_above(axes, len(runs))
    for y, run in enumerate(runs):
        name_row(drawn[0], y, run.label, 60 if len(panels) > 1 else 46)
    figure.supxlabel(label, fontsize=10)
    legend(figure, kinds)
    return figure


def _dot(axes: Axes, y: int, score: Interval | None, kind: str, is_written: bool) -> None:
    shape, colour = MARKS[kind]
    if score is None or score.value is None:
        beside(axes, axes.get_xlim()[0], y, "not asked", GREY)
        return
    if score.low is not None and score.high is not None:
        axes.plot(
            [100 * score.low, 100 * score.high],
            [y, y],
            color=colour,
            linewidth=2,
            solid_capstyle="butt",
            clip_on=False,
        )
    axes.plot(100 * score.value, y, shape, color=colour, markersize=6, clip_on=False)
    if is_written:
        right: dict[str, Any] = {"transform": axes.get_yaxis_transform(), "va": "center", "ha": "right"}
        axes.text(1, y - 0.33, f"{100 * score.value:.1f}", color=colour, weight="bold", fontsize=9, **right)


def _references(axes: Axes, references: Sequence[Reference], rows: int, height: float) -> None:
    for number, one in enumerate(references):
        ends = ([y - 0.12 for y in range(rows)], [y + 0.35 for y in range(rows)])  # not through the rows' names
        axes.vlines([one.x] * rows, *ends, GREY, one.style, linewidth=1, zorder=0)
        if one.name:
            side = "left" if one.x < 50 else "right"
            top = 1 + (0.05 + 0.2 * number) / height * (1 + 1 / rows)
            axes.text(one.x, top, one.name, transform=axes.get_xaxis_transform(), color=GREY, fontsize=9, ha=side)


def legend(figure: Figure, kinds: Sequence[str]) -> None:
    """Say which shape stands for what, if there are several kinds of models."""
    if len(kinds) > 1:
        handles = [
            Line2D([], [], color=MARKS[kind][1], marker=MARKS[kind][0], linestyle="", label=_NAMES[kind])
            for kind in kinds
        ]
        figure.legend(handles=handles, loc="outside upper left", ncols=len(handles), frameon=False, fontsize=9)


def rows_from_above(axes: Axes, rows: int) -> None:
    """Show rows from the top down, without an axis of their own; names may reach over the panels beside."""
    axes.set_facecolor("none")
    axes.set_ylim(rows - 0.5, -0.65)
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)


def name_row(axes: Axes, y: int, name: str, longest: int) -> None:
    """Write a name above its row, where it does not take width from the figure."""
    text = axes.text(0, y - 0.33, shortened(name, longest), transform=axes.get_yaxis_transform(), va="center")
    text.set_in_layout(False)
    text.set_fontsize(9)


def beside(axes: Axes, x: float, y: float, text: str, colour: str) -> None:
    """Write a text to the right of a point."""
    axes.annotate(text, (x, y), (6, 0), textcoords="offset points", va="center", color=colour, fontsize=9)
