"""Data to HTML. Every value is other people's text: it is escaped, and what would steer a page or turn it around
becomes a mark."""

from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from petoolbench import SETTINGS
from petoolkit.evaluator.report.score_files import ERRORS, METRICS
from petoolkit.explorer.judged_runs import HALF_RIGHT, OUTCOMES, RIGHT, RIGHT_PARAMETERS, RIGHT_TOOL, WRONG
from petoolkit.text import interval, percent, printable, setting_label, shortened

_MARK_SIGNS = {RIGHT: "✓", HALF_RIGHT: "◐", WRONG: "✗"}
_MARK_WORDS = {RIGHT: "right tool and parameters", HALF_RIGHT: "right in part", WRONG: "wrong tool"}
_KINDS = {RIGHT_TOOL: "right", RIGHT_PARAMETERS: "right"}  # what fits into a bar
_FOLDER = Path(__file__).parent / "templates"


def render(template: str, **values: Any) -> str:
    """One of the package's templates as HTML."""
    return _environment().get_template(f"{template}.html.jinja").render(**values)


def plain(text: str) -> str:
    """Text without control and direction characters; tabs and foreign line ends become ordinary white space."""
    return printable(text.replace("\t", "    ").replace("\r\n", "\n"))


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_finalized,
    )
    environment.filters |= {
        "percent": percent,
        "interval": interval,
        "setting_label": setting_label,
        "shorten": lambda text, most: shortened(plain(text), most),
        "kind_name": lambda kind: _KINDS.get(kind, kind),
    }
    environment.globals |= {
        "ERRORS": ERRORS,
        "METRICS": METRICS,
        "OUTCOMES": OUTCOMES,
        "SETTINGS": SETTINGS,
        "MARK_SIGNS": _MARK_SIGNS,
        "MARK_WORDS": _MARK_WORDS,
    }
    return environment


def _finalized(value: Any) -> Any:
    return plain(value) if isinstance(value, str) and not isinstance(value, Markup) else value
