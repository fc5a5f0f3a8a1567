"""A report's tables as CSV: numbers as numbers, with the bounds of their intervals in columns of their own."""

import csv
import io

from petoolkit.evaluator.report.report_chapters import Report
from petoolkit.evaluator.report.report_forms import Files
from petoolkit.evaluator.report.table_parts import Cell, Column, Table
from petoolkit.evaluator.scores.row_file import csv_cell
from petoolkit.text import UNKNOWN

_BOUNDS = ("low", "high")


def csv_files(report: Report) -> Files:
    """`tables/NAME.csv` of each table."""
    for name, table in report.tables:
        yield f"tables/{name}.csv", _table(table)


def _table(table: Table) -> bytes:
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    for line in _lines(table):
        writer.writerow(map(csv_cell, line))
    return file.getvalue().encode()


def _lines(table: Table) -> list[list[str | float | None]]:
    """A heading and a line for each row; columns of bounds and details are there only where something fills them."""
    heading: list[str | float | None] = [table.first_column, "kind"]
    lines: list[list[str | float | None]] = [[row.name, row.kind] for row in table.rows]
    for column, cells in zip(table.columns, zip(*(row.cells for row in table.rows), strict=True), strict=True):
        name = _name(column)
        heading.append(name)
        added = [[_content(cell)] for cell in cells]
        if any(cell.low is not None for cell in cells):
            heading += [f"{name}, {bound}" for bound in _BOUNDS]
            added = [[*own, cell.low, cell.high] for own, cell in zip(added, cells, strict=True)]
        if any(_note(cell) for cell in cells):
            heading.append(f"{name}, note")
            added = [[*own, _note(cell)] for own, cell in zip(added, cells, strict=True)]
        for line, own in zip(lines, added, strict=True):
            line += own
    if any(row.detail for row in table.rows):
        heading.append("note")
        for line, row in zip(lines, table.rows, strict=True):
            line.append(row.detail)
    return [heading, *lines]


def _name(column: Column) -> str:
    return f"{column.group}: {column.name}" if column.group else column.name


def _content(cell: Cell) -> str | float | None:
    """The number of a cell, else its text; nothing where a number is not known."""
    if cell.value is not None:
        return cell.value
    return None if cell.text == UNKNOWN else cell.text


def _note(cell: Cell) -> str:
    """The detail of a cell, unless it is the interval that stands in columns of its own."""
    return "" if cell.low is not None else cell.detail
