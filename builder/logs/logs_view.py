"""What an import of logs did, in a terminal."""

from collections.abc import Iterator

from rich.console import RenderableType
from rich.table import Column, Table
from rich.text import Text

from petoolkit.audit.audit_view import audit_view
from petoolkit.text import counted, listing, printable

from .logs_import import LogsReport


def logs_view(report: LogsReport, folder: str) -> Iterator[RenderableType]:
    """The parts of what a terminal shows, from top to bottom."""
    record = report.record
    table = Table(Column(""), Column("what"), Column("number", justify="right"), box=None, pad_edge=False)
    for name, numbers in record.counts.items():
        for position, (what, number) in enumerate(numbers.items()):
            table.add_row(Text(name if not position else "", "bold"), printable(what), f"{number:,}")
    yield table
    if report.unknown:
        names = listing([f"{name!r} ({counted(number, 'call')})" for name, number in report.unknown])
        yield Text(printable(f"Not found in the catalogue, for example: {names}."))
    found = record.counts.get("personal things and secrets")
    if found and (record.logs or {}).get("redacted") != "yes":
        yield Text("Personal things or secrets were found and stand in the rows; --redact replaces them.", "yellow")
    yield Text()
    if report.audit is None:
        yield Text(f"Not audited: {report.why_no_audit}")
    else:
        yield from audit_view(report.audit)
        yield Text(
            "Logs of real calls give such things away: people go back to the tools that they know. No gate ends an "
            "import of them."
        )
    numbers = record.statistics
    yield Text(
        f"Wrote {counted(numbers['rows'], 'row')} of {counted(numbers['asked calls'], 'call')} of "
        f"{counted(numbers['users'], 'user')} to {folder}/."
    )
