"""Parquet files of a dataset's configs, and what its card's YAML says of them."""

from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from petoolkit.files import content_version

if TYPE_CHECKING:
    import datasets

ROWS_AT_ONCE = 500  # rows a row group; also what is held in memory
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


class SplitWriter:
    """Writes one parquet file, each `write` a row group; a thread compresses it while the next one is made.

    Args:
        path: of the file.
        features: the types of its columns.
        one_page: whether a column of a row group is one page, which suits long texts that repeat from row to row.
    """

    def __init__(self, path: Path, features: "datasets.Features", one_page: bool = False):
        path.parent.mkdir(parents=True, exist_ok=True)
        # Without the schema note of datasets 5: datasets 3 does not know the type `List` in it.
        self._schema = features.arrow_schema.remove_metadata()
        self._written = WrittenSplit(path)
        pages = {"data_page_size": _PAGE_BYTES, "use_dictionary": False} if one_page else {}
        self._writer = pq.ParquetWriter(path, self._schema, compression="zstd", compression_level=9, **pages)
        self._thread = ThreadPoolExecutor(1)
        self._being_written: Future[None] | None = None

    def write(self, rows: list[dict]) -> None:
        """Add rows as a row group."""
        self.write_table(pa.Table.from_pylist(rows, schema=self._schema))

    def write_table(self, table: pa.Table) -> None:
        """Add a table of the features' columns as a row group."""
        self._finish_group()
        self._being_written = self._thread.submit(self._writer.write_table, table)
        self._written.num_examples += table.num_rows
        self._written.num_bytes += table.nbytes

    def close(self) -> WrittenSplit:
        """Finish the file."""
        self._finish_group()
        self._thread.shutdown()
        self._writer.close()
        return self._written

    def _finish_group(self) -> None:
        """Wait until the last row group is written; raises what went wrong with it."""
        if self._being_written is not None:
            self._being_written.result()


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
