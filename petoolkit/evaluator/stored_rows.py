"""Rows of a dataset on disk, of which only a part is in memory at a time."""

from collections.abc import Callable, Iterator, Sequence
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, Protocol, overload

import pyarrow as pa
import pyarrow.compute as pc

from petoolkit.evaluator.table_rows import table_rows

if TYPE_CHECKING:
    import datasets

_ROWS_AT_ONCE = 1_000
# What tells rows apart and groups them; of the candidates, the names.
_FACTS = (
    "id",
    "user_id",
    "group_id",
    "block_id",
    "category",
    "kind",
    "history_length",
    "tool_call",
    "acceptable_tools",
    "same_function_tools",
)


class StoredRows(Sequence[dict[str, Any]]):
    """Rows that are read from the disk each time they are gone through.

    Args:
        parts: loaded splits, one after the other.
    """

    def __init__(self, parts: "Sequence[datasets.Dataset]"):
        self._parts = list(parts)

    def __len__(self) -> int:
        return sum(part.num_rows for part in self._parts)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        for part in self._parts:
            for table in tables_of(part):
                yield from table_rows(table)

    @overload
    def __getitem__(self, index: int) -> dict[str, Any]: ...
    @overload
    def __getitem__(self, index: slice) -> list[dict[str, Any]]: ...
    def __getitem__(self, index: int | slice) -> dict[str, Any] | list[dict[str, Any]]:
        if isinstance(index, slice):
            return [self[number] for number in range(*index.indices(len(self)))]
        number = index + len(self) if index < 0 else index
        for part in self._parts:
            if 0 <= number < part.num_rows:
                return table_rows(part.data.table.slice(number, 1))[0]
            number -= part.num_rows
        raise IndexError(index)

    @cached_property
    def facts(self) -> list[dict[str, Any]]:
        """The rows with the columns that group them alone, all in memory; of candidates, only `tool_name`."""
        shared: dict[Any, Any] = {}
        return [_facts(row, shared) for part in self._parts for table in tables_of(part) for row in _grouping(table)]


class Rows(Protocol):
    """Rows that can be counted, and gone through several times."""

    def __len__(self) -> int: ...

    def __iter__(self) -> Iterator[dict[str, Any]]: ...


def facts_of(rows: Sequence[dict[str, Any]]) -> Sequence[dict[str, Any]]:
    """Rows to group by their columns: those in memory as they are, those on disk without histories and documents."""
    return rows.facts if isinstance(rows, StoredRows) else rows


def tables_of(rows: "datasets.Dataset") -> Iterator[pa.Table]:
    """A loaded split in parts; see `reader_of`."""
    return reader_of(rows)()


def reader_of(rows: "datasets.Dataset") -> Callable[[], Iterator[pa.Table]]:
    """What gives a loaded split in parts, each time that it is called.

    Files are read, not mapped: pages of a mapped file count as this process's memory. The split itself, which maps its
    files, need not be kept.
    """
    if files := [file["filename"] for file in rows.cache_files]:
        return partial(_tables_of_files, files)
    return partial(_tables_in_memory, rows)


def _tables_in_memory(rows: "datasets.Dataset") -> Iterator[pa.Table]:
    return (pa.Table.from_batches([batch]) for batch in rows.data.table.to_batches(_ROWS_AT_ONCE))


def _tables_of_files(files: list[str]) -> Iterator[pa.Table]:
    for file in files:
        with pa.OSFile(file) as source, pa.ipc.open_stream(source) as stream:
            for batch in stream:
                yield pa.Table.from_batches([batch])


def _grouping(table: pa.Table) -> list[dict[str, Any]]:
    """Rows with the columns of `_FACTS`, and names of candidates."""
    columns = {name: table[name] for name in _FACTS if name in table.column_names}
    tools = table["candidate_tools"].combine_chunks()
    names = pc.struct_field(pc.list_flatten(tools), "tool_name")
    return table_rows(pa.table({**columns, "candidates": type(tools).from_arrays(_offsets(tools), names)}))


def _offsets(lists: pa.Array) -> pa.Array:
    lengths = pc.list_value_length(lists)
    return pa.concat_arrays([pa.array([0], pa.int32()), pc.cumulative_sum(lengths).cast(pa.int32())])


def _facts(row: dict[str, Any], shared: dict[Any, Any]) -> dict[str, Any]:
    """The facts of a row; lists and calls that several rows have are one object."""
    facts = {name: row[name] for name in _FACTS if name in row}
    for name in ("acceptable_tools", "same_function_tools"):
        if name in facts:
            facts[name] = shared.setdefault(tuple(facts[name]), facts[name])
    call = facts["tool_call"]
    facts["tool_call"] = shared.setdefault((call["tool_name"], call["parameters"]), call)
    names = tuple(row["candidates"])
    facts["candidate_tools"] = shared.setdefault(("", names), [{"tool_name": name} for name in names])
    return facts
