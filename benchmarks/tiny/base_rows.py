"""Rows without preference, from which the tiny base model learns format, copying and functions."""

import random
from collections import defaultdict
from collections.abc import Sequence

from petoolbench import SETTINGS, ToolName

_RENAMED = 0.7  # share of rows whose providers get invented names, which can only be copied
_OF_CANDIDATES_PROVIDERS = 0.6  # share of past calls; candidates and history then have similar names to tell apart
_ORDER_REQUEST = "Which providers have been called, the newest first?"
_RATING_REQUEST = "Which providers have been called, by rating?"
_CLUSTERS = ("br", "cr", "dr", "gr", "pl", "pr", "qu", "sk", "st", "tr")
_ONSETS = (*"bcdfghjklmnprstvwxz", "", "", "", *_CLUSTERS)
_CODAS = ("", "", "", "", "", "", *"dklmnrstvx", "ll", "nd", "rn")


class RowsWithoutPreference:
    """Draws prompts (columns of `petoolbench.COLUMNS`) from which no preference can be learnt.

    The gold tool is any of the same-function tools, the history is taken from many users' histories, and its ratings
    and the setting are random.

    Args:
        rows: of the train split.
    """

    def __init__(self, rows: Sequence[dict]):
        self._rows = rows
        self._past_calls = [call for row in rows for call in row["history"]]
        self._by_tool: dict[str, list[dict]] = defaultdict(list)
        self._by_provider: dict[str, list[dict]] = defaultdict(list)
        for call in self._past_calls:
            self._by_tool[call["tool_name"]].append(call)
            self._by_provider[_provider(call)].append(call)
        self._does_the_same: dict[str, set[str]] = defaultdict(set)
        for row in rows:
            for name in row["same_function_tools"]:
                self._does_the_same[name].update(row["same_function_tools"])

    def draw(self, interactions: int, candidates: int, requests: int, rng: random.Random) -> list[dict]:
        """The rows of one prompt, which differ in their request and its call only.

        Args:
            interactions: the most interactions of a history; with 0 there is none, otherwise at least one.
            candidates: the most candidate tools of a row.
            requests: the most rows; without a past call of the candidate tools there is one.
            rng: draws everything.
        """
        row = rng.choice(self._rows)
        setting = rng.choice(list(SETTINGS))
        gold = rng.choice([t for t in row["candidate_tools"] if t["tool_name"] in row["same_function_tools"]])
        others = [tool for tool in row["candidate_tools"] if tool is not gold]
        tools = [gold, *rng.sample(others, min(candidates - 1, len(others)))]
        rng.shuffle(tools)
        history = self._history(tools, interactions, SETTINGS[setting].is_rated, rng)
        shared = {
            **row,
            "id": f"{row['user_id']}/{setting}",
            "history": history,
            "history_length": len(history),
            "candidate_tools": tools,
        }
        requested = [{**row["tool_call"], "tool_name": gold["tool_name"], "instruction": row["instruction"]}]
        known = [tool["tool_name"] for tool in tools if tool["tool_name"] in self._by_tool]
        if known:  # a tool may be requested twice, so that earlier calls do not exclude a tool
            requested += [rng.choice(self._by_tool[name]) for name in rng.choices(known, k=requests - 1)]
        rows = [self._request(call, shared) for call in requested]
        return _renamed(rows, rng) if rng.random() < _RENAMED else rows

    def _request(self, call: dict, shared: dict) -> dict:
        """A row whose gold call is this one."""
        name = call["tool_name"]
        same = self._does_the_same[name] | {name}
        return {
            **shared,
            "instruction": call["instruction"],
            "tool_call": {"tool_name": name, "parameters": call["parameters"]},
            "same_function_tools": [t["tool_name"] for t in shared["candidate_tools"] if t["tool_name"] in same],
        }

    def _history(self, tools: list[dict], interactions: int, rated: bool, rng: random.Random) -> list[dict]:
        names = {tool["tool_name"] for tool in tools}
        near = {
            name: [c for c in self._by_provider[name] if c["tool_name"] not in names] for name in map(_provider, tools)
        }
        known = sorted(name for name, calls in near.items() if calls)
        history = []
        for _ in range(rng.randint(1, interactions) if interactions else 0):
            of_candidate = known and rng.random() < _OF_CANDIDATES_PROVIDERS
            call = rng.choice(near[rng.choice(known)] if of_candidate else self._past_calls)
            history.append({**call, "rating": rng.randint(0, 1) if rated else None})
        return history


def reading_turn(row: dict) -> tuple[str, str]:
    """A question about the history, as a user's message, and its answer: the providers by rating, or the newest first.

    It teaches to read a history, which a pretrained model can do already, and not what to choose.
    """
    newest_first = row["history"][::-1]
    if row["history"][0]["rating"] is None:
        return _ORDER_REQUEST, ", ".join(map(_provider, newest_first))
    by_rating = ((rating, [_provider(c) for c in newest_first if c["rating"] == rating]) for rating in (1, 0))
    return _RATING_REQUEST, "; ".join(f"{rating}: {', '.join(names)}" for rating, names in by_rating if names)


def _provider(named: dict) -> str:
    return ToolName.parse(named["tool_name"]).provider


def invented_name(rng: random.Random) -> str:
    """A provider's name of two or three syllables."""
    syllables = (rng.choice(_ONSETS) + rng.choice("aeiouy") + rng.choice(_CODAS) for _ in range(rng.randint(2, 3)))
    return "".join(syllables).capitalize()


def _renamed(rows: list[dict], rng: random.Random) -> list[dict]:
    """The rows with another name for each provider."""
    names: dict[str, str] = {}

    def rename(tool_name: str) -> str:
        name = ToolName.parse(tool_name)
        invented = names.setdefault(name.provider, invented_name(rng))
        return str(name._replace(provider=invented))

    def renamed(tools: list[dict]) -> list[dict]:
        return [{**tool, "tool_name": rename(tool["tool_name"])} for tool in tools]

    history, candidates = renamed(rows[0]["history"]), renamed(rows[0]["candidate_tools"])
    return [
        {
            **row,
            "history": history,
            "candidate_tools": candidates,
            "tool_call": renamed([row["tool_call"]])[0],
            "same_function_tools": [rename(name) for name in row["same_function_tools"]],
        }
        for row in rows
    ]
