"""Numbers as a person wants to see them in a terminal: scores, sizes, and what a model is asked and costs."""

from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Column, Table
from rich.text import Text

from evaluator.data import ALL
from evaluator.row_view import printable
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


def conversation_view(messages: list[dict[str, str]], reply: str) -> Panel:
    """What a model was asked, and what it answered; other people's text is shown, never obeyed."""
    parts: list[RenderableType] = []
    for message in [*messages, {"role": "reply", "content": reply}]:
        parts += [Text(message["role"], "bold underline"), Text(printable(message["content"])), ""]
    return Panel(Group(*parts), title="A conversation", title_align="left")


def estimate_table(lines: list[dict]) -> Table:
    """Calls, tokens and cost of a whole run, by stage."""
    total = {key: sum(line[key] for line in lines) for key in ("calls", "prompt_tokens", "completion_tokens")}
    costs = [line["cost_usd"] for line in lines]
    total |= {"stage": "all", "cost_usd": None if None in costs else sum(costs)}
    names = ("calls", "tokens sent", "tokens written", "cost")
    table = Table("stage", *(Column(name, justify="right") for name in names))
    table.title, table.title_justify = "Estimate of the whole run", "left"
    for line in [*lines, total]:
        cost = "no prices" if line["cost_usd"] is None else f"${line['cost_usd']:,.2f}"
        numbers = (f"{line[key]:,}" for key in ("calls", "prompt_tokens", "completion_tokens"))
        table.add_row(line["stage"], *numbers, cost, style="bold" if line is total else "")
    return table


def _percent(share: float) -> str:
    return f"{100 * share:.1f}"


def sizes_table(sizes: dict[str, dict[str, int]]) -> Table:
    """Rows by config and split."""
    splits = list(dict.fromkeys(split for size in sizes.values() for split in size))
    table = Table("config", *(f"{split} rows" for split in splits), title_justify="left")
    for setting, size in sizes.items():
        table.add_row(setting, *(f"{size.get(split, 0):,}" for split in splits))
    return table
