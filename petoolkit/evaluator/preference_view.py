"""How well calls follow preference, for terminals: the headline numbers, and counterfactuals beside expectations."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.text import Text

from petoolbench import SETTINGS
from petoolkit.evaluator.counterfactuals.counterfactual_table import COUNTERFACTUALS
from petoolkit.evaluator.terminal_layout import FittedTable
from petoolkit.text import ALL, UNKNOWN, percent, points, printable, setting_label, with_interval

if TYPE_CHECKING:
    from petoolkit.evaluator.records import CounterfactualScore, Difference, Preference

_NO_BREAK = "\N{NO-BREAK SPACE}"


def preference_view(named: "Mapping[str, Preference]", difference: "Difference | None" = None) -> Group:
    """Pair accuracy, its gain and the taste followed; then the counterfactuals, where some were asked.

    Args:
        named: how well calls follow preference, by the name of a model.
        difference: what the second one's pair accuracy has more than the first one's.
    """
    headline = FittedTable(
        "", ["pair accuracy given the function", "its gain over no history", "taste followed in override rows"]
    )
    for name, result in named.items():
        headline.add_row(name, *headline_cells(result))
    if difference and difference.value is not None:
        low, high = difference.low, difference.high
        interval = "" if low is None or high is None else f" ({points(low)}{_NO_BREAK}to {points(high)})"
        headline.add_row("B minus A", f"{points(difference.value)}{interval}", "", "")
    heading = Text("How well calls follow preference, in %, over all settings", "bold")
    views: list[RenderableType] = ["", heading, headline]
    for name, result in named.items():
        if result.counterfactual_scores:
            views += [
                "",
                Text(f"Counterfactuals, {printable(name)}: observed (expected of a sound model), in %", "bold"),
            ]
            views.append(_counterfactuals(result))
    return Group(*views)


def headline_cells(result: "Preference") -> list[str]:
    """Pair accuracy given the function, its gain over no history, and the share of overrides not heeded, in %."""
    pairs = result.pairs.get(ALL)
    gain = pairs.gain.value if pairs and pairs.gain else None
    followed = result.taste_followed()
    return [
        with_interval(pairs.score) if pairs else UNKNOWN,
        UNKNOWN if gain is None else points(gain),
        with_interval(followed) if followed else UNKNOWN,
    ]


def _counterfactuals(result: "Preference") -> FittedTable:
    asked = {setting for scores in result.counterfactual_scores.values() for setting in scores}
    settings = [setting for setting in SETTINGS if setting in asked]
    table = FittedTable("counterfactual", [setting_label(setting) for setting in settings])
    for name, cells in counterfactual_lines(result, settings):
        table.add_row(name, *cells)
    return table


def counterfactual_lines(result: "Preference", settings: Sequence[str]) -> Iterator[tuple[str, list[str]]]:
    """For each counterfactual, and each tool it is about, its name and `observed (expected)` in each setting, in %."""
    for name, scores in result.counterfactual_scores.items():
        counterfactual = COUNTERFACTUALS.get(name)
        if counterfactual is None:  # of another version
            continue
        label = f"{name}: the row's tool" if counterfactual.other else name
        yield label, [_cell(scores.get(setting), is_other=False) for setting in settings]
        if counterfactual.other:
            label = f"{name}: {counterfactual.other}"
            yield label, [_cell(scores.get(setting), is_other=True) for setting in settings]


def _cell(score: "CounterfactualScore | None", is_other: bool) -> str:
    if score is None or (is_other and score.other is None):
        return UNKNOWN
    observed, expected = (score.other, score.expected_other) if is_other else (score.own, score.expected)
    return f"{percent(observed.value if observed else None)} ({percent(expected)})"
