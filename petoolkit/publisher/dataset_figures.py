"""Figures of a dataset for its card, after the paper's Figures 3 and 4."""

import io
from collections import Counter
from importlib.util import find_spec
from typing import Any

from petoolbench import SPLITS, all_configs
from petoolkit.figure_style import BLUE, GREY, PALE, figure_style, setting_colour
from petoolkit.publisher.row_checks import CheckedDataset
from petoolkit.text import counted, shortened

_FOLDER = "figures"
_WIDTH = 7.0  # inches
_MOST_CATEGORIES = 30
_MOST_BARS = 25
_LONGEST_NAME = 40  # characters of a category


def draw_figures(checked: CheckedDataset) -> dict[str, bytes] | None:
    """PNG files by path; `None` where matplotlib is missing."""
    if find_spec("matplotlib") is None:
        return None
    with figure_style(font_size=9):
        return {f"{_FOLDER}/rows.png": _rows_figure(checked), f"{_FOLDER}/categories.png": _categories_figure(checked)}


def figures_section(checked: CheckedDataset) -> str:
    """The figures in Markdown, with alternative texts."""
    lengths: Counter[int] = sum(checked.lengths.values(), Counter())
    median = sorted(lengths.elements())[lengths.total() // 2]
    (_, number), *_ = checked.categories.most_common(1)
    share = 100 * number / checked.total
    return (
        f"![{counted(checked.total, 'row')} by config and split; histories hold {min(lengths)} to {max(lengths)} "
        f"calls, their median is {median}]({_FOLDER}/rows.png)\n\n"
        f"![Rows by the gold tool's category ({len(checked.categories)}); the largest has {share:.0f} % of the rows]"
        f"({_FOLDER}/categories.png)"
    )


def _png(figure: Any) -> bytes:
    png = io.BytesIO()
    figure.savefig(png, format="png", dpi=150, metadata={"Software": None})  # the same figure has the same bytes
    return png.getvalue()


def _rows_figure(checked: CheckedDataset) -> bytes:
    """The paper's Figure 3: rows by config, and by length of the history."""
    from matplotlib.figure import Figure

    configs = [config for config in all_configs() if config in checked.rows]
    figure = Figure((_WIDTH, 2.6))
    left, right = figure.subplots(1, 2, width_ratios=(2, 3))
    names = [config.replace("_", "\n") for config in configs]
    below = [0] * len(configs)
    for split in SPLITS:
        numbers = [checked.rows[config].get(split, 0) for config in configs]
        colours = [setting_colour(config) if split == "train" else PALE for config in configs]
        for bar, number in zip(left.bar(names, numbers, 0.6, below, color=colours), numbers, strict=True):
            if number:
                middle = (bar.get_x() + bar.get_width() / 2, bar.get_y() + number / 2)
                left.annotate(
                    f"{number:,}\n{split}",
                    middle,
                    ha="center",
                    va="center",
                    color="white" if split == "train" else "black",
                )
        below = [low + number for low, number in zip(below, numbers, strict=True)]
    left.set_title("Rows by config")
    longest = max(length for lengths in checked.lengths.values() for length in lengths)
    width = -(-(longest + 1) // _MOST_BARS)  # lengths of a bar
    starts = range(0, longest + 1, width)
    below = [0] * len(starts)
    for config in configs:
        numbers = [sum(checked.lengths[config][start + n] for n in range(width)) for start in starts]
        right.bar(
            starts, numbers, 0.8 * width, below, align="edge" if width > 1 else "center", color=setting_colour(config)
        )
        below = [low + number for low, number in zip(below, numbers, strict=True)]
    right.set_xlabel("calls in the history")
    right.set_title("Rows by length of the history")
    return _png(figure)


def _categories_figure(checked: CheckedDataset) -> bytes:
    """The paper's Figure 4: rows by category of the gold tool."""
    from matplotlib.figure import Figure

    categories = checked.categories
    shown = categories.most_common(_MOST_CATEGORIES)
    if rest := categories.total() - sum(number for _, number in shown):
        shown.append((f"{len(categories) - len(shown)} more", rest))
    figure = Figure((_WIDTH, 0.7 + 0.22 * len(shown)))
    axes = figure.subplots()
    names = [shortened(name, _LONGEST_NAME) for name, _ in shown]
    positions = range(len(shown))
    axes.barh(positions, [number for _, number in shown], 0.7, color=BLUE)
    axes.set_yticks(positions, names)
    axes.invert_yaxis()
    for position, (_, number) in zip(positions, shown, strict=True):
        axes.annotate(f" {number:,}", (number, position), va="center", color=GREY)
    axes.margins(x=0.1, y=0.01)
    axes.set_title("Rows by category of the gold tool")
    return _png(figure)
