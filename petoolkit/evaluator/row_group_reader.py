"""Loading a dataset by `datasets` with one row group of a parquet file in memory at a time."""

from collections.abc import Iterable, Iterator
from itertools import chain
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq

if TYPE_CHECKING:
    import datasets


def load_by_row_group(
    dataset: str, config: str, revision: str | None = None, cache_dir: str | None = None
) -> "datasets.DatasetDict":
    """All splits of a config, as `datasets.load_dataset` gives them.

    Its own reader of parquet files goes ahead of what writes the cache, by up to a gigabyte where the disk is slow.

    Args:
        dataset: a folder or a Hub id.
        config: its name.
        revision: branch, tag or commit of a dataset on the Hub.
        cache_dir: where the cache is written; `None` for the usual one.

    Raises:
        Exception: whatever `datasets` raises for a dataset that it cannot read.
    """
    import datasets
    from datasets.packaged_modules.parquet.parquet import Parquet

    builder = datasets.load_dataset_builder(dataset, config, revision=revision, cache_dir=cache_dir)
    if isinstance(builder, Parquet):

        def tables(files: Iterable[str | Iterable[str]], **_: object) -> Iterator[tuple[tuple[int, int], pa.Table]]:
            for file_number, file in enumerate(_single_files(files)):
                with pq.ParquetFile(file) as parquet:
                    for group in range(parquet.num_row_groups):
                        yield (file_number, group), builder._cast_table(parquet.read_row_group(group))

        builder._generate_tables = tables
    builder.download_and_prepare()
    return builder.as_dataset()


def _single_files(files: Iterable[str | Iterable[str]]) -> Iterator[str]:
    """Files as `datasets` 4 and later name them; before that, each one was an iterable of files."""
    return chain.from_iterable([file] if isinstance(file, str) else file for file in files)
