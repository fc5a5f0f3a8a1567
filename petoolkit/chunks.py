"""Going through many things some at a time; Python has it as `itertools.batched` from 3.12 on."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypeVar

Item = TypeVar("Item")


def in_chunks(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    """Lists of `size` items, the last one shorter; no more items are read than are asked for."""
    waiting = iter(items)
    while chunk := list(islice(waiting, size)):
        yield chunk
