"""A report's figures: the paper's Figures 3 to 6, and Tool Acc of each model and by position of the gold tool.

They use few colours, labels beside the marks, and a width of five inches.
"""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any, Literal

from petoolkit.evaluator.records import Score
from petoolkit.evaluator.report import report_findings as findings
from petoolkit.evaluator.report.run_groups import HistoryPair, Run, RunGroup
from petoolkit.extras import missing_package
from petoolkit.figure_style import BLUE, GREY, PALE, RED, figure_style, setting_colour
from petoolkit.scoring import METRICS
from petoolkit.text import ALL, percent, points, setting_label, shortened

try:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
except ModuleNotFoundError:
    raise missing_package("a report's figures need", "matplotlib", "report") from None

_TOOL_ACC = METRICS["tool_acc"].label
_MOST_MODELS = 10  # in figures that compare lines
_MOST_CATEGORIES = 20
_ROW = 0.5  # inches for a model's name and its mark
_WIDTH = 5.0  # inches: still readable where a telephone shows it at three quarters


@dataclass(frozen=True)
class ReportFigure:
    """A figure in two formats, and what it shows in words."""

    name: str
    file: str  # path of the PNG in the report's folder
    title: str
    finding: str
    png: bytes
    svg: bytes


def draw_figures(group: RunGroup) -> dict[str, ReportFigure]:
    """The figures of a group by name; `history` is among them only if runs with and without history were found."""
    with figure_style(font_size=10):
        figures = [_overview(group), _history_lengths(group), _gold_positions(group), _row_counts(group)]
        figures.append(_categories(group))
        if group.pairs:
            figures.append(_history_pairs(group))
    return {figure.name: figure for figure in figures}


def _saved(group: RunGroup, name: str, title: str, finding: str, figure: Figure) -> ReportFigure:
    png, svg = io.BytesIO(), io.BytesIO()
    figure.savefig(png, format="png", dpi=200, metadata={"Software": None})
    figure.savefig(svg, format="svg", transparent=True, metadata={"Date": None})
    return ReportFigure(name, f"figures/{group.number}-{name}.png", title, finding, png.getvalue(), svg.getvalue())


def _overview(group: RunGroup) -> ReportFigure:
    figure = Figure((_WIDTH, 0.9 + _ROW * len(group.runs)))
    axes = figure.subplots()
    chance, rule = group.first.chance[ALL]["tool_acc"], group.best_rule(ALL, "tool_acc")
    if chance is not None:
        _mark(axes, len(group.runs), chance, "chance", "dotted", 1.0)
    if rule:
        name = f"best rule: {shortened(rule.name, 24)}"
        _mark(axes, len(group.runs), rule.value, name, "solid", 1 + 0.2 / figure.get_figheight())
    for y, run in enumerate(group.runs):
        score = run.result.score(ALL, "tool_acc")
        colour, marker = (GREY, "s") if run.result.is_rule else (BLUE, "o")
        _name_row(axes, y, run.label, 54)
        alignment: dict[str, Any] = {"transform": axes.get_yaxis_transform(), "va": "center", "ha": "right"}
        axes.text(1, y - 0.32, percent(score.value), color=colour, weight="bold", **alignment)
        ends = _percents([score], "low") + _percents([score], "high")
        axes.plot(ends, [y, y], color=colour, linewidth=2)
        axes.plot(100 * (score.value or 0), y, marker, color=colour, markersize=7)
    _percent_rows(axes, len(group.runs))
    title = f"{_TOOL_ACC} of each model, with 95 % intervals (rules: grey squares)"
    return _saved(group, "tool-acc", title, findings.overview(group), figure)


def _mark(axes: Axes, rows: int, share: float, name: str, style: Literal["dotted", "solid"], height: float) -> None:
    """Draw a value to compare with: a line in each row, below the row's name, and its name at the top."""
    x = 100 * share
    axes.vlines([x] * rows, [y - 0.12 for y in range(rows)], [y + 0.35 for y in range(rows)], GREY, style, zorder=0)
    side = "left" if x < 50 else "right"
    axes.text(x, height, f"{name} {x:.1f}", transform=axes.get_xaxis_transform(), color=GREY, fontsize=9, ha=side)


def _history_pairs(group: RunGroup) -> ReportFigure:
    pairs = group.pairs[:_MOST_MODELS]
    figure = Figure((_WIDTH, 1.1 + _ROW * len(pairs)))
    panels = figure.subplots(1, len(group.settings), sharex=True, sharey=True, squeeze=False)[0]
    for axes, setting in zip(panels, group.settings, strict=True):
        for y, pair in enumerate(pairs):
            runs = (pair.without_history, pair.with_history)
            without, with_history = (100 * (run.result.score(setting, "tool_acc").value or 0) for run in runs)
            colour = BLUE if with_history >= without else RED
            axes.plot([without, with_history], [y, y], color=colour, linewidth=2)
            axes.plot(without, y, "o", color=colour, markerfacecolor="white", markersize=7)
            axes.plot(with_history, y, "o", color=colour, markersize=7)
            _write_beside(axes, max(without, with_history), y, points((with_history - without) / 100), colour)
        axes.set_title(setting_label(setting), color=GREY)
        _percent_rows(axes, len(pairs))
    for y, pair in enumerate(pairs):
        _name_row(panels[0], y, pair.model, 60)
    title = f"Figure 5. {_TOOL_ACC} without history (empty dot) and with it (full dot){_of_many(group.pairs)}"
    return _saved(group, "history", title, findings.history_pairs(group), figure)


def _history_lengths(group: RunGroup) -> ReportFigure:
    runs = [run for run in group.runs if run.result.options.history] or group.runs
    title = f"Figure 6. {_TOOL_ACC} by history length, {setting_label(group.history_length_setting)}{_of_many(runs)}"
    runs = runs[:_MOST_MODELS]
    figure = _small_multiples(
        group, runs, "history_length", group.history_length_setting, "interactions in the history", 1.5
    )
    return _saved(group, "history-length", title, findings.by_history_length(group, runs), figure)


def _gold_positions(group: RunGroup) -> ReportFigure:
    title = f"{_TOOL_ACC} by position of the gold tool{_of_many(group.runs)}"
    runs = group.runs[:_MOST_MODELS]
    figure = _small_multiples(group, runs, "gold_position", ALL, "position of the gold tool", 1.2)
    return _saved(group, "gold-position", title, findings.by_gold_position(group, runs), figure)


def _of_many(runs: Sequence[Run | HistoryPair]) -> str:
    return f" (the {_MOST_MODELS} highest of {len(runs)})" if len(runs) > _MOST_MODELS else ""


def _small_multiples(
    group: RunGroup, runs: list[Run], dimension: str, setting: str, x_label: str, height: float
) -> Figure:
    """A panel for each run: its line and interval band, with the lines of the other runs behind it."""
    bands, _ = group.readable_bands(dimension, setting)
    columns = min(2, len(runs))
    lines = -(-len(runs) // columns)
    figure = Figure((_WIDTH, 0.5 + height * lines))
    panels = figure.subplots(lines, columns, sharex=True, sharey=True, squeeze=False).ravel()
    scores = [[run.band_tool_acc(dimension, setting, band) for band in bands] for run in runs]
    x = range(len(bands))
    for number, (axes, run, own) in enumerate(zip_longest(panels, runs, scores)):
        if run is None:
            axes.set_visible(False)
            continue
        for other in scores:
            axes.plot(x, _percents(other, "value"), color=PALE, linewidth=1, zorder=0)
        colour = GREY if run.result.is_rule else BLUE
        axes.fill_between(x, _percents(own, "low"), _percents(own, "high"), color=colour, alpha=0.25, linewidth=0)
        if len(bands) == 1:  # an area needs two points to be seen
            axes.vlines(x, _percents(own, "low"), _percents(own, "high"), colour)
        axes.plot(x, _percents(own, "value"), "o-", color=colour, markersize=4)
        axes.set_title(shortened(run.label, 28 if columns > 1 else 60), fontsize=9)
        _band_ticks(axes, bands, 52 // columns)
        axes.tick_params(labelbottom=number + columns >= len(runs))
        axes.set_ylim(bottom=0)
    figure.supxlabel(x_label, fontsize=10)
    figure.supylabel(f"{_TOOL_ACC}, %", fontsize=10)
    return figure


def _row_counts(group: RunGroup) -> ReportFigure:
    figure = Figure((_WIDTH, 2.4))
    left, right = figure.subplots(1, 2, width_ratios=(2, 3))
    for y, setting in enumerate(group.settings):
        number = group.first.rows[setting]
        left.barh(y, number, color=setting_colour(setting), height=0.4)
        _name_row(left, y, f"{setting_label(setting)}: {number:,}", 40)
    left.set_yticks([])
    left.set_ylim(len(group.settings) - 0.5, -0.7)
    left.spines["left"].set_visible(False)
    left.set_xlabel("rows")
    bands = list(group.band_sizes("history_length", ALL))
    below = [0] * len(bands)
    for setting in group.settings:
        sizes = group.band_sizes("history_length", setting)
        numbers = [sizes.get(band, 0) for band in bands]
        right.bar(range(len(bands)), numbers, bottom=below, color=setting_colour(setting), width=0.8)
        below = [b + n for b, n in zip(below, numbers, strict=True)]
    _band_ticks(right, bands, 32)
    right.set_xlabel("interactions in the history")
    right.set_ylabel("rows")
    return _saved(group, "rows", "Figure 3. Rows by setting and by history length", findings.row_counts(group), figure)


def _categories(group: RunGroup) -> ReportFigure:
    sizes = sorted(group.band_sizes("category", ALL).items(), key=lambda item: -item[1])
    total, others = sum(number for _, number in sizes), sizes[_MOST_CATEGORIES:]
    shown = [(shortened(name, 28), number, BLUE) for name, number in sizes[:_MOST_CATEGORIES]]
    if others:
        shown.append((f"{len(others)} others", sum(number for _, number in others), GREY))
    figure = Figure((_WIDTH, 0.5 + 0.22 * len(shown)))
    axes = figure.subplots()
    for y, (_, number, colour) in enumerate(shown):
        axes.barh(y, number, color=colour, height=0.75)
        _write_beside(axes, number, y, f"{number:,} ({percent(number / total)} %)", "black")
    axes.set_yticks(range(len(shown)), [name for name, _, _ in shown])
    axes.set_ylim(len(shown) - 0.4, -0.6)
    axes.set_xlim(0, 1.3 * max(number for _, number, _ in shown))
    axes.set_xticks([])
    axes.spines[["bottom"]].set_visible(False)
    axes.tick_params(left=False)
    title = "Figure 4. Rows by category"
    return _saved(group, "categories", title, findings.categories(group), figure)


def _band_ticks(axes: Axes, bands: list[str], characters: int) -> None:
    """Label as many of the bands as fit."""
    step = -(-sum(len(band) + 1 for band in bands) // characters)
    axes.set_xticks(range(0, len(bands), step), bands[::step])


def _name_row(axes: Axes, y: int, name: str, longest: int) -> None:
    """Write a name above its row, where it does not take width from the figure."""
    text = axes.text(0, y - 0.32, shortened(name, longest), transform=axes.get_yaxis_transform(), va="center")
    text.set_in_layout(False)


def _write_beside(axes: Axes, x: float, y: float, text: str, colour: str) -> None:
    axes.annotate(text, (x, y), (6, 0), textcoords="offset points", va="center", color=colour, fontsize=9)


def _percent_rows(axes: Axes, rows: int) -> None:
    """Show rows from the top down, on a scale from 0 to 100 %."""
    axes.set_ylim(rows - 0.5, -0.6)
    axes.set_yticks([])
    axes.set_xlim(0, 100)
    axes.set_xlabel(f"{_TOOL_ACC}, %")
    axes.spines["left"].set_visible(False)


def _percents(scores: list[Score], number: Literal["value", "low", "high"]) -> list[float]:
    shares = (getattr(score, number) for score in scores)
    return [float("nan") if share is None else 100 * share for share in shares]
