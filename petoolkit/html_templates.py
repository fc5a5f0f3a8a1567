"""The environment of Jinja templates of pages: values are escaped, and a name that is missing is an error."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined


def page_environment(folder: Path, finalize: Callable[[Any], Any] | None = None) -> Environment:
    """An environment for the templates in a folder; `finalize` gets each value before it is escaped."""
    return Environment(
        loader=FileSystemLoader(folder),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=finalize,
    )
