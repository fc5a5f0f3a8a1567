"""Which language model is asked, where, and how: the section `llm` of a build's recipe, options of an evaluation."""

from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, model_validator

Count = Annotated[int, Field(ge=1)]


class Prices(BaseModel):
    """US dollars for a million tokens, as the provider's list says; 0 for a server of your own."""

    model_config = ConfigDict(extra="forbid")

    input: Annotated[float, Field(ge=0)]
    output: Annotated[float, Field(ge=0)]
    embedding: Annotated[float, Field(ge=0)] | None = None  # of an embedding model behind the endpoint, if one is used
    batch_share: Annotated[float, Field(ge=0, le=1)] | None = None  # of these prices, that a batch's replies cost


class LlmSettings(BaseModel):
    """The language model behind an OpenAI-compatible endpoint; its key is `$OPENAI_API_KEY`, never a setting."""

    model_config = ConfigDict(extra="forbid")

    model: str = "gpt-4o-mini"  # the paper's
    base_url: str | None = None  # by default `$OPENAI_BASE_URL`, else OpenAI's own
    temperature: Annotated[float, Field(ge=0, le=2)] = 0.7
    max_tokens: Count = 4096  # of a reply
    attempts: Count = 3  # at a valid reply, before a record is rejected
    retries: Annotated[int, Field(ge=0)] = 6  # of a request that failed
    timeout: Annotated[float, Field(gt=0)] = 120  # seconds, of a request
    concurrency: Count = 32  # requests in flight
    cache: bool = True  # whether a reply that was paid for before is taken again
    batch: bool = False  # whether requests go in the provider's batch files: cheaper, answered within a day
    batch_size: Count = 10_000  # requests in a batch file; lower it where the provider's queue is full
    batch_poll: Annotated[float, Field(gt=0)] = 30  # seconds between two looks at a batch
    prices: Prices | None = None
    max_cost: Annotated[float, Field(gt=0)] | None = None  # US dollars; needs `prices`

    @model_validator(mode="after")
    def _known_prices(self) -> "LlmSettings":
        if self.max_cost and not self.prices:
            raise ValueError("max_cost needs llm.prices: {input, output} in US dollars for a million tokens")
        if self.batch and self.prices and self.prices.batch_share is None:
            raise ValueError("batch needs llm.prices.batch_share, such as 0.5 where a batch is half the price")
        if self.batch and not self.cache:
            raise ValueError("a batch's replies come through the cache: batch and no cache exclude each other")
        return self

    @property
    def chat_prices(self) -> Prices | None:
        """What a token costs in the way that these settings ask."""
        if self.prices is None or not self.batch:
            return self.prices
        share = self.prices.batch_share or 0
        return self.prices.model_copy(
            update={"input": self.prices.input * share, "output": self.prices.output * share}
        )

    def answer_settings(self) -> dict[str, Any]:
        """Those settings that change what is answered; the address without a user name or password in it."""
        settings = self.model_dump(include={"model", "base_url", "temperature", "max_tokens", "attempts"})
        return {**settings, "base_url": without_login(self.base_url)}


def without_login(url: str | None) -> str | None:
    """An address as it may be written down: without a user name or password."""
    parts = urlsplit(url or "")
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl() or None
