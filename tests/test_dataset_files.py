"""Parquet files of a dataset: row groups do not depend on how many rows come at once."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from rows import past_call, row

from petoolbench import FEATURES
from petoolkit.dataset_files import SplitWriter, batches_in, batches_of, schema_of

ROWS = [row(f"u{number}", "rating_integrated", "Aerwyn", [past_call("Zed", number % 2)]) for number in range(1_203)]


def written(path, at_once):
    writer = SplitWriter(path, FEATURES)
    for start in range(0, len(ROWS), at_once):
        writer.add(pa.RecordBatch.from_pylist(ROWS[start : start + at_once], schema_of(FEATURES)))
    return writer.close()


def test_the_same_row_groups_however_many_rows_come_at_once(tmp_path):
    tables = [pa.Table.from_pylist(ROWS[start : start + 500], schema_of(FEATURES)) for start in (0, 500, 1_000)]
    for at_once in (7, 100, 1_203):
        found = written(tmp_path / f"{at_once}.parquet", at_once)
        assert found.num_examples == len(ROWS)
        assert found.num_bytes == sum(table.nbytes for table in tables)
        assert found.path.read_bytes() == (tmp_path / "7.parquet").read_bytes()
    groups = pq.ParquetFile(tmp_path / "7.parquet")
    assert [groups.read_row_group(number).to_pylist() for number in range(3)] == [one.to_pylist() for one in tables]


def test_rows_become_tables_of_some_rows_each():
    batches = list(batches_of(iter(ROWS), schema_of(FEATURES)))
    assert len(batches) > 20
    assert pa.Table.from_batches(batches).combine_chunks() == pa.Table.from_pylist(ROWS, schema_of(FEATURES))


@pytest.mark.parametrize("skipped", [0, 2, 3, 4, 7, 8])
def test_a_file_is_read_group_by_group_from_any_row_on(tmp_path, skipped):
    pq.write_table(pa.table({"number": list(range(8))}), tmp_path / "a.parquet", row_group_size=3)
    with pq.ParquetFile(tmp_path / "a.parquet") as parquet:
        batches = list(batches_in(parquet, 2, skipped))
    assert [number for batch in batches for number in batch["number"].to_pylist()] == list(range(skipped, 8))
    assert all(len(batch) <= 2 for batch in batches)
