"""The rows that an audit is about, in parts: in memory, or of a dataset, from which they are read when needed."""

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from itertools import compress, groupby
from typing import Any, TypeAlias

import pyarrow as pa
import pyarrow.compute as pc

from petoolbench import KINDS, SELECTIVITY, SETTINGS
from petoolkit.chunks import in_chunks
from petoolkit.evaluator.dataset_rows import load_setting, present_configs
from petoolkit.evaluator.stored_rows import reader_of
from petoolkit.evaluator.table_rows import table_rows

Part: TypeAlias = "list[dict] | pa.Table"  # some rows; a table can be sent to another process for little
_ROWS_OF_PART = 250


def rows_of(part: Part) -> list[dict]:
    """The rows of a part; do not change them, since equal values are one object."""
    return part if isinstance(part, list) else table_rows(part)


def column_of(part: Part, name: str) -> list[Any]:
    """The values of one column of a part."""
    return [row[name] for row in part] if isinstance(part, list) else part[name].to_pylist()


@dataclass(frozen=True)
class RowsOfSplit:
    """Some rows of one config and split."""

    config: str
    split: str
    part: Part


class AuditRows(ABC):
    """Rows to be audited."""

    @abstractmethod
    def sizes(self) -> dict[tuple[str, str], int]:
        """The number of rows by config and split."""

    @abstractmethod
    def parts(self, config: str, split: str) -> Iterator[Part]:
        """All rows of a config and split, in their order."""

    @abstractmethod
    def _block_sizes(self) -> Counter[str]:
        """The number of rows by block, of all configs and splits."""

    def to_ask(self, setting: str, split: str, broken_ids: Collection[str]) -> Iterator[Part]:
        """The rows of the kind `preference` that keep the contract and have a choice to make.

        Args:
            setting, split: of the rows.
            broken_ids: of the rows that break the contract.
        """
        for part in self.parts(setting, split):
            if isinstance(part, list):
                kinds, numbers = column_of(part, "kind"), [len(row["same_function_tools"]) for row in part]
            else:
                kinds = column_of(part, "kind")
                numbers = pc.fill_null(pc.list_value_length(part["same_function_tools"]), 0).to_pylist()
            ids = column_of(part, "id")
            is_asked = [
                kind == KINDS[0] and number > 1 and row_id not in broken_ids
                for kind, number, row_id in zip(kinds, numbers, ids, strict=True)
            ]
            if all(is_asked):
                yield part
            elif any(is_asked):
                yield list(compress(part, is_asked)) if isinstance(part, list) else part.filter(pa.array(is_asked))

    def in_whole_blocks(self) -> Iterator[list[RowsOfSplit]]:
        """All rows, so many at a time, and those of one block together.

        Few rows wait for others of their block where all configs have the blocks in one order.
        """
        missing, waiting = self._block_sizes(), dict[str, list[RowsOfSplit]]()
        streams = [_Stream(*key, self.parts(*key), size) for key, size in self.sizes().items() if size]
        ready: list[RowsOfSplit] = []
        while streams:
            stream = min(streams, key=lambda one: one.share_read)
            part = next(stream.parts, None)
            if part is None:
                streams.remove(stream)
                continue
            stream.read += len(part)
            for block, piece in _by_block(part):
                pieces = [RowsOfSplit(stream.config, stream.split, piece)]
                if block:
                    missing[block] -= len(piece)
                    waiting.setdefault(block, []).extend(pieces)
                    if missing[block]:
                        continue
                    pieces = waiting.pop(block)
                ready += pieces
                if sum(len(one.part) for one in ready) >= _ROWS_OF_PART:
                    yield _joined(ready)
                    ready = []
        if ready:
            yield _joined(ready)


@dataclass
class _Stream:
    config: str
    split: str
    parts: Iterator[Part]
    size: int
    read: int = 0

    @property
    def share_read(self) -> float:
        return self.read / self.size


def _by_block(part: Part) -> Iterator[tuple[str, Part]]:
    """Rows of one block that follow each other; rows without a block too."""
    start = 0
    for block, rows in groupby(column_of(part, "block_id")):
        number = sum(1 for _ in rows)
        yield block, part[start : start + number] if isinstance(part, list) else part.slice(start, number)
        start += number


def _joined(pieces: list[RowsOfSplit]) -> list[RowsOfSplit]:
    """One part for each config and split; tables without what they were cut out of."""
    by_split: dict[tuple[str, str], list[Part]] = {}
    for one in pieces:
        by_split.setdefault((one.config, one.split), []).append(one.part)
    return [RowsOfSplit(*key, _concatenated(parts)) for key, parts in by_split.items()]


def _concatenated(parts: list[Part]) -> Part:
    if isinstance(parts[0], list):
        return [row for part in parts for row in part]
    return pa.concat_tables(parts).combine_chunks()


class RowsInMemory(AuditRows):
    """Rows that are added one by one."""

    def __init__(self) -> None:
        self._added: dict[tuple[str, str], list[dict]] = {}

    def add(self, config: str, split: str, row: dict) -> None:
        """Take a row of a config and split."""
        self._added.setdefault((config, split), []).append(row)

    def sizes(self) -> dict[tuple[str, str], int]:
        """See `AuditRows`."""
        return {key: len(rows) for key, rows in self._added.items()}

    def parts(self, config: str, split: str) -> Iterator[Part]:
        """See `AuditRows`."""
        return in_chunks(self._added.get((config, split), []), _ROWS_OF_PART)

    def _block_sizes(self) -> Counter[str]:
        return Counter(row["block_id"] for rows in self._added.values() for row in rows)


class DatasetRows(AuditRows):
    """The rows of a dataset.

    Args:
        dataset: a folder or a Hub id.
        revision: branch, tag or commit of a dataset on the Hub.

    Raises what `load_setting` raises.
    """

    def __init__(self, dataset: str, revision: str | None):
        self._sizes: dict[tuple[str, str], int] = {}
        self._readers: dict[tuple[str, str], Callable[[], Iterator[pa.Table]]] = {}
        configs = present_configs(dataset, revision)
        for config in [name for name in (*SETTINGS, SELECTIVITY) if name in configs]:
            for split, rows in load_setting(dataset, config, revision).items():
                self._sizes[config, str(split)] = rows.num_rows
                self._readers[config, str(split)] = reader_of(rows)

    def sizes(self) -> dict[tuple[str, str], int]:
        """See `AuditRows`."""
        return self._sizes

    def parts(self, config: str, split: str) -> Iterator[Part]:
        """See `AuditRows`."""
        if (config, split) in self._readers:
            for table in self._readers[config, split]():
                for start in range(0, table.num_rows, _ROWS_OF_PART):
                    yield table.slice(start, _ROWS_OF_PART)

    def _block_sizes(self) -> Counter[str]:
        numbers: Counter[str] = Counter()
        for read in self._readers.values():
            for table in read():
                numbers.update(table["block_id"].to_pylist())
        return numbers
