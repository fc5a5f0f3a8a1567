"""Rows for Axolotl: JSON lines of its dataset type `chat_template`, the gold call as the assistant's turn."""

from petoolbench import render_messages
from petoolkit.evaluator.chat_rows import gold_call
from petoolkit.exporter.export_form import ExportForm, write_by_split


def _lines(config: str, row: dict) -> list[dict]:
    return [{"messages": [*render_messages(row), {"role": "assistant", "content": gold_call(row)}]}]


AXOLOTL = ExportForm(
    "axolotl",
    "For Axolotl's dataset type chat_template: whole conversations, the gold call as the last turn.",
    lambda dataset, folder: write_by_split(dataset, folder, _lines),
)
