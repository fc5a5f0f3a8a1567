"""Rows for TRL's DPOTrainer: its conversational preference type, with tools as text or as native functions.

Of a folder that trainer/pairs.py wrote, its pairs; they are calls that a model sampled. Of a benchmark, the gold call
is chosen, and rejected is the same call of each other tool that does the job: the two differ in the preference only.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

from petoolbench import InputError, render_messages, to_json_text
from petoolkit.evaluator.chat_rows import gold_call
from petoolkit.evaluator.dataset_rows import cache_of
from petoolkit.evaluator.models.native_tools import NativeTools
from petoolkit.evaluator.prompts.window import shown_messages
from petoolkit.exporter.export_form import ExportedDataset, ExportForm, write_by_split, write_lines
from petoolkit.hub_reading import fetch_file, why_not_read
from petoolkit.publisher.pack_pairs import COUNTS
from petoolkit.replies import parse_reply
from petoolkit.scoring import read_gold_call

_SIDES = ("prompt", "chosen", "rejected")


def _lines(config: str, row: dict) -> Iterator[dict]:
    parameters = read_gold_call(row["tool_call"]).parameters
    rivals = [tool for tool in row["same_function_tools"] if tool not in row["acceptable_tools"]]
    for rival in rivals:
        texts = {"chosen": gold_call(row), "rejected": to_json_text({"tool_name": rival, "parameters": parameters})}
        sides = {side: [{"role": "assistant", "content": text}] for side, text in texts.items()}
        yield {"id": row["id"], "config": config, "prompt": render_messages(row), **sides}


def _native_lines(config: str, row: dict) -> Iterator[dict]:
    return (_native(row, line) for line in _lines(config, row))


def _native(row: dict, line: dict) -> dict:
    """A line of `trl-dpo` with native calls, and a column with the functions as JSON text."""
    tools = NativeTools(row["candidate_tools"])
    calls = {side: parse_reply(line[side][0]["content"]) for side in ("chosen", "rejected")}
    if unread := [side for side, call in calls.items() if call is None]:
        raise InputError(f"{row['id']}: the reply {' and '.join(unread)} holds no call; export the form trl-dpo.")
    native = {side: [tools.message_of(call)] for side, call in calls.items() if call}
    prompt = shown_messages(row, native_tools=True)
    return {**line, "prompt": prompt, **native, "tools": to_json_text(tools.functions())}


def _native_pair(row: dict) -> dict:
    return _native(row, {name: row[name] for name in ("id", *_SIDES)})


def _sampled_pairs(dataset: ExportedDataset, line_of: Callable[[dict], dict]) -> Iterator[tuple[str, dict]]:
    import datasets

    try:
        loaded = datasets.load_dataset(dataset.name, revision=dataset.revision, cache_dir=cache_of(dataset.name))
        splits = {split: iter(rows) for split, rows in loaded.items()}
    except Exception as error:  # whatever the libraries raise for files of others
        raise InputError(f"the pairs {dataset.name} cannot be read: {why_not_read(error)}.") from None
    for split, rows in splits.items():
        yield from ((f"{split}.jsonl", line_of(row)) for row in rows)


def _write(
    dataset: ExportedDataset,
    folder: Path,
    line_of: Callable[[dict], dict],
    lines: Callable[[str, dict], Iterator[dict]],
) -> dict[str, int]:
    """Write sampled pairs by `line_of`, and rows of a benchmark by `lines`."""
    if fetch_file(dataset.name, COUNTS, dataset.revision):
        return write_lines(folder, _sampled_pairs(dataset, line_of))
    return write_by_split(dataset, folder, lines, "rows without another tool to reject")


TRL_DPO = ExportForm(
    "trl-dpo",
    "For TRL's DPOTrainer: sampled pairs, or the gold call against that of each other tool that does the job.",
    lambda dataset, folder: _write(dataset, folder, lambda row: {name: row[name] for name in ("id", *_SIDES)}, _lines),
)
TRL_DPO_TOOLS = ExportForm(
    "trl-dpo-tools",
    "The same for a chat template with tools: native function calls, and a column with the functions.",
    lambda dataset, folder: _write(dataset, folder, _native_pair, _native_lines),
)
