"""Numbers as a person wants to see them in a terminal: scores, and the sizes of a dataset."""

from rich.console import Group, RenderableType
from rich.table import Column, Table

from evaluator.data import ALL
from petoolbench import READERS, SETTINGS

_METRICS = {"tool_acc": "Tool Acc", "param_acc": "Param Acc"}


def scores_table(results: list[dict]) -> Group:
    """Percentages of one or more evaluations of the same rows, a table a metric; chance stands below the models."""
    first = results[0]
    settings = [setting for setting in [*SETTINGS, ALL] if setting in first["scores"]]
    rows = f"{first['dataset']}, {first['split']} split, {first['rows'][ALL]:,} rows"
    parts: list[RenderableType] = [f"{rows}. In %, by {' / '.join(READERS)} reader:"]
    for metric, name in _METRICS.items():
        table = Table(name, *(Column(setting.replace("_", "\n"), justify="right") for setting in settings))
        for result in results:
            scores = result["scores"]
            cells = (
                " / ".join(_percent(scores[setting][reader][metric]) for reader in READERS) for setting in settings
            )
            table.add_row(result["model"].removeprefix("baseline:"), *cells)
        table.add_row("chance", *(_percent(first["chance"][setting][metric]) for setting in settings), style="dim")
        parts.append(table)
    return Group(*parts)


def _percent(share: float) -> str:
    return f"{100 * share:.1f}"


def sizes_table(sizes: dict[str, dict[str, int]]) -> Table:
    """Rows by config and split."""
    splits = list(dict.fromkeys(split for size in sizes.values() for split in size))
    table = Table("config", *(f"{split} rows" for split in splits), title_justify="left")
    for setting, size in sizes.items():
        table.add_row(setting, *(f"{size.get(split, 0):,}" for split in splits))
    return table
