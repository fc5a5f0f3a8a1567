"""One row as a person wants to see it in a terminal; other people's text is shown, never obeyed."""

import unicodedata

from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from petoolbench import SETTINGS, ToolName, setting_of

_RATINGS = {1: ("liked", "green"), 0: ("disliked", "red"), None: ("", "")}


def row_view(row: dict) -> Panel:
    """The history as a time line, the request, the candidates with same-function ones together, and the gold call."""
    gold = row["tool_call"]["tool_name"]
    parts: list[RenderableType] = [
        _heading("What the user did before (oldest first)"),
        _history(row["history"]),
        _heading("What the user asks now"),
        _text(row["instruction"], "bold"),
        _heading("Candidate tools (a model sees them in an order of their own)"),
        _candidates(row["candidate_tools"], row["same_function_tools"], gold),
        _heading("The gold call"),
        _text(_short_name(gold), "bold green").append_text(_text(f"  {row['tool_call']['parameters']}")),
    ]
    return Panel(
        Group(*parts), title=_text(f"{row['id']}  ({SETTINGS[setting_of(row)].description})"), title_align="left"
    )


def _history(history: list[dict]) -> Table:
    table = Table(box=None, show_header=False, pad_edge=False)
    for call in history:
        table.add_row(
            Text(*_RATINGS[call["rating"]]), _text(call["instruction"]), _text(_short_name(call["tool_name"]), "cyan")
        )
    return table


def _candidates(tools: list[dict], same_function: list[str], gold: str) -> Table:
    table = Table(box=None, show_header=False, pad_edge=False)
    for tool in sorted(tools, key=lambda tool: tool["tool_name"] not in same_function):
        name = tool["tool_name"]
        does_the_job = name in same_function
        mark, style = "", "dim"
        if name == gold:
            mark, style = "gold", "bold green"
        elif does_the_job:
            mark, style = "same job", "yellow"
        described = _text(tool["tool_description"], style)
        if does_the_job:
            described.append("\n").append_text(_text(tool["provider_description"], "italic"))
        table.add_row(Text(mark, style), _text(_short_name(name), style), described)
    return table


def _heading(text: str) -> Text:
    return Text(f"\n{text}", "bold underline")


def _short_name(name: str) -> str:
    parts = ToolName.parse(name)
    return f"{parts.provider} / {parts.api}" if parts.provider else parts.api


def _text(text: str, style: str = "") -> Text:
    return Text(printable(text), style)


def printable(text: str) -> str:
    """Text without characters that would steer a terminal, such as escape and direction codes; each becomes a mark."""
    return "".join(c if c == "\n" or unicodedata.category(c) not in ("Cc", "Cf", "Cs") else "\ufffd" for c in text)
