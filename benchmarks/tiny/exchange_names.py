"""Training rows whose tools have names by lot: what the tiny models learn of names can then only be to copy them.

    python benchmarks/tiny/exchange_names.py BUILT DATASET

A model of a million weights learns the names of its training rows by heart, and calls them where other tools are asked
for. So the tools of each block of the train split get names of the catalogue by lot, none of a provider that the test
split's candidates have. The test split stays as it was built.
"""

import random
import shutil
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from base_rows import Names, full_name, provider_of
from base_tokenizer import catalogue

from petoolbench import SETTINGS
from petoolkit.dataset_files import split_file
from petoolkit.dataset_record import CHAT
from petoolkit.evaluator.dataset_rows import load_split
from petoolkit.text import ALL


def exchange_names(built: Path, dataset: Path) -> None:
    """Copy a dataset's folder without its rows for chats, and exchange the names in the train split of the copy.

    Args:
        built: a folder of a build, split by provider.
        dataset: the folder of the copy; its README.md comes last.
    """
    test_rows = load_split(str(built), ALL, "test")
    unseen = {provider_of(tool["tool_name"]) for row in test_rows for tool in row["candidate_tools"]}
    names = Names(document for document in catalogue() if provider_of(full_name(document)) not in unseen)
    shutil.rmtree(dataset, ignore_errors=True)
    shutil.copytree(built, dataset, ignore=shutil.ignore_patterns("README.md", CHAT))
    for setting in SETTINGS:
        file = split_file(dataset, setting, "train")
        table = pq.read_table(file)
        rows = [
            names.exchanged([row], random.Random(f"names:{row['block_id']}"), has_other_parameters=False)[0]
            for row in table.to_pylist()
        ]
        pq.write_table(pa.Table.from_pylist(rows, schema=table.schema), file)
    shutil.copy(built / "README.md", dataset)


if __name__ == "__main__":
    exchange_names(Path(sys.argv[1]), Path(sys.argv[2]))
