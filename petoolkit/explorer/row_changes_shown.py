"""What differs between a row and another form of it: another user's row of the block, or a counterfactual."""

from collections.abc import Callable

from petoolbench import SETTINGS, setting_of
from petoolkit.text import counted

_RATINGS = {1: "liked", 0: "disliked", None: "not rated"}


def call_changes(row: dict, other: dict) -> list[list[str]]:
    """For each past call of a row, what was otherwise in the other row, in words; empty where nothing was."""
    before: dict[tuple[str, str], list[tuple[int, dict]]] = {}
    for position, call in enumerate(other["history"]):
        before.setdefault((call["instruction"], call["parameters"]), []).append((position, call))
    half = _half_of(other)
    is_ordered = SETTINGS[setting_of(row)].dislikes == "first" and row["history_length"] == other["history_length"]
    changes = []
    for position, call in enumerate(row["history"]):
        found = before.get((call["instruction"], call["parameters"]))
        if not found:
            changes.append(["not there"])
            continue
        was_at, was = found.pop(0)
        notes = []
        if call["rating"] != was["rating"]:
            notes.append(f"was {_RATINGS[was['rating']]}")
        if was_at != position and (is_ordered or row["history_length"] == other["history_length"]):
            notes.append(f"was no. {was_at + 1}{half(was_at)}")
        if call["tool_name"] != was["tool_name"]:
            notes.append("had another name")
        if call["provider_description"] != was["provider_description"]:
            notes.append("was described otherwise")
        changes.append(notes)
    return changes


def calls_left_out(row: dict, other: dict) -> str:
    """How many past calls of the other row are not in this one, in words; empty if all are."""
    own = {(call["instruction"], call["parameters"]) for call in row["history"]}
    number = sum((call["instruction"], call["parameters"]) not in own for call in other["history"])
    return (
        f"{counted(number, 'past call')} of the other history {'is' if number == 1 else 'are'} not here"
        if number
        else ""
    )


def candidate_changes(row: dict, other: dict) -> list[list[str]]:
    """For each candidate of a row, what was otherwise in the other row, in words."""
    gold, was_gold = row["tool_call"]["tool_name"], other["tool_call"]["tool_name"]
    changes = []
    for position, tool in enumerate(row["candidate_tools"]):
        was = other["candidate_tools"][position] if position < len(other["candidate_tools"]) else None
        notes = []
        if was is None:
            notes.append("not there")
        else:
            if tool["tool_name"] != was["tool_name"]:
                notes.append("had another name")
            if tool["provider_description"] != was["provider_description"]:
                notes.append("was described otherwise")
            if (tool["tool_name"] == gold) != (was["tool_name"] == was_gold):
                notes.append("was gold" if was["tool_name"] == was_gold else "was not gold")
        changes.append(notes)
    return changes


def _half_of(row: dict) -> Callable[[int], str]:
    """Names the half of a history in time order that a position is in."""
    if SETTINGS[setting_of(row)].dislikes != "first":
        return lambda position: ""
    return lambda position: ", newer half" if position >= row["history_length"] / 2 else ", older half"
