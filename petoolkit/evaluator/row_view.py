"""One row, or the rows of one user, for terminals; other people's text in them is plain text."""

from collections.abc import Iterator, Sequence

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.measure import Measurement
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from petoolbench import KINDS, PARAMETER_KINDS, SETTINGS, ToolName, setting_of
from petoolkit.evaluator.terminal_layout import beginning_of
from petoolkit.row_reasons import KIND_WORDS, Reason, reason_of
from petoolkit.schema_words import parameter_words
from petoolkit.text import listing, printable, setting_label

_RATINGS = {1: ("liked", "green"), 0: ("disliked", "red")}
_BRIEF_TEXT = 190  # characters of a long text
_SAME_IN_ALL_SETTINGS = ("instruction", "candidate_tools", "same_function_tools", "tool_call", "kind")


def row_view(row: dict, brief: bool = False) -> Panel:
    """The history, the request, the candidates, those that do the same job first, and the gold call.

    Args:
        row: of the dataset.
        brief: whether past calls get one line each, long texts are cut, and candidates that do another job are only
            named.
    """
    views = [
        _heading("What the user did before (oldest first)"),
        Text(_setting_description(row), "dim"),
        _history(row, brief),
        *_request_and_gold(row, brief),
    ]
    return Panel(Group(*views), title=Text(printable(row["id"])), title_align="left")


def user_view(rows: Sequence[dict]) -> RenderableType:
    """The rows of one user in several settings: each history, and once what is the same in all of them.

    Rows that differ in more than the history are shown one after another.

    Args:
        rows: at least one, each of another setting.
    """
    first = rows[0]
    if len(rows) == 1 or any(row[column] != first[column] for row in rows for column in _SAME_IN_ALL_SETTINGS):
        return Group(*map(row_view, rows))
    views: list[RenderableType] = []
    for row in rows:
        views += [
            _heading(f"What the user did before (oldest first): {setting_label(setting_of(row))}"),
            Text(_setting_description(row), "dim"),
            _history(row, brief=False),
        ]
    views += _request_and_gold(first, brief=False, counts=False)
    return Panel(Group(*views), title=Text(printable(first["id"].rpartition("/")[0])), title_align="left")


def _setting_description(row: dict) -> str:
    setting = SETTINGS.get(setting_of(row))
    return setting.description if setting else ""


def _request_and_gold(row: dict, brief: bool, counts: bool = True) -> list[RenderableType]:
    """The request, the candidates, the gold call, and why it is gold.

    Args:
        row: of the dataset.
        brief: see `row_view`.
        counts: whether to show how many of the row's past calls speak for each tool.
    """
    gold = row["tool_call"]["tool_name"]
    kind = [] if row["kind"] == KINDS[0] else [Text(KIND_WORDS[row["kind"]], "yellow")]
    reason = reason_of(row)
    return [
        _heading("What the user asks now"),
        Text(_shown(row["instruction"], brief), "bold"),
        *kind,
        _heading("Candidate tools (a model sees them in an order of their own)"),
        _candidates(row["candidate_tools"], row["same_function_tools"], gold, brief),
        _heading("The gold call"),
        Text.assemble((_short_name(gold), "bold green"), f"  {_shown(row['tool_call']['parameters'], brief)}"),
        *([] if reason is None else _why(reason, counts and not brief)),
    ]


def _why(reason: Reason, counts: bool) -> list[RenderableType]:
    views: list[RenderableType] = [Text(printable(reason.sentence))]
    if counts:
        table = Table("", "liked calls", "disliked calls", "its traits", box=None, pad_edge=False)
        for one in reason.evidence:
            mark = " (preferred)" if one.is_preferred else ""
            name, traits = _short_name(one.tool_name) + mark, printable(", ".join(one.traits))
            table.add_row(Text(name), str(one.liked), str(one.disliked), Text(traits, "dim"))
        views.append(table)
    return views


class _OneLine:
    """As much of a past call's tool and instruction as fits on one line."""

    def __init__(self, tool: str, instruction: str) -> None:
        self._tool, self._instruction = tool, instruction

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        line = beginning_of(f"{self._tool}: {self._instruction}", options.max_width)
        end = min(len(self._tool), len(line))
        yield Text.assemble((line[:end], "cyan"), line[end:])

    def __rich_measure__(self, console: Console, options: ConsoleOptions) -> Measurement:
        return Measurement(1, options.max_width)


def _history(row: dict, brief: bool) -> Table:
    table = Table(box=None, show_header=False, pad_edge=False)
    reason = reason_of(row)
    for number, call in enumerate(row["history"], 1):
        tool, instruction = _short_name(call["tool_name"]), printable(call["instruction"])
        shown: RenderableType = _OneLine(tool, instruction)
        if not brief:
            traits = ", ".join(reason.call_traits[number - 1]) if reason else ""
            shown = Text.assemble(
                (tool, "cyan"),
                (f"  [{printable(traits)}]" if traits else "", "magenta"),
                f"\n{instruction}",
                (f"\n{printable(call['provider_description'])}" if call["provider_description"] else "", "dim"),
            )
        table.add_row(Text(*_RATINGS.get(call["rating"], (f"{number}.", ""))), shown)
    return table


def _candidates(tools: list[dict], same_function: list[str], gold: str, brief: bool) -> RenderableType:
    table = Table(box=None, show_header=False, pad_edge=False)
    others = []
    for tool in tools:
        name = tool["tool_name"]
        if name != gold and name not in same_function:
            others.append(tool)
            continue
        mark, style = ("gold", "bold green") if name == gold else ("same job", "yellow")
        description, provider = printable(tool["tool_description"]), printable(tool["provider_description"])
        about = beginning_of(f"{description} {provider}", _BRIEF_TEXT) if brief else f"{description}\n{provider}"
        parameters = () if brief else [(f"\n{line}", "dim") for line in _parameters(tool)]
        table.add_row(Text(mark, style), Text.assemble((_short_name(name), style), f"\n{about}", *parameters))
    if brief and others:
        names = [_short_name(tool["tool_name"]) for tool in others]
        return Group(table, Text(f"Candidates of other jobs: {listing(names, most=len(names))}", "dim"))
    for tool in others:
        name, description = _short_name(tool["tool_name"]), printable(tool["tool_description"])
        table.add_row(Text("other job", "dim"), Text(f"{name}\n{description}", "dim"))
    return table


def _parameters(tool: dict) -> Iterator[str]:
    """A line for each parameter: its name, and which values it takes."""
    words = parameter_words(tool)
    for kind, mark in zip(PARAMETER_KINDS, ("", " (optional)"), strict=True):
        for parameter in tool[kind]:
            values = words[parameter["name"]]
            yield printable(f"{parameter['name']}: {values}{mark}" if values else f"{parameter['name']}{mark}")


def _heading(text: str) -> Text:
    return Text(f"\n{text}", "bold underline")


def _short_name(name: str) -> str:
    tool = ToolName.parse(name)
    return printable(f"{tool.provider} / {tool.api}" if tool.provider else tool.api)


def _shown(text: str, brief: bool) -> str:
    return beginning_of(text, _BRIEF_TEXT) if brief else printable(text)
