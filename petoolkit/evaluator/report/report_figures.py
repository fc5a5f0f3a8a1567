"""A report's pictures: the paper's Figures 3 to 6, and what it lacks. Few colours, direct labels, five inches wide."""

import io
import warnings
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any, Literal

from petoolbench import InputError
from petoolkit.evaluator.report import report_findings as findings
from petoolkit.evaluator.report.run_groups import Pair, Part, Run
from petoolkit.evaluator.report.score_files import Score
from petoolkit.replies import READERS
from petoolkit.text import ALL, percent, points, setting_label, shortened

try:
    import matplotlib as mpl
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
except ModuleNotFoundError:
    raise InputError("a report's pictures need the package matplotlib: pip install 'petoolbench[report]'") from None

_MOST_MODELS = 10  # in pictures that compare lines
_MOST_CATEGORIES = 20
_ROW = 0.5  # inches for a model's name and its line
_WIDTH = 5.0  # inches: still readable where a telephone shows it at three quarters
# Okabe and Ito's colours, which the colour-blind tell apart.
_BLUE, _ORANGE, _GREEN, _RED, _GREY, _PALE = "#0072B2", "#E69F00", "#009E73", "#D55E00", "#767676", "#C8C8C8"
_SETTING_COLOURS = {"preferred_only": _BLUE, "rating_integrated": _ORANGE, "chronological": _GREEN}
_STYLE: Any = {
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 10,
    "axes.titlelocation": "left",
    "axes.edgecolor": _GREY,
    "text.parse_math": False,  # a dollar in a model's name is a dollar
    "svg.hashsalt": "petoolbench",  # the same picture has the same bytes
    "figure.constrained_layout.use": True,
}


@dataclass(frozen=True)
class Picture:
    """A picture in two formats, and what it shows in words."""

    name: str
    file: str  # path of the PNG in the report's folder
    title: str
    finding: str
    png: bytes
    svg: bytes


def draw_pictures(part: Part) -> dict[str, Picture]:
    """The pictures of a part by name; `history` only where runs with and without history were found."""
    with mpl.rc_context(_STYLE), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")  # the caption and the tables have it
        pictures = [_overview(part), _lengths(part), _positions(part), _rows(part), _categories(part)]
        if part.pairs:
            pictures.append(_history(part))
    return {picture.name: picture for picture in pictures}


def _picture(part: Part, name: str, title: str, finding: str, figure: Figure) -> Picture:
    png, svg = io.BytesIO(), io.BytesIO()
    figure.savefig(png, format="png", dpi=200, metadata={"Software": None})
    figure.savefig(svg, format="svg", transparent=True, metadata={"Date": None})
    return Picture(name, f"figures/{part.number}-{name}.png", title, finding, png.getvalue(), svg.getvalue())


def _overview(part: Part) -> Picture:
    figure = Figure((_WIDTH, 0.9 + _ROW * len(part.runs)))
    axes = figure.subplots()
    chance, rule = part.first.chance[ALL]["tool_acc"], part.best_rule(ALL, "tool_acc")
    if chance is not None:
        _mark(axes, len(part.runs), chance, "chance", "dotted", 1.0)
    if rule:
        name = f"best rule: {shortened(rule.name, 24)}"
        _mark(axes, len(part.runs), rule.value, name, "solid", 1 + 0.2 / figure.get_figheight())
    for y, run in enumerate(part.runs):
        score = run.result.score(ALL, "tool_acc")
        colour, marker = (_GREY, "s") if run.result.is_rule else (_BLUE, "o")
        _name_row(axes, y, run.label, 54)
        place: dict[str, Any] = {"transform": axes.get_yaxis_transform(), "va": "center", "ha": "right"}
        axes.text(1, y - 0.32, percent(score.value), color=colour, weight="bold", **place)
        ends = _percents([score], "low") + _percents([score], "high")
        axes.plot(ends, [y, y], color=colour, linewidth=2)
        axes.plot(100 * (score.value or 0), y, marker, color=colour, markersize=7)
    _percent_rows(axes, len(part.runs))
    title = "Tool Acc of each model, with 95 % intervals (rules: grey squares)"
    return _picture(part, "tool-acc", title, findings.overview(part), figure)


def _mark(axes: Axes, rows: int, share: float, name: str, style: Literal["dotted", "solid"], height: float) -> None:
    """A value to compare with: a line in each row, below the row's name, and what it is at the top."""
    x = 100 * share
    axes.vlines([x] * rows, [y - 0.12 for y in range(rows)], [y + 0.35 for y in range(rows)], _GREY, style, zorder=0)
    side = "left" if x < 50 else "right"
    axes.text(x, height, f"{name} {x:.1f}", transform=axes.get_xaxis_transform(), color=_GREY, fontsize=9, ha=side)


def _history(part: Part) -> Picture:
    pairs = part.pairs[:_MOST_MODELS]
    figure = Figure((_WIDTH, 1.1 + _ROW * len(pairs)))
    panels = figure.subplots(1, len(part.settings), sharex=True, sharey=True, squeeze=False)[0]
    for axes, setting in zip(panels, part.settings, strict=True):
        for y, pair in enumerate(pairs):
            runs = (pair.without, pair.with_history)
            without, seeing = (100 * (run.result.score(setting, "tool_acc").value or 0) for run in runs)
            colour = _BLUE if seeing >= without else _RED
            axes.plot([without, seeing], [y, y], color=colour, linewidth=2)
            axes.plot(without, y, "o", color=colour, markerfacecolor="white", markersize=7)
            axes.plot(seeing, y, "o", color=colour, markersize=7)
            _write_beside(axes, max(without, seeing), y, points((seeing - without) / 100), colour)
        axes.set_title(setting_label(setting), color=_GREY)
        _percent_rows(axes, len(pairs))
    for y, pair in enumerate(pairs):
        _name_row(panels[0], y, pair.model, 60)
    title = f"Figure 5. Tool Acc without history (empty dot) and with it (full dot){_of_many(part.pairs)}"
    return _picture(part, "history", title, findings.history_pairs(part), figure)


def _lengths(part: Part) -> Picture:
    runs = [run for run in part.runs if run.result.options.history] or part.runs
    title = f"Figure 6. Tool Acc by history length, {setting_label(part.length_setting)}{_of_many(runs)}"
    runs = runs[:_MOST_MODELS]
    figure = _small_multiples(part, runs, "history_length", part.length_setting, "interactions in the history", 1.5)
    return _picture(part, "history-length", title, findings.by_length(part, runs), figure)


def _positions(part: Part) -> Picture:
    title = f"Tool Acc by the gold tool's place among the candidates{_of_many(part.runs)}"
    runs = part.runs[:_MOST_MODELS]
    figure = _small_multiples(part, runs, "gold_position", ALL, "place of the gold tool", 1.2)
    return _picture(part, "gold-position", title, findings.by_position(part, runs), figure)


def _of_many(runs: list[Run] | list[Pair]) -> str:
    return f" (the {_MOST_MODELS} highest of {len(runs)})" if len(runs) > _MOST_MODELS else ""


def _small_multiples(part: Part, runs: list[Run], what: str, place: str, x_label: str, height: float) -> Figure:
    """A panel a run: its line and interval band, with the lines of the others behind it."""
    bands, _ = part.readable_bands(what, place)
    columns = min(2, len(runs))
    lines = -(-len(runs) // columns)
    figure = Figure((_WIDTH, 0.5 + height * lines))
    panels = figure.subplots(lines, columns, sharex=True, sharey=True, squeeze=False).ravel()
    scores = [[run.result.breakdowns[what][place][b].scores[READERS[0]]["tool_acc"] for b in bands] for run in runs]
    x = range(len(bands))
    for number, (axes, run, own) in enumerate(zip_longest(panels, runs, scores)):
        if run is None:
            axes.set_visible(False)
            continue
        for other in scores:
            axes.plot(x, _percents(other, "value"), color=_PALE, linewidth=1, zorder=0)
        colour = _GREY if run.result.is_rule else _BLUE
        axes.fill_between(x, _percents(own, "low"), _percents(own, "high"), color=colour, alpha=0.25, linewidth=0)
        if len(bands) == 1:  # between which no band can be seen
            axes.vlines(x, _percents(own, "low"), _percents(own, "high"), colour)
        axes.plot(x, _percents(own, "value"), "o-", color=colour, markersize=4)
        axes.set_title(shortened(run.label, 28 if columns > 1 else 60), fontsize=9)
        _band_ticks(axes, bands, 52 // columns)
        axes.tick_params(labelbottom=number + columns >= len(runs))
        axes.set_ylim(bottom=0)
    figure.supxlabel(x_label, fontsize=10)
    figure.supylabel("Tool Acc, %", fontsize=10)
    return figure


def _rows(part: Part) -> Picture:
    figure = Figure((_WIDTH, 2.4))
    left, right = figure.subplots(1, 2, width_ratios=(2, 3))
    for y, setting in enumerate(part.settings):
        number = part.first.rows[setting]
        left.barh(y, number, color=_SETTING_COLOURS[setting], height=0.4)
        _name_row(left, y, f"{setting_label(setting)}: {number:,}", 40)
    left.set_yticks([])
    left.set_ylim(len(part.settings) - 0.5, -0.7)
    left.spines["left"].set_visible(False)
    left.set_xlabel("rows")
    bands = list(part.band_sizes("history_length", ALL))
    below = [0] * len(bands)
    for setting in part.settings:
        sizes = part.band_sizes("history_length", setting)
        numbers = [sizes.get(band, 0) for band in bands]
        right.bar(range(len(bands)), numbers, bottom=below, color=_SETTING_COLOURS[setting], width=0.8)
        below = [b + n for b, n in zip(below, numbers, strict=True)]
    _band_ticks(right, bands, 32)
    right.set_xlabel("interactions in the history")
    right.set_ylabel("rows")
    return _picture(part, "rows", "Figure 3. Rows by setting and by history length", findings.rows(part), figure)


def _categories(part: Part) -> Picture:
    sizes = sorted(part.band_sizes("category", ALL).items(), key=lambda item: -item[1])
    total, others = sum(number for _, number in sizes), sizes[_MOST_CATEGORIES:]
    shown = [(shortened(name, 28), number, _BLUE) for name, number in sizes[:_MOST_CATEGORIES]]
    if others:
        shown.append((f"{len(others)} others", sum(number for _, number in others), _GREY))
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
    return _picture(part, "categories", title, findings.categories(part), figure)


def _band_ticks(axes: Axes, bands: list[str], characters: int) -> None:
    """As many of the bands' names as there is room for."""
    step = -(-sum(len(band) + 1 for band in bands) // characters)
    axes.set_xticks(range(0, len(bands), step), bands[::step])


def _name_row(axes: Axes, y: int, name: str, longest: int) -> None:
    """A name above its row, where it takes no width from the picture."""
    text = axes.text(0, y - 0.32, shortened(name, longest), transform=axes.get_yaxis_transform(), va="center")
    text.set_in_layout(False)


def _write_beside(axes: Axes, x: float, y: float, text: str, colour: str) -> None:
    axes.annotate(text, (x, y), (6, 0), textcoords="offset points", va="center", color=colour, fontsize=9)


def _percent_rows(axes: Axes, rows: int) -> None:
    """Rows from the top down, on a scale of all percentages."""
    axes.set_ylim(rows - 0.5, -0.6)
    axes.set_yticks([])
    axes.set_xlim(0, 100)
    axes.set_xlabel("Tool Acc, %")
    axes.spines["left"].set_visible(False)


def _percents(scores: list[Score], what: str) -> list[float]:
    return [100 * getattr(score, what) if getattr(score, what) is not None else float("nan") for score in scores]
