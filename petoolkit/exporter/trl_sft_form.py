"""Rows for TRL's SFTTrainer: its conversational prompt-completion type."""

from petoolbench import render_messages
from petoolkit.evaluator.chat_rows import gold_call
from petoolkit.exporter.export_form import ExportForm, write_by_split


def _lines(config: str, row: dict) -> list[dict]:
    completion = [{"role": "assistant", "content": gold_call(row)}]
    return [{"id": row["id"], "config": config, "prompt": render_messages(row), "completion": completion}]


TRL_SFT = ExportForm(
    "trl-sft",
    "For TRL's SFTTrainer: the prompt, and the gold call as its completion.",
    lambda dataset, folder: write_by_split(dataset, folder, _lines),
)
