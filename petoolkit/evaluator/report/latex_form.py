"""A report as LaTeX: a file a table, which needs array and booktabs, and a document of all tables and figures."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from textwrap import wrap

from markupsafe import Markup

from petoolkit.evaluator.report.latex_text import latex
from petoolkit.evaluator.report.report_chapters import Report
from petoolkit.evaluator.report.report_forms import Files
from petoolkit.evaluator.report.table_parts import PAPER, REFERENCE, Cell, Column, Row, Table
from petoolkit.html_templates import page_environment
from petoolkit.text import on_one_line

# Widths in points, at the sizes below; a table is as wide as the text of common styles at most.
_TEXT_WIDTH, _GAP, _CHARACTER, _SMALL_CHARACTER = 455.0, 6.0, 4.3, 3.8
_NAMES, _TEXT_COLUMN = (60.0, 95.0), 90.0  # the first column from and to; other columns of text at least
_HEAD = 13  # characters of a line of a column's heading
_MOST_LINES = 44  # of a table that fits a page


@dataclass(frozen=True)
class _Part:
    """Columns of a table that stand side by side: their numbers, and what LaTeX calls their kinds."""

    numbers: list[int]
    specification: str


def latex_files(report: Report) -> Files:
    """`tables/NAME.tex` of each table, `report.tex`, and the figures that this shows, as PDF."""
    for name, table in report.tables:
        yield f"tables/{name}.tex", _table(name, table, report).encode()
    for figure in report.figures:
        yield f"figures/{figure.name}.pdf", figure.saved("pdf", report.origin.command)
    environment = page_environment(Path(__file__).parent, _escaped)
    environment.filters |= {"comment": lambda text: Markup(_comment(text)), "file": Markup}
    yield "report.tex", environment.get_template("report.tex.jinja").render(report=report).encode()


def _escaped(value: object) -> Markup:
    return value if isinstance(value, Markup) else Markup(latex(str(value), may_break=True))


def _comment(text: str) -> str:
    return on_one_line(text).encode("ascii", "replace").decode()


def _table(name: str, table: Table, report: Report) -> str:
    parts = _parts(table)
    is_long = len(parts) * sum(_lines(row) for row in table.rows) > _MOST_LINES
    notes = " ".join(table.notes)
    lines = [
        *(f"% {_comment(line)}" for line in (table.title, report.origin.command, report.origin.sentence)),
        f"% Needs \\usepackage{{array,booktabs{',longtable' if is_long else ''}}}. A score and its interval are "
        "\\petoolcell{SCORE}{INTERVAL}:",
        "% \\newcommand{\\petoolcell}[2]{#1}, before this, leaves the intervals out.",
        r"\providecommand{\petoolcell}[2]{\begin{tabular}[t]{@{}r@{}}#1\\[-1pt]{\scriptsize #2}\end{tabular}}",
    ]
    caption, label = rf"\caption{{{latex(table.title)}}}", rf"\label{{tab:{name}}}"
    small = [r"\footnotesize", r"\setlength{\tabcolsep}{3pt}"]
    note = rf"{{\scriptsize\raggedright {latex(notes, may_break=True)}\par}}" if notes else ""
    if is_long:
        lines += [r"{%", *small]
        for number, part in enumerate(parts):
            again = r"\addtocounter{table}{-1}" if number else ""
            title = rf"\caption[]{{{latex(table.title)} (further columns)}}" if number else f"{caption}{label}"
            lines += [
                *([again] if again else []),
                rf"\begin{{longtable}}{{{part.specification}}}",
                rf"{title}\\",
                *_heading(table, part),
                r"\endfirsthead",
                *_heading(table, part),
                r"\endhead",
                *_body(table, part),
                r"\end{longtable}",
            ]
        lines += [note, "}"]
    else:
        lines += [r"\begin{table}", r"\centering", *small, caption, label]
        for number, part in enumerate(parts):
            lines += [
                *([r"\par\medskip"] if number else []),
                rf"\begin{{tabular}}{{{part.specification}}}",
                *_heading(table, part),
                *_body(table, part),
                r"\end{tabular}",
            ]
        lines += [rf"\par\smallskip{note}" if note else "%", r"\end{table}"]
    return "\n".join(line for line in lines if line) + "\n"


def _lines(row: Row) -> int:
    return 2 if row.detail or any(cell.detail for cell in row.cells) else 1


def _parts(table: Table) -> list[_Part]:
    """The columns in parts that are not too wide; columns of one heading stay together where they can."""
    names = _name_width(table)
    widths = [_width(table, number) for number in range(len(table.columns))]
    units = [list(numbers) for _, numbers in groupby(range(len(widths)), lambda number: _unit(table.columns, number))]
    room = _TEXT_WIDTH - names
    parts = _split(units, widths, room)
    while len(narrower := _split(units, widths, room := room - _GAP)) == len(parts) > 1:
        parts = narrower  # as many parts, more nearly alike
    return [_Part(part, _specification(table, part, widths, names)) for part in parts]


def _split(units: Sequence[list[int]], widths: Sequence[float], room: float) -> list[list[int]]:
    """Numbers of columns in parts, none wider than the room but for a single column."""
    parts: list[list[int]] = [[]]
    for unit in units:
        fits_alone = sum(widths[number] for number in unit) <= room
        for piece in [unit] if fits_alone else [[number] for number in unit]:
            if parts[-1] and sum(widths[number] for number in (*parts[-1], *piece)) > room:
                parts.append([])
            parts[-1] += piece
    return parts


def _unit(columns: Sequence[Column], number: int) -> object:
    return columns[number].group or number


def _name_width(table: Table) -> float:
    names = [f"{row.name} ({row.tag})" if row.tag else row.name for row in table.rows]
    longest = max(map(len, (*names, table.first_column)))
    return min(max(_NAMES[0], longest * _CHARACTER), _NAMES[1])


def _width(table: Table, number: int) -> float:
    column, cells = table.columns[number], [row.cells[number] for row in table.rows]
    if column.is_text:
        longest = max((max(len(cell.text), len(cell.detail)) for cell in cells), default=0)
        return _GAP + min(_TEXT_COLUMN, max(longest, len(column.name)) * _CHARACTER)
    texts = max((len(cell.text) * _CHARACTER for cell in cells), default=0)
    details = max((len(line) * _SMALL_CHARACTER for cell in cells for line in _detail_lines(cell)), default=0)
    return _GAP + max(texts, details, *(len(line) * _CHARACTER for line in _head_lines(column.name)))


def _specification(table: Table, numbers: Sequence[int], widths: Sequence[float], names: float) -> str:
    texts = [number for number in numbers if table.columns[number].is_text]
    left = max(0.0, _TEXT_WIDTH - names - sum(widths[number] for number in numbers))
    full = [number for number in texts if widths[number] >= _TEXT_COLUMN]
    more = {number: left / len(full) for number in full}
    kinds = {number: _paragraph(widths[number] - _GAP + more.get(number, 0)) for number in texts}
    return rf"@{{}}{_paragraph(names)}{''.join(kinds.get(number, 'r') for number in numbers)}@{{}}"


def _paragraph(width: float) -> str:
    return rf">{{\raggedright\arraybackslash}}p{{{width:.0f}pt}}"


def _heading(table: Table, part: _Part) -> Iterator[str]:
    yield r"\toprule"
    columns = [table.columns[number] for number in part.numbers]
    groups = [(name, len(list(same))) for name, same in groupby(columns, lambda column: column.group)]
    if any(name for name, _ in groups):
        cells, rules, start = [], [], 2
        for name, width in groups:
            cells.append(rf"\multicolumn{{{width}}}{{c}}{{{_stacked(_head_lines(name, _HEAD * width), 'c')}}}")
            if name:
                rules.append(rf"\cmidrule(lr){{{start}-{start + width - 1}}}")
            start += width
        yield f" & {' & '.join(cells)} \\\\"
        yield "".join(rules)
    heads = [latex(column.name) if column.is_text else _stacked(_head_lines(column.name), "r") for column in columns]
    yield f"{latex(table.first_column)} & {' & '.join(heads)} \\\\"
    yield r"\midrule"


def _head_lines(name: str, longest: int = _HEAD) -> list[str]:
    return wrap(name, longest) or [""]


def _stacked(texts: Sequence[str], side: str) -> str:
    lines = [latex(text) for text in texts]
    stacked = r"\\".join(lines)
    return stacked if len(lines) == 1 else rf"\begin{{tabular}}[b]{{@{{}}{side}@{{}}}}{stacked}\end{{tabular}}"


def _body(table: Table, part: _Part) -> Iterator[str]:
    before = ""
    for heading, row in table.rows_with_headings:
        if row.kind == REFERENCE and before not in ("", REFERENCE):
            yield r"\midrule"
        before = row.kind
        if heading:
            yield r"\midrule"
            yield rf"\multicolumn{{{len(part.numbers) + 1}}}{{@{{}}l@{{}}}}{{\textit{{{latex(heading)}}}}} \\"
        cells = [_cell(row.cells[number], table.columns[number], row.kind) for number in part.numbers]
        yield f"{_name(row)} & {' & '.join(cells)} \\\\"
        if _lines(row) > 1:
            yield r"\addlinespace[2pt]"
    yield r"\bottomrule"


def _name(row: Row) -> str:
    if row.kind == PAPER:
        return rf"\textit{{{latex(row.name, may_break=True)}}}"
    tag = rf" {{\scriptsize({row.tag})}}" if row.tag else ""
    detail = rf" {{\scriptsize {latex(row.detail, may_break=True)}}}" if row.detail else ""
    return f"{latex(row.name, may_break=True)}{tag}{detail}"


def _cell(cell: Cell, column: Column, kind: str) -> str:
    text = latex(cell.text, may_break=column.is_text)
    if kind == PAPER:
        return rf"\textit{{{text}}}"
    if not cell.detail:
        return text
    if column.is_text:
        return rf"{text} {{\scriptsize {latex(cell.detail, may_break=True)}}}"
    return rf"\petoolcell{{{text}}}{{{_stacked(_detail_lines(cell), 'r')}}}"


def _detail_lines(cell: Cell) -> list[str]:
    """An interval in one line, and other details in as many short ones as they need."""
    return [cell.detail] if cell.low is not None else _head_lines(cell.detail)
