"""ToolBench's nested files: one provider each, with the list of its endpoints."""

from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel, Field

from .catalogue_format import CatalogueFormat, Source
from .tool_document import Parameter, ToolDocument


class _Score(BaseModel):
    """How a provider performs, as RapidAPI measures it: milliseconds and percent."""

    avgLatency: float | None = None
    avgSuccessRate: float | None = None


class _Api(BaseModel):
    name: str
    description: str | None = None
    required_parameters: list[Parameter] = []
    optional_parameters: list[Parameter] = []
    response_schema: Any = Field(None, alias="schema")
    template_response: Any = None


class _Provider(BaseModel):
    tool_name: str
    title: str | None = None
    tool_description: str | None = None
    pricing: str | None = None
    score: _Score | None = None
    api_list: list[_Api]


def _is_provider(value: Any) -> bool:
    return isinstance(value, dict) and "api_list" in value


def _documents(value: Any, source: Source) -> Iterator[ToolDocument]:
    """The category is the name of the file's folder: ToolBench writes it nowhere else."""
    provider = _Provider.model_validate(value)
    score = provider.score or _Score()
    for api in provider.api_list:
        yield ToolDocument(
            category=source.file.resolve().parent.name,
            tool=provider.tool_name,
            tool_description=provider.tool_description,
            api=api.name,
            api_description=api.description,
            required_parameters=api.required_parameters,
            optional_parameters=api.optional_parameters,
            response_schema=api.response_schema or api.template_response,
            pricing=provider.pricing,
            latency_ms=score.avgLatency,
            success_rate=score.avgSuccessRate,
        )


TOOLBENCH = CatalogueFormat(
    "a ToolBench provider",
    "an object with tool_name and api_list, in a folder that has the category's name",
    _is_provider,
    _documents,
)
