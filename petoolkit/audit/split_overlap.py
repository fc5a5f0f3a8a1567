"""What the test split shares with training rows."""

import hashlib
from collections.abc import Iterable

import numpy as np

from petoolkit.audit_record import Overlap
from petoolkit.split_rules import SHAREABLE

_MOST_ARRAYS = 64  # before those of training rows are made one


class SplitValues:
    """The values in rows of both splits that splits may share: of as many rows as there are, so only 64-bit hashes."""

    def __init__(self) -> None:
        self._train: list[list[np.ndarray]] = [[] for _ in SHAREABLE]
        self._test: list[list[np.ndarray]] = [[] for _ in SHAREABLE]
        self._numbers: list[list[np.ndarray]] = [[] for _ in SHAREABLE]  # of values in each test row

    def __getstate__(self) -> dict[str, list[list[np.ndarray]]]:
        """For another process, the small arrays of all rows are one: each would take as long as a large one."""
        return {
            name: [[np.concatenate(arrays)] if arrays else [] for arrays in of_kinds]
            for name, of_kinds in vars(self).items()
        }

    def add(self, split: str, row: dict) -> None:
        """Take a row of the training or test split; others share nothing."""
        for number, kind in enumerate(SHAREABLE):
            if split == "train":
                self._train[number].append(_hashes(kind.of_train(row)))
            elif split == "test":
                hashes = _hashes(kind.of_test(row))
                self._test[number].append(hashes)
                self._numbers[number].append(np.array([len(hashes)], np.int32))

    def merge(self, other: "SplitValues") -> None:
        """Take the rows of others."""
        for number in range(len(SHAREABLE)):
            self._train[number].append(other._distinct(number, "train"))
            if len(self._train[number]) > _MOST_ARRAYS:
                self._train[number] = [self._distinct(number, "train")]
            for own, theirs in ((self._test, other._test), (self._numbers, other._numbers)):
                if theirs[number]:
                    own[number].append(np.concatenate(theirs[number]))

    def _distinct(self, number: int, split: str) -> np.ndarray:
        arrays = (self._train if split == "train" else self._test)[number]
        return np.unique(np.concatenate(arrays)) if arrays else np.empty(0, np.uint64)

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
            is_shared = np.isin(np.concatenate(self._test[number]), known)
            numbers = np.concatenate(self._numbers[number])
            rows = np.unique(np.repeat(np.arange(len(numbers)), numbers)[is_shared])
            shared = len(np.intersect1d(mine, known, assume_unique=True))
            found.append(Overlap(name=kind.name, shared=shared, of=len(mine), test_rows=len(rows)))
        return found


def _hashes(values: Iterable[str]) -> np.ndarray:
    """(distinct values,) 64 bits each, by which a billion texts are told apart."""
    return np.array([_hash(value) for value in dict.fromkeys(values)], np.uint64)


def _hash(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode(errors="replace"), digest_size=8).digest())
