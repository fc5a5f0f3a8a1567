"""Tables and sentences as HTML for notebooks; all texts in them may be other people's, and are escaped."""

import html
from collections.abc import Iterable, Sequence
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
    head = "".join(f"<th>{_escaped(column)}</th>" for column in columns)
    body = "".join(
        "<tr>" + "".join(f"<{tag}>{_escaped(cell)}</{tag}>" for tag, cell in _cells(row)) + "</tr>" for row in rows
    )
    below = "".join(f"<p>{_escaped(note)}</p>" for note in notes)
    table = f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    return f"<div><p>{_escaped(heading)}</p>{table}{below}</div>"


def _cells(row: Sequence[Any]) -> list[tuple[str, Any]]:
    return [("td" if number else "th", cell) for number, cell in enumerate(row)]


def _escaped(value: Any) -> str:
    return html.escape(printable(str(value)))
