"""What the page's head says of a dataset as a whole."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from petoolbench import KINDS, SETTINGS, InputError
from petoolkit.dataset_record import DatasetRecord, read_dataset_record
from petoolkit.explorer.index import Index
from petoolkit.files import content_hash

_ORIGINS = {"import": "released by the paper's authors", "logs": "made of logs of real calls"}


@dataclass(frozen=True)
class DatasetFacts:
    """Facts about a dataset.

    Args:
        rows: numbers of rows by config and split.
        users: number of distinct users of rows of the kind preference.
        tools: number of distinct candidate tools.
        blocks: number of blocks of users who ask the same.
        design: how the rows were made, in words; empty if the dataset does not say.
        author: who wrote the texts; empty if the dataset does not say.
        split_by: what training and test rows do not share; empty if the dataset does not say.
        is_of_logs: whether the gold calls are those that were really made.
        ceiling: the best share of right tools without the history, where the function is known: the mean of 1 / k, of
            the test rows in which the user prefers one of k tools.
        identity: what tells this version of the dataset from others: its commit, or the hash of its files.
    """

    rows: dict[str, dict[str, int]]
    users: int
    tools: int
    blocks: int
    design: str
    author: str
    split_by: str
    is_of_logs: bool
    ceiling: float | None
    identity: str


def dataset_facts(dataset: str, revision: str | None, index: Index) -> DatasetFacts:
    """Collect the facts of a dataset.

    Args:
        dataset: a folder or a Hub id.
        revision: of a dataset on the Hub, the commit.
        index: of its rows.
    """
    try:
        record = read_dataset_record(dataset, revision)
    except InputError:  # rows can be looked at without it
        record = None
    tables = [part.rows.with_format("arrow")[:] for part in index.parts]
    rows: dict[str, Counter[str]] = {}
    for part in index.parts:
        rows.setdefault(part.config, Counter())[part.split] += len(part.rows)
    return DatasetFacts(
        rows={config: dict(rows[config]) for config in sorted(rows, key=[*SETTINGS, *rows].index)},
        users=_distinct(
            [table.filter(pc.equal(table["kind"], KINDS[0]))["user_id"].combine_chunks() for table in tables]
        ),
        tools=_distinct([pc.struct_field(pc.list_flatten(table["candidate_tools"]), "tool_name") for table in tables]),
        blocks=len({block for block in index.block if block}),
        design=_design(record),
        author=record.author if record else "",
        split_by=record.split if record else "",
        is_of_logs=record is not None and record.origin == "logs",
        ceiling=_ceiling(index, tables),
        identity=_identity(dataset, revision),
    )


def _distinct(columns: list[pa.Array]) -> int:
    return len(set().union(*(column.unique().to_pylist() for column in columns)))


def _design(record: DatasetRecord | None) -> str:
    if record is None:
        return ""
    if record.origin in _ORIGINS:
        return _ORIGINS[record.origin]
    if record.recipe is None:
        return ""
    design = record.recipe.get("design", "paper")
    return f"{design} design{', wording crossed' if record.is_crossed else ''}"


def _ceiling(index: Index, tables: list[pa.Table]) -> float | None:
    sizes = np.concatenate([pc.list_value_length(table["same_function_tools"]).to_numpy() for table in tables])
    counted = (index.kind == KINDS[0]) & (index.split == "test") & (sizes > 0)
    return float(np.mean(1 / sizes[counted])) if counted.any() else None


def _identity(dataset: str, revision: str | None) -> str:
    folder = Path(dataset)
    return content_hash(*sorted(folder.glob("data/*/*.parquet")))[:16] if folder.is_dir() else revision or ""
