"""Which tools show which traits in a block: as the catalogue documents them, or as they are assigned to it anew."""

import random
from collections.abc import Collection, Iterable
from typing import Protocol

from petoolkit.block_rules import word_runs

from .tools import Tools
from .traits import TRAITS, content_words

ATTRIBUTES = ("catalogue", "assigned")
WORDINGS = ("as_is", "crossed")


class BlockAttributes(Protocol):
    """Decides which traits the tools of one block show, and who can show them in a history."""

    def distinctive(self, names: Collection[str], rng: random.Random) -> dict[str, list[str]]:
        """For each tool, the traits that no other of these tools shows, in random order; tools without any are out."""

    def shows(self, name: str, trait: str, rivals: Iterable[str], own: str) -> bool:
        """Whether a past call of tool `name` can show a trait of tool `own`, and none of its rivals'."""

    def is_neutral(self, name: str, rivals: Iterable[str]) -> bool:
        """Whether a past call of tool `name` shows none of these tools' traits."""

    def traits_of(self, name: str) -> list[str] | None:
        """The traits that a tool shows; `None` if they are assigned in each block."""


class CatalogueAttributes:
    """Traits as the catalogue documents them, in its own words.

    Args:
        tools: with a column `traits`: name of the trait, and the description's words for it.
        crossed: whether a past call may not describe a trait in the words of the candidate that shows it.
    """

    def __init__(self, tools: Tools, crossed: bool):
        self._traits = {tool["tool_name"]: frozenset(tool["traits"]) for tool in tools.rows}
        self._crossed = crossed
        self._words = {}
        self._runs = {}
        if crossed:
            self._words = {
                (tool["tool_name"], trait): content_words(quote)
                for tool in tools.rows
                for trait, quote in tool["traits"].items()
            }
            self._runs = {tool["tool_name"]: word_runs(tool["provider_description"]) for tool in tools.rows}

    def distinctive(self, names: Collection[str], rng: random.Random) -> dict[str, list[str]]:
        """See `BlockAttributes`."""
        chosen = list(names)
        while True:
            own = {name: sorted(self._traits[name] - self._union(chosen, name)) for name in chosen}
            with_any = [name for name in chosen if own[name]]
            if with_any == chosen:
                break
            chosen = with_any
        for traits in own.values():
            rng.shuffle(traits)
        return own

    def _union(self, names: Iterable[str], without: str | None = None) -> frozenset[str]:
        return frozenset().union(*(self._traits[name] for name in names if name != without))

    def shows(self, name: str, trait: str, rivals: Iterable[str], own: str) -> bool:
        """See `BlockAttributes`."""
        if trait not in self._traits[name] or self._traits[name] & self._union(rivals):
            return False
        return not self._crossed or self._words[name, trait].isdisjoint(self._words[own, trait])

    def is_neutral(self, name: str, rivals: Iterable[str]) -> bool:
        """See `BlockAttributes`."""
        return bool(self._traits[name]) and self._traits[name].isdisjoint(self._union(rivals))

    def shares_words(self, name: str, candidates: Iterable[str]) -> bool:
        """With crossed wording, whether a tool's provider is described with a run of words of a candidate's."""
        return self._crossed and any(not self._runs[name].isdisjoint(self._runs[other]) for other in candidates)

    def traits_of(self, name: str) -> list[str] | None:
        """See `BlockAttributes`."""
        return sorted(self._traits[name])


class AssignedAttributes:
    """Traits that each block assigns to its tools, of whatever provider; descriptions are written for them."""

    def distinctive(self, names: Collection[str], rng: random.Random) -> dict[str, list[str]]:
        """See `BlockAttributes`."""
        drawn = rng.sample(sorted(TRAITS), len(names))
        return {name: [trait] for name, trait in zip(names, drawn, strict=True)}

    def shows(self, name: str, trait: str, rivals: Iterable[str], own: str) -> bool:
        """See `BlockAttributes`."""
        return True

    def is_neutral(self, name: str, rivals: Iterable[str]) -> bool:
        """See `BlockAttributes`."""
        return True

    def shares_words(self, name: str, candidates: Iterable[str]) -> bool:
        """Descriptions are written apart: none is used twice."""
        return False

    def traits_of(self, name: str) -> list[str] | None:
        """See `BlockAttributes`."""
        return None
