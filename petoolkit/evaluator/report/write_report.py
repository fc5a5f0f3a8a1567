"""Writing a report as HTML, Markdown and JSON."""

import base64
import html
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from petoolkit.evaluator.report.run_groups import report_parts
from petoolkit.evaluator.report.score_files import read_scores
from petoolkit.files import replacing, write_json

_MARKDOWN_SIGNS = re.compile(r"([\\`*_\[\]|~#])")


def write_report(folders: list[Path], out: Path) -> Path:
    """Write one report about evaluation folders.

    Args:
        folders: each holds the `scores.json` of an evaluation. Those of the same rows are compared; others get parts
            of their own.
        out: gets `report.html` (one file, which needs no network), `report.md` with its pictures in `figures/`, and
            `report.json`. Other files in it stay.

    Returns:
        The path of `report.html`.

    Raises:
        InputError: if there are no folders, one holds no scores of today's form, `out` can't be written, or
            matplotlib is not installed.
    """
    parts = report_parts(read_scores(folders))

    from petoolkit.evaluator.report.report_chapters import report_on  # draws with matplotlib, an extra

    report = report_on(parts)
    for picture in (p for chapter in report.chapters for section in chapter.sections for p in section.pictures):
        _write(out / picture.file, picture.png)
    write_json(out / "report.json", report.as_json())
    _write(out / "report.md", _render("report.md.jinja", report, _for_markdown))
    _write(out / "report.html", _render("report.html.jinja", report))
    return out / "report.html"


def _write(path: Path, content: bytes) -> None:
    with replacing(path) as beside:
        beside.write_bytes(content)


def _render(template: str, report: Any, finalize: Callable[[Any], Markup] | None = None) -> bytes:
    """Each value is escaped: by `finalize` if there is one, else for HTML."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=finalize,
    )
    environment.filters["data_uri"] = lambda svg: f"data:image/svg+xml;base64,{base64.b64encode(svg).decode()}"
    return environment.get_template(template).render(report=report).encode()


def _for_markdown(value: Any) -> Markup:
    """A value as text that Markdown takes for nothing else."""
    if isinstance(value, Markup):  # of the template itself
        return value
    return Markup(_MARKDOWN_SIGNS.sub(r"\\\1", html.escape(str(value), quote=False)))
