"""What a report says of the audit of the dataset that was evaluated on."""

from collections.abc import Iterator
from pathlib import Path

from petoolkit.audit_figure import draw_audit
from petoolkit.audit_record import read_audit
from petoolkit.audit_tables import (
    CEILING,
    audit_lines,
    count_lines,
    not_asked,
    resolution_sentence,
    verdict,
    what_was_asked,
)
from petoolkit.evaluator.report.report_figures import ReportFigure
from petoolkit.evaluator.report.report_tables import REFERENCE, RULE, Cell, Column, Row, Table
from petoolkit.evaluator.report.run_groups import RunGroup
from petoolkit.text import setting_label


def audit_parts(group: RunGroup) -> Iterator[tuple[list[str], list[Table], list[ReportFigure], list[Table]]]:
    """Notes, tables, figures and further tables about a group's dataset; nothing if its folder holds no audit."""
    record = read_audit(Path(group.first.dataset)) if Path(group.first.dataset).is_dir() else None
    if record is None:
        return
    scores = Table(
        "What rules score that know no preference",
        [*(Column(setting_label(setting)) for setting in record.settings), Column("gate", is_text=True)],
        [
            Row(
                line.name,
                REFERENCE if line.name == CEILING else RULE,
                [*(Cell(*_apart(cell)) for cell in line.cells()), Cell(line.gate)],
            )
            for line in audit_lines(record)
        ],
        [
            "Right among the candidates that do the job, %, with 95 % intervals over blocks, else function groups. A "
            "benchmark that measures preference keeps shortcuts and blind readers at the ceiling.",
            what_was_asked(record),
        ],
        first_column="solver",
    )
    counts = Table(
        "What the rows give away",
        [Column("number"), Column("share")],
        [Row(what, REFERENCE, [Cell(number), Cell(share)]) for what, number, share in count_lines(record)],
        list(not_asked(record)),
        first_column="of the audited rows",
    )
    figures = []
    if picture := draw_audit(record):
        title, finding = "Each solver's score against the ceiling", verdict(record)
        figures = [ReportFigure("audit", f"figures/{group.number}-audit.png", title, finding, *picture)]
    yield [verdict(record), resolution_sentence(record.resolution)], [scores], figures, [counts]


def _apart(cell: str) -> tuple[str, str]:
    """A score, and its interval without brackets."""
    score, _, interval = cell.partition(" (")
    return score, interval.rstrip(")")
