"""A survey in a terminal, as Markdown and as HTML."""

import html
from collections.abc import Iterator, Sequence
from pathlib import Path

from rich.console import RenderableType
from rich.table import Column, Table
from rich.text import Text

from petoolbench import InputError
from petoolkit.files import replacing
from petoolkit.html_templates import page_environment
from petoolkit.text import markdown_table, printable

from .survey_chapters import Chapter

_MOST_ROWS = 15  # of a table in a terminal
_SUFFIXES = (".html", ".md")


def terminal_view(chapters: Sequence[Chapter]) -> Iterator[RenderableType]:
    """The parts of what a terminal shows; long tables are cut, and say so."""
    for chapter in chapters:
        yield Text(f"\n{chapter.title}", style="bold")
        for sentence in chapter.sentences:
            yield Text(printable(sentence))
        if not chapter.rows:
            continue
        first, *others = chapter.heads
        columns = [Column(head, justify="right" if chapter.numeric else "left") for head in others]
        table = Table(Column(first), *columns, box=None, padding=(0, 1, 0, 0))
        for row in chapter.rows[:_MOST_ROWS]:
            table.add_row(*(Text(printable(str(cell))) for cell in row))
        yield table
        if (left := len(chapter.rows) - _MOST_ROWS) > 0:
            yield Text(f"... and {left:,} more; --out FILE.html shows all of them.", style="dim")


def check_suffix(out: Path) -> None:
    """Refuse a file that is neither HTML nor Markdown."""
    if out.suffix not in _SUFFIXES:
        raise InputError(f"{out} is neither {' nor '.join(_SUFFIXES)}; give --out a name that ends so.")


def write_survey(chapters: Sequence[Chapter], out: Path) -> None:
    """Write all chapters into one file, HTML or Markdown by its name."""
    check_suffix(out)
    text = _as_html(chapters) if out.suffix == ".html" else _as_markdown(chapters)
    out.parent.mkdir(parents=True, exist_ok=True)
    with replacing(out) as beside:
        beside.write_text(text, encoding="utf-8")


def _as_markdown(chapters: Sequence[Chapter]) -> str:
    parts = ["# The catalogue"]
    for chapter in chapters:
        parts += [f"## {chapter.title}", *(html.escape(sentence, quote=False) for sentence in chapter.sentences)]
        if chapter.rows:
            rows = [[html.escape(str(cell), quote=False) for cell in row] for row in chapter.rows]
            parts.append(markdown_table(chapter.heads, rows))
    return "\n\n".join(parts) + "\n"


def _as_html(chapters: Sequence[Chapter]) -> str:
    return page_environment(Path(__file__).parent).get_template("survey.html.jinja").render(chapters=chapters)
