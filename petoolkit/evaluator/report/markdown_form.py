"""A report in Markdown, with its figures as PNG beside it."""

import html
import re
from pathlib import Path
from typing import Any

from markupsafe import Markup

from petoolkit.evaluator.report.report_chapters import Report
from petoolkit.evaluator.report.report_forms import Files
from petoolkit.html_templates import page_environment
from petoolkit.text import on_one_line

_SIGNS = re.compile(r"([\\`*_\[\]|~#])")


def markdown_files(report: Report) -> Files:
    """`report.md` and `figures/NAME.png`."""
    for figure in report.figures:
        yield f"figures/{figure.name}.png", figure.saved("png", report.origin.command)
    environment = page_environment(Path(__file__).parent, _escaped)
    environment.filters["as_it_is"] = lambda text: Markup(on_one_line(text))  # in a code block
    yield "report.md", environment.get_template("report.md.jinja").render(report=report).encode()


def _escaped(value: Any) -> Markup:
    """A value that Markdown shows as plain text."""
    if isinstance(value, Markup):  # text of the template itself
        return value
    return Markup(_SIGNS.sub(r"\\\1", html.escape(str(value), quote=False)))
