"""Accuracy against tokens: a mark a run, with its name beside the plot."""

from collections.abc import Callable, Sequence
from typing import Any

from petoolkit.evaluator.report.dot_plots import MARKS, WIDTH, Figure, legend
from petoolkit.evaluator.report.run_groups import Run
from petoolkit.evaluator.report.table_parts import kind_of_run
from petoolkit.figure_style import GREY, PALE
from petoolkit.text import Interval, shortened

_FEW_TICKS = 10  # from the fewest tokens to so many times more, a tick at 1 and 3 alone leaves the axis bare


def accuracy_against(
    found: Sequence[tuple[Run, float, Interval]],
    x_label: str,
    y_label: str,
    joined: Sequence[Sequence[Run]] = (),
    name: Callable[[Run], str] = lambda run: run.label,
) -> Figure:
    """Accuracy against tokens; each run's name stands beside the plot, with a line to its mark.

    Args:
        found: runs, each with its tokens and its accuracy, a share.
        x_label, y_label: of the axes.
        joined: runs whose marks a line joins, in this order.
        name: of a run.
    """
    from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

    figure = Figure((WIDTH, max(2.6, 0.9 + 0.22 * len(found))))
    axes = figure.subplots()
    axes.set_xscale("log")
    for runs in joined:
        line = [(tokens, 100 * (score.value or 0)) for one in runs for run, tokens, score in found if run is one]
        axes.plot(*zip(*line, strict=True), color=GREY, linewidth=1, linestyle="dotted", zorder=0)
    for run, tokens, score in found:
        shape, colour = MARKS[kind_of_run(run)]
        if score.low is not None and score.high is not None:
            ends = [100 * score.low, 100 * score.high]
            axes.plot([tokens, tokens], ends, color=colour, linewidth=1.5, clip_on=False)
        point: dict[str, Any] = {"color": colour, "markeredgecolor": "white", "markeredgewidth": 0.5}
        axes.plot(tokens, 100 * (score.value or 0), shape, markersize=5.5, clip_on=False, **point)
    xs = [tokens for _, tokens, _ in found]
    axes.set_xlim(min(xs) / 1.5, max(xs) * 1.5)
    axes.set_ylim(0, 100)
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 3) if max(xs) > _FEW_TICKS * min(xs) else (1, 2, 5)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda tokens, _: f"{tokens:,.0f}"))
    axes.xaxis.set_minor_locator(NullLocator())
    ordered = sorted(found, key=_from_below)
    heights = _apart([100 * (score.value or 0) for _, _, score in ordered], min(7.0, 100 / len(ordered)))
    for (run, tokens, score), height in zip(ordered, heights, strict=True):
        axes.annotate(
            shortened(name(run), 34),
            (tokens, 100 * (score.value or 0)),
            (1.03, height),
            textcoords=axes.get_yaxis_transform(),
            va="center",
            fontsize=9,
            annotation_clip=False,
            arrowprops={
                "arrowstyle": "-",
                "color": PALE,
                "linewidth": 0.7,
                "shrinkA": 0,
                "shrinkB": 4,
                "relpos": (0, 0.5),
            },
        )
    axes.set_xlabel(x_label)
    axes.set_ylabel(y_label)
    legend(figure, [kind for kind in MARKS if kind in {kind_of_run(run) for run, _, _ in found}])
    return figure


def _from_below(point: tuple[Run, float, Interval]) -> tuple[float, float]:
    """Sorts points so that no name's line runs through a mark of the same accuracy, where names are moved inwards."""
    _, tokens, score = point
    value = score.value or 0
    return value, tokens if value > 0.5 else -tokens


def _apart(heights: list[float], gap: float) -> list[float]:
    """Ascending heights moved as little as can be so that neighbours are a gap apart, within 0 and 100."""
    from scipy.optimize import isotonic_regression

    steps = [number * gap for number in range(len(heights))]
    placed = isotonic_regression([height - step for height, step in zip(heights, steps, strict=True)]).x
    return [min(max(one, 0.0), 100 - steps[-1]) + step for one, step in zip(placed.tolist(), steps, strict=True)]
