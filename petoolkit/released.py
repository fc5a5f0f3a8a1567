"""The test files that the paper's authors released, as rows, and their own prompts, which an import keeps."""

import json
from collections.abc import Iterator
from pathlib import Path

from petoolbench import KINDS, PARAMETER_KINDS, SETTINGS, InputError, ToolName, to_json_text
from petoolkit.decoding import finite_float, read_json, refuse_constant
from petoolkit.hub_reading import fetch_file, first_sentence

HISTORY_HEADING = "Interaction history is:"  # in a released prompt; the history follows as a JSON list
PROMPTS_FOLDER = "released_prompts"  # in an imported dataset: one parquet file per setting, columns id and prompt
_PROMPT_KEYS = {setting.name: setting.released_prompt for setting in SETTINGS.values() if setting.released_prompt}
_DECODER = json.JSONDecoder(parse_constant=refuse_constant, parse_float=finite_float)


def read_released(path: str | Path) -> Iterator[tuple[dict, str]]:
    """Rows (columns of `petoolbench.COLUMNS`) of one of the authors' released test files, each with its own prompt.

    No information is lost. History, candidates and their order are read from the rendered prompts of an entry
    (`instruction_preferred`, `instruction_ratings`, `instruction_chronological`; an entry has one or more of them).
    The prompts do not hold provider descriptions, so this column stays empty: the entry's own notes describe only the
    same-function tools, and would reveal which ones they are.

    Raises:
        InputError: if the file is not a released test file; names the file and the entry.
    """
    entries = read_json(path)
    if not isinstance(entries, list):
        raise InputError(f"{path} is not a released test file: it should hold a JSON list of entries; check the path.")
    for index, entry in enumerate(entries):
        try:
            yield from _checked(list(_released_entry_rows(entry, index)))
        except (KeyError, TypeError, ValueError, AttributeError, RecursionError, OverflowError) as error:
            raise InputError(
                f"{path}, entry {index}: not an entry of a released test file ({type(error).__name__}: {error}); it "
                "needs `query`, `api_call_ground_truth` and at least one of: "
                f"{', '.join(_PROMPT_KEYS.values())}."
            ) from None


def _checked(rows: list[tuple[dict, str]]) -> list[tuple[dict, str]]:
    """The rows and prompts of an entry; raises `ValueError` or `TypeError` for values that a dataset cannot hold."""
    from petoolkit.row_form import form_problem, row_table

    if problem := form_problem(row_table([row for row, _ in rows])):
        raise ValueError(problem)
    return rows


def _released_entry_rows(entry: dict, index: int) -> Iterator[tuple[dict, str]]:
    prompts = {setting: entry[key] for setting, key in _PROMPT_KEYS.items() if entry.get(key)}
    if not prompts:
        raise ValueError("no rendered prompt")
    gold = entry["api_call_ground_truth"]
    user_id = str(entry.get("entry_id", index))
    group = {str(ToolName(t["category_name"], t["tool_name"], t["api_name"])) for t in entry.get("apis_same_func", [])}
    for setting, prompt in prompts.items():
        history, position = _json_list_after(prompt, HISTORY_HEADING)
        tools, _ = _json_list_after(prompt, "listed here:", position)
        row = {
            "id": f"{user_id}/{setting}",
            "user_id": user_id,
            "group_id": str(entry.get("func", "")),
            "category": ToolName.parse(gold["tool_name"]).category,
            "block_id": "",
            "kind": KINDS[0],
            "instruction": entry["query"],
            "history": [
                {
                    "instruction": interaction["instruction"],
                    "tool_name": interaction["tool_call"]["tool_name"],
                    "provider_description": "",
                    "parameters": to_json_text(interaction["tool_call"]["parameters"]),
                    "rating": interaction.get("rating"),
                }
                for interaction in history
            ],
            "history_length": len(history),
            "candidate_tools": [
                {
                    "tool_name": tool["tool_name"],
                    "tool_description": tool["tool_description"],
                    "provider_description": "",
                    **{
                        kind: [
                            {**parameter, "default": to_json_text(parameter["default"]), "schema": None}
                            for parameter in tool[kind]
                        ]
                        for kind in PARAMETER_KINDS
                    },
                    "schema": None,
                }
                for tool in tools
            ],
            "tool_call": {"tool_name": gold["tool_name"], "parameters": to_json_text(gold["parameters"])},
            "acceptable_tools": [gold["tool_name"]],
            "taste": "",
            "same_function_tools": [t["tool_name"] for t in tools if t["tool_name"] in group | {gold["tool_name"]}],
        }
        yield row, prompt


def _json_list_after(prompt: str, heading: str, position: int = 0) -> tuple[list, int]:
    """The JSON list that follows `heading`, decoded, and the position after its end."""
    return _DECODER.raw_decode(prompt, prompt.index("[", prompt.index(heading, position)))


def released_prompts(dataset: str, setting: str, revision: str | None = None) -> dict[str, str]:
    """The released prompts of one setting by row id, byte for byte.

    Args:
        dataset: the folder of an imported dataset, or its Hub id.
        setting: one of `petoolbench.SETTINGS`.
        revision: branch, tag or commit of a dataset on the Hub.

    Raises:
        InputError: if the dataset does not have released prompts, or cannot be read.
    """
    file = f"{PROMPTS_FOLDER}/{setting}.parquet"
    path = fetch_file(dataset, file, revision)
    if path is None:
        raise InputError(
            f"{dataset} has no {file}: only a dataset made by `petoolbench import` has the released prompts; import "
            "the released test file, or leave --prompt out."
        )
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        columns = pq.read_table(path, columns=["id", "prompt"]).to_pydict()
    except (OSError, pa.ArrowException) as error:
        raise InputError(f"{file} of {dataset} cannot be read ({first_sentence(error)}); import it again.") from None
    return dict(zip(columns["id"], columns["prompt"], strict=True))
