"""Going through many things some at a time; Python has it as `itertools.batched` from 3.12 on."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Protocol, TypeVar, runtime_checkable

Item = TypeVar("Item")
Decoded = TypeVar("Decoded", covariant=True)


@runtime_checkable
class Divisible(Protocol[Decoded]):
    """Items that are cut into parts before they are decoded: whoever goes through a part decodes it."""

    def __iter__(self) -> Iterator[Decoded]: ...

    def parts(self, size: int) -> "Iterator[Iterable[Decoded]]":
        """All items, so many at a time."""


def parts_of(items: Iterable[Item], size: int) -> Iterator[Iterable[Item]]:
    """Parts of `size` items, the last one smaller, as an engine's chunks."""
    return items.parts(size) if isinstance(items, Divisible) else in_chunks(items, size)


def in_chunks(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    """Lists of `size` items, the last one shorter; no more items are read than are asked for."""
    waiting = iter(items)
    while chunk := list(islice(waiting, size)):
        yield chunk
