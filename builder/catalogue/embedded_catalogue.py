"""The form of the catalogue that ships in `embedded/`: a category with its functions and the providers of these.

A function's parameters and response are written once, for all its providers.
"""

from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel, model_validator

from .catalogue_format import CatalogueFormat, Source
from .tool_document import Parameter, ToolDocument


class _Function(BaseModel):
    requests: list[str] = []
    required_parameters: list[Parameter] = []
    optional_parameters: list[Parameter] = []
    response: Any = None


class _Api(BaseModel):
    name: str
    description: str


class _Provider(BaseModel):
    name: str
    description: str
    traits: dict[str, str] = {}
    apis: dict[str, _Api]  # by the function's name


class _Category(BaseModel):
    category: str
    functions: dict[str, _Function]
    providers: list[_Provider]

    @model_validator(mode="after")
    def _functions_are_there(self) -> "_Category":
        used = {name for provider in self.providers for name in provider.apis}
        if unknown := sorted(used - self.functions.keys()):
            raise ValueError(f"providers offer functions that are not described: {', '.join(unknown)}")
        return self


def _is_category(value: Any) -> bool:
    return isinstance(value, dict) and {"category", "functions", "providers"} <= value.keys()


def _documents(value: Any, source: Source) -> Iterator[ToolDocument]:
    category = _Category.model_validate(value)
    for provider in category.providers:
        for name, api in provider.apis.items():
            function = category.functions[name]
            yield ToolDocument(
                category=category.category,
                tool=provider.name,
                tool_description=provider.description,
                api=api.name,
                api_description=api.description,
                required_parameters=function.required_parameters,
                optional_parameters=function.optional_parameters,
                response_schema=function.response,
                traits=provider.traits,
                requests=function.requests,
            )


EMBEDDED_CATALOGUE = CatalogueFormat(
    "a category of the embedded catalogue",
    "an object with category, functions and providers",
    _is_category,
    _documents,
)
