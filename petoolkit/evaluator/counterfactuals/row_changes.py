"""Changes of a row, one function each; its `taste` is changed with it, so that an oracle reads what it says now."""

import json
import random
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

from petoolbench import ToolName, provider_of, to_json_text
from petoolkit.evaluator.counterfactuals.counterfactual import ChangedRow
from petoolkit.evaluator.counterfactuals.neighbours import Neighbours, block_or_row

_LETTERS = {
    ord(letter): replacement
    for letters in ("aeiou", "bcdfghjklmnpqrstvwxyz", "AEIOU", "BCDFGHJKLMNPQRSTVWXYZ")
    for letter, replacement in zip(letters, letters[3:] + letters[:3], strict=True)
}


def without_history(row: dict, neighbours: Neighbours) -> ChangedRow:
    """The row of somebody of whom nothing is known."""
    return ChangedRow(_with_history(row, []))


def without_attributes(row: dict, neighbours: Neighbours) -> ChangedRow | None:
    """The row without what providers are like; `None` if it does not say it."""
    if not any(tool["provider_description"] for tool in row["candidate_tools"]):
        return None
    return ChangedRow(
        {
            **row,
            **{
                column: [{**one, "provider_description": ""} for one in row[column]]
                for column in ("history", "candidate_tools")
            },
            "taste": _taste(
                row,
                lambda taste: {
                    "tool_traits": {name: [] for name in taste["tool_traits"]},
                    "call_traits": [[] for _ in taste["call_traits"]],
                },
            ),
        }
    )


def with_swapped_ratings(row: dict, neighbours: Neighbours) -> ChangedRow:
    """Liked calls are disliked, and disliked ones liked."""
    swapped = {1: 0, 0: 1, None: None}
    return ChangedRow({**row, "history": [{**call, "rating": swapped[call["rating"]]} for call in row["history"]]})


def with_shuffled_history(row: dict, neighbours: Neighbours) -> ChangedRow:
    """The calls in a random order, which is the same for users of a block who made the same calls."""
    history = row["history"]
    order = sorted(range(len(history)), key=lambda number: to_json_text(history[number]))
    random.Random(f"shuffle:{block_or_row(row)}").shuffle(order)
    return ChangedRow(with_order(row, order))


def with_reversed_history(row: dict, neighbours: Neighbours) -> ChangedRow:
    """The newest call first."""
    return ChangedRow(with_order(row, range(len(row["history"]))[::-1]))


def with_history_of_a_stranger(row: dict, neighbours: Neighbours) -> ChangedRow | None:
    """The history of a user of another block; `None` if there is none."""
    stranger = neighbours.stranger(row)
    return None if stranger is None else ChangedRow(_with_history(row, stranger["history"], stranger))


def with_history_of_the_twin(row: dict, neighbours: Neighbours) -> ChangedRow | None:
    """The history of another user of the block; `None` if there is none."""
    twin = neighbours.twin(row)
    if twin is None:
        return None
    return ChangedRow(_with_history(row, twin["history"], twin), twin["tool_call"]["tool_name"])


def with_moved_descriptions(row: dict, neighbours: Neighbours) -> ChangedRow | None:
    """Each provider that does the job gets the description of the next; `None` if they cannot be told apart."""
    members = [tool for tool in row["candidate_tools"] if tool["tool_name"] in row["same_function_tools"]]
    providers = [provider_of(tool) for tool in members]
    descriptions = [tool["provider_description"] for tool in members]
    if len(members) < 2 or len(set(providers)) < len(members) or len(set(descriptions)) < len(members):
        return None
    description_of = dict(zip(providers, [*descriptions[1:], descriptions[0]], strict=True))
    donor_of = {
        provider: donor["tool_name"] for provider, donor in zip(providers, [*members[1:], members[0]], strict=True)
    }

    def moved(taste: dict) -> dict:
        traits = taste["tool_traits"]
        donors = {tool["tool_name"]: donor_of.get(provider_of(tool)) for tool in row["candidate_tools"]}
        return {"tool_traits": {name: traits[donors.get(name) or name] for name in traits}}

    gold = row["tool_call"]["tool_name"]
    return ChangedRow(
        {
            **row,
            **{
                column: [
                    {**one, "provider_description": description_of.get(provider_of(one), one["provider_description"])}
                    for one in row[column]
                ]
                for column in ("history", "candidate_tools")
            },
            "taste": _taste(row, moved),
        },
        next(tool["tool_name"] for tool in members if donor_of[provider_of(tool)] == gold),
    )


def with_other_names(row: dict, neighbours: Neighbours) -> ChangedRow:
    """Providers and tools have other names of the same form, the same ones in all rows; categories keep theirs."""
    return ChangedRow(
        {
            **row,
            "history": [{**call, "tool_name": other_name(call["tool_name"])} for call in row["history"]],
            "candidate_tools": [
                {**tool, "tool_name": other_name(tool["tool_name"])} for tool in row["candidate_tools"]
            ],
            "tool_call": {**row["tool_call"], "tool_name": other_name(row["tool_call"]["tool_name"])},
            **{column: list(map(other_name, row[column])) for column in ("acceptable_tools", "same_function_tools")},
            "taste": _taste(
                row,
                lambda taste: {
                    "tool": taste["tool"] and other_name(taste["tool"]),
                    "tool_traits": {other_name(name): traits for name, traits in taste["tool_traits"].items()},
                },
            ),
        }
    )


def unchanged(row: dict, neighbours: Neighbours) -> ChangedRow:
    """A row of another kind as it is; its other tool is the one that the user would prefer."""
    return ChangedRow(row, json.loads(row["taste"]).get("tool") if row["taste"] else None)


@lru_cache(maxsize=50_000)  # rows share tools
def other_name(name: str) -> str:
    """A tool's name whose provider and API have other letters: vowels for vowels, consonants for consonants."""
    parts = ToolName.parse(name)
    if not parts.provider:
        return name.translate(_LETTERS)
    return str(parts._replace(provider=parts.provider.translate(_LETTERS), api=parts.api.translate(_LETTERS)))


def _with_history(row: dict, history: list[dict], of: dict | None = None) -> dict:
    """A row with other past calls; what these show is said by the `taste` of the row that they are `of`."""
    shown = json.loads(of["taste"])["call_traits"] if of and of["taste"] else []
    return {
        **row,
        "history": history,
        "history_length": len(history),
        "taste": _taste(row, lambda taste: {"call_traits": shown}),
    }


def with_order(row: dict, order: Sequence[int]) -> dict:
    """A row with some of its past calls, in an order of their numbers."""
    return {
        **row,
        "history": [row["history"][number] for number in order],
        "history_length": len(order),
        "taste": _taste(row, lambda taste: {"call_traits": [taste["call_traits"][number] for number in order]}),
    }


def _taste(row: dict, changes: Callable[[dict], dict[str, Any]]) -> str:
    if not row["taste"]:
        return ""
    taste = json.loads(row["taste"])
    return to_json_text({**taste, **changes(taste)})
