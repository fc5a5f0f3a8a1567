"""Which tools the candidates and the past calls of a block are taken from."""

import random
from collections.abc import Callable
from functools import cache

import numpy as np

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
        self._providers: list[Provider] = [(tool["category"], tool["provider"]) for tool in tools.rows]
        self._provider_numbers = np.unique(["\0".join(p) for p in self._providers], return_inverse=True)[1]
        self._categories = np.array([tool["category"] for tool in tools.rows])
        self._may_be_candidate = cache(self._mask_of(pools.may_be_candidate))
        self._may_be_called = cache(self._mask_of(pools.may_be_in_history))
        self._nearest = cache(self._nearest_of)

    def _mask_of(self, may: Callable[[Provider, str], bool]) -> Callable[[str], np.ndarray]:
        return lambda split: np.array([may(provider, split) for provider in self._providers])

    def distractors(
        self, group: list[str], split: str, number: int, retrieved: int, rng: random.Random
    ) -> list[str] | None:
        """Candidates that do not do the group's job: `retrieved` that are found for it, and others at random.

        Returns:
            So many names; `None` if there are fewer tools.
        """
        allowed = self._may_be_candidate(split) & ~self._tools.does_job_of_any(tuple(group))
        if allowed.sum() < number:
            return None
        found = self._nearest(tuple(group), split, min(retrieved, number))
        allowed[found] = False
        rest = np.flatnonzero(allowed)
        found = [*found, *rest[rng.sample(range(len(rest)), number - len(found))].tolist()]
        return [self._tools.names[index] for index in found]

    def _nearest_of(self, group: tuple[str, ...], split: str, number: int) -> list[int]:
        query = self._documents[self._tools.index[group[0]]]
        allowed = self._may_be_candidate(split) & ~self._tools.does_job_of_any(group)
        return self._documents.nearest(query, self._documents.rough(query[None])[0], number, allowed).tolist()

    def callable(self, group: list[str], candidates: list[str], split: str, rng: random.Random) -> "PastTools":
        """Tools for the past calls of a block: none of a candidate's provider, of the group's category, or that does
        its job."""
        taken = self._provider_numbers[[self._tools.index[name] for name in candidates]]
        category = self._tools[group[0]]["category"]
        allowed = (
            self._may_be_called(split)
            & ~self._tools.does_job_of_any(tuple(group))
            & ((self._categories != category) | (category == UNCATEGORISED))
            & ~np.isin(self._provider_numbers, taken)
        )
        mixed = np.random.default_rng(rng.getrandbits(64)).permutation(np.flatnonzero(allowed))
        _, first_of_each = np.unique(self._provider_numbers[mixed], return_index=True)
        return PastTools([self._tools.names[index] for index in mixed[np.sort(first_of_each)]])


class PastTools:
    """Tools for the past calls of one block, each of another provider; each is taken once at most."""

    def __init__(self, names: list[str]):
        self._left = dict.fromkeys(names)

    def take(self, number: int, is_fit: IsFit, fewest: int | None = None) -> list[str] | None:
        """So many tools that are fit, or at least `fewest`; `None` if there are not as many."""
        found: list[str] = []
        for name in self._left:
            if len(found) == number:
                break
            if is_fit(name):
                found.append(name)
        if len(found) < (number if fewest is None else fewest):
            return None
        for name in found:
            del self._left[name]
        return found
