"""Evaluate a rule on many rows, and score the replies again: CPU time and most memory of each command.

    petoolbench build --recipe embedded --dataset big
    python benchmarks/large_evaluation.py big 15000 100000       (from the repository's root)
    python benchmarks/large_evaluation.py big 15000 --counterfactual all

The rows are copies of the test rows of a built dataset, under other users and blocks; rows of other kinds (the config
`selectivity`) are as many times more as the others.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from multiprocessing import get_context
from pathlib import Path

import datasets
from huggingface_hub import DatasetCard
from machine import heading

from petoolbench import FEATURES, SELECTIVITY, SETTINGS
from petoolkit.text import markdown_table

MODEL = "baseline:attribute-words"
TEST = "test-00000-of-00001.parquet"


def copy_rows(dataset: Path, rows: int, folder: Path) -> None:
    """Write a dataset with so many test rows of the kind `preference`, and the training rows of the other one."""
    datasets.disable_progress_bars()
    shutil.copytree(dataset, folder)
    card = DatasetCard.load(folder / "README.md")
    card.data.dataset_info = None  # `datasets` compares the numbers of rows in it
    card.save(folder / "README.md")
    paths = [path for name in (*SETTINGS, SELECTIVITY) if (path := folder / "data" / name / TEST).exists()]
    parts = [datasets.Dataset.from_parquet(str(path), features=FEATURES).to_list() for path in paths]
    growth = rows / sum(len(part) for part in parts[: len(SETTINGS)])
    for path, own in zip(paths, parts, strict=True):
        wanted = round(len(own) * growth)

        def copies(own: list[dict] = own, wanted: int = wanted):
            for number in range(wanted):
                copy, at = divmod(number, len(own))
                row = own[at]
                user, _, config = row["id"].partition("/")
                yield {
                    **row,
                    "id": f"{user}c{copy}/{config}",
                    "user_id": f"{row['user_id']}c{copy}",
                    "block_id": row["block_id"] and f"{row['block_id']}c{copy}",
                }

        made = datasets.Dataset.from_generator(copies, features=FEATURES, cache_dir=str(folder.parent / "cache"))
        path.unlink()
        made.to_parquet(str(path))


def measured(command: list[str]) -> tuple[float, float, float]:
    """Seconds, seconds of CPU and the most memory in GB of a command, with all that it starts."""
    started = time.perf_counter()
    process = subprocess.Popen([sys.executable, "-m", "petoolbench_cli", *command], stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        sys.exit(f"{' '.join(command)} failed")
    return time.perf_counter() - started, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset", type=Path)
    parser.add_argument("rows", type=int, nargs="+")
    parser.add_argument("--counterfactual", default="", help="as `petoolbench evaluate` has it")
    given = parser.parse_args()
    dataset, numbers = given.dataset, given.rows
    print(heading(f"{MODEL} on many rows", "datasets", "pyarrow", "numpy"))
    lines = []
    with tempfile.TemporaryDirectory() as made:
        for rows in numbers:
            folder, results = Path(made) / f"rows{rows}", Path(made) / f"results{rows}"
            # In a process of its own: commands that a large one starts count its memory as theirs.
            copying = get_context("spawn").Process(target=copy_rows, args=(dataset, rows, folder))
            copying.start()
            copying.join()
            if copying.exitcode:
                sys.exit("the rows could not be copied")
            asked = ["evaluate", "--dataset", str(folder), "--model", MODEL, "--out", str(results)]
            asked += ["--counterfactual", given.counterfactual] if given.counterfactual else []
            for name, command in (("evaluate", asked), ("score", ["score", str(results)])):
                seconds, cpu, memory = measured(command)
                lines.append([f"{rows:,}", name, f"{seconds:.0f} s", f"{cpu:.0f} s", f"{memory:.2f} GB"])
    print(markdown_table(["test rows", "command", "time", "CPU", "most memory"], lines))


if __name__ == "__main__":
    main()
