"""Flat rows: one endpoint each, with its provider's columns repeated."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from .catalogue_format import CatalogueFormat
from .tool_document import ToolDocument

_COLUMNS = ("category", "tool", "api")


def _is_row(value: Any) -> bool:
    """A row that lacks one of the three names is still meant as one, and the message can say what it lacks."""
    return isinstance(value, dict) and sum(column in value for column in _COLUMNS) >= 2


def _documents(value: Any, file: Path) -> Iterator[ToolDocument]:
    yield ToolDocument.model_validate(value)


RAPIDAPI = CatalogueFormat(
    "a RapidAPI row",
    f"a flat object with {', '.join(_COLUMNS[:-1])} and {_COLUMNS[-1]}, one an endpoint",
    _is_row,
    _documents,
)
