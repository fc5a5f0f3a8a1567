"""The contents of a report, in the order in which readers want them; each form loops over its tables and figures."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from petoolkit.audit_tables import resolution_sentence, verdict
from petoolkit.evaluator.report import paper_tables, run_tables
from petoolkit.evaluator.report import report_findings as findings
from petoolkit.evaluator.report.history_tables import history_methods
from petoolkit.evaluator.report.preference_tables import counterfactual_tables, preference_headline
from petoolkit.evaluator.report.report_audit import given_away, solvers
from petoolkit.evaluator.report.report_figures import ReportFigure, draw_figures
from petoolkit.evaluator.report.report_origin import Origin
from petoolkit.evaluator.report.run_groups import RunGroup
from petoolkit.evaluator.report.table_parts import Table
from petoolkit.evaluator.report.tested_differences import differences_table
from petoolkit.replies import READERS
from petoolkit.scoring import METRICS
from petoolkit.text import ALL, counted

_ROBUST, _PAPER = READERS


@dataclass(frozen=True)
class Section:
    """Tables and figures under a heading; `more` are tables that HTML shows only on a click."""

    title: str
    tables: list[Table] = field(default_factory=list)
    figures: list[ReportFigure] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    more: list[Table] = field(default_factory=list)


@dataclass(frozen=True)
class Chapter:
    """All sections about one group of runs."""

    group: RunGroup
    title: str
    sections: list[Section]

    @property
    def tables(self) -> Iterator[tuple[str, Table]]:
        """All tables, each with the name of its files."""
        for section in self.sections:
            for table in (*section.tables, *section.more):
                yield self.file_name(table), table

    @property
    def figures(self) -> Iterator[ReportFigure]:
        """All figures."""
        for section in self.sections:
            yield from section.figures

    def file_name(self, table: Table) -> str:
        """The name of a table's files, without folder and ending."""
        return f"{self.group.number}-{table.name}"


@dataclass(frozen=True)
class Report:
    """A whole report: how it was made, warnings, and a chapter for each group of runs."""

    origin: Origin
    warnings: list[str]
    chapters: list[Chapter]

    @property
    def tables(self) -> Iterator[tuple[str, Table]]:
        """All tables of all chapters, each with the name of its files."""
        for chapter in self.chapters:
            yield from chapter.tables

    @property
    def figures(self) -> Iterator[ReportFigure]:
        """All figures of all chapters."""
        for chapter in self.chapters:
            yield from chapter.figures

    def as_json(self) -> dict[str, Any]:
        """Every number, and the finding of every figure; each run holds what its `scores.json` holds."""
        groups = [
            {
                "dataset": chapter.group.first.dataset,
                "fingerprint": chapter.group.first.fingerprint,
                "rows": chapter.group.first.rows,
                "comparability": paper_tables.comparability(chapter.group),
                "runs": [
                    {"label": run.label, "folder": run.result.folder, **run.result.model_dump(mode="json")}
                    for run in chapter.group.runs
                ],
                "pairs": [
                    {"with_history": pair.with_history.label, "without_history": pair.without_history.label}
                    for pair in chapter.group.pairs
                ],
                "tables": [
                    {"file": name, "title": table.title, "notes": table.notes} for name, table in chapter.tables
                ],
                "figures": [
                    {"file": figure.name, "title": figure.title, "finding": figure.finding}
                    for figure in chapter.figures
                ],
            }
            for chapter in self.chapters
        ]
        return {
            "made": vars(self.origin),
            "warnings": self.warnings,
            "groups": groups,
            "paper": paper_tables.paper_results(),
        }


def report_on(groups: list[RunGroup], origin: Origin) -> Report:
    """Tables, figures and findings of all groups."""
    return Report(origin, findings.warnings(groups), [_chapter(group, len(groups)) for group in groups])


def _chapter(group: RunGroup, groups: int) -> Chapter:
    origin = " (logs of real calls)" if group.first.logs else ""
    rows = f"{group.first.dataset}{origin}, {group.first.split} split, {counted(group.first.rows[ALL], 'row')}"
    title = f"Group {group.number}: {rows}" if groups > 1 else rows
    figures, not_drawn = draw_figures(group)

    def section(heading: str, asked: tuple[str, ...], *tables: Table, **parts: list) -> Section:
        notes = [*parts.pop("notes", []), *(not_drawn[name] for name in asked if name in not_drawn)]
        return Section(heading, list(tables), [figures[name] for name in asked if name in figures], notes, **parts)

    return Chapter(
        group,
        title,
        [
            section("At a glance", ("pairs", "gain", "override"), preference_headline(group)),
            *_counterfactuals(group),
            section(
                f"{METRICS['tool_acc'].label} beside chance and rules",
                ("tool-acc",),
                run_tables.headline(group),
                *differences_table(group),
            ),
            section(
                "Accuracy",
                (),
                paper_tables.paper_metrics(group, _ROBUST),
                *paper_tables.further_metrics(group, _ROBUST),
                more=[paper_tables.paper_metrics(group, _PAPER), *paper_tables.further_metrics(group, _PAPER)],
            ),
            section("Errors", (), *paper_tables.errors(group, _ROBUST), more=paper_tables.errors(group, _PAPER)),
            section(
                "The history, and the position of the gold tool",
                ("history", "history-length", "gold-position"),
                notes=_not_drawn_findings(group, not_drawn),
                more=[
                    run_tables.breakdown(group, "history_length", group.history_length_setting, "history length"),
                    run_tables.breakdown(group, "gold_position", ALL, "position of the gold tool"),
                ],
            ),
            *_history_methods(group, section),
            section(
                "The rows",
                (),
                notes=[findings.row_counts(group), findings.categories(group)],
                more=[run_tables.breakdown(group, "category", ALL, "category")],
            ),
            *_audit(group, figures),
            section(
                "Replies and cost",
                ("tokens",),
                run_tables.counts(group),
                *run_tables.repeated_runs(group),
                *run_tables.cost(group),
            ),
            section("Models, data and options", (), run_tables.what_was_run(group)),
        ],
    )


def _history_methods(group: RunGroup, section: Callable[..., Section]) -> list[Section]:
    """What models were shown of histories; no section where no model was asked with several methods."""
    tables = history_methods(group)
    return [section("What is shown of a history", ("history-methods",), *tables)] if tables else []


def _not_drawn_findings(group: RunGroup, not_drawn: dict[str, str]) -> list[str]:
    """What the tests found, where there is no figure to say it."""
    answers = {"history-length": findings.by_history_length, "gold-position": findings.by_gold_position}
    return [answer(group) for name, answer in answers.items() if name in not_drawn]


def _counterfactuals(group: RunGroup) -> list[Section]:
    """What changed rows did to the calls of each run; no section if none was asked."""
    tables = counterfactual_tables(group)
    title = "What each model's calls follow: rows changed in one thing"
    return [Section(title, tables[:2], more=tables[2:])] if tables else []


def _audit(group: RunGroup, figures: dict[str, ReportFigure]) -> list[Section]:
    """The audit of the dataset; no section if its folder holds none."""
    record = group.audit
    if record is None:
        return []
    folder = f"The audit is of {group.first.dataset} as it is now."
    notes = [verdict(record), resolution_sentence(record.resolution), folder]
    return [
        Section("The audit of the dataset", [solvers(record)], [figures["audit"]], notes, more=[given_away(record)])
    ]
