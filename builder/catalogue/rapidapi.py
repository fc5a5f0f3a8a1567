"""Flat rows: one endpoint each, with its provider's columns repeated."""

from collections.abc import Collection, Iterator
from typing import Any

from pydantic import BaseModel

from .catalogue_format import CatalogueFormat, Source
from .key_checks import check_keys
from .tool_document import Parameter, ToolDocument

_NAMES = ("category", "tool", "api")
# Columns of the crawl that a benchmark has no use for.
_NOT_READ = (
    *("tool_title", "method", "response_schema_source", "popularity", "service_level", "statuscode", "home_url"),
    *("tool_std", "api_std", "source", "in_petoolbench_test", "in_toolgrad_v3"),
)
_COLUMNS: Collection[str] = [*(name for name in ToolDocument.model_fields if name != "background"), *_NOT_READ]
_KEYS_OF_PARAMETER: Collection[str] = [*Parameter.model_fields, "schema"]


class _Owner(BaseModel):
    """A row says whose tool it is."""

    category: str
    tool: str


def _is_row(value: Any) -> bool:
    """A row that lacks one of the three names is still meant as one, and the message can say what it lacks."""
    return isinstance(value, dict) and sum(column in value for column in _NAMES) >= 2


def _documents(value: Any, source: Source) -> Iterator[ToolDocument]:
    _Owner.model_validate(value)
    row = ToolDocument.model_validate(value)
    check_keys(value, _COLUMNS, "column")
    for parameter in [*value.get("required_parameters", []), *value.get("optional_parameters", [])]:
        check_keys(parameter, _KEYS_OF_PARAMETER, "key of a parameter")
    yield row


RAPIDAPI = CatalogueFormat(
    "a RapidAPI row",
    f"a flat object with {', '.join(_NAMES[:-1])} and {_NAMES[-1]}, one an endpoint; it can also have "
    "tool_description, api_description, required_parameters, optional_parameters and response_schema",
    _is_row,
    _documents,
)
