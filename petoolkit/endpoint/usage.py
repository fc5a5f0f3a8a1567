"""Numbers of calls and tokens, and their cost."""

from collections import Counter

from petoolkit.endpoint.llm_settings import Prices

_PER = 1_000_000  # prices are for so many tokens


class Usage:
    """Counts by stage.

    They are `calls` that the endpoint answered, `cached` replies, `retries`, `invalid` replies (cached ones too),
    `texts_cut` for a prompt, `seconds` of all calls together, and tokens. Names that begin with `cached_` are about
    cached replies, which are not paid for again.

    Args:
        prices: prices of the model; without them, the cost is not known.
    """

    def __init__(self, prices: Prices | None):
        self._prices = prices
        self.stage = ""  # the current stage
        self.waiting = ""  # a few words for the progress bar: what the run waits for
        self.by_stage: dict[str, Counter] = {}

    def count(self, **numbers: float) -> None:
        """Add to the numbers of the current stage."""
        self.of_stage.update(numbers)

    @property
    def of_stage(self) -> Counter:
        """The numbers of the current stage."""
        return self.by_stage.setdefault(self.stage, Counter())

    @property
    def total(self) -> Counter:
        """The numbers of all stages together."""
        return sum(self.by_stage.values(), Counter())

    def cost(self, numbers: Counter) -> float | None:
        """Cost of the paid tokens in `numbers`, in US dollars; `None` if prices are not known."""
        if self._prices is None:
            return None
        paid = numbers["prompt_tokens"] * self._prices.input + numbers["completion_tokens"] * self._prices.output
        return (paid + numbers["embedding_tokens"] * (self._prices.embedding or 0)) / _PER

    def mean_cost(self) -> float | None:
        """Mean cost of all replies so far, in US dollars; `None` without replies, or if prices are not known."""
        total = self.total
        if not (replies := total["calls"] + total["cached"]):
            return None
        both = {kind: total[kind] + total[f"cached_{kind}"] for kind in ("prompt_tokens", "completion_tokens")}
        cost = self.cost(Counter(both))
        return None if cost is None else cost / replies

    def status(self) -> str:
        """The numbers of the current stage in a few words, for a progress bar."""
        numbers = self.of_stage
        if not numbers:
            return self.waiting
        parts = [f"{numbers['calls']:,} calls, {numbers['cached']:,} cached"]
        parts += [f"{numbers[what]:,} {what}" for what in ("retries", "invalid") if numbers[what]]
        parts.append(f"{numbers['prompt_tokens'] + numbers['completion_tokens']:,} tokens")
        cost = self.cost(numbers)
        if cost is not None:
            parts.append(f"${cost:.4f}")
        return ", ".join([*parts, self.waiting] if self.waiting else parts)

    def as_json(self) -> dict:
        """Numbers and cost (`cost_usd`, `None` if prices are not known), by stage and as `total`."""
        stages = {name: numbers for name, numbers in self.by_stage.items() if numbers} | {"total": self.total}
        return {name: {**numbers, "cost_usd": self.cost(numbers)} for name, numbers in stages.items()}
