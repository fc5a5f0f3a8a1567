"""A report as one HTML file, which holds its figures and needs no network."""

import base64
from pathlib import Path

from petoolkit.evaluator.report.report_chapters import Report
from petoolkit.evaluator.report.report_forms import Files
from petoolkit.html_templates import page_environment


def html_files(report: Report) -> Files:
    """`report.html`; every value in it is escaped."""
    environment = page_environment(Path(__file__).parent)
    environment.filters["data_uri"] = lambda svg: f"data:image/svg+xml;base64,{base64.b64encode(svg).decode()}"
    yield "report.html", environment.get_template("report.html.jinja").render(report=report).encode()
