"""What a language model was asked, and what that cost."""

from collections import Counter

from petoolkit.endpoint.llm_settings import Prices

_PER = 1_000_000  # tokens that a price is for


class Usage:
    """Counts by stage: `calls` answered by the endpoint, `cached` ones, `retries`, `invalid` replies (cached ones
    too), `texts_cut` for a prompt, `seconds` of all calls together, and tokens (`cached_...` are those of replies that
    were not paid for again).

    Args:
        prices: of the model; without them there is no cost.
    """

    def __init__(self, prices: Prices | None):
        self._prices = prices
        self.stage = ""  # what is counted now
        self.waiting = ""  # what is waited for, in a few words
        self.by_stage: dict[str, Counter] = {}

    def count(self, **numbers: float) -> None:
        """Add to the current stage's numbers."""
        self.of_stage.update(numbers)

    @property
    def of_stage(self) -> Counter:
        """The current stage's numbers."""
        return self.by_stage.setdefault(self.stage, Counter())

    @property
    def total(self) -> Counter:
        """The numbers of all stages together."""
        return sum(self.by_stage.values(), Counter())

    def cost(self, numbers: Counter) -> float | None:
        """US dollars of the tokens in `numbers` that were paid for; `None` where prices are not known."""
        if self._prices is None:
            return None
        paid = numbers["prompt_tokens"] * self._prices.input + numbers["completion_tokens"] * self._prices.output
        return (paid + numbers["embedding_tokens"] * (self._prices.embedding or 0)) / _PER

    def mean_cost(self) -> float | None:
        """US dollars of a reply, on average of all so far; `None` without replies, or where prices are not known."""
        total = self.total
        if not (replies := total["calls"] + total["cached"]):
            return None
        both = {kind: total[kind] + total[f"cached_{kind}"] for kind in ("prompt_tokens", "completion_tokens")}
        cost = self.cost(Counter(both))
        return None if cost is None else cost / replies

    def status(self) -> str:
        """The current stage in a few words, for a progress bar."""
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
        """By stage and in total, with the cost where prices are known."""
        stages = {name: numbers for name, numbers in self.by_stage.items() if numbers} | {"total": self.total}
        return {name: {**numbers, "cost_usd": self.cost(numbers)} for name, numbers in stages.items()}
