"""What a report says, in the order in which a reader wants it; both templates show it."""

from dataclasses import dataclass, field
from typing import Any

from petoolkit.evaluator.report import report_findings as findings
from petoolkit.evaluator.report import report_tables as tables
from petoolkit.evaluator.report.report_figures import Picture, draw_pictures
from petoolkit.evaluator.report.report_tables import Table
from petoolkit.evaluator.report.run_groups import Part
from petoolkit.replies import READERS
from petoolkit.text import ALL, counted

_ROBUST, _PAPER = READERS
_HOW_TO_TEST = "Whether such a difference is more than chance: petoolbench compare FOLDER OTHER_FOLDER."
_HOW_TO_PAIR = (
    "Figure 5 (Tool Acc with and without history) needs the same model without its history: "
    "petoolbench evaluate ... --no-history --out ANOTHER_FOLDER, then both folders in one report."
)


@dataclass(frozen=True)
class Section:
    """Some tables and pictures under a heading."""

    title: str
    tables: list[Table] = field(default_factory=list)
    pictures: list[Picture] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    more: list[Table] = field(default_factory=list)  # for those who want to look closer


@dataclass(frozen=True)
class Chapter:
    """All that is said about one part."""

    part: Part
    title: str
    sections: list[Section]


@dataclass(frozen=True)
class Report:
    """A whole report."""

    warnings: list[str]
    chapters: list[Chapter]

    def as_json(self) -> dict[str, Any]:
        """Every number, and every picture's finding; each run holds what its `scores.json` does."""
        chapters = [
            {
                "dataset": chapter.part.first.dataset,
                "fingerprint": chapter.part.first.fingerprint,
                "rows": chapter.part.first.rows,
                "comparability": tables.comparability(chapter.part),
                "runs": [{"label": run.label, **run.result.model_dump(mode="json")} for run in chapter.part.runs],
                "pairs": [
                    {"with_history": pair.with_history.label, "without_history": pair.without.label}
                    for pair in chapter.part.pairs
                ],
                "pictures": [
                    {"file": picture.file, "title": picture.title, "finding": picture.finding}
                    for section in chapter.sections
                    for picture in section.pictures
                ],
            }
            for chapter in self.chapters
        ]
        return {"warnings": self.warnings, "parts": chapters, "paper": tables.paper_results()}


def report_on(parts: list[Part]) -> Report:
    """Tables, pictures and findings of all parts."""
    return Report(findings.warnings(parts), [_chapter(part, len(parts)) for part in parts])


def _chapter(part: Part, parts: int) -> Chapter:
    rows = f"{part.first.dataset}, {part.first.split} split, {counted(part.first.rows[ALL], 'row')}"
    title = f"Part {part.number}: {rows}" if parts > 1 else rows
    pictures = draw_pictures(part)
    sections = [
        Section("At a glance", [tables.headline(part)], [pictures["tool-acc"]]),
        Section(
            "Accuracy",
            [tables.accuracies(part, _ROBUST), tables.joint_and_preference(part, _ROBUST)],
            more=[tables.accuracies(part, _PAPER), tables.joint_and_preference(part, _PAPER)],
        ),
        Section("Errors", tables.errors(part, _ROBUST), more=tables.errors(part, _PAPER)),
        Section(
            "What the history is worth, and where the gold tool stands",
            pictures=[pictures[name] for name in ("history", "history-length", "gold-position") if name in pictures],
            notes=[_HOW_TO_TEST if part.pairs else _HOW_TO_PAIR],
            more=[
                tables.bands(part, "history_length", part.length_setting, "history length"),
                tables.bands(part, "gold_position", ALL, "place of the gold tool"),
            ],
        ),
        Section(
            "The rows",
            pictures=[pictures["rows"], pictures["categories"]],
            more=[tables.bands(part, "category", ALL, "category")],
        ),
        Section("How it went", [tables.counts(part), *tables.repeated_runs(part), tables.cost(part)]),
        Section("How to run it again", [tables.what_was_run(part)]),
    ]
    return Chapter(part, title, sections)
