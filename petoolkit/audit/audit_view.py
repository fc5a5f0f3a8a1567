"""An audit in a terminal."""

from collections.abc import Iterator

from rich.console import RenderableType
from rich.table import Column, Table
from rich.text import Text

from petoolkit.audit_record import AuditRecord
from petoolkit.audit_tables import audit_lines, count_lines, not_asked, resolution_sentence, verdict, what_was_asked
from petoolkit.text import setting_label

_STYLES = {"FAILED": "bold red", "allowed": "yellow", "passed": "green"}


def audit_view(record: AuditRecord) -> Iterator[RenderableType]:
    """The parts of what a terminal shows, from top to bottom."""
    yield Text(what_was_asked(record))
    yield Text("Right among the candidates that do the job, %, with 95 % intervals:\n")
    columns = [Column(setting_label(setting), justify="right") for setting in record.settings]
    table = Table(Column("solver", no_wrap=True), *columns, "gate", box=None, padding=(0, 1, 0, 0))
    kind = ""
    for line in audit_lines(record):
        if line.kind != kind:
            kind = line.kind
            table.add_row(Text(f"{kind}s" if kind != "oracle" else kind, style="dim"))
        cells = [
            Text(cell, style="red" if score is not None and score.passes is False else "")
            for cell, score in zip(line.cells(), line.scores.values(), strict=True)
        ]
        table.add_row(line.name, *cells, Text(line.gate, style=_STYLES.get(line.gate, "")))
    yield table
    counts = Table(
        Column("\nof the audited rows"),
        Column("number", justify="right"),
        Column("share", justify="right"),
        box=None,
        pad_edge=False,
    )
    for counted_line in count_lines(record):
        counts.add_row(*map(Text, counted_line))
    yield counts
    yield Text()
    yield Text(resolution_sentence(record.resolution))
    for sentence in not_asked(record):
        yield Text(sentence)
    yield Text(verdict(record), style="bold red" if record.failed else "bold")
    in_the_table = {line.name for line in audit_lines(record)}
    for gate in [gate for gate in record.failed if gate.name not in in_the_table]:
        yield Text(f"  {gate.name}: {gate.finding}", style="red")
