"""The authors' released test files -> a dataset folder of the same columns, losslessly."""

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from petoolbench import CITATION, InputError, setting_of
from petoolkit.released import read_released

from .dataset_folder import check_replaceable, write_dataset
from .row_statistics import RowStatistics

_SUFFIXES = (".json", ".json.gz")


def import_released(path: Path, dataset_folder: Path) -> dict:
    """Turn a released test file, or a folder of them (one a setting), into a dataset with a `test` split.

    The rendered prompts are kept as they are, beside the rows (`petoolkit.evaluator.prompts.released_prompts` reads them).

    Returns:
        The rows' statistics (`builder.row_statistics`), and how many `repeated rows` were the same in two files.

    Raises:
        InputError: if a file is not of the released form, two files disagree about a row, or the folder can't be
            replaced.
    """
    check_replaceable(dataset_folder)
    files = sorted(f for f in path.iterdir() if f.name.endswith(_SUFFIXES)) if path.is_dir() else [path]
    if not files:
        raise InputError(
            f"{path}/ holds no {' or '.join(_SUFFIXES)} file; give a released test file or a folder of them."
        )
    statistics = RowStatistics()
    repeated = [0]
    prompts: dict[str, dict[str, str]] = defaultdict(dict)  # by setting and row id

    def rows() -> Iterator[tuple[str, dict]]:
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
                    repeated[0] += 1
                else:
                    raise InputError(
                        f"{file}: row {row['id']} differs from the one in an earlier file; import them one by one."
                    )

    write_dataset(
        dataset_folder,
        rows(),
        lambda: {
            "folder": dataset_folder.name,
            "author": "the authors of the paper",
            "origin": "Imported by `petoolbench import` from the test file that the paper's authors released, without "
            "change: histories, candidates, their order and the gold calls are those of the rendered prompts. These "
            "hold no provider descriptions, so that column is empty.",
            "statistics": statistics.summary(),
            "citation": CITATION,
        },
        prompts,
    )
    return {**statistics.summary(), "repeated rows": repeated[0]}
