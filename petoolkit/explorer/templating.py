"""The templates' environment. All values are other people's text: they are escaped, and control and direction
characters become marks."""

from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment
from markupsafe import Markup

from petoolbench import KINDS, SETTINGS, ToolName
from petoolkit.explorer.judged_evaluations import HALF_RIGHT, OUTCOMES, RIGHT, RIGHT_PARAMETERS, RIGHT_TOOL, WRONG
from petoolkit.html_templates import page_environment
from petoolkit.row_reasons import KIND_WORDS
from petoolkit.scoring import ERROR_TYPES, METRICS
from petoolkit.text import interval, percent, printable, setting_label, shortened

_MARK_SIGNS = {RIGHT: "✓", HALF_RIGHT: "◐", WRONG: "✗"}
_MARK_WORDS = {RIGHT: "right tool and parameters", HALF_RIGHT: "partly right", WRONG: "wrong tool"}
_SHORT_OUTCOMES = {RIGHT_TOOL: "right", RIGHT_PARAMETERS: "right"}  # that fit into a bar
_FOLDER = Path(__file__).parent / "templates"


def render(template: str, **values: Any) -> str:
    """One of the package's templates as HTML."""
    return _environment().get_template(f"{template}.html.jinja").render(**values)


def plain(text: str) -> str:
    """Text without control and direction characters; tabs and line ends of other systems become ordinary ones."""
    return printable(text.replace("\t", "    ").replace("\r\n", "\n"))


@cache
def _environment() -> Environment:
    environment = page_environment(_FOLDER, _finalized)
    environment.filters |= {
        "percent": percent,
        "interval": interval,
        "setting_label": setting_label,
        "capitalize_first": lambda text: text[:1].upper() + text[1:],
        "shorten": lambda text, most: shortened(plain(text), most),
        "short_outcome": lambda outcome: _SHORT_OUTCOMES.get(outcome, outcome),
    }
    environment.globals |= {
        "ERROR_TYPES": ERROR_TYPES,
        "METRICS": METRICS,
        "OUTCOMES": OUTCOMES,
        "parsed": ToolName.parse,
        "KIND_WORDS": KIND_WORDS,
        "PREFERENCE": KINDS[0],
        "SETTINGS": SETTINGS,
        "MARK_SIGNS": _MARK_SIGNS,
        "MARK_WORDS": _MARK_WORDS,
    }
    return environment


def _finalized(value: Any) -> Any:
    return plain(value) if isinstance(value, str) and not isinstance(value, Markup) else value
