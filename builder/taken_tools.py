"""Tools that a user has, and which others overlap with them in function."""

from collections.abc import Iterable

import numpy as np

from .tools import Tools

_FIRST_ROOM = 64  # tools


class TakenTools:
    """Tools to which others are compared one by one, often, while they grow.

    Args:
        tools: of the catalogue.
        names: of those that the user has.
    """

    def __init__(self, tools: Tools, names: Iterable[str]):
        self._tools = tools
        self._numbers: list[int] = []
        self._overlapping: set[str] = set()
        self._apart: dict[str, int] = {}  # of tools that overlapped with none so far: with how many they were compared
        self._vectors = np.empty((_FIRST_ROOM, tools.functionality.rows.shape[1]), np.float32)
        self.add(names)

    def add(self, names: Iterable[str]) -> None:
        """Take further ones."""
        for name in names:
            if len(self._numbers) == len(self._vectors):
                self._vectors = np.concatenate([self._vectors, np.empty_like(self._vectors)])
            number = self._tools.index[name]
            self._vectors[len(self._numbers)] = self._tools.functionality[number]
            self._numbers.append(number)

    def overlap(self, name: str) -> bool:
        """Whether a tool overlaps in function with any of them; it is compared with those only that are new to it."""
        if name in self._overlapping:
            return True
        known, number = self._apart.get(name, 0), len(self._numbers)
        if known < number and self._overlaps_with(self._tools.index[name], slice(known, number)):
            self._overlapping.add(name)
            return True
        self._apart[name] = number
        return False

    def _overlaps_with(self, tool: int, some: slice) -> bool:
        """The same for some of them; distances are computed where a rough product leaves it open."""
        vectors, eps = self._tools.functionality, self._tools.eps
        query = vectors[tool]
        near = np.flatnonzero(self._vectors[some] @ query >= vectors.least_rough(eps))
        return bool(len(near)) and bool((vectors.distances(query, np.array(self._numbers[some])[near]) <= eps).any())
