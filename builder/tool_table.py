"""Tools in a columnar file that processes map: none of them holds all documents as dictionaries.

An Arrow file: short columns as they are, and each tool's whole document as JSON text, decoded when it is asked for.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property, partial
from pathlib import Path
from typing import Any, overload

import pyarrow as pa

from petoolbench import InputError, to_json_text
from petoolkit.chunks import parts_of
from petoolkit.engines.engine import HERE, Engine
from petoolkit.engines.shared_file import SharedFile
from petoolkit.files import replacing

from .understood_tools import Traits, traits_found, with_traits

_TEXTS = ("tool_name", "category", "provider", "functionality", "attributes", "provider_description")
_SCHEMA = pa.schema([*((name, pa.large_string()) for name in (*_TEXTS, "document")), ("background", pa.bool_())])
_AT_ONCE = 1_000  # tools that are read for a record batch
_DECODED = 4_096  # documents that a process keeps


class ToolTable(Mapping[str, dict]):
    """Tools by name, in the order of the file.

    Args:
        file: that `write_tools` wrote.

    Raises:
        InputError: if the file is not there.
    """

    def __init__(self, file: SharedFile):
        self._file = file
        path = file.here()
        self._decoded: dict[int, dict] = {}
        try:
            self._table = pa.ipc.open_file(pa.memory_map(str(path))).read_all()
        except (OSError, pa.ArrowException) as error:
            raise InputError(
                f"the tools of the build cannot be read from {path} ({error}); workers need the run's folder under "
                "the same path."
            ) from None

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self._file,)

    @cached_property
    def names(self) -> list[str]:
        """The tools' names."""
        return self.column("tool_name")

    @cached_property
    def numbers(self) -> dict[str, int]:
        """The number of each tool in the file."""
        return {name: number for number, name in enumerate(self.names)}

    @property
    def rows(self) -> "ToolRows":
        """The tools in order."""
        return ToolRows(self)

    def column(self, name: str) -> list:
        """The values of a column."""
        return self._table[name].to_pylist()

    def row(self, number: int) -> dict:
        """The tool with a number."""
        if number not in self._decoded:
            while len(self._decoded) >= _DECODED:  # the one that was decoded first
                del self._decoded[next(iter(self._decoded))]
            self._decoded[number] = json.loads(self._table["document"][number].as_py())
        return self._decoded[number]

    def __getitem__(self, name: str) -> dict:
        return self.row(self.numbers[name])

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    def __len__(self) -> int:
        return self._table.num_rows

    def __contains__(self, name: object) -> bool:
        return name in self.numbers


class ToolRows(Sequence[dict]):
    """The tools of a table in order, each decoded when it is asked for."""

    def __init__(self, table: ToolTable):
        self._table = table

    @overload
    def __getitem__(self, number: int) -> dict: ...

    @overload
    def __getitem__(self, number: slice) -> list[dict]: ...

    def __getitem__(self, number: int | slice) -> dict | list[dict]:
        if isinstance(number, slice):
            return [self._table.row(one) for one in range(*number.indices(len(self)))]
        return self._table.row(range(len(self))[number])

    def __len__(self) -> int:
        return len(self._table)


def write_tools(path: Path, collected: Iterable[dict], understood: Iterable[dict], engine: Engine = HERE) -> None:
    """Write understood tools as a file for `ToolTable`.

    Args:
        path: of the file.
        collected, understood: see `builder.understood_tools.understood_tools`.
        engine: reads the tools.

    Raises:
        InputError: if it can't be written.
    """

    def parts() -> Iterator[tuple[Iterable[dict], Iterable[dict]]]:
        return zip(parts_of(collected, _AT_ONCE), parts_of(understood, _AT_ONCE), strict=True)

    traits: dict[str, Traits] = {}
    for _, found in engine.run(_traits_in, parts()):
        for description, of_one in found.items():
            traits.setdefault(description, {}).update(of_one)
    with replacing(path) as beside, pa.ipc.new_file(str(beside), _SCHEMA) as file:
        for _, batch in engine.run(partial(_batch_of, traits), parts()):
            file.write_batch(batch)


def _traits_in(part: tuple[Iterable[dict], Iterable[dict]]) -> dict[str, Traits]:
    return traits_found(*part)


def _batch_of(traits: Mapping[str, Traits], part: tuple[Iterable[dict], Iterable[dict]]) -> pa.RecordBatch:
    columns = [
        {**{name: tool[name] for name in (*_TEXTS, "background")}, "document": to_json_text(tool)}
        for tool in with_traits(*part, traits)
    ]
    return pa.RecordBatch.from_pylist(columns, _SCHEMA)
