"""A report's tables of metrics and errors, as the paper's Tables 1 and 2, with the paper's own rows."""

from collections.abc import Collection, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from petoolkit.evaluator.report.run_groups import Run, RunGroup
from petoolkit.evaluator.report.table_parts import (
    PAPER,
    REFERENCE,
    Cell,
    Column,
    Row,
    Table,
    kind_of_run,
    score_cell,
    share_cell,
)
from petoolkit.scoring import ERROR_TYPES, METRICS, PARAMETER_ERRORS, TOOL_ERRORS
from petoolkit.text import ALL, UNKNOWN, listing, setting_label

_IN_PERCENT = "Scores are in %, with 95 % intervals."


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


def paper_metrics(group: RunGroup, reader: str) -> Table:
    """The metrics of the paper's Table 1, with the paper's own rows."""
    metrics = paper_results()["table_1_metrics"]
    title = f"{_labels(metrics)}, as the paper's Table 1"
    paper = _paper_rows("table_1", metrics, metrics, group.settings_and_all)
    return _metrics_table(group, "table-1", title, metrics, reader, [comparability(group)], paper)


def further_metrics(group: RunGroup, reader: str) -> list[Table]:
    """All metrics that the paper's Table 1 does not have; no table if there are none."""
    metrics = [metric for metric in METRICS if metric not in paper_results()["table_1_metrics"]]
    note = " ".join(f"{METRICS[metric].label}: {METRICS[metric].description}" for metric in metrics)
    return [_metrics_table(group, "further-metrics", _labels(metrics), metrics, reader, [note])] if metrics else []


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
        title = "Errors by type, as the paper's Table 2"
        tables.append(
            _scores_table(
                group, "table-2", title, in_paper, ERROR_TYPES, reader, [*notes, comparability(group)], (), paper
            )
        )
    if others:
        tables.append(
            _scores_table(group, "further-errors", "Errors in the other settings", others, ERROR_TYPES, reader, notes)
        )
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
        rows.append(
            Row(model, PAPER, [Cell(UNKNOWN if number is None else f"{number:.1f}", value=number) for number in found])
        )
    return rows


def _metrics_table(
    group: RunGroup,
    name: str,
    title: str,
    metrics: Sequence[str],
    reader: str,
    notes: list[str],
    paper: Sequence[Row] = (),
) -> Table:
    """Metrics by setting, with chance and the best rule below the models."""
    keys = [(setting, metric) for setting in group.settings_and_all for metric in metrics]
    rules = [group.best_rule(*key, reader) for key in keys]
    references = [
        Row("chance", REFERENCE, [share_cell(group.first.chance[setting].get(metric)) for setting, metric in keys]),
        Row("best rule", REFERENCE, [share_cell(r.value, r.name) if r else Cell(UNKNOWN) for r in rules]),
    ]
    return _scores_table(group, name, title, group.settings_and_all, metrics, reader, notes, references, paper)


def _scores_table(
    group: RunGroup,
    name: str,
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
        name, title: of the table, without the reader.
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
        f"{name}-{reader}",
        f"{title}, {reader} reader",
        columns,
        [*rows, *references, *paper],
        [_IN_PERCENT, *notes],
        paper_heading=heading,
    )
