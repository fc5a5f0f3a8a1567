"""Settings of a language model behind an endpoint: the section `llm` of a build's recipe, options of an evaluation."""

from typing import Annotated, Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

Count = Annotated[int, Field(ge=1)]

# Fields of a request that have a setting or a meaning of their own here, and so cannot be in `extra_body`.
_OWN_FIELDS = (
    "model",
    "messages",
    "temperature",
    "seed",
    "max_tokens",
    "max_completion_tokens",
    "tools",
    "n",
    "stream",
)
_SHOWN_IN_ADDRESSES = ("api-version",)  # parameters whose values are no secrets


class Prices(BaseModel):
    """Prices in US dollars for a million tokens; 0 for a server of your own."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    input: Annotated[float, Field(ge=0)]
    output: Annotated[float, Field(ge=0)]
    embedding: Annotated[float, Field(ge=0)] | None = None  # if an embedding model behind the endpoint is used
    batch_share: Annotated[float, Field(ge=0, le=1)] | None = None  # price of a batch's replies, as a share of these


class LlmSettings(BaseModel):
    """The language model behind an OpenAI-compatible endpoint; its key is `$OPENAI_API_KEY`, never a setting."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    model: str = "gpt-4o-mini"  # the paper's
    base_url: str | None = None  # by default `$OPENAI_BASE_URL`, else OpenAI's own
    temperature: Annotated[float, Field(ge=0, le=2)] = 0.7
    max_tokens: Count = 4096  # in a reply
    attempts: Count = 3  # requests for a valid reply, before a record is rejected
    retries: Annotated[int, Field(ge=0)] = 6  # of a failed request
    timeout: Annotated[float, Field(gt=0)] = 120  # seconds, of a request
    extra_body: dict[str, Any] = {}  # further fields of each request, such as {reasoning_effort: low}
    concurrency: Count = 32  # requests in flight
    cache: bool = True  # whether a cached reply is used instead of a new request
    batch: bool = False  # whether requests go in the provider's batch files: cheaper, answered within a day
    batch_size: Count = 10_000  # requests in a batch file; lower it if the provider's queue is full
    batch_poll: Annotated[float, Field(gt=0)] = 30  # seconds between two checks of a batch
    prices: Prices | None = None
    max_cost: Annotated[float, Field(gt=0)] | None = None  # US dollars; needs `prices`

    @field_validator("extra_body")
    @classmethod
    def _no_own_fields(cls, extra_body: dict[str, Any]) -> dict[str, Any]:
        if own := own_fields(extra_body):
            raise ValueError(f"it cannot set {', '.join(own)}, which petoolbench sets itself; use their own settings")
        return extra_body

    @model_validator(mode="after")
    def _known_prices(self) -> "LlmSettings":
        if self.max_cost and not self.prices:
            raise ValueError("max_cost needs llm.prices: {input, output} in US dollars for a million tokens")
        if self.batch and self.prices and self.prices.batch_share is None:
            raise ValueError("batch needs llm.prices.batch_share, such as 0.5 if a batch is half the price")
        if self.batch and not self.cache:
            raise ValueError("a batch's replies come through the cache: leave out batch, or leave the cache on")
        return self

    @property
    def chat_prices(self) -> Prices | None:
        """Prices of chat tokens with these settings: the batch prices if `batch` is set."""
        if self.prices is None or not self.batch:
            return self.prices
        share = self.prices.batch_share or 0
        return self.prices.model_copy(
            update={"input": self.prices.input * share, "output": self.prices.output * share}
        )

    def answer_settings(self) -> dict[str, Any]:
        """The settings that change the replies; the address is without user name and password."""
        settings = self.model_dump(include={"model", "base_url", "temperature", "max_tokens", "attempts"})
        extra = {"extra_body": self.extra_body} if self.extra_body else {}
        return {**settings, **extra, "base_url": without_login(self.base_url)}


def own_fields(extra_body: dict[str, Any]) -> list[str]:
    """The fields in an extra body that it cannot set."""
    return [name for name in _OWN_FIELDS if name in extra_body]


def without_login(url: str | None) -> str | None:
    """An address without user name, password and values of its parameters but `api-version`, so that it can be stored.

    `None` for no address.
    """
    parts = urlsplit(url or "")
    parameters = [(name, value if name in _SHOWN_IN_ADDRESSES else "hidden") for name, value in parse_qsl(parts.query)]
    return parts._replace(netloc=parts.netloc.rpartition("@")[2], query=urlencode(parameters)).geturl() or None
