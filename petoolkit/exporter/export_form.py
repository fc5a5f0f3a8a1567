"""A form of other people's programs, and the dataset or results that it is made of."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import IO, Any

from petoolbench import InputError, to_json_text
from petoolkit.evaluator.dataset_rows import load_setting, present_configs, resolved_revision, unchanged
from petoolkit.evaluator.stored_rows import StoredRows
from petoolkit.folder_lock import check_outside


class ExportedDataset:
    """A dataset of which an export is made.

    Args:
        name: a folder or a Hub id.
        revision: branch, tag or commit of a dataset on the Hub.
    """

    def __init__(self, name: str, revision: str | None = None):
        self.name = name
        self.revision = resolved_revision(name, revision)

    def held(self) -> AbstractContextManager[None]:
        """While its folder stays as it is; raises what `unchanged` raises."""
        return unchanged(self.name)

    def check_out(self, folder: Path) -> None:
        """Refuse an output in its folder; raises what `check_outside` raises."""
        check_outside(folder, self.name, "--out")

    @cached_property
    def configs(self) -> list[str]:
        """The contract's configs that the dataset has; raises what `present_configs` raises."""
        return present_configs(self.name, self.revision)

    def rows(self, config: str, split: str | None = None) -> Iterator[tuple[str, dict]]:
        """Splits and rows of a config, of the contract's columns; raises what `load_setting` raises.

        Args:
            config: one of `configs`.
            split: only this split; a config without it has no rows.
        """
        for name, rows in load_setting(self.name, config, self.revision).items():
            if split in (None, name):
                yield from ((str(name), row) for row in StoredRows([rows]))


@dataclass(frozen=True)
class ExportForm:
    """A form in which a dataset, or evaluations, can be exported.

    Args:
        name: as the command takes it.
        description: what takes this form, and what is in it.
        write: writes the files into a folder, of what `of` opened; returns numbers of rows by file, and of what is
            left out by the reason.
        of: opens what the form is made of, by its name and revision: `ExportedDataset`, or `ExportedResults`.
    """

    name: str
    description: str
    write: Callable[[Any, Path], dict[str, int]]
    of: Callable[[str, str | None], Any] = ExportedDataset


def write_lines(folder: Path, lines: Iterable[tuple[str, dict]]) -> Counter[str]:
    """Write JSON lines into several files.

    Args:
        folder: for the files.
        lines: for each line, the name of its file (folders are made) and its object.

    Returns:
        Numbers of lines by file.
    """
    counts: Counter[str] = Counter()
    with ExitStack() as files:
        opened: dict[str, IO[str]] = {}
        for name, line in lines:
            if name not in opened:
                path = folder / name
                path.parent.mkdir(parents=True, exist_ok=True)
                opened[name] = files.enter_context(open(path, "w", encoding="utf-8"))
            opened[name].write(to_json_text(line) + "\n")
            counts[name] += 1
    return counts


def write_by_split(
    dataset: ExportedDataset, folder: Path, made_of: Callable[[str, dict], Iterable[dict]], left_out: str = ""
) -> Counter[str]:
    """Write `<split>.jsonl` with the rows of all configs.

    Args:
        dataset: the rows.
        folder: for the files.
        made_of: the lines that a config's row gives.
        left_out: why a row gives none; a count gets this name.
    """
    without: Counter[str] = Counter()

    def lines() -> Iterator[tuple[str, dict]]:
        for config in dataset.configs:
            for split, row in dataset.rows(config):
                number = 0
                for line in made_of(config, row):
                    number += 1
                    yield f"{split}.jsonl", line
                without[left_out] += not number

    counts = write_lines(folder, lines())
    return counts + without


def check_out(folder: Path) -> None:
    """Refuse a folder for an export that holds something already.

    Raises:
        InputError: naming it.
    """
    if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
        raise InputError(f"{folder} is there already; give another --out folder, or remove it first.")
