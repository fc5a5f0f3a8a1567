"""A tool as every catalogue format gives it. Other people's text is data here: its form is checked, nothing else."""

from typing import Any

from pydantic import AliasChoices, BaseModel, ConfigDict, Field

# How the sentences begin that the stage `collect` puts behind a provider's description.
PRICING_LABEL = "Pricing: "
PERFORMANCE_LABEL = "Answers in about "
PROVIDER_FACT_LABELS = (PRICING_LABEL, PERFORMANCE_LABEL)


class Parameter(BaseModel):
    """One parameter of a tool.

    Args:
        name, type, description, default: as documented.
        json_schema: what its JSON Schema says beside the description and a default that is not null; `None` where it
            says no more than the type.
        examples: values that a person might ask for, where the catalogue has some.
        asks: a sentence that asks for an optional value, with `{name}` for it; for a boolean, one for
            `true` and one for `false`. `None` where the catalogue has none.
    """

    name: str
    type: str | None = None
    description: str | None = None
    default: Any = None
    json_schema: Any = Field(None, validation_alias=AliasChoices("json_schema", "schema"))
    examples: list[Any] = []
    asks: str | dict[str, str] | None = None


class ToolDocument(BaseModel):
    """One endpoint of one provider, as its catalogue documents it.

    Args:
        category: of the provider; "" where the catalogue has none.
        tool, tool_description: the provider's name, "" where the catalogue has none, and description.
        vendor: who runs the provider, such as the domain of its host, where the catalogue tells: services of one
            vendor are not each other's rivals.
        api, api_description: the endpoint's.
        required_parameters, optional_parameters: of the endpoint.
        parameters_schema: what the JSON Schema of all its parameters says beside the two before; `None` if nothing.
        response_schema: any JSON value.
        pricing: of the provider, in the catalogue's words.
        latency_ms, success_rate: milliseconds of an answer, and percent of calls that succeed.
        traits: of the provider, by name (`builder.traits`), each with the words of its description that say so.
        background: whether it only fills past calls and lists of candidates.
        requests: how people ask for what the endpoint does, with `{name}` for each required parameter.
    """

    model_config = ConfigDict(allow_inf_nan=False)  # also for numbers that are given as text

    category: str = ""
    tool: str = ""
    tool_description: str | None = None
    vendor: str | None = None
    api: str
    api_description: str | None = None
    required_parameters: list[Parameter] = []
    optional_parameters: list[Parameter] = []
    parameters_schema: dict[str, Any] | None = None
    response_schema: Any = None
    pricing: str | None = None
    latency_ms: float | None = None
    success_rate: float | None = None
    traits: dict[str, str] = {}
    requests: list[str] = []
    background: bool = False
