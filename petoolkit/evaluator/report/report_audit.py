"""What a report says of the audit of the dataset that was evaluated on."""

from dataclasses import replace

from petoolkit.audit_record import AuditRecord, SolverScore
from petoolkit.audit_tables import CEILING, audit_lines, count_lines, not_asked, what_was_asked
from petoolkit.evaluator.report.table_parts import ORACLE, REFERENCE, RULE, Cell, Column, Row, Table, score_cell
from petoolkit.text import UNKNOWN, setting_label


def solvers(record: AuditRecord) -> Table:
    """What rules score that know no preference."""
    rows = []
    for line in audit_lines(record):
        kind = REFERENCE if line.name == CEILING else ORACLE if line.kind == ORACLE else RULE
        rows.append(Row(line.name, kind, [*map(_cell, line.scores.values()), Cell(line.gate)]))
    columns = [*(Column(setting_label(setting)) for setting in record.settings), Column("gate", is_text=True)]
    notes = [
        "Right among the candidates that do the job, %, with 95 % intervals over blocks, else function groups. A "
        "benchmark that measures preference keeps shortcuts and blind readers at the ceiling.",
        what_was_asked(record),
    ]
    return Table("audit", "What rules score that know no preference", columns, rows, notes, "solver")


def _cell(score: SolverScore | None) -> Cell:
    if score is None:
        return Cell(UNKNOWN)
    cell = score_cell(score)
    return replace(cell, detail="") if score.low == score.high else cell


def given_away(record: AuditRecord) -> Table:
    """What the rows give away without a preference."""
    columns = [Column("number"), Column("share", is_text=True)]
    rows = []
    for what, number, share in count_lines(record):
        value = int(number.replace(",", "")) if number else None
        rows.append(Row(what, REFERENCE, [Cell(number, value=value), Cell(share)]))
    return Table(
        "audit-counts",
        "What the rows give away",
        columns,
        rows,
        list(not_asked(record)),
        first_column="of the audited rows",
    )
