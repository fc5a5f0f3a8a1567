"""The authors' released test files -> a dataset folder of the same columns, losslessly."""

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from rich.console import Console

from petoolbench import InputError, setting_of
from petoolkit.console import make_console
from petoolkit.dataset_record import DatasetRecord
from petoolkit.folder_lock import locked
from petoolkit.released import read_released

from .dataset_folder import check_replaceable, write_dataset
from .row_statistics import RowStatistics

_SUFFIXES = (".json", ".json.gz")


def import_released(path: Path, dataset_folder: Path, console: Console | None = None, replace: bool = False) -> dict:
    """Turn a released test file, or a folder of them (one a setting), into a dataset with a `test` split.

    The rendered prompts are kept beside the rows as they are (`petoolkit.released.released_prompts` reads them).

    Args:
        path: of the file or folder.
        dataset_folder: for the dataset.
        console: for a word on what is replaced; by default the terminal's error stream.
        replace: whether the dataset may replace one that was built.

    Returns:
        The rows' statistics (`builder.row_statistics`), and how many `repeated rows` were the same in two files.

    Raises:
        InputError: if a file is not of the released form, two files disagree about a row, or the folder can't be
            replaced or is being written by another process.
    """
    with locked(dataset_folder):
        return _import(path, dataset_folder, console or make_console(stderr=True), replace)


def _import(path: Path, dataset_folder: Path, console: Console, replace: bool) -> dict:
    standing = check_replaceable(dataset_folder, "import", replace)
    files = sorted(f for f in path.iterdir() if f.name.endswith(_SUFFIXES)) if path.is_dir() else [path]
    if not files:
        raise InputError(
            f"{path}/ holds no {' or '.join(_SUFFIXES)} file; give a released test file or a folder of them."
        )
    if standing:
        console.print(f"{dataset_folder}/ holds {standing}; this import replaces it.", markup=False)
    statistics = RowStatistics()
    repeated = 0
    prompts: dict[str, dict[str, str]] = defaultdict(dict)  # by setting and row id

    def rows() -> Iterator[tuple[str, dict]]:
        nonlocal repeated
        seen: dict[str, dict] = {}
        for file in files:
            for row, prompt in read_released(file):
                known = prompts[setting_of(row)]
                if row["id"] not in seen:
                    seen[row["id"]] = row
                    known[row["id"]] = prompt
                    statistics.add(row)
                    yield "test", row
                elif (seen[row["id"]], known[row["id"]]) == (row, prompt):
                    repeated += 1
                else:
                    raise InputError(
                        f"{file}: row {row['id']} differs from the one in an earlier file; import them one by one."
                    )

    def record() -> DatasetRecord:
        return DatasetRecord(origin="import", author="the authors of the paper", statistics=statistics.summary())

    write_dataset(dataset_folder, rows(), record, prompts)
    return {**statistics.summary(), "repeated rows": repeated}
