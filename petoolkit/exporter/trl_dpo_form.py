"""Rows for TRL's DPOTrainer: its conversational preference type with an explicit prompt.

Of a folder that trainer/pairs.py wrote, its pairs; they are calls that a model sampled. Of a benchmark, the gold call
is chosen, and rejected is the same call of each other tool that does the job: the two differ in the preference only.
"""

from collections.abc import Iterator
from pathlib import Path

from petoolbench import InputError, render_messages, to_json_text
from petoolkit.evaluator.chat_rows import gold_call
from petoolkit.evaluator.dataset_rows import cache_of
from petoolkit.exporter.export_form import ExportedDataset, ExportForm, write_by_split, write_lines
from petoolkit.hub_reading import fetch_file, why_not_read
from petoolkit.publisher.pack_pairs import COUNTS
from petoolkit.scoring import read_gold_call

_SIDES = ("prompt", "chosen", "rejected")


def _lines(config: str, row: dict) -> Iterator[dict]:
    parameters = read_gold_call(row["tool_call"]).parameters
    rivals = [tool for tool in row["same_function_tools"] if tool not in row["acceptable_tools"]]
    for rival in rivals:
        texts = {"chosen": gold_call(row), "rejected": to_json_text({"tool_name": rival, "parameters": parameters})}
        sides = {side: [{"role": "assistant", "content": text}] for side, text in texts.items()}
        yield {"id": row["id"], "config": config, "prompt": render_messages(row), **sides}


def _sampled_pairs(dataset: ExportedDataset) -> Iterator[tuple[str, dict]]:
    import datasets

    try:
        loaded = datasets.load_dataset(dataset.name, revision=dataset.revision, cache_dir=cache_of(dataset.name))
        lines = {split: rows.select_columns(["id", *_SIDES]) for split, rows in loaded.items()}
    except Exception as error:  # whatever the libraries raise for files of others
        raise InputError(f"the pairs {dataset.name} cannot be read: {why_not_read(error)}.") from None
    for split, rows in lines.items():
        yield from ((f"{split}.jsonl", row) for row in rows)


def _write(dataset: ExportedDataset, folder: Path) -> dict[str, int]:
    if fetch_file(dataset.name, COUNTS, dataset.revision):
        return write_lines(folder, _sampled_pairs(dataset))
    return write_by_split(dataset, folder, _lines, "rows without another tool to reject")


TRL_DPO = ExportForm(
    "trl-dpo",
    "For TRL's DPOTrainer: sampled pairs, or the gold call against that of each other tool that does the job.",
    _write,
)
