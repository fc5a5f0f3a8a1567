"""Checks of all rows of a dataset before it is published, and the counts that its card and figures show."""

import heapq
import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow.parquet as pq
from rich.console import Console
from rich.progress import track

from petoolbench import FEATURES, KINDS, SETTINGS, SPLITS, InputError, all_configs, breaches, config_of, setting_of
from petoolkit.dataset_files import batches_in
from petoolkit.dataset_record import CHAT
from petoolkit.publisher.block_checks import BlockChecks
from petoolkit.publisher.text_search import Findings, TextSearch
from petoolkit.split_rules import unshared_by
from petoolkit.text import listing

_ROWS_AT_ONCE = 100
_NAMED = 4  # examples in a message


@dataclass
class CheckedDataset:
    """What a dataset holds."""

    rows: dict[str, dict[str, int]] = field(default_factory=dict)  # number of rows by config and split
    lengths: dict[str, Counter[int]] = field(default_factory=dict)  # number of rows by config and history length
    blocks: int = 0  # blocks whose rules were checked
    categories: Counter[str] = field(default_factory=Counter)  # number of rows by category
    example: dict = field(default_factory=dict)  # a row with a short history, of the test split if there is one
    findings: Findings = field(default_factory=dict)

    @property
    def total(self) -> int:
        """Number of rows."""
        return sum(sum(splits.values()) for splits in self.rows.values())

    @property
    def of_settings(self) -> dict[str, int]:
        """Number of rows of all settings by split."""
        numbers: Counter[str] = Counter()
        for setting in SETTINGS:
            numbers.update(self.rows.get(setting, {}))
        return dict(numbers)

    @property
    def has_both_splits(self) -> bool:
        """Whether there are training and test rows, which could share something."""
        return all(any(splits.get(split) for splits in self.rows.values()) for split in SPLITS)


def data_files(folder: Path) -> list[Path]:
    """The parquet files of a dataset's rows, `data/<config>/<split>-....parquet`, in the configs' order."""
    files = sorted(file for file in folder.glob("data/*/*.parquet") if file.parent.name != CHAT)
    return sorted(files, key=lambda file: [*all_configs(), file.parent.name].index(file.parent.name))


def check_rows(folder: Path, split_by: str, is_crossed: bool, console: Console) -> CheckedDataset:
    """Read all rows of a dataset's folder, and check them against the contract and the rules of blocks.

    Args:
        folder: that `petoolbench build` or `petoolbench import` wrote.
        split_by: what no test row shares with a training row beside user and block (`DatasetRecord.split`).
        is_crossed: whether histories must describe traits in other words than the candidates.
        console: for a bar.

    Raises:
        InputError: naming what is wrong, how often, and the first rows.
    """
    problems = _Problems()
    files = [(file, _open(file)) for file in data_files(folder)]
    files = [(file, parquet) for file, parquet in files if _has_all_columns(file, parquet, problems)]
    sizes = Counter(
        block_id
        for _, parquet in files
        for batch in parquet.iter_batches(columns=["block_id"])
        for block_id in batch["block_id"].to_pylist()
    )
    checker = _RowChecker(problems, split_by, BlockChecks(sizes, is_crossed))
    total = sum(parquet.metadata.num_rows for _, parquet in files)
    # Side by side, so that the rows of a block, which stand in several files, come soon after each other.
    rows = heapq.merge(*(_rows(file, parquet) for file, parquet in files), key=lambda item: item[0])
    for _, config, split, row in track(rows, "Checking the rows", total, console=console, transient=True):
        checker.read(config, split, row)
    checker.check_splits()
    problems.raise_if_any(folder)
    return checker.checked


class _Problems:
    """What is wrong, and in which rows or files."""

    def __init__(self) -> None:
        self._found: dict[str, list[str]] = {}

    def add(self, problem: str, where: str) -> None:
        self._found.setdefault(problem, []).append(where)

    def raise_if_any(self, folder: Path) -> None:
        if self._found:
            problems = "; ".join(
                f"{problem} ({len(where):,}: {listing(where, _NAMED)})" for problem, where in self._found.items()
            )
            raise InputError(
                f"{folder} cannot be published, since its card would not be true: {problems}; build it anew."
            )


def _open(file: Path) -> pq.ParquetFile:
    try:
        return pq.ParquetFile(file)
    except (OSError, ValueError) as error:
        raise InputError(f"{file} cannot be read ({' '.join(str(error).split())}); build the dataset anew.") from None


def _has_all_columns(file: Path, parquet: pq.ParquetFile, problems: _Problems) -> bool:
    """Whether a file has the contract's columns; notes it as a problem if not."""
    is_whole = parquet.schema_arrow.remove_metadata().equals(FEATURES.arrow_schema.remove_metadata())
    if not is_whole:
        problems.add("columns are not the contract's", f"{file.parent.name}/{file.name}")
    return is_whole


def _rows(file: Path, parquet: pq.ParquetFile) -> Iterator[tuple[float, str, str, dict]]:
    """Of each row of a file: how far in the file it stands (0 to 1), config, split, and the row."""
    config, split, number = file.parent.name, file.name.partition("-")[0], 0
    for batch in batches_in(parquet, _ROWS_AT_ONCE):
        for row in batch.to_pylist():
            yield number / parquet.metadata.num_rows, config, split, row
            number += 1


class _RowChecker:
    """Checks rows one by one, and counts them."""

    def __init__(self, problems: _Problems, split_by: str, blocks: BlockChecks) -> None:
        self.checked, self._problems, self._blocks = CheckedDataset(), problems, blocks
        self._search = TextSearch(self.checked.findings)
        self._ids: set[str] = set()
        self._unshared = unshared_by(split_by)
        self._of_train: dict[str, set[str]] = {what.name: set() for what in self._unshared}
        self._of_test: dict[str, set[str]] = {what.name: set() for what in self._unshared}
        self._example_rank = (False, False, -math.inf)  # of the best example so far

    def read(self, config: str, split: str, row: dict) -> None:
        """Count a row, and note what is wrong with it.

        Args:
            config: of the folder in which its file lies.
            split: of its file.
            row: of the contract's columns.
        """
        checked, name = self.checked, row["id"] or "a row without id"
        row = {**row, "id": row["id"] or ""}
        for breach in breaches(row):
            self._problems.add(breach, name)
        if config_of(row) != config:
            self._problems.add("rows lie in another config's folder", name)
        if row["id"] in self._ids:
            self._problems.add("ids repeat", name)
        self._ids.add(row["id"])
        splits = checked.rows.setdefault(config, {})
        splits[split] = splits.get(split, 0) + 1
        checked.lengths.setdefault(config, Counter())[len(row["history"])] += 1
        checked.categories[row["category"]] += 1
        is_rated = row["kind"] == KINDS[0] and setting_of(row) in SETTINGS and SETTINGS[setting_of(row)].is_rated
        if (rank := (split == "test", is_rated, -len(row["history"]))) > self._example_rank:
            self._example_rank, checked.example = rank, row
        for what in self._unshared:
            if split == "test":
                self._of_test[what.name].update(what.of_test(row))
            else:
                self._of_train[what.name].update(what.of_train(row))
        for rule in self._blocks.read(row):
            self._problems.add(f"of a block, {rule}", row["block_id"])
        checked.blocks = self._blocks.checked
        self._search.read(row)

    def check_splits(self) -> None:
        """Note what training and test rows share and must not."""
        for what in self._unshared:
            for value in sorted(self._of_train[what.name] & self._of_test[what.name]):
                self._problems.add(f"train and test share a {what.name}", value)
