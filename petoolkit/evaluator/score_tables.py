"""Numbers as a person wants to see them in a terminal: scores, sizes, and what a model is asked and costs."""

from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING

from rich import box
from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Column, Table
from rich.text import Text

from petoolkit.replies import READERS
from petoolkit.text import ALL, printable

if TYPE_CHECKING:
    from petoolkit.evaluator.scores.comparison import Comparison

_METRICS = {
    "tool_acc": "Tool Acc",
    "param_acc": "Param Acc",
    "joint_acc": "Both right",
    "preference_acc": "Preference",
}
_LONGEST_REPLY = 300


def scores_table(results: list[dict]) -> Group:
    """Percentages of one or more evaluations of the same rows (each as in `scores.json`), a section a metric; chance
    and, where a result has it, the best rule stand below the models, and below all what is missing or shortened."""
    first = results[0]
    places = list(first["scores"])
    heading = (
        f"{printable(first['dataset'])}, {first['split']} split, {first['rows'][ALL]:,} rows. In %, with 95 % "
        f"intervals; {' / '.join(READERS)} reader, one below the other where they differ:"
    )
    table = Table("", *(Column(place.replace("_", "\n"), justify="right") for place in places), box=box.SIMPLE)
    for metric, name in _METRICS.items():
        table.add_section()
        table.add_row(name, style="bold")
        for result in results:
            table.add_row(_model(result), *(_by_reader(result["scores"][place], metric) for place in places))
        table.add_row("chance", *(_percent(first["chance"][place][metric]) for place in places), style="dim")
        if rules := next((result["best_rule"] for result in results if "best_rule" in result), None):
            best = [rules[place]["robust"][metric] for place in places]
            names = {rule["name"] for rule in best}
            shown = [_percent(rule["value"]) + ("" if len(names) == 1 else f"\n{rule['name']}") for rule in best]
            table.add_row(f"best rule\n{names.pop()}" if len(names) == 1 else "best rule", *shown, style="dim")
    return Group(Text(heading), table, *(note for result in results for note in _notes(result)))


def _model(result: dict) -> Text:
    return Text(printable(result["model"].removeprefix("baseline:")))


def _by_reader(readers: dict, metric: str) -> Text:
    return Text("\n".join(dict.fromkeys(_with_interval(readers[reader][metric]) for reader in READERS)))


def _with_interval(share: dict[str, float | None]) -> str:
    if share["low"] is None or share["high"] is None:
        return _percent(share["value"])
    return f"{_percent(share['value'])} [{100 * share['low']:.0f}-{100 * share['high']:.0f}]"


def _notes(result: dict) -> Iterator[Text]:
    """What a reader of the scores must know of the replies behind them."""
    counts = result["counts"][ALL]
    kinds = {"missing": "replies are missing and count as wrong", "shortened": "prompts were shortened to the window"}
    for kind, meaning in kinds.items():
        if counts[kind]:
            yield _model(result).append(f": {counts[kind]:,} {meaning}.")


def comparison_table(comparison: "Comparison") -> Group:
    """B - A in percentage points, with 95 % interval and p-value, by metric, reader and place."""
    places = list(comparison.differences)
    metrics = list(comparison.differences[ALL][READERS[0]])
    table = Table(
        "", "reader", *(Column(place.replace("_", "\n"), justify="right") for place in places), box=box.SIMPLE
    )
    for metric in metrics:
        table.add_section()
        for reader in READERS:
            cells = (_difference(comparison.differences[place][reader][metric]) for place in places)
            table.add_row(_METRICS[metric] if reader == READERS[0] else "", reader, *cells)
    a, b = _model(comparison.manifest_a), _model(comparison.manifest_b)
    heading = Text.assemble("A is ", a, ", B is ", b, f"; {comparison.rows:,} rows. B - A in percentage points, with ")
    return Group(heading.append("95 % interval and two-sided p-value:"), table)


def _difference(difference: dict[str, float | None]) -> str:
    value, low, high = (None if (d := difference[key]) is None else 100 * d for key in ("value", "low", "high"))
    if low is None or high is None:
        return f"{value:+.1f}"
    return f"{value:+.1f} [{low:+.0f}, {high:+.0f}]\np = {difference['p_value']:.4f}"


def flipped_view(comparison: "Comparison", most: int) -> Group:
    """Up to `most` rows in which only one of the two called the right tool, with instruction and both replies; other
    people's text is shown, never obeyed."""
    flipped = comparison.flipped
    gained = sum(flip["right"] == "b" for flip in flipped)
    parts: list[RenderableType] = [
        f"{gained:,} rows have the right tool in B only, {len(flipped) - gained:,} in A only (robust reader)."
    ]
    for flip in flipped[:most]:
        gold = flip["tool_call"]
        lines = Table(box=None, show_header=False, pad_edge=False)
        for name, text in {
            "asked": flip["instruction"],
            "gold": f"{gold['tool_name']} {gold['parameters']}",
            "A": flip["reply_a"],
            "B": flip["reply_b"],
        }.items():
            style = "green" if name.lower() == flip["right"] else ""
            lines.add_row(name, Text(_shortened(text), style))
        parts += ["", Text(printable(flip["id"]), "bold"), lines]
    return Group(*parts)


def _shortened(reply: str | None) -> str:
    text = "(no reply)" if reply is None else printable(reply)
    return text if len(text) <= _LONGEST_REPLY else text[:_LONGEST_REPLY] + " ..."


def conversation_view(messages: list[dict[str, str]], reply: str) -> Panel:
    """What a model was asked, and what it answered; other people's text is shown, never obeyed."""
    parts: list[RenderableType] = []
    for message in [*messages, {"role": "reply", "content": reply}]:
        parts += [Text(message["role"], "bold underline"), Text(printable(message["content"])), ""]
    return Panel(Group(*parts), title="A conversation", title_align="left")


def estimate_table(lines: list[dict]) -> Table:
    """Calls, tokens, cost and time of a whole run, by stage; a provider's batch files have no time of their own."""
    total = {key: sum(line[key] for line in lines) for key in ("calls", "prompt_tokens", "completion_tokens")}
    for key in ("cost_usd", "seconds"):
        values = [line[key] for line in lines]
        total[key] = None if None in values else sum(values)
    total["stage"] = "all"
    names = ("calls", "tokens sent", "tokens written", "cost", "time")
    table = Table("stage", *(Column(name, justify="right") for name in names))
    table.title, table.title_justify = "Estimate of the whole run", "left"
    for line in [*lines, total]:
        cost = "no prices" if line["cost_usd"] is None else f"${line['cost_usd']:,.2f}"
        numbers = (f"{line[key]:,}" for key in ("calls", "prompt_tokens", "completion_tokens"))
        time = "a day or less" if line["seconds"] is None else f"{timedelta(seconds=round(line['seconds']))}"
        table.add_row(line["stage"], *numbers, cost, time, style="bold" if line is total else "")
    return table


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.1f}"


def sizes_table(sizes: dict[str, dict[str, int]]) -> Table:
    """Rows by config and split."""
    splits = list(dict.fromkeys(split for size in sizes.values() for split in size))
    table = Table("config", *(f"{split} rows" for split in splits), title_justify="left")
    for setting, size in sizes.items():
        table.add_row(setting, *(f"{size.get(split, 0):,}" for split in splits))
    return table
