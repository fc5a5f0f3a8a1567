"""The rows that an audit is about: in memory, or of a dataset, from which they are read when they are needed."""

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from petoolbench import KINDS, SELECTIVITY, SETTINGS, breaches
from petoolkit.evaluator.dataset_rows import load_setting, present_configs
from petoolkit.evaluator.stored_rows import tables_of
from petoolkit.evaluator.table_rows import SharingRows, table_rows
from petoolkit.progress_bars import Bars

if TYPE_CHECKING:
    import datasets


@dataclass
class CheckedRows:
    """What was counted of rows as they went by.

    Args:
        numbers: of rows, by config and split.
        breaches: number of rows by the rule of the contract that they break.
        broken_ids: of the rows that break one.
        to_ask: number of rows with a choice to make, by setting and split.
        sound: number of rows of all settings that keep the contract, by split.
        alone: those of them in which only one candidate does the job.
        in_blocks: number of rows by block.
    """

    numbers: dict[str, dict[str, int]] = field(default_factory=dict)
    breaches: dict[str, int] = field(default_factory=dict)
    broken_ids: set[str] = field(default_factory=set)
    to_ask: Counter[tuple[str, str]] = field(default_factory=Counter)
    sound: Counter[str] = field(default_factory=Counter)
    alone: Counter[str] = field(default_factory=Counter)
    in_blocks: Counter[str] = field(default_factory=Counter)

    def add(self, config: str, split: str, row: dict) -> None:
        """Count a row of a config and split."""
        numbers = self.numbers.setdefault(config, {})
        numbers[split] = numbers.get(split, 0) + 1
        if row["block_id"]:
            self.in_blocks[row["block_id"]] += 1
        for breach in breaches(row):
            self.breaches[breach] = self.breaches.get(breach, 0) + 1
            self.broken_ids.add(row["id"])
        if config in SETTINGS and row["id"] not in self.broken_ids:
            self.sound[split] += 1
            self.alone[split] += len(row["same_function_tools"]) < 2
            self.to_ask[config, split] += self.is_to_ask(row)

    def is_to_ask(self, row: dict) -> bool:
        """Whether a row is of the kind `preference`, keeps the contract and has a choice to make."""
        return row["kind"] == KINDS[0] and len(row["same_function_tools"]) > 1 and row["id"] not in self.broken_ids


class AuditRows(ABC):
    """Rows to be audited."""

    def __init__(self) -> None:
        self.checked = CheckedRows()

    @abstractmethod
    def _rows(self, config: str, split: str, sharing: SharingRows | None = None) -> Iterator[dict]:
        """All rows of a config and split; equal parts are shared with those that were made by `sharing` before."""

    @abstractmethod
    def blocks(self) -> Iterator[list[dict]]:
        """The rows of each block, of all configs and splits."""

    def to_ask(self, setting: str, split: str) -> list[dict]:
        """The rows of a setting and split with a choice to make, in memory."""
        return [row for row in self._rows(setting, split, SharingRows()) if self.checked.is_to_ask(row)]

    def sound(self, split: str) -> Iterator[dict]:
        """The rows of all settings of a split that keep the contract."""
        for setting in SETTINGS:
            yield from (row for row in self._rows(setting, split) if row["id"] not in self.checked.broken_ids)


class RowsInMemory(AuditRows):
    """Rows that are added one by one."""

    def __init__(self) -> None:
        super().__init__()
        self._added: dict[tuple[str, str], list[dict]] = {}

    def add(self, config: str, split: str, row: dict) -> None:
        """Take a row of a config and split."""
        self.checked.add(config, split, row)
        self._added.setdefault((config, split), []).append(row)

    def _rows(self, config: str, split: str, sharing: SharingRows | None = None) -> Iterator[dict]:
        return iter(self._added.get((config, split), []))

    def blocks(self) -> Iterator[list[dict]]:
        """See `AuditRows`."""
        return _whole_blocks([iter([rows]) for rows in self._added.values()], self.checked.in_blocks)


class DatasetRows(AuditRows):
    """The rows of a dataset, of which one setting at most is in memory at a time.

    Args:
        dataset: a folder or a Hub id.
        revision: branch, tag or commit of a dataset on the Hub.
        on_rows: gets the number of rows that were read and checked.

    Raises what `load_setting` raises.
    """

    def __init__(self, dataset: str, revision: str | None, on_rows: Callable[[int], None] = lambda number: None):
        super().__init__()
        self._parts: dict[tuple[str, str], datasets.Dataset] = {}
        configs = present_configs(dataset, revision)
        for config in [name for name in (*SETTINGS, SELECTIVITY) if name in configs]:
            for split, part in load_setting(dataset, config, revision).items():
                self._parts[config, str(split)] = part
        for (config, split), part in self._parts.items():
            for rows in map(table_rows, tables_of(part)):
                for row in rows:
                    self.checked.add(config, split, row)
                on_rows(len(rows))

    def __len__(self) -> int:
        return sum(part.num_rows for part in self._parts.values())

    def _rows(self, config: str, split: str, sharing: SharingRows | None = None) -> Iterator[dict]:
        if part := self._parts.get((config, split)):
            for table in tables_of(part):
                yield from (sharing or SharingRows()).rows_of(table)

    def blocks(self) -> Iterator[list[dict]]:
        """See `AuditRows`; few wait for their other rows where all configs have the blocks in one order."""
        streams: list[Iterator[list[dict]]] = [map(table_rows, tables_of(part)) for part in self._parts.values()]
        return _whole_blocks(streams, self.checked.in_blocks)


def read_rows(dataset: str, revision: str | None, progress: Bars) -> DatasetRows:
    """The rows of all configs of a dataset; raises what `load_setting` raises."""
    bar = progress.add_task("Reading the rows", total=None)
    rows = DatasetRows(dataset, revision, lambda number: progress.advance(bar, number))
    progress.update(bar, total=len(rows))
    return rows


def _whole_blocks(streams: list[Iterator[list[dict]]], numbers: Counter[str]) -> Iterator[list[dict]]:
    """Each block as soon as all its rows are there; parts of the streams are read in turn."""
    waiting: dict[str, list[dict]] = {}
    while streams:
        for stream in list(streams):
            rows = next(stream, None)
            if rows is None:
                streams.remove(stream)
                continue
            for row in rows:
                if not (block := row["block_id"]):
                    continue
                waiting.setdefault(block, []).append(row)
                if len(waiting[block]) == numbers[block]:
                    yield waiting.pop(block)
