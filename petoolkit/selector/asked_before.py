"""Training rows in which the user has asked the same of a rival before, and disliked what it did."""

import random
from collections.abc import Sequence
from typing import Any

from petoolbench import KINDS, SETTINGS, setting_of


def with_rivals_asked(rows: Sequence[dict[str, Any]], share: float, seed: int) -> list[dict[str, Any]]:
    """Rows, of which a share has one more disliked past call: of another tool that does the job, for another user's
    request of the same function, or for the same one.

    Builds keep a function's tools out of the history, so that a benchmark tests what is read of attributes. People do
    try a tool, dislike it, and ask again. Rows of settings without dislikes, and rows of other kinds than
    `preference`, stay as they are.
    """
    if not share:
        return list(rows)
    requests: dict[str, list[str]] = {}
    for row in rows:
        requests.setdefault(row["group_id"], []).append(row["instruction"])
    return [
        _with_rival(row, requests[row["group_id"]], random.Random(f"{seed}:asked:{row['id']}"), share) for row in rows
    ]


def _with_rival(row: dict[str, Any], requests: list[str], rng: random.Random, share: float) -> dict[str, Any]:
    setting = SETTINGS[setting_of(row)]
    rivals = [
        tool
        for tool in row["candidate_tools"]
        if tool["tool_name"] in row["same_function_tools"] and tool["tool_name"] not in row["acceptable_tools"]
    ]
    is_plain = row["kind"] == KINDS[0] and not row["taste"]  # labelled rows say what each of their calls shows
    if not rivals or setting.dislikes == "none" or not is_plain or rng.random() >= share:
        return row
    rival = rng.choice(rivals)
    call = {
        "instruction": rng.choice(requests),
        "tool_name": rival["tool_name"],
        "provider_description": rival["provider_description"],
        "parameters": "{}",
        "rating": 0 if setting.is_rated else None,
    }
    position = 0 if setting.dislikes == "first" else rng.randint(0, len(row["history"]))
    history = [*row["history"][:position], call, *row["history"][position:]]
    return {**row, "history": history, "history_length": len(history)}
