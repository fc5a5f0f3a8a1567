"""The candidates of a logged call: what was offered, or else tools of the same function and retrieved ones."""

from functools import cache
from typing import NamedTuple

import numpy as np

from ..recipe import GroupSettings
from ..record_rng import record_rng
from ..tools import Tools
from .same_function import same_function_groups

NUMBER, RETRIEVED = 10, 5  # candidates, and of these, retrieved ones at most; as in a build
# Cosine distance of two tools that do the same job, at most: as in a build.
FURTHEST: float = GroupSettings.model_fields["max_distance"].default
NEAR = 0.35  # cosine distance within which a tool of another function may do the job all the same: it is no candidate


class Choice(NamedTuple):
    """The candidates of one call.

    Args:
        candidates: numbers of tools, in the order that a model sees.
        same_function: those of the gold tool's function, it included, in this order.
    """

    candidates: list[int]
    same_function: list[int]


class _OfGold(NamedTuple):
    rivals: list[int]  # of the same function, one of each other provider
    retrieved: list[int]  # of other functions, the nearest first
    others: list[int]  # of other functions


class LogCandidates:
    """Chooses candidates.

    Args:
        tools: those that can be candidates.
        known: (tools,) bool: which of them the embedding model can read; the others have no rivals.
        seed: of the draws and orders.
    """

    def __init__(self, tools: Tools, known: np.ndarray, seed: int):
        self._vectors = tools.functionality
        self._seed = seed
        self._first = same_function_groups(tools, known, FURTHEST)
        self._providers = tools.providers
        self._of_gold = cache(self._beside)
        self._of_group = cache(self._apart_from)

    def group_id(self, tool: int) -> str:
        """The name of a tool's function."""
        return f"g{self._first[tool]:05d}"

    def choose(self, row: str, gold: int, offered: tuple[int, ...] | None) -> Choice:
        """The candidates of a call, in an order drawn for it.

        Args:
            row: names the call.
            gold: the called tool.
            offered: the tools that were offered, the called one among them; `None` if they are not recorded.
        """
        rng = record_rng(self._seed, "candidates", row)
        if offered is not None:
            chosen = list(offered)
        else:
            beside = self._of_gold(gold)
            rivals = beside.rivals if len(beside.rivals) < NUMBER else rng.sample(beside.rivals, NUMBER - 1)
            chosen = [gold, *rivals, *beside.retrieved[: NUMBER - 1 - len(rivals)]]
            chosen += rng.sample(beside.others, min(NUMBER - len(chosen), len(beside.others)))
        rng.shuffle(chosen)
        return Choice(chosen, [tool for tool in chosen if self._first[tool] == self._first[gold]])

    def _beside(self, gold: int) -> _OfGold:
        """What can stand beside a gold tool. Of each other provider of its function it is the tool nearest to it."""
        group = np.flatnonzero(self._first == self._first[gold])
        distance = self._vectors.distances(self._vectors[gold], group)
        nearest: dict[tuple[str, str], int] = {self._providers[gold]: gold}
        for tool in group[np.argsort(distance, kind="stable")].tolist():
            nearest.setdefault(self._providers[tool], tool)
        retrieved, others = self._of_group(int(self._first[gold]))
        return _OfGold([tool for tool in nearest.values() if tool != gold], retrieved, others)

    def _apart_from(self, first: int) -> tuple[list[int], list[int]]:
        """Tools that cannot do a group's job, going by their descriptions: the nearest to the group, and the rest."""
        group = np.flatnonzero(self._first == first)
        allowed, apart = np.ones(len(self._vectors), bool), np.zeros(len(self._vectors))
        for tool in group.tolist():
            distance = self._vectors.distances(self._vectors[tool], slice(None))
            allowed &= distance > NEAR
            apart += distance  # single additions: the same on every machine
        allowed[group] = False
        apart[~allowed] = np.inf
        nearest = np.argsort(apart, kind="stable")[: min(RETRIEVED, int(allowed.sum()))]
        allowed[nearest] = False
        return nearest.tolist(), np.flatnonzero(allowed).tolist()
