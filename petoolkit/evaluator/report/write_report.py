"""Writing a report as HTML, Markdown and JSON."""

import base64
import html
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from markupsafe import Markup

from petoolkit.evaluator.report.run_groups import group_runs
from petoolkit.evaluator.report.score_files import read_scores, scored_evaluations_in
from petoolkit.files import replacing, write_json
from petoolkit.folder_lock import check_outside, locked
from petoolkit.html_templates import page_environment

_MARKDOWN_SIGNS = re.compile(r"([\\`*_\[\]|~#])")


def write_report(folders: list[Path], out: Path, say: Callable[[str], None] = lambda text: None) -> Path:
    """Write one report about several evaluations.

    Args:
        folders: evaluations, or folders that hold some. Evaluations of the same rows are compared; those of other rows
            get groups of their own.
        out: gets `report.html` (one file, which needs no network), `report.md` with its figures in `figures/`, and
            `report.json`. Other files in it stay.
        say: gets a sentence about folders that were skipped.

    Returns:
        The path of `report.html`.

    Raises:
        InputError: if the folders do not hold an evaluation, its scores are missing or of another form, `out` lies in
            a dataset or can't be written, or matplotlib is not installed.
    """
    scores = read_scores(scored_evaluations_in(folders, say))
    for dataset in {one.dataset for one in scores}:
        check_outside(out, dataset, "--out")
    groups = group_runs(scores)

    from petoolkit.evaluator.report.report_chapters import report_on  # draws with matplotlib, an extra

    report = report_on(groups)
    with locked(out):
        _write_all(report, out)
    return out / "report.html"


def _write_all(report: Any, out: Path) -> None:
    for figure in (f for chapter in report.chapters for section in chapter.sections for f in section.figures):
        _write(out / figure.file, figure.png)
    write_json(out / "report.json", report.as_json())
    _write(out / "report.md", _render("report.md.jinja", report, _for_markdown))
    _write(out / "report.html", _render("report.html.jinja", report))


def _write(path: Path, content: bytes) -> None:
    with replacing(path) as beside:
        beside.write_bytes(content)


def _render(template: str, report: Any, finalize: Callable[[Any], Markup] | None = None) -> bytes:
    """Render a template; each value is escaped by `finalize` if there is one, and for HTML if there is none."""
    environment = page_environment(Path(__file__).parent, finalize)
    environment.filters["data_uri"] = lambda svg: f"data:image/svg+xml;base64,{base64.b64encode(svg).decode()}"
    return environment.get_template(template).render(report=report).encode()


def _for_markdown(value: Any) -> Markup:
    """Escape a value, so that Markdown shows it as plain text."""
    if isinstance(value, Markup):  # text of the template itself
        return value
    return Markup(_MARKDOWN_SIGNS.sub(r"\\\1", html.escape(str(value), quote=False)))
