"""What the test split shares with training rows."""

import hashlib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import chain
from typing import NamedTuple

import numpy as np

from petoolkit.audit_record import Overlap
from petoolkit.chunks import in_chunks
from petoolkit.split_rules import SHAREABLE

_MOST_ARRAYS = 64  # before they are made one


class _Sets(NamedTuple):
    """Sets of values that test rows have.

    Args:
        values: of all sets, one set after the other.
        lengths: (sets,) number of values in each.
        rows: (sets,) number of rows that have each.
    """

    values: np.ndarray
    lengths: np.ndarray
    rows: np.ndarray

    def rows_with(self, known: np.ndarray) -> int:
        """How many rows have one of the known values, which are sorted."""
        if not len(known):
            return 0
        nearest = np.minimum(np.searchsorted(known, self.values), len(known) - 1)
        of_set = np.repeat(np.arange(len(self.lengths)), self.lengths)
        return int(self.rows[np.unique(of_set[known[nearest] == self.values])].sum())


@dataclass
class _Added:
    """Values of one kind in rows that were added one by one.

    Args:
        train: those of training rows.
        test: number of test rows by all of their values; the rows of a block have most sets in common.
    """

    train: set[int] = field(default_factory=set)
    test: Counter[tuple[int, ...]] = field(default_factory=Counter)

    def sets(self) -> _Sets:
        """The sets of the test rows."""
        return _Sets(
            np.fromiter(chain.from_iterable(self.test), np.uint64),
            np.fromiter(map(len, self.test), np.int32),
            np.fromiter(self.test.values(), np.int32),
        )


class SplitValues:
    """The values in rows of both splits that splits may share: of as many rows as there are, so only 64-bit hashes."""

    def __init__(self) -> None:
        self._added = [_Added() for _ in SHAREABLE]
        # Of others that were merged: arrays take far less memory.
        self._train: list[list[np.ndarray]] = [[] for _ in SHAREABLE]
        self._test: list[list[_Sets]] = [[] for _ in SHAREABLE]

    def add(self, split: str, row: dict) -> None:
        """Take a row of the training or test split; others share nothing."""
        for added, kind in zip(self._added, SHAREABLE, strict=True):
            if split == "train":
                added.train.update(map(_hash, kind.of_train(row)))
            elif split == "test":
                added.test[tuple(map(_hash, dict.fromkeys(kind.of_test(row))))] += 1

    def merge(self, other: "SplitValues") -> None:
        """Take the rows of others."""
        for number in range(len(SHAREABLE)):
            self._train[number].append(other._distinct(number, "train"))
            if len(self._train[number]) > _MOST_ARRAYS:
                self._train[number] = [self._distinct(number, "train")]
            self._test[number] += other._sets(number)

    def _sets(self, number: int) -> list[_Sets]:
        return [*self._test[number], self._added[number].sets()]

    def _distinct(self, number: int, split: str) -> np.ndarray:
        """The distinct values of a kind in a split, sorted."""
        if split == "test":
            return _distinct(one.values for one in self._sets(number))
        return _distinct([*self._train[number], np.fromiter(self._added[number].train, np.uint64)])

    def distinct(self, name: str, split: str) -> int:
        """How many values of a kind of `SHAREABLE` a split has."""
        number = next(number for number, kind in enumerate(SHAREABLE) if kind.name == name)
        return len(self._distinct(number, split))

    def overlaps(self) -> list[Overlap]:
        """For each kind of values, how many of the test rows' the training rows have too."""
        found = []
        for number, kind in enumerate(SHAREABLE):
            mine, known = self._distinct(number, "test"), self._distinct(number, "train")
            if not len(mine):
                continue
            rows = sum(one.rows_with(known) for one in self._sets(number))
            shared = len(np.intersect1d(mine, known, assume_unique=True))
            found.append(Overlap(name=kind.name, shared=shared, of=len(mine), test_rows=rows))
        return found


def _distinct(arrays: Iterable[np.ndarray]) -> np.ndarray:
    """The distinct values of many arrays, sorted; some arrays at a time are copied."""
    distinct = np.empty(0, np.uint64)
    for some in in_chunks(arrays, _MOST_ARRAYS):
        distinct = np.unique(np.concatenate([distinct, *some]))
    return distinct


def _hash(text: str) -> int:
    """64 bits, by which a billion texts are told apart."""
    return int.from_bytes(hashlib.blake2b(text.encode(errors="replace"), digest_size=8).digest())
