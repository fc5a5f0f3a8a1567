"""Layout of tables and texts for terminals of any width; 80 columns are enough for each table of the toolkit."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from rich import box
from rich.cells import cell_len, set_cell_size
from rich.console import Console, ConsoleOptions, RenderResult
from rich.table import Column, Table
from rich.text import Text

from petoolkit.text import printable

_AFTER_SIGNS = re.compile(r"(?<=[\s/:+,_-])")  # where a name may be broken
# From wide terminals to narrow ones: where a cell is broken (nowhere, before brackets, at blanks), and the blanks
# between columns.
_LAYOUTS = (("", 2), (" (", 2), (" (", 1), (" ", 2))
_SHORT_NAME = 12  # names of this width are not broken for the sake of the numbers


@dataclass(frozen=True)
class _Row:
    name: str
    cells: Sequence[str]
    style: str
    ends_section: bool = False


@dataclass
class FittedTable:
    """A table with names in its first column and numbers in the others.

    Where it is too wide for the terminal, names are broken after their signs and numbers get their intervals below
    them; a number is never broken. A no-break space in a cell is never broken either.

    Args:
        first_column: heading of the names.
        columns: headings of the numbers.
    """

    first_column: str
    columns: Sequence[str]
    rows: list[_Row] = field(default_factory=list)

    def add_row(self, name: str, *cells: str, style: str = "") -> None:
        """Add a row; texts may be other people's, and cells may have several lines."""
        self.rows.append(_Row(printable(name), [printable(cell) for cell in cells], style))

    def add_section(self) -> None:
        """Leave a blank line after the rows so far."""
        if self.rows:
            last = self.rows[-1]
            self.rows[-1] = _Row(last.name, last.cells, last.style, ends_section=True)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield self._fitted(options.max_width)

    def _fitted(self, width: int) -> Table:
        names = [self.first_column, *(row.name for row in self.rows)]
        longest_name = max(map(_width, names))
        longest_piece = max(_width(piece.rstrip()) for name in names for piece in _AFTER_SIGNS.split(name))
        narrowest = max(longest_piece, min(longest_name, _SHORT_NAME))
        for blank, gap in _LAYOUTS:
            broken = blank.replace(" ", "\n")
            cells = [[cell.replace(blank, broken) if blank else cell for cell in row.cells] for row in self.rows]
            widths = [self._column_width(number, cells) for number in range(len(self.columns))]
            left = width - sum(widths) - gap * len(widths)
            if left >= narrowest:
                break
        fits = left >= narrowest
        name_width = min(left, longest_name) if fits else narrowest
        headings = [_wrapped(heading, size) for heading, size in zip(self.columns, widths, strict=True)]
        table = Table(
            Column(Text(_wrapped(self.first_column, name_width)), no_wrap=fits, overflow="fold"),
            *(Column(Text(heading), justify="right", no_wrap=fits, overflow="fold") for heading in headings),
            box=box.SIMPLE_HEAD,
            show_edge=False,
            pad_edge=False,
            padding=(0, gap - 1, 0, 0),
        )
        for row, texts in zip(self.rows, cells, strict=True):
            shown = [Text(text.replace("\N{NO-BREAK SPACE}", " ")) for text in texts]
            name = Text(_wrapped(row.name, name_width))
            table.add_row(name, *shown, style=row.style, end_section=row.ends_section)
        return table

    def _column_width(self, number: int, cells: Sequence[Sequence[str]]) -> int:
        pieces = (piece.rstrip() for piece in _AFTER_SIGNS.split(self.columns[number]))
        return max(*map(_width, pieces), *(_width(row[number]) for row in cells if number < len(row)), 0)


def beginning_of(text: str, width: int) -> str:
    """The text on one line of at most `width` terminal cells; a longer one ends after a word, with a mark."""
    text = " ".join(printable(text).split())
    if cell_len(text) <= width:
        return text
    start = set_cell_size(text, max(0, width - 2))
    words, blank, _ = start.rpartition(" ")
    return f"{words if blank and cell_len(words) > width // 2 else start} …"


def _width(text: str) -> int:
    return max((cell_len(line) for line in text.split("\n")), default=0)


def _wrapped(name: str, width: int) -> str:
    """The name on lines of at most `width` cells, broken after its signs; within a word only where that is longer."""
    lines = [""]
    for piece in _AFTER_SIGNS.split(name):
        if lines[-1] and cell_len((lines[-1] + piece).rstrip()) > width:
            lines.append("")
        lines[-1] += piece
        while cell_len(lines[-1].rstrip()) > width:
            start = set_cell_size(lines[-1], width).rstrip(" ") if width > 1 else lines[-1][:1]
            lines[-1:] = [start, lines[-1][len(start) :]]
    return "\n".join(line.rstrip() for line in lines)
