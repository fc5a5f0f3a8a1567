"""Checks of all rows of a dataset before it is published, and the counts that its card and figures show."""

import math
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow.parquet as pq
from rich.console import Console
from rich.progress import track

from petoolbench import FEATURES, SETTINGS, SPLITS, InputError, breaches, setting_of
from petoolkit.publisher.text_search import Findings, TextSearch
from petoolkit.text import listing

# What a test row may not share with a training row, by `DatasetRecord.split`.
_SHARED: dict[str, Callable[[dict], str]] = {
    "user": lambda row: row["user_id"],
    "tool": lambda row: row["tool_call"]["tool_name"],
    "function": lambda row: row["group_id"],
}
_ROWS_AT_ONCE = 500
_NAMED = 4  # examples in a message


@dataclass
class CheckedDataset:
    """What a dataset holds."""

    rows: dict[str, dict[str, int]] = field(default_factory=dict)  # number of rows by setting and split
    lengths: dict[str, Counter[int]] = field(default_factory=dict)  # number of rows by setting and history length
    categories: Counter[str] = field(default_factory=Counter)  # number of rows by category
    example: dict = field(default_factory=dict)  # a row with a short history, of the test split if there is one
    findings: Findings = field(default_factory=dict)

    @property
    def total(self) -> int:
        """Number of rows."""
        return sum(sum(splits.values()) for splits in self.rows.values())

    @property
    def has_both_splits(self) -> bool:
        """Whether there are training and test rows, which could share something."""
        return all(any(splits.get(split) for splits in self.rows.values()) for split in SPLITS)


def data_files(folder: Path) -> list[Path]:
    """A dataset's parquet files, `data/<setting>/<split>-....parquet`, in the settings' order."""
    files = sorted(folder.glob("data/*/*.parquet"))
    return sorted(files, key=lambda file: [*SETTINGS, file.parent.name].index(file.parent.name))


def check_rows(folder: Path, split_by: str, console: Console) -> CheckedDataset:
    """Read all rows of a dataset's folder, and check them against the contract.

    Args:
        folder: that `petoolbench build` or `petoolbench import` wrote.
        split_by: what no test row shares with a training row beside the user (`DatasetRecord.split`).
        console: for a bar.

    Raises:
        InputError: naming what is wrong, how often, and the first rows.
    """
    checker = _RowChecker()
    files = [(file, _open(file)) for file in data_files(folder)]
    total = sum(parquet.metadata.num_rows for _, parquet in files)
    rows = (item for file, parquet in files for item in _rows(file, parquet, checker.problems))
    for setting, split, row in track(rows, "Checking the rows", total, console=console, transient=True):
        checker.read(setting, split, row)
    checker.check_splits(split_by)
    checker.problems.raise_if_any(folder)
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


def _rows(file: Path, parquet: pq.ParquetFile, problems: _Problems) -> Iterator[tuple[str, str, dict]]:
    """Setting, split and row of each row of a file; none of a file with other columns."""
    if not parquet.schema_arrow.remove_metadata().equals(FEATURES.arrow_schema.remove_metadata()):
        problems.add("columns are not the contract's", f"{file.parent.name}/{file.name}")
        return
    split = file.name.partition("-")[0]
    for batch in parquet.iter_batches(_ROWS_AT_ONCE):
        for row in batch.to_pylist():
            yield file.parent.name, split, row


class _RowChecker:
    """Checks rows one by one, and counts them."""

    def __init__(self) -> None:
        self.checked, self.problems = CheckedDataset(), _Problems()
        self._search = TextSearch(self.checked.findings)
        self._ids: set[str] = set()
        self._by_split: dict[str, dict[str, set[str]]] = {kind: {} for kind in _SHARED}  # kind, split: values
        self._example_rank = (False, False, -math.inf)  # of the best example so far

    def read(self, setting: str, split: str, row: dict) -> None:
        """Count a row, and note what is wrong with it.

        Args:
            setting: of the folder in which its file lies.
            split: of its file.
            row: of the contract's columns.
        """
        checked, name = self.checked, row["id"] or "a row without id"
        row = {**row, "id": row["id"] or ""}
        for breach in breaches(row):
            self.problems.add(breach, name)
        if setting_of(row) != setting:
            self.problems.add("rows lie in another setting's folder", name)
        if row["id"] in self._ids:
            self.problems.add("ids repeat", name)
        self._ids.add(row["id"])
        splits = checked.rows.setdefault(setting, {})
        splits[split] = splits.get(split, 0) + 1
        checked.lengths.setdefault(setting, Counter())[len(row["history"])] += 1
        checked.categories[row["category"]] += 1
        is_rated = setting in SETTINGS and SETTINGS[setting].is_rated
        if (rank := (split == "test", is_rated, -len(row["history"]))) > self._example_rank:
            self._example_rank, checked.example = rank, row
        for kind, value_of in _SHARED.items():
            self._by_split[kind].setdefault(split, set()).add(value_of(row))
        self._search.read(row)

    def check_splits(self, split_by: str) -> None:
        """Note what training and test rows share and must not; they never share a user."""
        for kind in dict.fromkeys(("user", split_by)):
            train, test = (self._by_split[kind].get(split, set()) for split in SPLITS)
            for value in sorted(train & test):
                self.problems.add(f"train and test share a {kind}", value)
