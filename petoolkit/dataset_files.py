"""Parquet files of a dataset's configs, and what its card's YAML says of them."""

from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from petoolkit.chunks import in_chunks
from petoolkit.files import content_version

if TYPE_CHECKING:
    import datasets

_ROWS_OF_GROUP = 500
ROWS_AT_ONCE = 50  # that are objects of Python, which take several times the memory of a table
_PAGE_BYTES = 64 * 2**20  # of a column in a row group: what repeats in its rows is compressed away in one page only


def split_file(folder: Path, config: str, split: str) -> Path:
    """The file with the rows of a config and split in a dataset's folder."""
    return folder / "data" / config / f"{split}-00000-of-00001.parquet"


@dataclass
class WrittenSplit:
    """A parquet file with one split of one config, its rows, and their bytes in memory."""

    path: Path
    num_examples: int = 0
    num_bytes: int = 0


def batches_in(parquet: pq.ParquetFile, rows: int, skipped: int = 0) -> Iterator[pa.RecordBatch]:
    """The rows of a file, so many at a time at most, without the first ones.

    Row groups are read one by one: a reader of many takes memory for each of them.
    """
    for group in range(parquet.num_row_groups):
        if skipped >= (number := parquet.metadata.row_group(group).num_rows):
            skipped -= number
            continue
        for batch in parquet.iter_batches(rows, row_groups=[group]):
            yield batch.slice(min(skipped, len(batch)))
            skipped -= min(skipped, len(batch))


def batches_of(rows: Iterable[dict], schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    """Rows as tables of some rows each."""
    return (pa.RecordBatch.from_pylist(part, schema) for part in in_chunks(rows, ROWS_AT_ONCE))


def _in_one_piece(batches: list[pa.RecordBatch], schema: pa.Schema) -> pa.Table:
    """A table of batches, which are emptied column by column."""
    pieces = [[batch.column(number) for batch in batches] for number in range(len(schema))]
    batches.clear()
    columns = []
    for column in pieces:
        columns.append(pa.concat_arrays(column))
        column.clear()
    return pa.Table.from_arrays(columns, schema=schema)


def schema_of(features: "datasets.Features") -> pa.Schema:
    """The types of columns, without the schema note of datasets 5: datasets 3 does not know the type `List` in it."""
    return features.arrow_schema.remove_metadata()


class SplitWriter:
    """Writes one parquet file; a thread, one for all files, compresses a row group while the next one is made.

    Args:
        path: of the file.
        features: the types of its columns.
        rows_of_group: rows of each row group but the last.
        one_page: whether a column of a row group is one page, which suits long texts that repeat from row to row.
    """

    def __init__(
        self, path: Path, features: "datasets.Features", rows_of_group: int = _ROWS_OF_GROUP, one_page: bool = False
    ):
        path.parent.mkdir(parents=True, exist_ok=True)
        self._schema = schema_of(features)
        self._written = WrittenSplit(path)
        self._rows_of_group = rows_of_group
        pages = {"data_page_size": _PAGE_BYTES, "use_dictionary": False} if one_page else {}
        self._writer = pq.ParquetWriter(path, self._schema, compression="zstd", compression_level=9, **pages)
        self._batches: list[pa.RecordBatch] = []  # of the next row group
        self._rows = 0  # in them
        self._being_written: Future[None] | None = None

    def add(self, batch: pa.RecordBatch) -> None:
        """Add rows; so many make a row group, however many are added at once."""
        while len(batch):
            part = batch.slice(0, self._rows_of_group - self._rows)
            batch = batch.slice(len(part))
            self._batches.append(part)
            self._rows += len(part)
            if self._rows == self._rows_of_group:
                self.end_group()

    def end_group(self) -> None:
        """Make a row group of the rows that wait for more; does not wait until it is written."""
        if not self._batches:
            return
        self._finish_group()  # what it takes is free before the batches become one
        table = _in_one_piece(self._batches, self._schema)
        self._rows = 0
        self._being_written = _compressing().submit(self._writer.write_table, table)
        self._written.num_examples += table.num_rows
        self._written.num_bytes += table.nbytes

    def close(self) -> WrittenSplit:
        """Finish the file."""
        self.end_group()
        self._finish_group()
        self._writer.close()
        return self._written

    def _finish_group(self) -> None:
        """Wait until the last row group is written; raises what went wrong with it."""
        if self._being_written is not None:
            self._being_written.result()
            self._being_written = None


@cache
def _compressing() -> ThreadPoolExecutor:
    """One thread: each further one would keep memory of its own."""
    return ThreadPoolExecutor(1)


def config_entry(folder: Path, config: str, splits: dict[str, WrittenSplit], default: bool = False) -> dict[str, Any]:
    """A config as the card's YAML lists it under `configs`.

    Args:
        folder: the dataset's, in which the files are.
        config: its name.
        splits: its files, by split.
        default: whether `load_dataset` takes this config if none is named.
    """
    return {
        "config_name": config,
        "data_files": [{"split": split, "path": str(one.path.relative_to(folder))} for split, one in splits.items()],
        "version": content_version(*(one.path for one in splits.values())),
        **({"default": True} if default else {}),
    }


def config_info(config: str, features: "datasets.Features", splits: dict[str, WrittenSplit]) -> "datasets.DatasetInfo":
    """Types and sizes of a config, which the card's YAML holds under `dataset_info`."""
    import datasets

    return datasets.DatasetInfo(
        config_name=config,
        features=features,
        splits=datasets.SplitDict.from_split_dict(
            {
                split: {"name": split, "num_bytes": one.num_bytes, "num_examples": one.num_examples}
                for split, one in splits.items()
            }
        ),
        download_size=sum(one.path.stat().st_size for one in splits.values()),
        dataset_size=sum(one.num_bytes for one in splits.values()),
    )
