"""Which traits tools show in a block: those that the catalogue documents, or those that are assigned to them anew."""

import random
from collections.abc import Callable, Collection, Iterable
from typing import Protocol

from petoolbench import InputError
from petoolkit.block_rules import word_runs

from .tools import Tools
from .traits import TRAITS, content_words

_FEWEST_TRAITS = 2  # of a catalogue: one for each of two tools

IsFit = Callable[[str], bool]  # whether a past call of the tool of this name fits


def both(first: IsFit, second: IsFit) -> IsFit:
    """Whether a past call fits in both respects."""
    return lambda name: first(name) and second(name)


class BlockAttributes(Protocol):
    """Decides which traits the tools of one block show, and which tools can show them in a history."""

    def distinctive(self, names: Collection[str], rng: random.Random) -> dict[str, list[str]]:
        """For each tool, the traits that no other of these tools shows, in random order; tools without any are out."""

    def shows(self, trait: str, tool: str, rivals: Iterable[str]) -> IsFit:
        """Whether a past call can show this trait of `tool`, and no trait of its rivals."""

    def is_neutral(self, tools: Iterable[str]) -> IsFit:
        """Whether a past call shows no trait of these tools."""

    def is_in_other_words(self, candidates: Iterable[str]) -> IsFit:
        """Whether a past call's provider is described without a run of words of these candidates' providers."""

    def shown(self, name: str, trait: str | None, others: Collection[str], rng: random.Random) -> list[str]:
        """All traits that a tool shows in a block, `trait` among them; without one, none of `others` is drawn."""


class CatalogueAttributes:
    """Traits as the catalogue documents them, in its own words.

    Args:
        tools: with a column `traits`: name of the trait, and the description's words for it.
        is_crossed: whether a past call must describe a trait in other words than the candidate that shows it.

    Raises:
        InputError: if the tools show fewer than two traits.
    """

    def __init__(self, tools: Tools, is_crossed: bool):
        _check_traits(tools)
        self._traits = {tool["tool_name"]: frozenset(tool["traits"]) for tool in tools.rows}
        self._is_crossed = is_crossed
        self._words: dict[tuple[str, str], frozenset[str]] = {}
        self._runs: dict[str, frozenset] = {}
        if is_crossed:
            for tool in tools.rows:
                self._runs[tool["tool_name"]] = word_runs(tool["provider_description"])
                for trait, quote in tool["traits"].items():
                    self._words[tool["tool_name"], trait] = content_words(quote)

    def distinctive(self, names: Collection[str], rng: random.Random) -> dict[str, list[str]]:
        """See `BlockAttributes`."""
        chosen = list(names)
        while True:
            own = {name: sorted(self._traits[name] - self._all(o for o in chosen if o != name)) for name in chosen}
            with_any = [name for name in chosen if own[name]]
            if with_any == chosen:
                break
            chosen = with_any
        for traits in own.values():
            rng.shuffle(traits)
        return own

    def _all(self, names: Iterable[str]) -> frozenset[str]:
        return frozenset().union(*(self._traits[name] for name in names))

    def shows(self, trait: str, tool: str, rivals: Iterable[str]) -> IsFit:
        """See `BlockAttributes`."""
        of_rivals = self._all(rivals)
        words = self._words.get((tool, trait), frozenset())

        def is_fit(name: str) -> bool:
            traits = self._traits[name]
            return (
                trait in traits
                and traits.isdisjoint(of_rivals)
                and (not self._is_crossed or words.isdisjoint(self._words[name, trait]))
            )

        return is_fit

    def is_neutral(self, tools: Iterable[str]) -> IsFit:
        """See `BlockAttributes`."""
        theirs = self._all(tools)
        return lambda name: bool(self._traits[name]) and self._traits[name].isdisjoint(theirs)

    def is_in_other_words(self, candidates: Iterable[str]) -> IsFit:
        """See `BlockAttributes`."""
        if not self._is_crossed:
            return lambda name: True
        runs = frozenset().union(*(self._runs[name] for name in candidates))
        return lambda name: self._runs[name].isdisjoint(runs)

    def shown(self, name: str, trait: str | None, others: Collection[str], rng: random.Random) -> list[str]:
        """See `BlockAttributes`."""
        return sorted(self._traits[name])


def _check_traits(tools: Tools) -> None:
    traits = {trait for tool in tools.rows for trait in tool["traits"]}
    if len(traits) >= _FEWEST_TRAITS:
        return
    number = sum(bool(tool["traits"]) for tool in tools.rows)
    only = f", and all of them the same one ({traits.pop()})" if traits else ""
    raise InputError(
        f"{number:,} of the {len(tools):,} understood tools show a trait of builder/traits.yaml{only}, and a "
        "preference needs two; take blocks.attributes: assigned, have a language model read the documents "
        "(author.understand: openai), or add catalogues that name traits."
    )


class AssignedAttributes:
    """Traits that each block assigns to its tools, of whatever provider; descriptions are then written for them."""

    def distinctive(self, names: Collection[str], rng: random.Random) -> dict[str, list[str]]:
        """See `BlockAttributes`. At most half of all traits are drawn: the others are left for past calls."""
        chosen = list(names)[: len(TRAITS) // 2]
        drawn = rng.sample(sorted(TRAITS), len(chosen))
        return {name: [trait] for name, trait in zip(chosen, drawn, strict=True)}

    def shows(self, trait: str, tool: str, rivals: Iterable[str]) -> IsFit:
        """See `BlockAttributes`."""
        return lambda name: True

    def is_neutral(self, tools: Iterable[str]) -> IsFit:
        """See `BlockAttributes`."""
        return lambda name: True

    def is_in_other_words(self, candidates: Iterable[str]) -> IsFit:
        """See `BlockAttributes`."""
        return lambda name: True

    def shown(self, name: str, trait: str | None, others: Collection[str], rng: random.Random) -> list[str]:
        """See `BlockAttributes`. Every provider gets a trait: having one must not tell what a tool is here for."""
        return [trait or rng.choice(sorted(TRAITS.keys() - set(others)))]
