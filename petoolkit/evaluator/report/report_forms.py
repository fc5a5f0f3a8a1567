"""The forms that a report is written in, by name."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from petoolbench import InputError
from petoolkit.text import listing

if TYPE_CHECKING:
    from petoolkit.evaluator.report.report_chapters import Report

Files = Iterator[tuple[str, bytes]]  # path in the report's folder, and content


@dataclass(frozen=True)
class Form:
    """A form of a report: the file to open (NAME stands for several), what it is, and what writes it."""

    file: str
    description: str
    files: "Callable[[Report], Files]"


def _html(report: "Report") -> Files:
    from petoolkit.evaluator.report.html_form import html_files

    return html_files(report)


def _markdown(report: "Report") -> Files:
    from petoolkit.evaluator.report.markdown_form import markdown_files

    return markdown_files(report)


def _latex(report: "Report") -> Files:
    from petoolkit.evaluator.report.latex_form import latex_files

    return latex_files(report)


def _csv(report: "Report") -> Files:
    from petoolkit.evaluator.report.csv_form import csv_files

    return csv_files(report)


def _figures(form: str) -> "Callable[[Report], Files]":
    def files(report: "Report") -> Files:
        for figure in report.figures:
            yield f"figures/{figure.name}.{form}", figure.saved(form, report.origin.command)

    return files


FORMS = {
    "html": Form("report.html", "one page that needs no network", _html),
    "md": Form("report.md", "with its figures as PNG", _markdown),
    "latex": Form("report.tex", "a document, and each table in tables/, for booktabs", _latex),
    "csv": Form("tables/NAME.csv", "numbers, with their intervals in columns of their own", _csv),
    "svg": Form("figures/NAME.svg", "each figure", _figures("svg")),
    "pdf": Form("figures/NAME.pdf", "each figure, with embedded fonts", _figures("pdf")),
}
DEFAULT_FORMS = ("html", "md")


def chosen_forms(names: Sequence[str]) -> tuple[str, ...]:
    """Names of forms in the order of their table, each once.

    Raises:
        InputError: if there is no form of a name, or no name.
    """
    if unknown := [name for name in dict.fromkeys(names) if name not in FORMS]:
        quoted = listing([repr(name) for name in unknown])
        raise InputError(f"a report has no form {quoted}; there are {listing(list(FORMS), len(FORMS))}.")
    if not names:
        raise InputError(f"a report needs a form; there are {listing(list(FORMS), len(FORMS))}.")
    return tuple(name for name in FORMS if name in names)
