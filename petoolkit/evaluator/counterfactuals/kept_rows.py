"""Rows in temporary files: gone through in parts, or read one by one for what another row takes of them."""

import os
import pickle
import tempfile
from array import array
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from petoolbench import InputError
from petoolkit.chunks import in_chunks

_ROWS_AT_ONCE = 250
_FACTS = ("id", "kind", "block_id", "group_id", "acceptable_tools", "same_function_tools")
_TAKEN = ("history", "taste", "tool_call")  # of one row by another


class KeptRows:
    """Rows in files that go when nobody needs them any more; what tells the rows apart and groups them is in memory.

    Args:
        rows: of the contract's columns; gone through once.

    Raises:
        InputError: if the folder for temporary files is full, or there is none.
    """

    def __init__(self, rows: Iterable[dict[str, Any]]):
        self._parts, taken = _Objects(), _Objects()
        self.facts: list[KeptRow] = []
        shared: dict[tuple[str, ...], tuple[str, ...]] = {}
        for part in in_chunks(rows, _ROWS_AT_ONCE):
            self._parts.add(part)
            for row in part:
                self.facts.append(KeptRow(row, shared, taken))
                taken.add({name: row[name] for name in _TAKEN})

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return self.at(range(len(self.facts)))

    def at(self, numbers: Iterable[int]) -> Iterator[dict[str, Any]]:
        """The rows of these numbers, which grow; do not change them, they share what is equal in them."""
        part: list[dict[str, Any]] = []
        read = None
        for number in numbers:
            of_part, behind = divmod(number, _ROWS_AT_ONCE)
            if of_part != read:
                part, read = self._parts[of_part], of_part
            yield part[behind]


class KeptRow(dict[str, Any]):
    """What is in memory of a row; its history, taste and call are read whenever they are asked for."""

    __slots__ = ("_number", "_taken")

    def __init__(self, row: dict[str, Any], shared: dict[tuple[str, ...], tuple[str, ...]], taken: "_Objects"):
        super().__init__((name, row[name]) for name in _FACTS)
        for name in ("acceptable_tools", "same_function_tools"):
            tools = tuple(row[name])
            self[name] = shared.setdefault(tools, tools)
        self._taken, self._number = taken, len(taken)

    def __missing__(self, column: str) -> Any:
        return self._taken[self._number][column]


class _Objects:
    """Objects in a file, each found by its number."""

    def __init__(self) -> None:
        with _saying_where():
            self._file = tempfile.TemporaryFile(prefix="petoolbench-rows-", buffering=0)  # noqa: SIM115 (closed with this)
        self._ends = array("Q", [0])
        self._last: tuple[int, Any] = (-1, None)

    def __len__(self) -> int:
        return len(self._ends) - 1

    def add(self, one: Any) -> None:
        """Write an object behind the others."""
        left = memoryview(pickle.dumps(one, pickle.HIGHEST_PROTOCOL))
        self._ends.append(self._ends[-1] + len(left))
        with _saying_where():
            while left:
                left = left[self._file.write(left) :]

    def __getitem__(self, number: int) -> Any:
        last, one = self._last  # mostly several columns of an object are asked for
        if last != number:
            start, end = self._ends[number : number + 2]
            one = pickle.loads(os.pread(self._file.fileno(), end - start, start))
            self._last = number, one
        return one


@contextmanager
def _saying_where() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise InputError(
            f"rows cannot be kept in the folder for temporary files, {tempfile.tempdir or 'TMPDIR'} "
            f"({error.strerror}); free some space there, or set TMPDIR to another folder."
        ) from None
