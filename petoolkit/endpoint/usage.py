"""Numbers of calls and tokens, and their cost."""

from collections import Counter
from typing import Any

from petoolkit.endpoint.llm_settings import Prices

_PER = 1_000_000  # prices are for so many tokens


class Usage:
    """Counts of a run, or of one of its stages (see `stage`).

    They are `calls` that the endpoint answered, `cached` replies, `retries`, `invalid` replies (cached ones too),
    `texts_cut` for a prompt, `seconds` of all calls together, and tokens. Names that begin with `cached_` are about
    cached replies, which are not paid for again.

    Args:
        prices: prices of the model; without them, the cost is not known.
        run: the run that this is a stage of; `None` for a run.
    """

    def __init__(self, prices: Prices | None, run: "Usage | None" = None):
        self._prices = prices
        self._run = run
        self.numbers: Counter = Counter()
        self.stages: dict[str, Usage] = {}
        self.waiting = ""  # a few words for the progress bar: what the run waits for

    def stage(self, name: str) -> "Usage":
        """The counts of one stage. Numbers that are added to it are added to the run, too."""
        return self.stages.setdefault(name, Usage(self._prices, self))

    def count(self, **numbers: float) -> None:
        """Add to the numbers."""
        self.numbers.update(numbers)
        if self._run is not None:
            self._run.count(**numbers)

    @property
    def total(self) -> Counter:
        """The numbers of the whole run."""
        return +self.numbers if self._run is None else self._run.total

    def cost(self, numbers: Counter) -> float | None:
        """Cost of the paid tokens in `numbers`, in US dollars; `None` if prices are not known."""
        if self._prices is None:
            return None
        paid = numbers["prompt_tokens"] * self._prices.input + numbers["completion_tokens"] * self._prices.output
        return (paid + numbers["embedding_tokens"] * (self._prices.embedding or 0)) / _PER

    def mean_cost(self) -> float | None:
        """Mean cost of all replies of the run, in US dollars; `None` without replies, or if prices are not known."""
        total = self.total
        if not (replies := total["calls"] + total["cached"]):
            return None
        both = {kind: total[kind] + total[f"cached_{kind}"] for kind in ("prompt_tokens", "completion_tokens")}
        cost = self.cost(Counter(both))
        return None if cost is None else cost / replies

    def status(self) -> str:
        """The numbers in a few words, for a progress bar."""
        numbers = self.numbers
        if not numbers:
            return self.waiting
        parts = [f"{numbers['calls']:,} calls, {numbers['cached']:,} cached"]
        parts += [f"{numbers[what]:,} {what}" for what in ("retries", "invalid") if numbers[what]]
        parts.append(f"{numbers['prompt_tokens'] + numbers['completion_tokens']:,} tokens")
        cost = self.cost(numbers)
        if cost is not None:
            parts.append(f"${cost:.4f}")
        return ", ".join([*parts, self.waiting] if self.waiting else parts)

    def as_json(self) -> dict[str, dict[str, Any]]:
        """Numbers and cost (`cost_usd`, `None` if prices are not known), by stage and as `total`."""
        stages = {name: stage.numbers for name, stage in self.stages.items() if stage.numbers} | {"total": self.total}
        return {name: {**numbers, "cost_usd": self.cost(numbers)} for name, numbers in stages.items()}
