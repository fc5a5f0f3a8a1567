"""Datasets are loaded as `datasets.load_dataset` loads them, but with few row groups in memory at a time."""

import os
import time

import datasets
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from datasets.arrow_writer import ArrowWriter

from petoolkit.evaluator.row_group_reader import load_by_row_group

ROWS_OF_GROUP = 4
TEXT_BYTES = 2**18
GROUP_BYTES = ROWS_OF_GROUP * TEXT_BYTES


def write_dataset(folder, files: dict[str, range]):
    """A dataset whose rows are texts that cannot be compressed; `files` gives the numbers of rows by a file's name."""
    (folder / "data").mkdir(parents=True)
    (folder / "README.md").write_text(
        "---\nconfigs:\n- config_name: texts\n  data_files:\n"
        "  - {split: train, path: data/train-*}\n  - {split: test, path: data/test-*}\n---\n"
    )
    for name, numbers in files.items():
        texts = [os.urandom(TEXT_BYTES // 2).hex() for _ in numbers]
        table = pa.table({"id": list(numbers), "text": texts})
        pq.write_table(table, folder / "data" / name, row_group_size=ROWS_OF_GROUP)
    return str(folder)


@pytest.fixture
def slow_writer(monkeypatch):
    """Make the writer of the cache slow; a list of the bytes that Arrow holds whenever it begins to write."""
    held = []
    write_table, before = ArrowWriter.write_table, pa.total_allocated_bytes()

    def write(self, *given):
        time.sleep(0.02)
        held.append(pa.total_allocated_bytes() - before)
        write_table(self, *given)

    monkeypatch.setattr(ArrowWriter, "write_table", write)
    return held


def test_few_row_groups_are_in_memory_however_slow_the_cache_is_written(tmp_path, slow_writer):
    dataset = write_dataset(tmp_path / "made", {"train-0.parquet": range(100), "test-0.parquet": range(4)})
    load_by_row_group(dataset, "texts", cache_dir=str(tmp_path / "cache"))
    assert len(slow_writer) == 26
    assert max(slow_writer) < 4 * GROUP_BYTES


def test_rows_splits_and_types_are_those_of_load_dataset(tmp_path):
    files = {"train-0.parquet": range(6), "train-1.parquet": range(6, 9), "test-0.parquet": range(9, 10)}
    dataset = write_dataset(tmp_path / "made", files)
    usual = datasets.load_dataset(dataset, "texts", cache_dir=str(tmp_path / "usual"))
    read = load_by_row_group(dataset, "texts", cache_dir=str(tmp_path / "cache"))
    assert {split: rows.to_list() for split, rows in read.items()} == {
        split: rows.to_list() for split, rows in usual.items()
    }
    assert read["train"]["id"][:] == list(range(9))
    assert {split: rows.features for split, rows in read.items()} == {
        split: rows.features for split, rows in usual.items()
    }


def test_rows_of_other_files_than_parquet_are_read(tmp_path):
    made = tmp_path / "made"
    made.mkdir()
    (made / "train.jsonl").write_text('{"id": 1}\n{"id": 2}\n')
    read = load_by_row_group(str(made), "default", cache_dir=str(tmp_path / "cache"))
    assert read["train"].to_list() == [{"id": 1}, {"id": 2}]
