"""A report's tables as data, which both templates show."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import groupby
from pathlib import Path
from typing import Any

import yaml

from petoolkit.evaluator.report.run_groups import Part, Run
from petoolkit.evaluator.report.score_files import ERRORS, METRICS, Score
from petoolkit.replies import READERS
from petoolkit.text import ALL, UNKNOWN, amount, interval, percent, points, setting_label

MODEL, RULE, REFERENCE, PAPER = "model", "rule", "reference", "paper"  # kinds of rows


@dataclass(frozen=True)
class Cell:
    """A text, and smaller beside it what qualifies it, such as an interval."""

    text: str
    detail: str = ""


@dataclass(frozen=True)
class Row:
    """A line of a table."""

    name: str
    kind: str
    cells: list[Cell]


@dataclass(frozen=True)
class Column:
    """A column, and the heading that it shares with its neighbours."""

    name: str
    group: str = ""
    is_text: bool = False


@dataclass(frozen=True)
class Table:
    """A table, and what has to be said of it."""

    title: str
    columns: list[Column]  # without the first, which holds the rows' names
    rows: list[Row]
    notes: list[str]
    first_column: str = "model"
    paper_heading: str = ""  # of the rows of kind `PAPER`

    @property
    def column_groups(self) -> list[tuple[str, int]]:
        """Headings shared by neighbours, each with the number of its columns; none where no column has one."""
        groups = [(name, len(list(columns))) for name, columns in groupby(self.columns, lambda column: column.group)]
        return groups if any(name for name, _ in groups) else []


@cache
def paper_results() -> dict[str, Any]:
    """The paper's own numbers, in %."""
    return yaml.safe_load(Path(__file__).with_name("paper_results.yaml").read_text(encoding="utf-8"))


def comparability(part: Part) -> str:
    """Whether the paper's numbers may stand beside this part's, and why."""
    paper, first = paper_results(), part.first
    rows = max(first.rows[setting] for setting in part.settings)
    if not first.released:
        return (
            "The paper's rows are for orientation only and not comparable with the others: they were measured on the "
            f"authors' test set, not on {first.dataset}."
        )
    if rows < paper["test_users"]:
        words = (
            f"The paper's rows were measured on the authors' whole test set, {paper['test_users']:,} rows a setting; "
            f"{first.dataset} holds {rows:,} of them, a development part and not their whole test set: compare with "
            "care."
        )
    else:
        words = (
            f"The paper's rows were measured on the authors' test set; {first.dataset} is what they released of it."
        )
    if any(not _asked_as_in_the_paper(run) for run in part.models):
        words += " For their prompts and their way of cutting them, evaluate with --prompt released --truncate paper."
    return f"{words} Their scorer reads replies as the paper reader does."


def _asked_as_in_the_paper(run: Run) -> bool:
    options = run.result.options.model_dump()
    return options.get("prompt") == "released" and options.get("truncate") == "paper"


def headline(part: Part) -> Table:
    """Each model's Tool Acc over all, next to chance and the best rule; and the replies that are missing."""
    any_missing = any(run.result.counts[ALL].missing for run in part.runs)
    columns = [Column("Tool Acc"), *([Column("missing")] if any_missing else [])]
    chance, rule = part.first.chance[ALL]["tool_acc"], part.best_rule(ALL, "tool_acc")
    references = [("chance", Cell(percent(chance)), chance)] if chance is not None else []
    if rule:
        references.append(("best rule", Cell(percent(rule.value), rule.name), rule.value))
    rows = []
    for run in part.runs:
        score, missing = run.result.score(ALL, "tool_acc"), run.result.counts[ALL].missing
        cells = [_cell(score)]
        if any_missing:
            cells.append(Cell(f"{missing:,}", f"{percent(missing / run.result.replies)} %" if missing else ""))
        cells += [Cell(points((score.value or 0.0) - share)) for _, _, share in references]
        rows.append(Row(run.label, _kind(run), cells))
    for name, cell, _ in references:
        rows.append(Row(name, REFERENCE, [cell, *(Cell("") for _ in [*columns[1:], *references])]))
    columns += [Column(f"to {name}") for name, _, _ in references]
    notes = ["In %, robust reader, with 95 % intervals (bootstrap clustered by function group)."]
    if any_missing:
        notes.append("Missing: replies of failed requests, which count as wrong.")
    return Table("Tool Acc over all rows", columns, rows, notes)


def accuracies(part: Part, reader: str) -> Table:
    """The paper's Table 1."""
    metrics = ("tool_acc", "param_acc")
    paper = [
        Row(name, PAPER, [Cell(f"{n:.1f}") for place in part.places for n in numbers[place]])
        for name, numbers in paper_results()["table_1"].items()
    ]
    notes = [comparability(part)]
    return _scores_table(part, "Table 1. Tool Acc and Param Acc", part.places, metrics, reader, notes, paper)


def joint_and_preference(part: Part, reader: str) -> Table:
    """What the paper's Table 1 lacks: both right in one call, and the preferred tool among those that do the job."""
    note = (
        "Joint Acc: tool and parameters both right. Preference Acc: the preferred tool was called, among the rows "
        "whose called tool does the job."
    )
    metrics = ("joint_acc", "preference_acc")
    return _scores_table(part, "Both right, and preference", part.places, metrics, reader, [note])


def errors(part: Part, reader: str) -> list[Table]:
    """The paper's Table 2, and the same for the settings that it leaves out."""
    in_paper = [place for place in part.places if place in ("preferred_only", "chronological")]
    others = [place for place in part.places if place not in in_paper]
    names, metrics = ", ".join(f"{short}: {long}" for short, long in ERRORS.items()), tuple(ERRORS)
    notes = [f"{names}. Tool Acc + IF + TH + TFM + TPM = 100 and Param Acc + IF + PNM + PVM = 100."]
    tables = []
    if in_paper:
        paper = [
            Row(name, PAPER, [Cell(f"{n:.1f}") for place in in_paper for n in numbers[place]])
            for name, numbers in paper_results()["table_2"].items()
        ]
        title = "Table 2. Errors by type"
        tables.append(_scores_table(part, title, in_paper, metrics, reader, [*notes, comparability(part)], paper))
    if others:
        tables.append(_scores_table(part, "Errors in the other settings", others, metrics, reader, notes))
    return tables


def _scores_table(
    part: Part,
    title: str,
    places: list[str],
    metrics: tuple[str, ...],
    reader: str,
    notes: list[str],
    paper: Sequence[Row] = (),
) -> Table:
    keys = [(place, metric) for place in places for metric in metrics]
    rows = [Row(run.label, _kind(run), [_cell(run.result.score(*key, reader)) for key in keys]) for run in part.runs]
    if metrics[0] in METRICS:
        rules = [part.best_rule(*key, reader) for key in keys]
        chances = [Cell(percent(part.first.chance[place].get(metric))) for place, metric in keys]
        rows.append(Row("chance", REFERENCE, chances))
        rows.append(
            Row("best rule", REFERENCE, [Cell(percent(r.value), r.name) if r else Cell(UNKNOWN) for r in rules])
        )
    columns = [Column(METRICS.get(metric, metric), setting_label(place)) for place, metric in keys]
    title, notes = f"{title}, {reader} reader", ["In %, with 95 % intervals.", *notes]
    heading = "The paper's own rows" + ("" if part.first.released else " (other data: not comparable)")
    return Table(title, columns, [*rows, *paper], notes, paper_heading=heading)


def bands(part: Part, what: str, place: str, first_column: str) -> Table:
    """Tool Acc by band of a breakdown, a column a model."""
    rows = []
    for band, number in part.band_sizes(what, place).items():
        scores = [run.result.breakdowns[what][place][band].scores[READERS[0]]["tool_acc"] for run in part.runs]
        rows.append(Row(band, MODEL, [Cell(f"{number:,}"), *map(_cell, scores)]))
    columns = [Column("rows"), *(Column(run.label) for run in part.runs)]
    title = f"Tool Acc by {first_column}, {setting_label(place)}"
    return Table(title, columns, rows, ["In %, robust reader, with 95 % intervals."], first_column)


def repeated_runs(part: Part) -> list[Table]:
    """Tool Acc of each run of those that were repeated; no table where none was."""
    rows = []
    for run in (run for run in part.runs if run.result.options.repeat > 1):
        values = run.result.repeats[ALL][READERS[0]]["tool_acc"]
        width = f"{100 * (max(values) - min(values)):.1f}"
        rows.append(Row(run.label, _kind(run), [Cell(", ".join(map(percent, values))), Cell(width)]))
    columns = [Column("Tool Acc of each run", is_text=True), Column("range, points")]
    return [Table("Repeated runs", columns, rows, ["In %, over all rows, robust reader."])] if rows else []


def cost(part: Part) -> Table:
    """Tokens, latency and price."""

    def cells(run: Run) -> list[Cell]:
        usage = run.result.usage
        tokens = (amount(usage.prompt_tokens), amount(usage.completion_tokens))
        seconds = (UNKNOWN if s is None else f"{s:,.2f}" for s in (usage.median_seconds, usage.p95_seconds))
        dollars = UNKNOWN if usage.cost_usd is None else f"${usage.cost_usd:,.2f}"
        return [Cell(text) for text in (*tokens, *seconds, dollars)]

    columns = [
        *(Column(name, "tokens") for name in ("prompts", "replies")),
        *(Column(name, "seconds a reply") for name in ("median", "95th percentile")),
        Column("cost"),
    ]
    return _runs_table("Cost and latency", part, columns, cells, f"{UNKNOWN}: not known, or no tokens were used.")


def counts(part: Part) -> Table:
    """How many replies were missing, unreadable or to a shortened prompt."""

    def cells(run: Run) -> list[Cell]:
        counts = run.result.counts[ALL]
        numbers = (run.result.replies, counts.missing, *(counts.unreadable.get(reader, 0) for reader in READERS))
        return [Cell(f"{number:,}") for number in (*numbers, counts.shortened, counts.over_window)]

    columns = [
        Column("asked", "replies"),
        Column("missing", "replies"),
        *(Column(f"{reader} reader", "unreadable replies") for reader in READERS),
        Column("shortened", "prompts and the window"),
        Column("still over", "prompts and the window"),
    ]
    note = "All of them count in every score; a missing or unreadable reply is wrong."
    return _runs_table("Missing, unreadable and shortened", part, columns, cells, note)


def what_was_run(part: Part) -> Table:
    """What is needed to run it again."""

    def cells(run: Run) -> list[Cell]:
        result = run.result
        data = (f"{result.dataset}", f"{result.revision or 'no'} revision, {result.split} split, {result.setting}")
        named = (
            ", ".join(f"{key} {_shown(value)}" for key, value in pairs.items())
            for pairs in (result.options.model_dump(), result.versions)
        )
        return [Cell(result.model), Cell(result.folder), Cell(*data), Cell(result.fingerprint), *map(Cell, named)]

    names = ("--model", "folder", "dataset", "rows' fingerprint", "options", "versions")
    columns = [Column(name, is_text=True) for name in names]
    return _runs_table("What was run", part, columns, cells, "Rows of the same fingerprint are the same rows.")


def _runs_table(title: str, part: Part, columns: list[Column], cells: Callable[[Run], list[Cell]], note: str) -> Table:
    return Table(title, columns, [Row(run.label, _kind(run), cells(run)) for run in part.runs], [note])


def _kind(run: Run) -> str:
    return RULE if run.result.is_rule else MODEL


def _cell(score: Score) -> Cell:
    return Cell(percent(score.value), interval(score))


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "none" if value is None else str(value)
