"""Tables and sentences as HTML for notebooks; all texts in them may be other people's, and are escaped."""

import html
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from petoolkit.text import printable


def html_view(heading: str, columns: Sequence[str], rows: Iterable[Sequence[Any]], notes: Iterable[str] = ()) -> str:
    """A heading, a table whose first column names its rows, and sentences below it.

    Args:
        heading: a sentence above the table.
        columns: headings of all columns.
        rows: the cells.
        notes: sentences, a paragraph each.
    """
    lines = [[str(cell) for cell in row] for row in rows]
    styles = [_style([line[number] for line in lines]) for number in range(len(columns))]
    head = "".join(f"<th{style}>{_escaped(column)}</th>" for column, style in zip(columns, styles, strict=True))
    body = "".join(f"<tr>{''.join(_cells(line, styles))}</tr>" for line in lines)
    below = "".join(f"<p>{_escaped(note)}</p>" for note in notes)
    table = f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    return f"<div><p>{_escaped(heading)}</p>{table}{below}</div>"


def _style(column: list[str]) -> str:
    """Texts stand at the left, numbers at the right, where notebooks put everything."""
    return ' style="text-align:left"' if any(sign.isalpha() for cell in column for sign in cell) else ""


def _cells(line: list[str], styles: list[str]) -> Iterator[str]:
    for number, (cell, style) in enumerate(zip(line, styles, strict=True)):
        tag = "td" if number else "th"
        yield f"<{tag}{style}>{_escaped(cell)}</{tag}>"


def _escaped(text: str) -> str:
    return html.escape(printable(text))
