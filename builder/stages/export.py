"""Stage 8, export: check and split the rows (the dataset folder is `builder.dataset_folder`'s)."""

from collections.abc import Iterable, Iterator

from petoolbench import SETTINGS

from ..recipe import ExportSettings, record_rng
from ..tools import Tools


def export(
    users: Iterable[dict],
    histories: Iterable[dict],
    instructions: Iterable[dict],
    candidates: Iterable[dict],
    tools: Tools,
    settings: ExportSettings,
    seed: int,
) -> Iterator[dict]:
    """Join the stages into rows, one a user and setting, of every user that has candidates.

    Input columns: those of `prefer`, `history`, `instruct` and `candidates`.
    Output columns: those of `petoolbench.FEATURES`, and `split` (train or test).

    Raises:
        ValueError: if a row breaks the contract; that is a fault of the build, not of its input.
    """
    history_of = {row["user_id"]: row for row in histories}
    instruction_of = {row["user_id"]: row for row in instructions}
    candidates_of = {row["user_id"]: row for row in candidates}
    accepted = [user for user in users if user["user_id"] in candidates_of]
    test_users = draw_test_users(accepted, settings, seed)
    document = {"full": _document, "brief": _brief_document}[settings.documents]
    for user in accepted:
        user_id = user["user_id"]
        instruction, chosen = instruction_of[user_id], candidates_of[user_id]
        for setting in SETTINGS:
            past = history_of[user_id][setting]
            row = {
                "id": f"{user_id}/{setting}",
                "user_id": user_id,
                "group_id": user["group_id"],
                "category": user["category"],
                "instruction": instruction["instruction"],
                "history": past,
                "history_length": len(past),
                "candidate_tools": [document(tools[name]) for name in chosen["candidate_tools"]],
                "tool_call": {"tool_name": user["gold_tool"], "parameters": instruction["parameters"]},
                "same_function_tools": chosen["same_function_tools"],
            }
            check_row(row)
            yield {"split": "test" if user_id in test_users else "train", **row}


def draw_test_users(users: list[dict], settings: ExportSettings, seed: int) -> set[str]:
    """Users of the test split: `test_share` of them, rounded.

    `split: user` draws single users. `tool` and `function` draw all users of a gold tool, or of a function group, at
    once, until the share is reached: no gold tool, or no function, of the test split is asked for in training.
    """
    unit_of = {"user": "user_id", "tool": "gold_tool", "function": "group_id"}[settings.split]
    units: dict[str, list[str]] = {}
    for user in users:
        units.setdefault(user[unit_of], []).append(user["user_id"])
    order = sorted(units, key=lambda unit: (record_rng(seed, "split", unit).random(), unit))
    wanted = round(len(users) * settings.test_share)
    test: set[str] = set()
    for unit in order:
        if len(test) + len(units[unit]) <= wanted:
            test.update(units[unit])
    return test


def check_row(row: dict) -> None:
    """Hold a row against the contract; see the errors for what is held."""
    names = [tool["tool_name"] for tool in row["candidate_tools"]]
    gold = row["tool_call"]["tool_name"]
    past = row["history"]
    broken = {
        "candidates repeat": len(set(names)) != len(names),
        "the gold tool is no candidate": gold not in names,
        "the gold tool is not among the same-function tools": gold not in row["same_function_tools"],
        "a same-function tool is no candidate": not set(row["same_function_tools"]) <= set(names),
        "only one candidate does the job": len(row["same_function_tools"]) < 2,
        "the history is empty": not past,
        "the history holds a tool of the gold function": any(
            c["tool_name"] in row["same_function_tools"] for c in past
        ),
        "the history holds the instruction": any(call["instruction"] == row["instruction"] for call in past),
        "ratings do not fit the setting": any(
            (call["rating"] is None) == (row["id"].endswith("/rating_integrated")) for call in past
        ),
    }
    if reasons := [reason for reason, holds in broken.items() if holds]:
        raise ValueError(f"row {row['id']}: {'; '.join(reasons)}")


def _document(tool: dict) -> dict:
    return {
        "tool_name": tool["tool_name"],
        "tool_description": tool["tool_description"],
        "provider_description": tool["provider_description"],
        **{
            kind: [
                {key: parameter[key] for key in ("name", "type", "description", "default")} for parameter in tool[kind]
            ]
            for kind in ("required_parameters", "optional_parameters")
        },
    }


def _brief_document(tool: dict) -> dict:
    document = _document(tool)
    for kind in ("required_parameters", "optional_parameters"):
        document[kind] = [{**parameter, "description": "", "default": None} for parameter in document[kind]]
    return {**document, "tool_description": tool["functionality"], "provider_description": ""}
