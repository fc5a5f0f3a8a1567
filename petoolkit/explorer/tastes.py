"""A row's column `taste`, as far as it names traits."""

import json
from dataclasses import dataclass


@dataclass(frozen=True)
class Taste:
    """The traits that a row names, in words.

    Args:
        trait: the one that the user likes; empty if there is none.
        of_tools: by the full name of a candidate.
        of_calls: of each past call.
    """

    trait: str
    of_tools: dict[str, tuple[str, ...]]
    of_calls: list[tuple[str, ...]]


def taste_of(row: dict) -> Taste | None:
    """The traits that a row names; `None` where its column `taste` does not name traits of all that is in the row."""
    taste = read_taste(row["taste"])
    if taste is None or len(taste.of_calls) != len(row["history"]):
        return None
    return taste if all(tool["tool_name"] in taste.of_tools for tool in row["candidate_tools"]) else None


def read_taste(text: str) -> Taste | None:
    """The traits that a text of the column names; `None` where it has another form."""
    try:
        taste = json.loads(text) if text else {}
        return Taste(
            _in_words(taste["trait"] or ""),
            {str(name): tuple(map(_in_words, traits)) for name, traits in taste["tool_traits"].items()},
            [tuple(map(_in_words, traits)) for traits in taste["call_traits"]],
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def _in_words(trait: str) -> str:
    return trait.replace("_", " ")
