"""A report's figures: each answers the question that is its title, and is drawn only where it has something to say."""

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from textwrap import wrap
from typing import Literal

from petoolkit.audit_figure import audit_figure
from petoolkit.audit_tables import verdict
from petoolkit.evaluator.records import Score
from petoolkit.evaluator.report import history_tables
from petoolkit.evaluator.report import report_findings as findings
from petoolkit.evaluator.report.dot_plots import (
    MARKS,
    ROW,
    WIDTH,
    Axes,
    Figure,
    Panel,
    Reference,
    beside,
    dot_plot,
    name_row,
    rows_from_above,
)
from petoolkit.evaluator.report.run_groups import HistoryPair, Run, RunGroup
from petoolkit.evaluator.report.table_parts import kind_of_run
from petoolkit.evaluator.report.token_plots import accuracy_against
from petoolkit.figure_style import BLUE, GREY, PALE, RED, figure_style
from petoolkit.scoring import METRICS
from petoolkit.text import ALL, percent, points, setting_label, shortened

_TOOL_ACC = METRICS["tool_acc"].label
_MOST_MODELS = 10  # in figures that compare lines
_HOW_TO_PAIR = (
    "no model was evaluated with its history and without (petoolbench evaluate ... --history none --out "
    "ANOTHER_FOLDER, then both folders in one report)"
)
_FONT_SIZE = 10
_METADATA: dict[str, Callable[[str, str], dict]] = {  # no dates: the same figure has the same bytes
    "png": lambda title, command: {"Software": None, "Title": title, "Description": command},
    "svg": lambda title, command: {"Date": None, "Creator": None, "Title": title, "Description": command},
    "pdf": lambda title, command: {"CreationDate": None, "Title": title, "Subject": command},
}


@dataclass(frozen=True)
class ReportFigure:
    """A figure, drawn once and saved in any form, and what it shows in words."""

    name: str  # that of its files, with the number of its group
    title: str
    finding: str
    drawn: Figure
    _saved: dict[str, bytes] = field(default_factory=dict, repr=False)

    def scale(self, usual: float, width: float, height: float) -> float:
        """The usual scale, or a smaller one with which the figure is not wider or higher than so many inches."""
        own_width, own_height = self.drawn.get_size_inches()
        return round(min(usual, width / own_width, height / own_height), 2)

    def saved(self, form: str, command: str = "") -> bytes:
        """The figure as `png`, `svg` or `pdf`, with its title and the report's command in the file's metadata."""
        if form not in self._saved:
            file = io.BytesIO()
            metadata = _METADATA[form](self.title, command)
            with figure_style(_FONT_SIZE):
                self.drawn.savefig(file, format=form, dpi=200, transparent=form == "svg", metadata=metadata)
            self.drawn.set_layout_engine("none")  # it stays as it was laid out the first time
            self._saved[form] = file.getvalue()
        return self._saved[form]


@dataclass(frozen=True)
class Question:
    """A question that a figure answers.

    Args:
        name: of the figure.
        title: the question.
        why_not: why there is no figure, as a clause; empty if there is one.
        answer: what the figure shows, in sentences.
        draw: draws it.
    """

    name: str
    title: Callable[[RunGroup], str]
    why_not: Callable[[RunGroup], str]
    answer: Callable[[RunGroup], str]
    draw: Callable[[RunGroup], Figure]


def draw_figures(group: RunGroup) -> tuple[dict[str, ReportFigure], dict[str, str]]:
    """The figures of a group by the names of their questions; and for those that were not drawn, a sentence."""
    drawn, not_drawn = {}, {}
    for question in QUESTIONS:
        title = question.title(group)
        if reason := question.why_not(group):
            not_drawn[question.name] = f"{title} There is no figure, since {reason}."
            continue
        with figure_style(_FONT_SIZE):
            figure = question.draw(group)
        drawn[question.name] = ReportFigure(f"{group.number}-{question.name}", title, question.answer(group), figure)
    return drawn, not_drawn


def _of_many(drawn: Sequence[Run | HistoryPair]) -> str:
    return f" The {_MOST_MODELS} highest of {len(drawn)}." if len(drawn) > _MOST_MODELS else ""


def _by_setting(group: RunGroup, runs: Sequence[Run], score: Callable[[Run, str], Score | None]) -> list[Panel]:
    return [Panel(setting_label(setting), [score(run, setting) for run in runs]) for setting in group.settings]


def _pairs(group: RunGroup) -> Figure:
    runs = [run for run in group.runs if run.result.pairs]

    def score(run: Run, setting: str) -> Score | None:
        return run.result.pairs[setting].score if setting in run.result.pairs else None

    return dot_plot(runs, _by_setting(group, runs, score), "pairs of users with both calls right, %")


def _gains(group: RunGroup) -> Figure:
    runs = findings.asked_without_history(group)
    zero = [Reference("", 0, "solid")]
    panels = [
        Panel(setting_label(setting), [run.result.history_gain.get(setting) for run in runs], zero)
        for setting in group.settings
    ]
    lows = [one.low for panel in panels for one in panel.scores if one and one.low is not None]
    lowest = min([-5.0, *(100 * low - 5 for low in lows)])
    return dot_plot(runs, panels, f"{METRICS['preference_acc'].label} with history less without, points", lowest)


def _overrides(group: RunGroup) -> Figure:
    runs = findings.asked_overrides(group)
    scores = [run.result.taste_followed() for run in runs]
    return dot_plot(runs, [Panel("", scores)], "override rows in which the taste was followed, % (0 is best)")


def _overview(group: RunGroup) -> Figure:
    references = []
    chance, rule = group.first.chance[ALL]["tool_acc"], group.best_rule(ALL, "tool_acc")
    if chance is not None:
        references.append(Reference(f"chance {percent(chance)}", 100 * chance, "dotted"))
    if rule:
        name = f"best rule: {shortened(rule.name, 24)} {percent(rule.value)}"
        references.append(Reference(name, 100 * rule.value, "solid"))
    scores = [run.result.score(ALL, "tool_acc") for run in group.runs]
    return dot_plot(group.runs, [Panel("", scores, references)], f"{_TOOL_ACC}, %")


def _tokens(group: RunGroup) -> Figure:
    runs = findings.with_tokens(group)
    found = [(run, run.result.tokens_a_reply or 0.0, run.result.score(ALL, "tool_acc")) for run in runs]
    return accuracy_against(found, "tokens of a reply (logarithmic)", f"{_TOOL_ACC}, %")


def _history_methods(group: RunGroup) -> Figure:
    by_model = history_tables.with_known_tokens(group)
    runs = [run for same_model in by_model for run in same_model]
    return accuracy_against(
        [(run, run.result.tokens_a_request or 0.0, run.result.score(ALL, "tool_acc")) for run in runs],
        "tokens of a request, in all (logarithmic)",
        f"{_TOOL_ACC}, %",
        history_tables.by_number_of_calls(by_model),
        lambda run: history_tables.named(run, by_model),
    )


def _history_pairs(group: RunGroup) -> Figure:
    pairs = group.pairs[:_MOST_MODELS]
    figure = Figure((WIDTH, 1.1 + ROW * len(pairs)))
    panels = figure.subplots(1, len(group.settings), sharex=True, sharey=True, squeeze=False)[0]
    for axes, setting in zip(panels, group.settings, strict=True):
        axes.set_xlim(0, 100)
        for y, pair in enumerate(pairs):
            runs = (pair.without_history, pair.with_history)
            without, with_history = (100 * (run.result.score(setting, "tool_acc").value or 0) for run in runs)
            colour = BLUE if with_history >= without else RED
            axes.plot([without, with_history], [y, y], color=colour, linewidth=2)
            axes.plot(without, y, "o", color=colour, markerfacecolor="white", markersize=7)
            axes.plot(with_history, y, "o", color=colour, markersize=7)
            beside(axes, max(without, with_history), y, points((with_history - without) / 100), colour)
        axes.set_title(setting_label(setting), color=GREY)
        rows_from_above(axes, len(pairs))
    for y, pair in enumerate(pairs):
        name_row(panels[0], y, pair.model, 60)
    figure.supxlabel(f"{_TOOL_ACC}, % (empty dot: without history; full dot: with it)", fontsize=10)
    return figure


def _history_lengths(group: RunGroup) -> Figure:
    setting = group.history_length_setting
    return _small_multiples(group, "history_length", setting, "interactions in the history", 1.6)


def _gold_positions(group: RunGroup) -> Figure:
    return _small_multiples(group, "gold_position", ALL, "position of the gold tool", 1.4)


def _small_multiples(group: RunGroup, dimension: str, setting: str, x_label: str, height: float) -> Figure:
    """A panel for each run whose dependence is supported: its line and intervals, with the other lines behind it."""
    runs = findings.dependent(group, dimension)[:_MOST_MODELS]
    bands, _ = group.readable_bands(dimension, setting)
    columns = min(2, len(runs))
    lines = -(-len(runs) // columns)
    figure = Figure((WIDTH, 0.6 + height * lines))
    panels = figure.subplots(lines, columns, sharex=True, sharey=True, squeeze=False).ravel()
    scores = [[run.band_tool_acc(dimension, setting, band) for band in bands] for run in runs]
    x = range(len(bands))
    for number, (axes, run, own) in enumerate(zip_longest(panels, runs, scores)):
        if run is None:
            axes.set_visible(False)
            continue
        for other in scores:
            axes.plot(x, _percents(other, "value"), color=PALE, linewidth=1, zorder=0)
        shape, colour = MARKS[kind_of_run(run)]
        axes.vlines(x, _percents(own, "low"), _percents(own, "high"), colour, linewidth=1.5)
        axes.plot(x, _percents(own, "value"), f"{shape}-", color=colour, markersize=4, linewidth=1)
        axes.set_title("\n".join(wrap(shortened(run.label, 60), 31 if columns > 1 else 60)), fontsize=8)
        _band_ticks(axes, bands, 52 // columns)
        axes.tick_params(labelbottom=number + columns >= len(runs))
        axes.set_ylim(bottom=0)
    figure.supxlabel(x_label, fontsize=10)
    figure.supylabel(f"{_TOOL_ACC}, %", fontsize=10)
    return figure


def _band_ticks(axes: Axes, bands: list[str], characters: int) -> None:
    """Label as many of the bands as fit."""
    step = -(-sum(len(band) + 1 for band in bands) // characters)
    axes.set_xticks(range(0, len(bands), step), bands[::step])


def _percents(scores: list[Score], number: Literal["value", "low", "high"]) -> list[float]:
    shares = (getattr(score, number) for score in scores)
    return [float("nan") if share is None else 100 * share for share in shares]


def _audit(group: RunGroup) -> Figure:
    assert group.audit is not None
    return audit_figure(group.audit)


def _verdict(group: RunGroup) -> str:
    return verdict(group.audit) if group.audit else ""


QUESTIONS = (
    Question(
        "pairs",
        lambda group: "Do calls follow the user's preference?",
        lambda group: "" if findings.asked_pairs(group) else "these rows are of no blocks, so there are no pairs",
        findings.pairs,
        _pairs,
    ),
    Question(
        "gain",
        lambda group: "What is the history worth to each model?",
        lambda group: (
            "" if findings.asked_without_history(group) else "no model was asked the counterfactual no-history"
        ),
        findings.gains,
        _gains,
    ),
    Question(
        "override",
        lambda group: "Is the taste followed where the request says otherwise?",
        lambda group: "" if findings.asked_overrides(group) else "no model was asked the counterfactual override",
        findings.overrides,
        _overrides,
    ),
    Question(
        "tool-acc",
        lambda group: "Which models call the right tool more often than chance and rules?",
        lambda group: "",
        findings.overview,
        _overview,
    ),
    Question(
        "history",
        lambda group: (
            f"How does {_TOOL_ACC} change without the history? (The paper's Figure 5){_of_many(group.pairs)}"
        ),
        lambda group: "" if group.pairs else _HOW_TO_PAIR,
        findings.history_pairs,
        _history_pairs,
    ),
    Question(
        "history-methods",
        lambda group: "What does each way to show a history cost, and what is it worth?",
        lambda group: (
            "" if history_tables.with_known_tokens(group) else "no model was asked with several methods (--history)"
        ),
        history_tables.accuracy_and_tokens,
        _history_methods,
    ),
    Question(
        "history-length",
        lambda group: (
            f"Does {_TOOL_ACC} depend on the length of the history? (The paper's Figure 6, "
            f"{setting_label(group.history_length_setting)}){_of_many(findings.dependent(group, 'history_length'))}"
        ),
        lambda group: findings.why_no_figure(group, "history_length"),
        findings.by_history_length,
        _history_lengths,
    ),
    Question(
        "gold-position",
        lambda group: (
            f"Does {_TOOL_ACC} depend on the position of the gold tool?"
            f"{_of_many(findings.dependent(group, 'gold_position'))}"
        ),
        lambda group: findings.why_no_figure(group, "gold_position"),
        findings.by_gold_position,
        _gold_positions,
    ),
    Question(
        "tokens",
        lambda group: "Do longer replies go with higher accuracy?",
        lambda group: "" if len(findings.with_tokens(group)) > 1 else "fewer than two models count tokens",
        findings.tokens,
        _tokens,
    ),
    Question(
        "audit",
        lambda group: "Can rules that know no preference solve this dataset?",
        lambda group: "" if group.audit else "the dataset's folder holds no audit (petoolbench audit makes one)",
        _verdict,
        _audit,
    ),
)
