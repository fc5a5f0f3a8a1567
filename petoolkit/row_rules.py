"""Rules that every row keeps, whatever dataset it is of."""

import json

from petoolbench import KINDS, SETTINGS, setting_of
from petoolkit.schema_fit import ToolSchema


def breaches(row: dict, of_a_build: bool = False) -> list[str]:
    """How a row (columns of `COLUMNS`) breaks the contract, in words; empty if it keeps it.

    Args:
        row: a row of any dataset of these columns.
        of_a_build: whether the row must also keep what `petoolbench build` promises; rows from elsewhere, such as the
            released ones, need not.
    """
    setting = SETTINGS.get(setting_of(row))
    names = [tool["tool_name"] for tool in row["candidate_tools"]]
    gold, same_function, history = row["tool_call"]["tool_name"], row["same_function_tools"], row["history"]
    acceptable = row["acceptable_tools"]
    is_broken = {
        "ids do not name their user and setting": not setting or row["id"] != f"{row['user_id']}/{setting.name}",
        "instructions are empty": not row["instruction"],
        "the kind is unknown": row["kind"] not in KINDS,
        "history_length is not the history's": row["history_length"] != len(history),
        "ratings do not fit the setting": setting is not None
        and any((call["rating"] in (0, 1)) != setting.is_rated for call in history),
        "candidates repeat": len(set(names)) != len(names),
        "the gold tool is no candidate": gold not in names,
        "same-function tools are no candidates": not set(same_function) <= set(names),
        "the gold tool is not among the same-function tools": gold not in same_function,
        "the gold tool is not acceptable": gold not in acceptable,
        "a tool of another function is acceptable": not set(acceptable) <= set(same_function),
        "more than the gold tool is acceptable": row["kind"] != "no_preference" and len(acceptable) > 1,
        "parameters are no JSON object": not all(
            _is_json_object(call["parameters"]) for call in [row["tool_call"], *history]
        ),
    }
    if of_a_build:
        is_broken |= {
            "only one candidate does the job": len(same_function) < 2,
            "the history is empty": not history,
            "the history holds a tool of the gold function": any(c["tool_name"] in same_function for c in history),
            "the history holds the instruction": any(call["instruction"] == row["instruction"] for call in history),
            "the gold call does not fit its tool's document": not _fits_document(row),
        }
    return [breach for breach, holds in is_broken.items() if holds]


def _fits_document(row: dict) -> bool:
    """Whether the gold call has all required parameters, and values that the JSON Schemas of its tool allow."""
    gold = row["tool_call"]
    documents = [tool for tool in row["candidate_tools"] if tool["tool_name"] == gold["tool_name"]]
    return not (
        documents
        and _is_json_object(gold["parameters"])
        and ToolSchema(documents[0]).misfit(json.loads(gold["parameters"]))
    )


def _is_json_object(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except (TypeError, ValueError, RecursionError):
        return False
