"""Why a row's gold tool is the right one, out of its column `taste`, for people who look at rows."""

import json
from dataclasses import dataclass

from petoolbench import KINDS, ToolName
from petoolkit.block_rules import liked_calls
from petoolkit.text import counted

_PREFERENCE, _OVERRIDE, _NO_PREFERENCE = KINDS
KIND_WORDS = {
    _PREFERENCE: "preference: the tool that the user prefers is right",
    _OVERRIDE: "override: the request states a need, and the tool that meets it is right, against the user's taste",
    _NO_PREFERENCE: "no preference: every tool that does the job is right",
}


@dataclass(frozen=True)
class Evidence:
    """What the history says of one tool that does the job.

    Args:
        tool_name: its full name.
        traits: what its provider is like, in words.
        liked: how many liked past calls show one of these traits.
        disliked: how many disliked ones do.
        is_preferred: whether it is the tool that the user prefers.
    """

    tool_name: str
    traits: list[str]
    liked: int
    disliked: int
    is_preferred: bool


@dataclass(frozen=True)
class Reason:
    """Why the gold tool is the right one.

    Args:
        sentence: in a few words.
        evidence: of the tools that do the job, the gold one first.
        call_traits: for each past call, the traits that it shows and that one of these tools has, in words.
        trait: the one that the user likes, in words; empty if there is none.
    """

    sentence: str
    evidence: list[Evidence]
    call_traits: list[list[str]]
    trait: str


def reason_of(row: dict) -> Reason | None:
    """The reason, as far as the row's `taste` says it; `None` where it says nothing that can be read."""
    try:
        return _reason(row, json.loads(row["taste"]))
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def _reason(row: dict, taste: dict) -> Reason:
    gold = row["tool_call"]["tool_name"]
    names = sorted(row["same_function_tools"], key=lambda name: name != gold)
    of_tools = {name: set(taste["tool_traits"][name]) for name in names}
    calls = [set(traits) for traits in taste["call_traits"]]
    liked = liked_calls(row)
    evidence = [
        Evidence(
            tool_name=name,
            traits=[_in_words(trait) for trait in sorted(traits)],
            liked=sum(is_liked and bool(shown & traits) for shown, is_liked in zip(calls, liked, strict=True)),
            disliked=sum(not is_liked and bool(shown & traits) for shown, is_liked in zip(calls, liked, strict=True)),
            is_preferred=name == taste["tool"],
        )
        for name, traits in of_tools.items()
    ]
    known = set().union(*of_tools.values())
    trait = _in_words(taste["trait"]) if taste["trait"] else ""
    return Reason(
        sentence=_sentence(row, taste, trait, evidence),
        evidence=evidence,
        call_traits=[[_in_words(shown) for shown in sorted(traits & known)] for traits in calls],
        trait=trait,
    )


def _sentence(row: dict, taste: dict, trait: str, evidence: list[Evidence]) -> str:
    number = len(evidence)
    if row["kind"] == _NO_PREFERENCE:
        return f"No past call shows a trait of the {number} tools that do the job, so each of them is right."
    if row["kind"] == _OVERRIDE:
        return (
            f"The user likes {trait!r}, which {_short(taste['tool'])} has. The request states another need, which "
            f"{_short(row['tool_call']['tool_name'])} meets."
        )
    shown = evidence[0].liked
    return (
        f"The user likes {trait!r}: {counted(shown, 'liked past call')} {'shows' if shown == 1 else 'show'} it, and "
        f"of the {number} tools that do the job only {_short(row['tool_call']['tool_name'])} has it."
    )


def _short(name: str) -> str:
    tool = ToolName.parse(name)
    return tool.provider or tool.api


def _in_words(trait: str) -> str:
    return trait.replace("_", " ")
