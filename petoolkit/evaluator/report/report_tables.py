"""A report's tables as data, which both templates show."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import groupby
from pathlib import Path
from typing import Any

import yaml

from petoolkit.evaluator.records import Score
from petoolkit.evaluator.report.run_groups import Run, RunGroup
from petoolkit.replies import HOW_READ, READERS
from petoolkit.scoring import ERROR_TYPES, METRICS, PARAMETER_ERRORS, TOOL_ERRORS
from petoolkit.text import ALL, UNKNOWN, amount, interval, listing, percent, points, setting_label

MODEL, RULE, ORACLE, REFERENCE, PAPER = "model", "rule", "oracle", "reference", "paper"  # kinds of rows
_TOOL_ACC = METRICS["tool_acc"].label
_READER = READERS[0]
_IN_PERCENT = "Scores are in %, with 95 % intervals."
_WHAT_REPLIES_LACKED = (
    "Missing replies are those of failed requests, cut ones ended at the most tokens of a reply, and unreadable ones "
    "do not hold a call: missing and unreadable ones count as wrong. Own form: the call was in one that the model was "
    "trained on. Mended: only the form of its JSON was wrong."
)
_ROBUST = f"{_IN_PERCENT} Replies were read by the {_READER} reader."


@dataclass(frozen=True)
class Cell:
    """A cell's text, and in smaller type below it what qualifies it, such as an interval."""

    text: str
    detail: str = ""


@dataclass(frozen=True)
class Row:
    """A row of a table: `kind` is `MODEL`, `RULE`, `ORACLE`, `REFERENCE` or `PAPER`; `detail` is below the name."""

    name: str
    kind: str
    cells: list[Cell]
    detail: str = ""


@dataclass(frozen=True)
class Column:
    """A column, and the heading that it shares with its neighbours."""

    name: str
    group: str = ""
    is_text: bool = False


@dataclass(frozen=True)
class Table:
    """A table with its title and notes."""

    title: str
    columns: list[Column]  # without the first one, which holds the names of the rows
    rows: list[Row]
    notes: list[str]
    first_column: str = "model"
    paper_heading: str = ""  # of the rows of kind `PAPER`

    @property
    def column_groups(self) -> list[tuple[str, int]]:
        """Headings that neighbours share, each with the number of its columns; empty if no column has one."""
        groups = [(name, len(list(columns))) for name, columns in groupby(self.columns, lambda column: column.group)]
        return groups if any(name for name, _ in groups) else []


@cache
def paper_results() -> dict[str, Any]:
    """The paper's own numbers, in %."""
    return yaml.safe_load(Path(__file__).with_name("paper_results.yaml").read_text(encoding="utf-8"))


def comparability(group: RunGroup) -> str:
    """Whether the paper's numbers can be compared with those of a group, and why."""
    paper, first = paper_results(), group.first
    rows = max(first.rows[setting] for setting in group.settings)
    if not first.released:
        return (
            "The paper's rows are for orientation only and not comparable with the others: they were measured on the "
            f"authors' test set, not on {first.dataset}."
        )
    if rows < paper["test_users"]:
        sentences = (
            f"The paper's rows were measured on the authors' whole test set, {paper['test_users']:,} rows a setting; "
            f"{first.dataset} holds {rows:,} of them, a development part and not their whole test set: compare with "
            "care."
        )
    else:
        sentences = (
            f"The paper's rows were measured on the authors' test set; {first.dataset} is what they released of it."
        )
    if not all(_is_asked_as_in_the_paper(run) for run in group.models):
        sentences += (
            " For their prompts and their way of cutting them, evaluate with --prompt released --truncate paper."
        )
    return f"{sentences} Their scorer reads replies as the paper reader does."


def _is_asked_as_in_the_paper(run: Run) -> bool:
    options = run.result.options.model_dump()
    return options.get("prompt") == "released" and options.get("truncate") == "paper"


def headline(group: RunGroup) -> Table:
    """Each model's Tool Acc over all rows, its distance to chance and best rule, and what its replies lacked."""
    columns = [Column(_TOOL_ACC)]
    chance, rule = group.first.chance[ALL]["tool_acc"], group.best_rule(ALL, "tool_acc")
    references = [("chance", Cell(percent(chance)), chance)] if chance is not None else []
    if rule:
        references.append(("best rule", Cell(percent(rule.value), rule.name), rule.value))
    rows = []
    for run in group.runs:
        score = run.result.score(ALL, "tool_acc")
        cells = [score_cell(score), *(Cell(points((score.value or 0.0) - share)) for _, _, share in references)]
        cells += [_share_cell(number, run) for number in run.result.reply_counts().values()]
        rows.append(Row(run.label, kind_of_run(run), cells))
    columns += [Column(f"to {name}") for name, _, _ in references]
    columns += [Column(name, "replies") for name in group.first.reply_counts()]
    for name, cell, _ in references:
        rows.append(Row(name, REFERENCE, [cell, *(Cell("") for _ in columns[1:])]))
    notes = [
        f"{_ROBUST} The intervals are from a bootstrap over blocks (function groups, where there are none).",
        f"{_WHAT_REPLIES_LACKED} A reply can be in several of these columns.",
    ]
    return Table(f"{_TOOL_ACC} over all rows", columns, rows, notes)


def _share_cell(number: int, run: Run) -> Cell:
    """A number of replies, and its share of a run's replies."""
    return Cell(f"{number:,}", f"{percent(number / run.result.replies)} %" if number else "")


def paper_metrics(group: RunGroup, reader: str) -> Table:
    """The metrics of the paper's Table 1, with the paper's own rows."""
    metrics = paper_results()["table_1_metrics"]
    title = f"Table 1. {_labels(metrics)}"
    paper = _paper_rows("table_1", metrics, metrics, group.settings_and_all)
    return _metrics_table(group, title, metrics, reader, [comparability(group)], paper)


def further_metrics(group: RunGroup, reader: str) -> list[Table]:
    """All metrics that the paper's Table 1 does not have; no table if there are none."""
    metrics = [metric for metric in METRICS if metric not in paper_results()["table_1_metrics"]]
    note = " ".join(f"{METRICS[metric].label}: {METRICS[metric].description}" for metric in metrics)
    return [_metrics_table(group, _labels(metrics), metrics, reader, [note])] if metrics else []


def errors(group: RunGroup, reader: str) -> list[Table]:
    """The paper's Table 2, and the same for the settings that it leaves out."""
    results = paper_results()
    of_the_paper = {setting for numbers in results["table_2"].values() for setting in numbers}
    in_paper = [setting for setting in group.settings_and_all if setting in of_the_paper]
    others = [setting for setting in group.settings_and_all if setting not in of_the_paper]
    names = ", ".join(f"{error.name}: {error.label}" for error in ERROR_TYPES.values())
    sums = " and ".join(
        f"{' + '.join([METRICS[metric].label, *types])} = 100"
        for metric, types in (("tool_acc", TOOL_ERRORS), ("param_acc", PARAMETER_ERRORS))
    )
    notes = [f"{names}. {sums}."]
    tables = []
    if in_paper:
        paper = _paper_rows("table_2", results["table_2_error_types"], ERROR_TYPES, in_paper)
        title = "Table 2. Errors by type"
        tables.append(
            _scores_table(group, title, in_paper, ERROR_TYPES, reader, [*notes, comparability(group)], (), paper)
        )
    if others:
        tables.append(_scores_table(group, "Errors in the other settings", others, ERROR_TYPES, reader, notes))
    return tables


def _labels(metrics: Collection[str]) -> str:
    return listing([METRICS[metric].label for metric in metrics])


def _paper_rows(table: str, printed: Sequence[str], shown: Collection[str], settings: Collection[str]) -> list[Row]:
    """Rows of one of the paper's tables, with a dash for what it does not have.

    Args:
        table: `table_1` or `table_2`.
        printed: names of the numbers that the paper gives for each setting, in its order.
        shown: names of the numbers to show for each setting.
        settings: the settings to show, or `all`.
    """
    rows = []
    for model, by_setting in paper_results()[table].items():
        numbers = {setting: dict(zip(printed, by_setting[setting], strict=True)) for setting in by_setting}
        found = [numbers.get(setting, {}).get(name) for setting in settings for name in shown]
        rows.append(Row(model, PAPER, [Cell(UNKNOWN if number is None else f"{number:.1f}") for number in found]))
    return rows


def _metrics_table(
    group: RunGroup, title: str, metrics: Sequence[str], reader: str, notes: list[str], paper: Sequence[Row] = ()
) -> Table:
    """Metrics by setting, with chance and the best rule below the models."""
    keys = [(setting, metric) for setting in group.settings_and_all for metric in metrics]
    rules = [group.best_rule(*key, reader) for key in keys]
    references = [
        Row("chance", REFERENCE, [Cell(percent(group.first.chance[setting].get(metric))) for setting, metric in keys]),
        Row("best rule", REFERENCE, [Cell(percent(r.value), r.name) if r else Cell(UNKNOWN) for r in rules]),
    ]
    return _scores_table(group, title, group.settings_and_all, metrics, reader, notes, references, paper)


def _scores_table(
    group: RunGroup,
    title: str,
    settings: Sequence[str],
    names: Collection[str],
    reader: str,
    notes: list[str],
    references: Sequence[Row] = (),
    paper: Sequence[Row] = (),
) -> Table:
    """A row for each run, and below them references and the paper's own rows.

    Args:
        group: whose runs are shown.
        title: of the table.
        settings: settings or `all`; each gets a group of columns.
        names: metrics or error types; each is a column of the group.
        reader: of the replies.
        notes: about the table.
        references: rows below the runs.
        paper: rows below these.
    """
    keys = [(setting, name) for setting in settings for name in names]
    rows = [
        Row(
            run.label,
            kind_of_run(run),
            [score_cell(run.result.score(*key, reader)) for key in keys],
            run.result.what_replies_lacked(ALL, reader),
        )
        for run in group.runs
    ]
    columns = [
        Column(METRICS[name].label if name in METRICS else name, setting_label(setting)) for setting, name in keys
    ]
    heading = "The paper's own rows" + ("" if group.first.released else " (other data: not comparable)")
    return Table(
        f"{title}, {reader} reader",
        columns,
        [*rows, *references, *paper],
        [_IN_PERCENT, *notes],
        paper_heading=heading,
    )


def breakdown(group: RunGroup, dimension: str, setting: str, first_column: str) -> Table:
    """Tool Acc by band of one of `BREAKDOWNS`, with a column for each run."""
    rows = []
    for band, number in group.band_sizes(dimension, setting).items():
        scores = [run.band_tool_acc(dimension, setting, band) for run in group.runs]
        rows.append(Row(band, MODEL, [Cell(f"{number:,}"), *map(score_cell, scores)]))
    columns = [Column("rows"), *(Column(run.label) for run in group.runs)]
    return Table(f"{_TOOL_ACC} by {first_column}, {setting_label(setting)}", columns, rows, [_ROBUST], first_column)


def repeated_runs(group: RunGroup) -> list[Table]:
    """Tool Acc of each repeat of the runs that asked several times; no table if there are none."""
    rows = []
    for run in (run for run in group.runs if run.result.options.repeat > 1):
        values = run.result.repeats[ALL][_READER]["tool_acc"]
        value_range = percent(max(values) - min(values))
        rows.append(Row(run.label, kind_of_run(run), [Cell(", ".join(map(percent, values))), Cell(value_range)]))
    columns = [Column(f"{_TOOL_ACC} of each repeat", is_text=True), Column("range, points")]
    notes = [f"Scores are in %, over all rows. Replies were read by the {_READER} reader."]
    return [Table("Repeated runs", columns, rows, notes)] if rows else []


def cost(group: RunGroup) -> Table:
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
    note = f"{UNKNOWN} stands for a number that is not known, and for models that do not count tokens."
    return _runs_table("Cost and latency", group, columns, cells, note)


def counts(group: RunGroup) -> Table:
    """How replies were read, how many were missing or unreadable, and how many prompts were shortened."""

    def cells(run: Run) -> list[Cell]:
        counts = run.result.counts[ALL]
        unreadable = [counts.unreadable.get(reader, 0) for reader in READERS]
        how_read = [counts.how_read.get(how, 0) for how in HOW_READ]
        lengths = (counts.cut_replies, counts.shortened, counts.over_window)
        numbers = (run.result.replies, counts.missing, *how_read, *unreadable, counts.by_optional_rule, *lengths)
        return [Cell(f"{number:,}") for number in numbers]

    columns = [
        Column("asked for", "replies"),
        Column("missing", "replies"),
        *(Column(how, f"read by the {READERS[0]} reader") for how in HOW_READ),
        *(Column(f"{reader} reader", "unreadable replies") for reader in READERS),
        Column("optional ones left out", f"right only by the {READERS[0]} reader's rule"),
        Column("cut", "replies at their most tokens"),
        Column("shortened", "prompts and the window"),
        Column("still too long", "prompts and the window"),
    ]
    note = (
        "All of them count in every score; a missing or unreadable reply is wrong. As asked: in the form that the "
        "prompt asks for. Own form: in one that the model was trained on. Mended: only the form of its JSON was wrong."
    )
    return _runs_table("How replies were read", group, columns, cells, note)


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
    columns = [Column(name, is_text=True) for name in names]
    return _runs_table("What was run", group, columns, cells, "Rows of the same fingerprint are the same rows.")


def _runs_table(
    title: str, group: RunGroup, columns: list[Column], cells: Callable[[Run], list[Cell]], note: str
) -> Table:
    return Table(title, columns, [Row(run.label, kind_of_run(run), cells(run)) for run in group.runs], [note])


def kind_of_run(run: Run) -> str:
    """Which kind of row a run is: `MODEL`, `RULE` or `ORACLE`."""
    return ORACLE if run.result.is_oracle else RULE if run.result.is_rule else MODEL


def score_cell(score: Score) -> Cell:
    """A score, and its interval below it."""
    return Cell(percent(score.value), interval(score))


def _option_text(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "none" if value is None else str(value)
