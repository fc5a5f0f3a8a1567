"""What a report's tables are made of; every form of a report shows them."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby

from petoolkit.evaluator.records import Difference
from petoolkit.evaluator.report.run_groups import Run
from petoolkit.text import UNKNOWN, Interval, interval, percent, points

MODEL, RULE, ORACLE, REFERENCE, PAPER = "model", "rule", "oracle", "reference", "paper"  # kinds of rows
TAGGED = (RULE, ORACLE, PAPER)  # kinds that are written beside a row's name
_DIGITS = 4  # of a percentage for programs


@dataclass(frozen=True)
class Cell:
    """A cell of a table.

    Args:
        text: what people read.
        detail: what qualifies it, such as an interval, in smaller type below it.
        value: the number that the text writes, in its unit; `None` where there is none, or the text is no number.
        low, high: bounds of its interval.
    """

    text: str
    detail: str = ""
    value: float | None = None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Row:
    """A row of a table: `kind` is `MODEL`, `RULE`, `ORACLE`, `REFERENCE` or `PAPER`; `detail` is below the name."""

    name: str
    kind: str
    cells: list[Cell]
    detail: str = ""

    @property
    def tag(self) -> str:
        """The kind, where it is written beside the name; else empty."""
        return self.kind if self.kind in TAGGED else ""


@dataclass(frozen=True)
class Column:
    """A column, and the heading that it shares with its neighbours."""

    name: str
    group: str = ""
    is_text: bool = False


@dataclass(frozen=True)
class Table:
    """A table with its title and notes; `name` is that of its files, which no other table of a chapter has."""

    name: str
    title: str
    columns: list[Column]  # without the first one, which holds the names of the rows
    rows: list[Row]
    notes: list[str]
    first_column: str = "model"
    paper_heading: str = ""  # of the rows of kind `PAPER`

    @property
    def column_groups(self) -> list[tuple[str, int]]:
        """Headings that neighbours share, each with the number of its columns; empty if no column has one."""
        groups = [(name, len(list(columns))) for name, columns in groupby(self.columns, lambda column: column.group)]
        return groups if any(name for name, _ in groups) else []

    @property
    def rows_with_headings(self) -> Iterator[tuple[str, Row]]:
        """Each row, with the heading that stands above it: that of the paper's rows above their first one, else ""."""
        before = ""
        for row in self.rows:
            yield self.paper_heading if row.kind == PAPER and before != PAPER else "", row
            before = row.kind


def score_cell(score: Interval, detail: str = "") -> Cell:
    """A share as a percentage, with its interval below it, or another detail."""
    return Cell(
        percent(score.value), detail or interval(score), *map(_hundredfold, (score.value, score.low, score.high))
    )


def difference_cell(difference: Difference | None) -> Cell:
    """A difference in points, with its interval below it; a dash where it is not known."""
    if difference is None or difference.value is None:
        return Cell(UNKNOWN)
    bounds = (difference.low, difference.high)
    shown = "" if None in bounds else f"{points(difference.low or 0.0)} to {points(difference.high or 0.0)}"
    return Cell(points(difference.value), shown, *map(_hundredfold, (difference.value, *bounds)))


def share_cell(share: float | None, detail: str = "") -> Cell:
    """A share without an interval, as a percentage."""
    return Cell(percent(share), detail, _hundredfold(share))


def count_cell(number: int | None, detail: str = "") -> Cell:
    """A number of something; a dash where it is not known."""
    return Cell(UNKNOWN if number is None else f"{number:,}", detail, number)


def kind_of_run(run: Run) -> str:
    """Which kind of row a run is: `MODEL`, `RULE` or `ORACLE`."""
    return ORACLE if run.result.is_oracle else RULE if run.result.is_rule else MODEL


def _hundredfold(share: float | None) -> float | None:
    return None if share is None else round(100 * share, _DIGITS)
