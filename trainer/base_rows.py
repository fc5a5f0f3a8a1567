"""Rows with nothing to prefer in them: format, copying and function, which the tiny base model learns first."""

import random
from collections.abc import Iterator, Sequence

from petoolbench import SETTINGS, ToolName

_RENAMED = 0.7  # share of rows whose providers get invented names: a name then can't be known, only copied
_SYLLABLES = [consonant + vowel for consonant in "bdfgklmnprstvz" for vowel in "aeiou"]


def rows_without_preference(
    rows: Sequence[dict], interactions: int, candidates: int, rng: random.Random
) -> Iterator[dict]:
    """Rows (columns of `petoolbench.FEATURES`) drawn from `rows`, without end.

    The gold tool is any of the same-function tools, the history is out of many users' histories, its ratings are
    drawn, and so is the setting: what a user would prefer can't be learnt from them.

    Args:
        rows: of the train split.
        interactions: of a history, at most; a row has 1 to that many, or none.
        candidates: candidate tools of a row, at most.
        rng: decides all of it.
    """
    past_calls = [call for row in rows for call in row["history"]]
    while True:
        row = rng.choice(rows)
        setting = rng.choice(list(SETTINGS))
        rated = setting == "rating_integrated"
        number = rng.randint(1, interactions) if interactions else 0
        history = [{**call, "rating": rng.randint(0, 1) if rated else None} for call in rng.sample(past_calls, number)]
        gold = rng.choice([t for t in row["candidate_tools"] if t["tool_name"] in row["same_function_tools"]])
        others = [tool for tool in row["candidate_tools"] if tool is not gold]
        tools = [gold, *rng.sample(others, min(candidates - 1, len(others)))]
        rng.shuffle(tools)
        drawn = {
            **row,
            "id": f"{row['user_id']}/{setting}",
            "history": history,
            "history_length": number,
            "candidate_tools": tools,
            "tool_call": {**row["tool_call"], "tool_name": gold["tool_name"]},
            "same_function_tools": [t["tool_name"] for t in tools if t["tool_name"] in row["same_function_tools"]],
        }
        yield _renamed(drawn, rng) if rng.random() < _RENAMED else drawn


def _renamed(row: dict, rng: random.Random) -> dict:
    """The row with another name for each provider."""
    names: dict[str, str] = {}

    def rename(tool_name: str) -> str:
        name = ToolName.parse(tool_name)
        invented = names.setdefault(name.provider, "".join(rng.choices(_SYLLABLES, k=rng.randint(2, 4))).capitalize())
        return str(name._replace(provider=invented))

    def renamed(tools: list[dict]) -> list[dict]:
        return [{**tool, "tool_name": rename(tool["tool_name"])} for tool in tools]

    return {
        **row,
        "history": renamed(row["history"]),
        "candidate_tools": renamed(row["candidate_tools"]),
        "tool_call": renamed([row["tool_call"]])[0],
        "same_function_tools": [rename(name) for name in row["same_function_tools"]],
    }
