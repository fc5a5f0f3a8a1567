"""Rows for whatever reads JSON lines: the columns of the config `chat`, of all configs."""

from petoolkit.evaluator.chat_rows import chat_row
from petoolkit.exporter.export_form import ExportForm, write_by_split


def _lines(config: str, row: dict) -> list[dict]:
    return [{"config": config, **chat_row(row)}]


JSONL = ExportForm(
    "jsonl",
    "Plain JSON lines: the columns of the config chat, and the config that each row is of.",
    lambda dataset, folder: write_by_split(dataset, folder, _lines),
)
