"""Collected tools together with what was understood of them."""

from collections.abc import Iterable, Iterator, Mapping

Traits = dict[str, str]  # names, each with the words of the provider's description that say so


def understood_tools(collected: Iterable[dict], understood: Iterable[dict]) -> Iterator[dict]:
    """Tools in catalogue order, with the columns of both stages.

    Args:
        collected, understood: rows of the two stages, in the same order, which are read twice; tools rejected in the
            second are left out. Tools with one description of their provider get all traits that were found in it for
            any of them.
    """
    return with_traits(collected, understood, traits_found(collected, understood))


def traits_found(collected: Iterable[dict], understood: Iterable[dict]) -> dict[str, Traits]:
    """The traits that were found in each provider's description, for any of its tools."""
    found: dict[str, Traits] = {}
    reads = list(understood)
    if any(read["traits"] for read in reads):
        for tool, read in zip(collected, reads, strict=True):
            if read["traits"] and not read["rejected"]:
                found.setdefault(tool["provider_description"], {}).update(read["traits"])
    return found


def with_traits(collected: Iterable[dict], understood: Iterable[dict], traits: Mapping[str, Traits]) -> Iterator[dict]:
    """Tools with the columns of both stages, and the traits of their providers' descriptions."""
    for tool, read in zip(collected, understood, strict=True):
        if not read["rejected"]:
            yield {**tool, **read, "traits": traits.get(tool["provider_description"], {})}
