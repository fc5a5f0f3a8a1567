"""Rows ready to use, for whoever does not run this project's code: the config `chat` of a dataset.

They are made of the rows of all settings, which stay the source. Rows of other kinds (the config `selectivity`) are
not among them, so that the mean over these rows is the Tool Acc of the benchmark.
"""

import json
from collections.abc import Iterator
from functools import partial
from itertools import chain, islice, zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from petoolbench import SETTINGS, SPLITS, render_messages, setting_of, to_json_text
from petoolkit.dataset_files import SplitWriter, WrittenSplit, batches_in, batches_of, schema_of, split_file
from petoolkit.dataset_record import CHAT
from petoolkit.engines.engine import HERE, Engine
from petoolkit.evaluator.models.native_tools import NativeTools

if TYPE_CHECKING:
    import datasets

_ROWS_OF_GROUP = 2_000  # users of a block share most of a prompt, which is compressed away within a row group
_ROWS_OF_PART = 500
_ROWS_READ = 50


def chat_features() -> "datasets.Features":
    """The columns of the config `chat`."""
    import datasets

    text = datasets.Value("string")
    return datasets.Features(
        {
            "id": text,
            "setting": text,
            "prompt": [{"role": text, "content": text}],
            "tools": text,
            "completion": text,
            "gold_tool": text,
            "acceptable_tools": [text],
        }
    )


def gold_call(row: dict) -> str:
    """The gold call as the prompt asks for it: one line of JSON, `{"tool_name": ..., "parameters": {...}}`."""
    call = row["tool_call"]
    return to_json_text({"tool_name": call["tool_name"], "parameters": json.loads(call["parameters"])})


def chat_row(row: dict, tools: str | None = None) -> dict[str, Any]:
    """A row with its prompt, its tools and its answer as a model takes and gives them.

    Args:
        row: of the contract's columns.
        tools: its column `tools`, where it is known already.

    Returns:
        `id`; `setting`; `prompt`, messages as `petoolbench.render_messages` gives them; `tools`, the candidate tools
        in the form of OpenAI's endpoints, as JSON text; `completion`, the gold call as the prompt asks for it;
        `gold_tool`; and `acceptable_tools`, the tools that count as right.
    """
    return {
        "id": row["id"],
        "setting": setting_of(row),
        "prompt": render_messages(row),
        "tools": _tools_text(row["candidate_tools"]) if tools is None else tools,
        "completion": gold_call(row),
        "gold_tool": row["tool_call"]["tool_name"],
        "acceptable_tools": row["acceptable_tools"],
    }


def _tools_text(candidate_tools: list[dict]) -> str:
    return to_json_text(NativeTools(candidate_tools).functions())


def chat_rows(folder: Path, split: str) -> Iterator[dict[str, Any]]:
    """The rows of the config `chat`, made of the rows of the settings in a dataset's folder.

    The first row of each setting comes first, then the second of each: these are of one user, and share most texts.
    """
    return _chat_rows(folder, split, 0)


def _chat_rows(folder: Path, split: str, skipped: int) -> Iterator[dict[str, Any]]:
    """The same, without the first rows of each setting."""
    of_settings = [_rows(file, skipped) for file in _files(folder, split)]
    tools, text = None, ""  # most rows have the candidates of the row before
    for row in filter(None, chain.from_iterable(zip_longest(*of_settings))):
        if row["candidate_tools"] != tools:
            tools = row["candidate_tools"]
            text = _tools_text(tools)
        yield chat_row(row, text)


def write_chat(folder: Path, beside: Path | None = None, engine: Engine = HERE) -> dict[str, WrittenSplit]:
    """Write the config `chat` of a dataset's folder.

    Args:
        folder: with the rows of the settings.
        beside: the folder to write into, if it is another one.
        engine: renders the rows.

    Returns:
        The files, by split.
    """
    lengths = {
        split: [pq.read_metadata(file).num_rows if file.is_file() else 0 for file in _files(folder, split)]
        for split in SPLITS
    }
    writers: dict[str, SplitWriter] = {}
    for split, batches in _rendered(folder, lengths, engine):
        if split not in writers:
            for other in writers.values():  # their last rows are compressed while these are rendered
                other.end_group()
            path = split_file(beside or folder, CHAT, split)
            writers[split] = SplitWriter(path, chat_features(), _ROWS_OF_GROUP, one_page=True)
        for batch in batches:
            writers[split].add(batch)
    return {split: writers[split].close() for split in SPLITS if split in writers}


def _rendered(
    folder: Path, lengths: dict[str, list[int]], engine: Engine
) -> Iterator[tuple[str, list[pa.RecordBatch]]]:
    """All rows, some at a time, with their split."""
    equal = [split for split in SPLITS if any(lengths[split]) and len(set(lengths[split])) == 1]
    parts = [(split, start) for split in equal for start in range(0, sum(lengths[split]), _ROWS_OF_PART)]
    for number, batches in engine.run(partial(_part, folder), parts):
        yield parts[number][0], batches
    for split in SPLITS:
        if split not in equal:  # where a row stands is known by reading all before it
            rows = chat_rows(folder, split)
            yield from ((split, [batch]) for batch in batches_of(rows, schema_of(chat_features())))


def _part(folder: Path, part: tuple[str, int]) -> list[pa.RecordBatch]:
    """The rows of `chat_rows` of a split from a number on, where all settings have as many."""
    split, start = part
    of_each, first = divmod(start, len(SETTINGS))
    rows = islice(_chat_rows(folder, split, of_each), first, first + _ROWS_OF_PART)
    return list(batches_of(rows, schema_of(chat_features())))


def chat_agrees(folder: Path) -> bool:
    """Whether a dataset's folder has the config `chat`, and it is what `write_chat` would write."""
    schema = schema_of(chat_features())
    for split in SPLITS:
        file = split_file(folder, CHAT, split)
        if not file.is_file():
            if next(chat_rows(folder, split), None) is not None:
                return False
            continue
        if not pq.read_schema(file).remove_metadata().equals(schema):
            return False
        if any(one != other for one, other in zip_longest(chat_rows(folder, split), _rows(file))):
            return False
    return True


def _files(folder: Path, split: str) -> list[Path]:
    return [split_file(folder, setting, split) for setting in SETTINGS]


def _rows(file: Path, skipped: int = 0) -> Iterator[dict]:
    """The rows of a file that may not be there, from a number on."""
    if not file.is_file():
        return
    with pq.ParquetFile(file) as parquet:
        for batch in batches_in(parquet, _ROWS_READ, skipped):
            yield from batch.to_pylist()
