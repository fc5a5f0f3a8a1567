"""The templates' environment. All values are other people's text: they are escaped, and control and direction
characters become marks."""

from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from jinja2 import Environment
from markupsafe import Markup, escape

from petoolbench import KINDS, SETTINGS, ToolName
from petoolkit.evaluator.history_methods.method_table import FULL
from petoolkit.explorer import outcomes
from petoolkit.explorer.other_forms import CALL_KINDS, ELSE, NONE, OTHER, OWN
from petoolkit.explorer.row_page import Answer
from petoolkit.explorer.text_marks import GOLD, LIKED, RIVAL
from petoolkit.html_templates import page_environment
from petoolkit.row_reasons import KIND_WORDS
from petoolkit.scoring import ERROR_TYPES, METRICS
from petoolkit.text import interval, percent, printable, setting_label, shortened

_SHORT_OUTCOMES = {outcomes.RIGHT_TOOL: "right", outcomes.RIGHT_PARAMETERS: "right"}  # that fit into a bar
_MARKS = {
    LIKED: "what the user likes",
    GOLD: "also of the gold tool",
    RIVAL: "of a rival",
}
_CALL_SIGNS = {OWN: "✓", OTHER: "⇄", ELSE: "✗", NONE: "–"}  # noqa: RUF001 (an en dash)
KEYS = {
    "j k": "next row, previous row",
    "n p": "next page, previous page of the list",
    "t": "the same request of the next user of the block, with what differs marked",
    "o": "back to the row that another form was compared with",
    "/": "search",
    "m": "models, and back to the rows",
    "e": "open all replies, and close them",
    "?": "this list",
    "Esc": "leave the search or this list",
}
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
        "total": lambda numbers: sum(numbers.values()),
        "whole": lambda text: Markup(escape(text)),  # a form sends it back as it is
        "prompt_link": _prompt_link,
    }
    environment.globals |= {
        "CALL_KINDS": CALL_KINDS,
        "CALL_SIGNS": _CALL_SIGNS,
        "COMPARISONS": outcomes.COMPARISONS,
        "ERROR_TYPES": ERROR_TYPES,
        "FULL": FULL,
        "KEYS": KEYS,
        "KIND_WORDS": KIND_WORDS,
        "MARKS": _MARKS,
        "MARK_SIGNS": outcomes.MARK_SIGNS,
        "MARK_WORDS": outcomes.MARK_WORDS,
        "METRICS": METRICS,
        "OUTCOMES": outcomes.OUTCOMES,
        "PREFERENCE": KINDS[0],
        "SETTINGS": SETTINGS,
        "parsed": ToolName.parse,
    }
    return environment


def _prompt_link(answer: Answer, link: dict[str, str]) -> str:
    return "prompt?" + urlencode({**link, "model": answer.model, "repeat": answer.number}, safe="/")


def _finalized(value: Any) -> Any:
    return plain(value) if isinstance(value, str) and not isinstance(value, Markup) else value
