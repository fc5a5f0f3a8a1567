"""Scores and rows as a person wants to see them in a terminal."""

from rich.console import Group
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from evaluator.data import ALL
from petoolbench import READERS, SETTINGS, ToolName, setting_of

_METRICS = {"tool_acc": "Tool Acc", "param_acc": "Param Acc"}


def scores_table(results: list[dict]) -> Table:
    """Percentages of one or more evaluations of the same rows, a block a metric; chance stands below the models."""
    first = results[0]
    settings = [setting for setting in [*SETTINGS, ALL] if setting in first["scores"]]
    title = (
        f"{first['dataset']}, {first['split']} split, {first['rows'][ALL]:,} rows. In %, {' / '.join(READERS)} reader"
    )
    table = Table(title=title, title_justify="left")
    for column in ("metric", "model"):
        table.add_column(column, overflow="fold")
    for setting in settings:
        table.add_column(setting.replace("_", "\n"), justify="right", no_wrap=True)
    for metric, name in _METRICS.items():
        for result in results:
            scores = result["scores"]
            cells = (
                " / ".join(_percent(scores[setting][reader][metric]) for reader in READERS) for setting in settings
            )
            table.add_row(name, result["model"].removeprefix("baseline:"), *cells)
        cells = (_percent(first["chance"][setting][metric]) for setting in settings)
        table.add_row(name, "chance", *cells, style="dim", end_section=True)
    return table


def _percent(share: float) -> str:
    return f"{100 * share:.1f}"


def row_view(row: dict) -> Panel:
    """One row as a person understands it: the history as a time line, the candidates, and the gold call."""
    history = Table(box=None, show_header=False, pad_edge=False)
    for call in row["history"]:
        mark, style = {1: ("liked", "green"), 0: ("disliked", "red"), None: ("", "")}[call["rating"]]
        history.add_row(Text(mark, style), Text(call["instruction"]), Text(_short_name(call["tool_name"]), "cyan"))
    candidates = Table(box=None, show_header=False, pad_edge=False)
    gold = row["tool_call"]["tool_name"]
    # Same-function tools stand together here; a model sees the candidates in the row's own order.
    for tool in sorted(row["candidate_tools"], key=lambda tool: tool["tool_name"] not in row["same_function_tools"]):
        same = tool["tool_name"] in row["same_function_tools"]
        mark, style = (
            ("gold", "bold green") if tool["tool_name"] == gold else ("same job", "yellow") if same else ("", "dim")
        )
        described = Text(tool["tool_description"], style)
        if same:
            described.append(f"\n{tool['provider_description']}", "italic")
        candidates.add_row(Text(mark, style), Text(_short_name(tool["tool_name"]), style), described)
    call = Text(_short_name(gold), "bold green").append(f"  {row['tool_call']['parameters']}", "")
    parts: list = [_heading("What the user did before (oldest first)"), history, _heading("What the user asks now")]
    parts += [
        Text(row["instruction"], "bold"),
        _heading("Candidate tools"),
        candidates,
        _heading("The gold call"),
        call,
    ]
    return Panel(Group(*parts), title=f"{row['id']}  ({SETTINGS[setting_of(row)]})", title_align="left")


def _heading(text: str) -> Text:
    return Text(f"\n{text}", "bold underline")


def _short_name(name: str) -> str:
    parts = ToolName.parse(name)
    return f"{parts.provider} / {parts.api}" if parts.provider else parts.api


def sizes_table(sizes: dict[str, dict[str, int]]) -> Table:
    """Rows by config and split."""
    splits = list(dict.fromkeys(split for size in sizes.values() for split in size))
    table = Table("config", *(f"{split} rows" for split in splits), title_justify="left")
    for setting, size in sizes.items():
        table.add_row(setting, *(f"{size.get(split, 0):,}" for split in splits))
    return table
