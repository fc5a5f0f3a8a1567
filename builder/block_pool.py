"""Which tools the candidates and the past calls of a block are taken from."""

import random
from collections.abc import Callable, Iterable, Sequence

import numpy as np

from petoolbench import SPLITS
from petoolkit.block_rules import UNCATEGORISED
from petoolkit.exact_products import GridVectors

from .block_attributes import IsFit
from .split_pools import Provider, SplitPools
from .tools import Tools


class BlockPool:
    """The tools of a catalogue, by what a block may do with them.

    Args:
        tools: all understood tools.
        pools: what each split may use.
        documents: (tools, dimension), by which distractors are found.
    """

    def __init__(self, tools: Tools, pools: SplitPools, documents: GridVectors):
        self._tools, self._documents = tools, documents
        self._providers: list[Provider] = tools.providers
        self._provider_numbers = np.unique(["\0".join(p) for p in self._providers], return_inverse=True)[1]
        self._categories = np.array(tools.column("category"))
        self._may_be_candidate = self._masks(pools.may_be_candidate)
        self._may_be_called = self._masks(pools.may_be_in_history)
        self._nearest: dict[tuple[str, str, int], list[int]] = {}
        self._compared: set[str] = set()
        self._rough: dict[str, np.ndarray] = {}  # products of those that were compared last

    def _masks(self, may: Callable[[Provider, str], bool]) -> dict[str, np.ndarray]:
        """For each split, (tools,) bool."""
        return {split: np.array([may(provider, split) for provider in self._providers], bool) for split in SPLITS}

    def distractors(
        self, group: list[str], split: str, number: int, retrieved: int, rng: random.Random
    ) -> list[str] | None:
        """Candidates that do not do the group's job: `retrieved` that are found for it, and others at random.

        Returns:
            So many names; `None` if there are fewer tools.
        """
        allowed = self._may_be_candidate[split] & ~self._tools.does_job_of_any(group)
        if allowed.sum() < number:
            return None
        found = self._nearest_of(group[0], split, min(retrieved, number), allowed)
        allowed[found] = False
        rest = np.flatnonzero(allowed)
        found = [*found, *rest[rng.sample(range(len(rest)), number - len(found))].tolist()]
        return [self._tools.names[index] for index in found]

    def compare(self, names: Iterable[str]) -> None:
        """Compare these tools with all others, in one product: `distractors` of their groups then take less time."""
        asked = [name for name in dict.fromkeys(names) if name not in self._compared]
        self._compared.update(asked)
        queries = self._documents[[self._tools.index[name] for name in asked]]
        self._rough = dict(zip(asked, self._documents.rough(queries), strict=True)) if asked else {}

    def _nearest_of(self, first: str, split: str, number: int, allowed: np.ndarray) -> list[int]:
        """The tools that are found for a group, by its first tool, which no other group has."""
        if (first, split, number) not in self._nearest:
            query = self._documents[self._tools.index[first]]
            rough = self._rough[first] if first in self._rough else self._documents.rough(query[None])[0]
            self._nearest[first, split, number] = self._documents.nearest(query, rough, number, allowed).tolist()
        return self._nearest[first, split, number]

    def callable(self, group: list[str], candidates: list[str], split: str, rng: random.Random) -> "PastTools":
        """Tools for the past calls of a block: none of a candidate's provider, of the group's category, or that does
        its job."""
        taken = self._provider_numbers[[self._tools.index[name] for name in candidates]]
        category = self._tools[group[0]]["category"]
        allowed = (
            self._may_be_called[split]
            & ~self._tools.does_job_of_any(group)
            & ((self._categories != category) | (category == UNCATEGORISED))
            & ~np.isin(self._provider_numbers, taken)
        )
        mixed = np.random.default_rng(rng.getrandbits(64)).permutation(np.flatnonzero(allowed))
        return PastTools(self._tools.names, mixed[np.sort(self._first_of_each_provider(mixed))])

    def _first_of_each_provider(self, numbers: np.ndarray) -> np.ndarray:
        """Where the first tool of each provider stands among these."""
        first = np.full(self._provider_numbers.max() + 1, -1)
        # Of several values for one entry, numpy keeps the last.
        first[self._provider_numbers[numbers[::-1]]] = np.arange(len(numbers))[::-1]
        return first[first >= 0]


class PastTools:
    """Tools for the past calls of one block, each of another provider; each is taken once at most.

    Args:
        names: of all tools.
        numbers: of those that may be called, in random order.
    """

    def __init__(self, names: Sequence[str], numbers: np.ndarray):
        self._names, self._numbers = names, numbers
        self._taken: set[str] = set()

    def take(self, number: int, is_fit: IsFit, fewest: int | None = None) -> list[str] | None:
        """So many tools that are fit, or at least `fewest`; `None` if there are not as many."""
        found: list[str] = []
        for index in self._numbers:
            if len(found) == number:
                break
            name = self._names[index]
            if name not in self._taken and is_fit(name):
                found.append(name)
        if len(found) < (number if fewest is None else fewest):
            return None
        self._taken.update(found)
        return found
