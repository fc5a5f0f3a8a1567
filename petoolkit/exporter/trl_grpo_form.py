"""Rows for TRL's GRPOTrainer: its conversational prompt-only type, with the columns that rewards need."""

from petoolbench import render_messages
from petoolkit.exporter.export_form import ExportForm, write_by_split


def _lines(config: str, row: dict) -> list[dict]:
    return [
        {
            "id": row["id"],
            "config": config,
            "prompt": render_messages(row),
            "gold_tool": row["tool_call"]["tool_name"],
            "gold_parameters": row["tool_call"]["parameters"],
            "acceptable_tools": row["acceptable_tools"],
            "same_function_tools": row["same_function_tools"],
            "candidate_tools": [tool["tool_name"] for tool in row["candidate_tools"]],
        }
    ]


TRL_GRPO = ExportForm(
    "trl-grpo",
    "For TRL's GRPOTrainer: the prompt, and the gold call and tools' names by which rewards judge a reply.",
    lambda dataset, folder: write_by_split(dataset, folder, _lines),
)
