"""Load rows where the cache of `datasets` is written slowly: most memory of its own reader, and of ours.

    python benchmarks/slow_cache.py petoolbench 20000 80000       (a built dataset, numbers of rows)

Rows are repeated until there are as many. The writer of the cache sleeps after each row group, as on a slow disk. Each
reader runs in a process of its own; memory is what the process holds apart from mapped files.
"""

import argparse
import functools
import tempfile
import threading
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import datasets
import pyarrow.parquet as pq
from machine import heading

from petoolkit.dataset_files import split_file
from petoolkit.evaluator.row_group_reader import load_by_row_group
from petoolkit.text import markdown_table

CONFIG, SPLIT = "chronological", "train"
READERS = {"datasets.load_dataset": datasets.load_dataset, "load_by_row_group": load_by_row_group}


def repeat_rows(dataset: Path, rows: int, folder: Path) -> None:
    """Write a dataset of one config and split with so many rows, in row groups as long as those of the given one."""
    folder.mkdir()
    card = f"configs: [{{config_name: {CONFIG}, data_files: [{{split: {SPLIT}, path: rows.parquet}}]}}]"
    (folder / "README.md").write_text(f"---\n{card}\n---\n")
    source = pq.ParquetFile(split_file(dataset, CONFIG, SPLIT))
    with pq.ParquetWriter(folder / "rows.parquet", source.schema_arrow, compression="zstd") as writer:
        while rows:
            for group in range(source.num_row_groups):
                table = source.read_row_group(group).slice(0, rows)
                rows -= table.num_rows
                if table.num_rows:
                    writer.write_table(table)


def own_megabytes() -> float:
    """Memory of this process, mapped files apart."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("RssAnon:")[1].split()[0]) / 1000


def most_memory(reader: str, dataset: str, seconds: float) -> tuple[float, float]:
    """The most megabytes that loading took, and its seconds, with so many seconds of sleep after each row group."""
    datasets.disable_progress_bars()
    write_table = datasets.arrow_writer.ArrowWriter.write_table

    @functools.wraps(write_table)
    def write_slowly(*given):
        write_table(*given)
        time.sleep(seconds)

    datasets.arrow_writer.ArrowWriter.write_table = write_slowly
    found, is_done = [own_megabytes()], threading.Event()

    def watch() -> None:
        while not is_done.wait(0.02):
            found.append(own_megabytes())

    watching = threading.Thread(target=watch)
    watching.start()
    started = time.perf_counter()
    try:
        with tempfile.TemporaryDirectory() as cache:
            READERS[reader](dataset, CONFIG, cache_dir=cache)
    finally:
        is_done.set()
        watching.join()
    return max(found), time.perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure loading rows into a cache that is written slowly.")
    parser.add_argument("dataset", type=Path)
    parser.add_argument("rows", nargs="+", type=int)
    parser.add_argument("--seconds", type=float, default=0.1, help="of sleep after each row group")
    given = parser.parse_args()
    print(heading(f"{given.seconds} s after each row group", "datasets", "pyarrow"))
    lines = []
    with tempfile.TemporaryDirectory() as folder:
        for rows in given.rows:
            made = Path(folder, str(rows))
            repeat_rows(given.dataset, rows, made)
            for reader in READERS:
                with ProcessPoolExecutor(1, get_context("spawn")) as fresh:
                    memory, seconds = fresh.submit(most_memory, reader, str(made), given.seconds).result()
                lines.append([f"{rows:,}", reader, f"{memory:.0f} MB", f"{seconds:.0f} s"])
    print(markdown_table(["rows", "reader", "most memory", "time"], lines))


if __name__ == "__main__":
    main()
