"""Stage 8, export: check and split the rows. `builder.dataset_folder` writes them as a dataset."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from petoolbench import KINDS, PARAMETER_KINDS, SETTINGS, breaches

from ..record_rng import record_rng
from ..row_statistics import RowStatistics
from ..stage_notes import Notes

if TYPE_CHECKING:
    from ..recipe import ExportSettings


def export(
    users: Iterable[dict],
    histories: Iterable[dict],
    instructions: Iterable[dict],
    candidates: Iterable[dict],
    tools: Mapping[str, dict],
    test_users: Collection[str],
    settings: "ExportSettings",
    notes: Notes,
) -> Iterator[dict]:
    """Join the stages into rows, one a user and setting, of every user that has candidates.

    Input columns: those of `prefer`, `history`, `instruct` and `candidates`; `tools` by name, with the columns of
        `collect` and `understand`.
    Args:
        test_users: what `draw_test_users` gives.

    Output columns: those of `petoolbench.COLUMNS`, and `split` (train or test).

    Raises:
        ValueError: if a row breaks the contract; that is a fault of the build, not of its input.
    """
    history_of = {row["user_id"]: row for row in histories}
    instruction_of = {row["user_id"]: row for row in instructions}
    candidates_of = {row["user_id"]: row for row in candidates}
    document = document_maker(settings.documents)
    notes.statistics = RowStatistics()
    for user in users:
        user_id = user["user_id"]
        if user_id not in candidates_of:
            continue
        instruction, chosen = instruction_of[user_id], candidates_of[user_id]
        for setting in SETTINGS:
            past = history_of[user_id][setting]
            row = {
                "id": f"{user_id}/{setting}",
                "user_id": user_id,
                "group_id": user["group_id"],
                "category": user["category"],
                "block_id": "",
                "kind": KINDS[0],
                "instruction": instruction["instruction"],
                "history": past,
                "history_length": len(past),
                "candidate_tools": [document(tools[name]) for name in chosen["candidate_tools"]],
                "tool_call": {"tool_name": user["gold_tool"], "parameters": instruction["parameters"]},
                "acceptable_tools": [user["gold_tool"]],
                "same_function_tools": chosen["same_function_tools"],
                "taste": "",
            }
            if broken := breaches(row, of_a_build=True):
                raise ValueError(f"row {row['id']}: {'; '.join(broken)}")
            split = "test" if user_id in test_users else "train"
            notes.counts[f"{split} rows"] += 1
            notes.statistics.add(row)
            yield {"split": split, **row}


def draw_test_users(
    users: Iterable[dict], candidates: Iterable[dict], settings: "ExportSettings", seed: int
) -> frozenset[str]:
    """Users of the test split: `test_share` of those that have candidates, rounded.

    `split: user` draws single users. `tool` and `function` draw all users of a gold tool, or of a function group, at
    once, until the share is reached: no gold tool, or no function, of the test split is asked for in training.
    """
    unit_of = {"user": "user_id", "tool": "gold_tool", "function": "group_id"}[settings.split]
    units: dict[str, list[str]] = {}
    accepted = {row["user_id"] for row in candidates}
    for user in users:
        if user["user_id"] in accepted:
            units.setdefault(user[unit_of], []).append(user["user_id"])
    order = sorted(units, key=lambda unit: (record_rng(seed, "split", unit).random(), unit))
    wanted = round(len(accepted) * settings.test_share)
    test: set[str] = set()
    for unit in order:
        if len(test) + len(units[unit]) <= wanted:
            test.update(units[unit])
    return frozenset(test)


def document_maker(documents: str) -> Callable[[dict], dict]:
    """What makes a candidate of a row out of a tool: its document, `full` or `brief`."""
    return {"full": _document, "brief": _brief_document}[documents]


def _document(tool: dict) -> dict:
    return {
        "tool_name": tool["tool_name"],
        "tool_description": tool["tool_description"],
        "provider_description": tool["provider_description"],
        **{
            kind: [
                {key: parameter[key] for key in ("name", "type", "description", "default", "schema")}
                for parameter in tool[kind]
            ]
            for kind in PARAMETER_KINDS
        },
        "schema": tool["schema"],
    }


def _brief_document(tool: dict) -> dict:
    document = _document(tool)
    for kind in PARAMETER_KINDS:
        document[kind] = [{**parameter, "description": "", "default": None} for parameter in document[kind]]
    return {**document, "tool_description": tool["functionality"], "provider_description": ""}
