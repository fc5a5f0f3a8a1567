"""Reading a dataset as a whole before it is published: is each row what the card promises, and fit to be seen?"""

import json
import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow.parquet as pq
from rich.console import Console
from rich.progress import track

from petoolbench import FEATURES, SETTINGS, SPLITS, InputError, setting_of
from petoolkit.publisher.findings import Found
from petoolkit.publisher.text_search import Seen, Texts

# What no test row may share with a training row, by what `export.split` of a recipe promises.
PROMISES = ("user", "tool", "function")
_ROWS_AT_ONCE = 500
_NAMED = 3  # examples in a message


@dataclass
class Checked:
    """What a dataset holds."""

    rows: dict[str, dict[str, int]] = field(default_factory=dict)  # by setting and split
    lengths: dict[str, Counter[int]] = field(default_factory=dict)  # rows by history length, by setting
    categories: Counter[str] = field(default_factory=Counter)  # rows
    example: dict = field(default_factory=dict)  # a row with a short history, of the test split if there is one
    findings: dict[Found, Seen] = field(default_factory=dict)

    @property
    def total(self) -> int:
        """Number of rows."""
        return sum(sum(splits.values()) for splits in self.rows.values())

    @property
    def has_both_splits(self) -> bool:
        """Whether there is something that training and test could share."""
        return all(any(splits.get(split) for splits in self.rows.values()) for split in SPLITS)


def data_files(folder: Path) -> list[Path]:
    """A dataset's parquet files, `data/<setting>/<split>-....parquet`, in the settings' order."""
    files = sorted(folder.glob("data/*/*.parquet"))
    return sorted(files, key=lambda file: [*SETTINGS, file.parent.name].index(file.parent.name))


def check_rows(folder: Path, promise: str | None, console: Console) -> Checked:
    """Read all rows of a dataset folder, and hold them against the contract.

    Args:
        folder: that `petoolbench build` or `import` wrote.
        promise: what test and training rows do not share, one of `PROMISES`; `None` if the card doesn't say.
        console: for a bar.

    Raises:
        InputError: naming what is wrong, how often and where first.
    """
    checked, breaches = Checked(), _Breaches()
    reader = _Reader(checked, breaches)
    files = [(file, _open(file)) for file in data_files(folder)]
    total = sum(parquet.metadata.num_rows for _, parquet in files)
    rows = (item for file, parquet in files for item in _rows(file, parquet, breaches))
    for setting, split, row in track(rows, "Checking the rows", total, console=console, transient=True):
        reader.read(setting, split, row)
    reader.check_splits(promise)
    breaches.raise_if_any(folder)
    return checked


class _Breaches:
    """What is wrong, how often, and where first."""

    def __init__(self) -> None:
        self._found: dict[str, list[str]] = {}

    def add(self, what: str, where: str) -> None:
        self._found.setdefault(what, []).append(where)

    def raise_if_any(self, folder: Path) -> None:
        if self._found:
            told = "; ".join(
                f"{what} ({len(places):,}: {', '.join(places[:_NAMED])}{', ...' if len(places) > _NAMED else ''})"
                for what, places in self._found.items()
            )
            raise InputError(f"{folder} can't be published, since its card would not be true: {told}; build it anew.")


def _open(file: Path) -> pq.ParquetFile:
    try:
        return pq.ParquetFile(file)
    except (OSError, ValueError) as error:
        raise InputError(f"{file} can't be read ({' '.join(str(error).split())}); build the dataset anew.") from None


def _rows(file: Path, parquet: pq.ParquetFile, breaches: _Breaches) -> Iterator[tuple[str, str, dict]]:
    """Setting, split and row of each row of a file with the right columns."""
    if not parquet.schema_arrow.remove_metadata().equals(FEATURES.arrow_schema.remove_metadata()):
        breaches.add("columns are not the contract's", f"{file.parent.name}/{file.name}")
        return
    split = file.name.partition("-")[0]
    for batch in parquet.iter_batches(_ROWS_AT_ONCE):
        for row in batch.to_pylist():
            yield file.parent.name, split, row


class _Reader:
    """Takes rows one by one."""

    def __init__(self, checked: Checked, breaches: _Breaches):
        self._checked, self._breaches = checked, breaches
        self._texts = Texts(checked.findings)
        self._ids: set[str] = set()
        self._units: dict[str, dict[str, set[str]]] = {promise: {} for promise in PROMISES}  # by split
        self._shown = (False, False, -math.inf)  # how well the example fits

    def read(self, setting: str, split: str, row: dict) -> None:
        """Count a row, and note what is wrong with it."""
        checked, name = self._checked, row["id"] or "a row without id"
        for what in _broken(row, setting, self._ids):
            self._breaches.add(what, name)
        self._ids.add(name)
        splits = checked.rows.setdefault(setting, {})
        splits[split] = splits.get(split, 0) + 1
        checked.lengths.setdefault(setting, Counter())[len(row["history"])] += 1
        checked.categories[row["category"]] += 1
        shown = (split == "test", setting == "rating_integrated", -len(row["history"]))
        if shown > self._shown:
            self._shown, checked.example = shown, row
        units = (row["user_id"], row["tool_call"]["tool_name"], row["group_id"])
        for promise, unit in zip(PROMISES, units, strict=True):
            self._units[promise].setdefault(split, set()).add(unit)
        self._texts.read(row)

    def check_splits(self, promise: str | None) -> None:
        """Whether training and test share what they must not; users never."""
        for kept_apart in dict.fromkeys(("user", promise)):
            units = self._units.get(kept_apart or "", {})
            for shared in sorted(units.get("train", set()) & units.get("test", set())):
                self._breaches.add(f"train and test share a {kept_apart}", shared)


def _broken(row: dict, setting: str, seen: set[str]) -> list[str]:
    names = [tool["tool_name"] for tool in row["candidate_tools"]]
    gold = row["tool_call"]["tool_name"]
    rated = setting == "rating_integrated"
    broken = {
        "ids repeat": row["id"] in seen,
        "ids do not name their user and setting": row["id"] != f"{row['user_id']}/{setting}"
        or setting_of(row) not in SETTINGS,
        "instructions are empty": not row["instruction"],
        "history_length is not the history's": row["history_length"] != len(row["history"]),
        "ratings do not fit the setting": any((call["rating"] in (0, 1)) != rated for call in row["history"]),
        "candidates repeat": len(set(names)) != len(names),
        "the gold tool is no candidate": gold not in names,
        "same-function tools are no candidates": not set(row["same_function_tools"]) <= set(names),
        "the gold tool is not among the same-function tools": gold not in row["same_function_tools"],
        "parameters are no JSON object": not all(
            _is_object(call["parameters"]) for call in [row["tool_call"], *row["history"]]
        ),
    }
    return [what for what, holds in broken.items() if holds]


def _is_object(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except (TypeError, ValueError, RecursionError):
        return False
