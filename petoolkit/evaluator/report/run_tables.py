"""A report's tables of the runs: beside chance and rules, by bands, repeats, replies, cost and options."""

from collections.abc import Callable
from typing import Any

from petoolkit.evaluator.report.run_groups import Run, RunGroup
from petoolkit.evaluator.report.table_parts import (
    MODEL,
    REFERENCE,
    Cell,
    Column,
    Row,
    Table,
    count_cell,
    kind_of_run,
    score_cell,
    share_cell,
)
from petoolkit.replies import HOW_READ, READERS
from petoolkit.scoring import METRICS
from petoolkit.text import ALL, UNKNOWN, percent, points, setting_label

_TOOL_ACC = METRICS["tool_acc"].label
_READER = READERS[0]
_WHAT_REPLIES_LACKED = (
    "Missing replies are those of failed requests, cut ones ended at the most tokens of a reply, and unreadable ones "
    "do not hold a call: missing and unreadable ones count as wrong. Own form: the call was in one that the model was "
    "trained on. Mended: only the form of its JSON was wrong."
)
_ROBUST = f"Scores are in %, with 95 % intervals. Replies were read by the {_READER} reader."


def headline(group: RunGroup) -> Table:
    """Each model's Tool Acc over all rows, its distance to chance and best rule, and what its replies lacked."""
    columns = [Column(_TOOL_ACC)]
    chance, rule = group.first.chance[ALL]["tool_acc"], group.best_rule(ALL, "tool_acc")
    references = [("chance", share_cell(chance), chance)] if chance is not None else []
    if rule:
        references.append(("best rule", share_cell(rule.value, rule.name), rule.value))
    rows = []
    for run in group.runs:
        score = run.result.score(ALL, "tool_acc")
        distances = [(score.value or 0.0) - share for _, _, share in references]
        cells = [score_cell(score), *(Cell(points(one), value=round(100 * one, 4)) for one in distances)]
        cells += [_share_of_replies(number, run) for number in run.result.reply_counts().values()]
        rows.append(Row(run.label, kind_of_run(run), cells))
    columns += [Column(f"to {name}") for name, _, _ in references]
    columns += [Column(name, "replies") for name in group.first.reply_counts()]
    for name, cell, _ in references:
        rows.append(Row(name, REFERENCE, [cell, *(Cell("") for _ in columns[1:])]))
    notes = [
        f"{_ROBUST} The intervals are from a bootstrap over blocks (function groups, where there are none). Distances "
        "to chance and to the best rule are in points, and not tested.",
        f"{_WHAT_REPLIES_LACKED} A reply can be in several of these columns.",
    ]
    return Table("tool-acc", f"{_TOOL_ACC} over all rows", columns, rows, notes)


def _share_of_replies(number: int, run: Run) -> Cell:
    """A number of replies, and its share of a run's replies."""
    return count_cell(number, f"{percent(number / run.result.replies)} %" if number else "")


def breakdown(group: RunGroup, dimension: str, setting: str, first_column: str) -> Table:
    """Tool Acc by band of one of `BREAKDOWNS`, with a column for each run."""
    rows = []
    for band, number in group.band_sizes(dimension, setting).items():
        scores = [run.band_tool_acc(dimension, setting, band) for run in group.runs]
        rows.append(Row(band, MODEL, [count_cell(number), *map(score_cell, scores)]))
    columns = [Column("rows"), *(Column(run.label) for run in group.runs)]
    title = f"{_TOOL_ACC} by {first_column}, {setting_label(setting)}"
    return Table(f"by-{dimension.replace('_', '-')}", title, columns, rows, [_ROBUST], first_column)


def repeated_runs(group: RunGroup) -> list[Table]:
    """Tool Acc of each repeat of the runs that asked several times; no table if there are none."""
    rows = []
    for run in (run for run in group.runs if run.result.options.repeat > 1):
        values = run.result.repeats[ALL][_READER]["tool_acc"]
        cells = [Cell(", ".join(map(percent, values))), share_cell(max(values) - min(values))]
        rows.append(Row(run.label, kind_of_run(run), cells))
    columns = [Column(f"{_TOOL_ACC} of each repeat", is_text=True), Column("range, points")]
    notes = [f"Scores are in %, over all rows. Replies were read by the {_READER} reader."]
    return [Table("repeats", "Repeated runs", columns, rows, notes)] if rows else []


def cost(group: RunGroup) -> list[Table]:
    """Tokens, latency and price; no table if nothing is known, as of rules."""
    if not any(value is not None for run in group.runs for _, value in run.result.usage):
        return []

    def cells(run: Run) -> list[Cell]:
        usage = run.result.usage
        seconds = (usage.median_seconds, usage.p95_seconds)
        return [
            count_cell(usage.prompt_tokens),
            count_cell(usage.completion_tokens),
            *(Cell(UNKNOWN if one is None else f"{one:,.2f}", value=one) for one in seconds),
            Cell(UNKNOWN if usage.cost_usd is None else f"${usage.cost_usd:,.2f}", value=usage.cost_usd),
        ]

    columns = [
        *(Column(name, "tokens") for name in ("prompts", "replies")),
        *(Column(name, "seconds a reply") for name in ("median", "95th percentile")),
        Column("cost, $"),
    ]
    note = (
        f"Replies to counterfactual rows count here. {UNKNOWN} stands for a number that is not known, and for models "
        "that do not count tokens."
    )
    return [_runs_table("cost", "Cost and latency", group, columns, cells, note)]


def counts(group: RunGroup) -> Table:
    """How replies were read, how many were missing or unreadable, and how many prompts were shortened."""

    def cells(run: Run) -> list[Cell]:
        counts = run.result.counts[ALL]
        unreadable = [counts.unreadable.get(reader, 0) for reader in READERS]
        how_read = [counts.how_read.get(how, 0) for how in HOW_READ]
        lengths = (counts.cut_replies, counts.shortened, counts.over_window)
        numbers = (run.result.replies, counts.missing, *how_read, *unreadable, counts.by_optional_rule, *lengths)
        return [count_cell(number) for number in numbers]

    columns = [
        Column("asked for", "replies"),
        Column("missing", "replies"),
        *(Column(how, f"read by the {_READER} reader") for how in HOW_READ),
        *(Column(f"{reader} reader", "unreadable replies") for reader in READERS),
        Column("optional ones left out", f"right only by the {_READER} reader's rule"),
        Column("cut", "replies at their most tokens"),
        Column("shortened", "prompts and the window"),
        Column("still too long", "prompts and the window"),
    ]
    note = (
        "All of them count in every score; a missing or unreadable reply is wrong. As asked: in the form that the "
        "prompt asks for. Own form: in one that the model was trained on. Mended: only the form of its JSON was wrong."
    )
    return _runs_table("replies", "How replies were read", group, columns, cells, note)


def what_was_run(group: RunGroup) -> Table:
    """Model, data, options and versions of each run."""

    def cells(run: Run) -> list[Cell]:
        result = run.result
        data = (result.dataset, f"{result.revision or 'no'} revision, {result.split} split, {result.setting}")
        listed = (
            ", ".join(f"{name} {_option_text(value)}" for name, value in pairs.items())
            for pairs in (result.options.model_dump(), result.versions)
        )
        return [Cell(result.model), Cell(result.folder), Cell(*data), Cell(result.fingerprint), *map(Cell, listed)]

    names = ("--model", "folder", "dataset", "rows' fingerprint", "options", "versions")
    listed = [cells(run) for run in group.runs]
    shared = [number for number in range(len(names)) if len(listed) > 1 and len({row[number] for row in listed}) == 1]
    same = "; ".join(f"{names[number]}: {_whole_text(listed[0][number])}" for number in shared)
    note = "Rows of the same fingerprint are the same rows." + (f" Of all runs: {same}." if same else "")
    kept = [number for number in range(len(names)) if number not in shared]
    columns = [Column(names[number], is_text=True) for number in kept]
    return _runs_table(
        "runs", "What was run", group, columns, lambda run: [cells(run)[number] for number in kept], note
    )


def _runs_table(
    name: str, title: str, group: RunGroup, columns: list[Column], cells: Callable[[Run], list[Cell]], note: str
) -> Table:
    return Table(name, title, columns, [Row(run.label, kind_of_run(run), cells(run)) for run in group.runs], [note])


def _whole_text(cell: Cell) -> str:
    return f"{cell.text} ({cell.detail})" if cell.detail else cell.text


def _option_text(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "none" if value is None else str(value)
