"""Rows for TRL's SFTTrainer: its conversational prompt-completion type, with tools as text or as native functions."""

from petoolbench import render_messages, to_json_text
from petoolkit.evaluator.chat_rows import gold_call
from petoolkit.evaluator.models.native_tools import NativeTools
from petoolkit.exporter.export_form import ExportForm, write_by_split
from petoolkit.scoring import read_gold_call


def _lines(config: str, row: dict) -> list[dict]:
    completion = [{"role": "assistant", "content": gold_call(row)}]
    return [{"id": row["id"], "config": config, "prompt": render_messages(row), "completion": completion}]


def _native_lines(config: str, row: dict) -> list[dict]:
    tools = NativeTools(row["candidate_tools"])
    return [
        {
            "id": row["id"],
            "config": config,
            "prompt": render_messages(row, native_tools=True),
            "completion": [tools.message_of(read_gold_call(row["tool_call"]))],
            "tools": to_json_text(tools.functions()),
        }
    ]


TRL_SFT = ExportForm(
    "trl-sft",
    "For TRL's SFTTrainer: the prompt, and the gold call as its completion.",
    lambda dataset, folder: write_by_split(dataset, folder, _lines),
)
TRL_SFT_TOOLS = ExportForm(
    "trl-sft-tools",
    "For TRL's SFTTrainer and a chat template with tools: native function calls, and a column with the functions.",
    lambda dataset, folder: write_by_split(dataset, folder, _native_lines),
)
