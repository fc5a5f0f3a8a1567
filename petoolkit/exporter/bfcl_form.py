"""Test rows for the Berkeley Function Calling Leaderboard: files of its category `multiple`, one of many functions.

Its checker compares a call with the possible values of each parameter; an empty text among them says that the
parameter may be left out. The history stands in the system message, as with native function calls elsewhere.
"""

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from petoolbench import default_of, render_messages
from petoolkit.evaluator.models.native_tools import NativeTools
from petoolkit.exporter.export_form import ExportedDataset, ExportForm, write_lines

_FILE = "BFCL_v4_multiple.json"
_LEFT_OUT = "rows left out, since several tools are right"
_TYPES = {"object": "dict", "number": "float"}  # where its names of types differ from JSON Schema's
_SAME_TYPES = ("string", "integer", "boolean", "array")
_OMITTED = ""


def bfcl_question(row: dict, number: int) -> dict[str, Any]:
    """A row as a line of a question file; `source_id` is the row's id, and `id` what the checker knows it by."""
    functions = [tool["function"] for tool in NativeTools(row["candidate_tools"]).functions()]
    return {
        "id": f"multiple_{number}",
        "source_id": row["id"],
        "question": [render_messages(row, native_tools=True)],
        "function": [
            {**function, "parameters": {"required": [], **_bfcl_schema(function["parameters"])}}
            for function in functions
        ],
    }


def bfcl_answer(row: dict, number: int) -> dict[str, Any]:
    """A row as a line of a file of possible answers."""
    tools = NativeTools(row["candidate_tools"])
    call = row["tool_call"]
    name, short_names = tools.short_names(call["tool_name"])
    gold = next(tool for tool in row["candidate_tools"] if tool["tool_name"] == call["tool_name"])
    given = json.loads(call["parameters"])
    possible = {short_names.get(parameter, parameter): [_possible(value)] for parameter, value in given.items()}
    for parameter in gold["optional_parameters"]:
        default = default_of(parameter)
        if parameter["name"] not in given:  # a call may still give what is the default
            possible[short_names[parameter["name"]]] = [*([] if default is None else [_possible(default)]), _OMITTED]
        elif given[parameter["name"]] == default:
            possible[short_names[parameter["name"]]].append(_OMITTED)
    return {"id": f"multiple_{number}", "ground_truth": [{name: possible}]}


def _possible(value: Any) -> Any:
    """A value as the checker compares it: each value in an object is a list of possible ones."""
    if isinstance(value, dict):
        return {key: [_possible(part)] for key, part in value.items()}
    return [_possible(part) for part in value] if isinstance(value, list) else value


def _bfcl_schema(schema: Any) -> Any:
    """A JSON Schema with the checker's names of types; what has none of these types is `any`."""
    if not isinstance(schema, dict):
        return {"type": "any"}
    named = schema.get("type")
    kind = next((one for one in named if one != "null"), None) if isinstance(named, list) else named
    made = {**schema, "type": kind if kind in _SAME_TYPES else _TYPES.get(kind, "any") if kind else "any"}
    if isinstance(schema.get("properties"), dict):
        made["properties"] = {name: _bfcl_schema(part) for name, part in schema["properties"].items()}
    if made["type"] == "array":
        made["items"] = _bfcl_schema(schema.get("items"))
    return made


def _write(dataset: ExportedDataset, folder: Path) -> dict[str, int]:
    left_out: Counter[str] = Counter()

    def lines() -> Iterator[tuple[str, dict]]:
        for config in dataset.configs:
            number = 0
            for _, row in dataset.rows(config, "test"):
                if row["acceptable_tools"] != [row["tool_call"]["tool_name"]]:
                    left_out[_LEFT_OUT] += 1
                    continue
                yield f"{config}/{_FILE}", bfcl_question(row, number)
                yield f"{config}/possible_answer/{_FILE}", bfcl_answer(row, number)
                number += 1

    return write_lines(folder, lines()) + left_out


BFCL = ExportForm(
    "bfcl",
    "For the Berkeley Function Calling Leaderboard: test rows as files of its category multiple, a folder a config.",
    _write,
)
