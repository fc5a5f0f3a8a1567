"""The contents of a report, in the order in which readers want them; both templates show it."""

from dataclasses import dataclass, field
from typing import Any

from petoolkit.evaluator.report import report_findings as findings
from petoolkit.evaluator.report import report_tables as tables
from petoolkit.evaluator.report.preference_tables import counterfactual_tables, preference_headline
from petoolkit.evaluator.report.report_audit import audit_parts
from petoolkit.evaluator.report.report_figures import ReportFigure, draw_figures
from petoolkit.evaluator.report.report_tables import Table
from petoolkit.evaluator.report.run_groups import RunGroup
from petoolkit.replies import READERS
from petoolkit.scoring import METRICS
from petoolkit.text import ALL, counted

_ROBUST, _PAPER = READERS
_HOW_TO_TEST = "petoolbench compare FOLDER OTHER_FOLDER says whether such a difference is more than chance."
_HOW_TO_PAIR = (
    "Figure 5 (Tool Acc with and without history) needs the same model without its history: run petoolbench evaluate "
    "... --no-history --out ANOTHER_FOLDER, then put both folders into one report."
)


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


@dataclass(frozen=True)
class Report:
    """A whole report: warnings, and a chapter for each group of runs."""

    warnings: list[str]
    chapters: list[Chapter]

    def as_json(self) -> dict[str, Any]:
        """Every number, and the finding of every figure; each run holds what its `scores.json` holds."""
        groups = [
            {
                "dataset": chapter.group.first.dataset,
                "fingerprint": chapter.group.first.fingerprint,
                "rows": chapter.group.first.rows,
                "comparability": tables.comparability(chapter.group),
                "runs": [
                    {"label": run.label, "folder": run.result.folder, **run.result.model_dump(mode="json")}
                    for run in chapter.group.runs
                ],
                "pairs": [
                    {"with_history": pair.with_history.label, "without_history": pair.without_history.label}
                    for pair in chapter.group.pairs
                ],
                "figures": [
                    {"file": figure.file, "title": figure.title, "finding": figure.finding}
                    for section in chapter.sections
                    for figure in section.figures
                ],
            }
            for chapter in self.chapters
        ]
        return {"warnings": self.warnings, "groups": groups, "paper": tables.paper_results()}


def report_on(groups: list[RunGroup]) -> Report:
    """Tables, figures and findings of all groups."""
    return Report(findings.warnings(groups), [_chapter(group, len(groups)) for group in groups])


def _counterfactuals(group: RunGroup) -> list[Section]:
    """What changed rows did to the calls of each run; no section if none was asked."""
    tables = counterfactual_tables(group)
    title = "What each model's calls follow: rows changed in one thing"
    return [Section(title, tables[:1], more=tables[1:])] if tables else []


def _chapter(group: RunGroup, groups: int) -> Chapter:
    origin = " (logs of real calls)" if group.first.logs else ""
    rows = f"{group.first.dataset}{origin}, {group.first.split} split, {counted(group.first.rows[ALL], 'row')}"
    title = f"Group {group.number}: {rows}" if groups > 1 else rows
    figures = draw_figures(group)
    history_and_position = [
        figures[name] for name in ("history", "history-length", "gold-position") if name in figures
    ]
    sections = [
        Section("At a glance", [preference_headline(group)]),
        *_counterfactuals(group),
        Section(
            f"{METRICS['tool_acc'].label} beside chance and rules", [tables.headline(group)], [figures["tool-acc"]]
        ),
        Section(
            "Accuracy",
            [tables.paper_metrics(group, _ROBUST), *tables.further_metrics(group, _ROBUST)],
            more=[tables.paper_metrics(group, _PAPER), *tables.further_metrics(group, _PAPER)],
        ),
        Section("Errors", tables.errors(group, _ROBUST), more=tables.errors(group, _PAPER)),
        Section(
            "The history, and the position of the gold tool",
            figures=history_and_position,
            notes=[_HOW_TO_TEST if group.pairs else _HOW_TO_PAIR],
            more=[
                tables.breakdown(group, "history_length", group.history_length_setting, "history length"),
                tables.breakdown(group, "gold_position", ALL, "position of the gold tool"),
            ],
        ),
        Section(
            "The rows",
            figures=[figures["rows"], figures["categories"]],
            more=[tables.breakdown(group, "category", ALL, "category")],
        ),
        *(
            Section("The audit of the dataset", shown, drawn, notes, more)
            for notes, shown, drawn, more in audit_parts(group)
        ),
        Section("Replies and cost", [tables.counts(group), *tables.repeated_runs(group), tables.cost(group)]),
        Section("Models, data and options", [tables.what_was_run(group)]),
    ]
    return Chapter(group, title, sections)
