"""Tables and views for terminals: scores, comparisons, replies, sizes, and the cost of a build."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from petoolkit.evaluator.terminal_layout import FittedTable, beginning_of
from petoolkit.replies import HOW_READ, READERS
from petoolkit.scoring import METRICS
from petoolkit.text import ALL, counted, percent, points, printable, setting_label, with_interval

if TYPE_CHECKING:
    from petoolkit.evaluator.records import Manifest, Scores
    from petoolkit.evaluator.scores.comparison import Comparison

_LONGEST_REPLY = 300
_NO_BREAK = "\N{NO-BREAK SPACE}"


def scores_table(results: "Sequence[Scores]") -> Group:
    """Scores of evaluations of the same rows in percent, a section for each metric.

    Chance and the best rule are below the models, and below the table is how many replies were missing, cut or
    unreadable, and how many prompts were shortened.
    """
    first = results[0]
    settings = list(first.rows)
    heading = (
        f"{printable(first.dataset)}, {first.split} split, {first.rows[ALL]:,} rows. Scores are in %, with 95 % "
        f"intervals; where the readers ({' / '.join(READERS)}) differ, their scores are one below the other."
    )
    table = FittedTable("", [setting_label(setting) for setting in settings])
    best_rule = next((result.best_rule for result in results if result.best_rule), {})
    for metric in METRICS.values():
        table.add_section()
        table.add_row(metric.label, style="bold")
        for result in results:
            scores = ([result.score(setting, metric.name, reader) for reader in READERS] for setting in settings)
            table.add_row(_model(result), *("\n".join(dict.fromkeys(map(with_interval, both))) for both in scores))
        table.add_row(
            "chance", *(percent(first.chance[setting].get(metric.name)) for setting in settings), style="dim"
        )
        rules = [best_rule.get(setting, {}).get(READERS[0], {}).get(metric.name) for setting in settings]
        for name in dict.fromkeys(rule.name for rule in rules if rule):
            cells = (percent(rule.value) if rule and rule.name == name else "" for rule in rules)
            table.add_row(f"best rule: {name}", *cells, style="dim")
    return Group(Text(heading), "", table, "", *map(Text, score_notes(results)))


def _model(manifest: "Manifest") -> str:
    return printable(manifest.model.removeprefix("baseline:")) + (" (oracle)" if manifest.is_oracle else "")


def score_notes(results: "Iterable[Scores]") -> Iterator[str]:
    """Sentences about missing, cut and unreadable replies, and prompts that were not asked whole."""
    for result in results:
        counts = result.counts[ALL]
        if counts.missing:
            yield f"{_model(result)}: {counts.missing:,} replies are missing and count as wrong."
        if counts.cut_replies:
            yield f"{_model(result)}: {counts.cut_replies:,} replies were cut at the most tokens of a reply."
        if unreadable := counts.unreadable.get(READERS[0], 0):
            yield f"{_model(result)}: {unreadable:,} replies do not hold a readable call and count as wrong."
        read = {name: counts.how_read.get(name, 0) for name in HOW_READ[1:]}
        if any(read.values()):
            found = " and ".join(f"{number:,} {name}" for name, number in read.items() if number)
            yield f"{_model(result)}: read otherwise than asked were {found}."
        if result.cut_prompts:
            yield f"{_model(result)}: {result.cut_prompts:,} prompts were cut by the server."
        if memory := result.usage.memory:
            tokens = (memory.prompt_tokens or 0) + (memory.completion_tokens or 0)
            yield (
                f"{_model(result)}: history {result.options.history} took {counted(memory.calls, 'call')}, {tokens:,} "
                f"tokens and {memory.seconds:,.1f} s before the requests were asked."
            )
        if counts.shortened:
            yield f"{_model(result)}: {counts.shortened:,} prompts were shortened to the window."


def comparison_table(comparison: "Comparison") -> Group:
    """What B has more than A, with 95 % interval and p-value, by metric, reader and setting."""
    settings = list(comparison.differences)
    table = FittedTable("reader", [setting_label(setting) for setting in settings])
    for metric in comparison.differences[ALL][READERS[0]]:
        table.add_section()
        table.add_row(METRICS[metric].label, style="bold")
        for reader in READERS:
            differences = (comparison.differences[setting][reader][metric] for setting in settings)
            table.add_row(reader, *map(_difference, differences))
    manifests = comparison.manifest_a, comparison.manifest_b
    differ = len({manifest.options.history for manifest in manifests}) > 1
    a, b = (f"{_model(one)} (history {one.options.history})" if differ else _model(one) for one in manifests)
    heading = (
        f"A is {a}, B is {b}; {comparison.rows:,} rows. The table has B minus A in percentage points, with 95 % "
        "intervals and two-sided p-values."
    )
    tokens = comparison.tokens_a, comparison.tokens_b
    if differ and None not in tokens:
        heading += f" A request takes {tokens[0]:,.0f} tokens with A, and {tokens[1]:,.0f} with B, all told."
    return Group(Text(heading), "", table)


def _difference(difference: dict[str, float | None]) -> str:
    value, low, high = difference["value"], difference["low"], difference["high"]
    if value is None or low is None or high is None:
        return percent(None) if value is None else points(value)
    p_value = f"p{_NO_BREAK}={_NO_BREAK}{difference['p_value']:.4f}"
    return f"{points(value)} ({points(low)}{_NO_BREAK}to {points(high)})\n{p_value}"


def flipped_view(comparison: "Comparison", most: int) -> Group:
    """Up to `most` rows in which only A or only B called the right tool: instruction, gold call and both replies.

    Other people's text in it is plain text.
    """
    flipped = comparison.flipped
    gained = sum(flip["right"] == "b" for flip in flipped)
    lost = len(flipped) - gained
    views: list[RenderableType] = [
        f"The right tool was called by B only in {gained:,} rows, and by A only in {lost:,} (robust reader)."
    ]
    for flip in flipped[:most]:
        gold = flip["tool_call"]
        lines = Table(box=None, show_header=False, pad_edge=False)
        lines.add_row("asked", Text(_beginning(flip["instruction"])))
        lines.add_row("gold", Text(_beginning(f"{gold['tool_name']} {gold['parameters']}")))
        for side in ("a", "b"):
            is_right = side == flip["right"]
            reply = Text(_beginning(flip[f"reply_{side}"]), "green" if is_right else "")
            lines.add_row(f"{side.upper()}, right" if is_right else f"{side.upper()}, wrong", reply)
        views += ["", Text(printable(flip["id"]), "bold"), lines]
    return Group(*views)


def _beginning(reply: str | None) -> str:
    return "(no reply)" if reply is None else beginning_of(reply, _LONGEST_REPLY)


def conversation_view(messages: list[dict[str, str]], reply: str) -> Panel:
    """The messages that a model was sent, and its reply; other people's text in them is plain text."""
    views: list[RenderableType] = []
    for message in [*messages, {"role": "reply", "content": reply}]:
        views += [Text(message["role"], "bold underline"), Text(printable(message["content"])), ""]
    return Panel(Group(*views), title="A conversation", title_align="left")


def estimate_table(lines: list[dict]) -> Group:
    """Calls, tokens, cost and time of a whole build, by stage; a provider's batch files do not have a known time."""
    total = {key: sum(line[key] for line in lines) for key in ("calls", "prompt_tokens", "completion_tokens")}
    for key in ("cost_usd", "seconds"):
        values = [line[key] for line in lines]
        total[key] = None if None in values else sum(values)
    total["stage"] = ALL
    table = FittedTable("stage", ["calls", "tokens sent", "tokens written", "cost", "time"])
    for line in [*lines, total]:
        cost = "no prices" if line["cost_usd"] is None else f"${line['cost_usd']:,.2f}"
        numbers = (f"{line[key]:,}" for key in ("calls", "prompt_tokens", "completion_tokens"))
        time = f"a{_NO_BREAK}day or{_NO_BREAK}less" if line["seconds"] is None else _duration(line["seconds"])
        table.add_row(line["stage"], *numbers, cost, time, style="bold" if line is total else "")
    return Group(Text("Estimate of the whole run", "bold"), "", table)


def _duration(seconds: float) -> str:
    """`7:33:20` or `2 days, 7:33:20`, of which the days stay together."""
    return str(timedelta(seconds=round(seconds))).replace(" day", f"{_NO_BREAK}day")


def sizes_table(sizes: dict[str, dict[str, int]]) -> FittedTable:
    """Number of rows by config and split."""
    splits = list(dict.fromkeys(split for size in sizes.values() for split in size))
    table = FittedTable("config", [f"{split} rows" for split in splits])
    for setting, size in sizes.items():
        table.add_row(setting, *(f"{size.get(split, 0):,}" for split in splits))
    return table
