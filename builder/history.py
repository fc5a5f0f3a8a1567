"""Stage 5, history: past calls in three forms, from the same tools of a user (paper, section 3.2.3, Figure 7)."""

import math
import random
from collections.abc import Iterable, Iterator

from builder.offline import OfflineAuthor
from builder.recipe import HistorySettings, record_rng
from builder.tools import Tools, provider_of
from petoolbench import SETTINGS, to_json_text

_FEWEST_GOLD_NEIGHBOURS = 2  # shown in each history, so that the preference can be known at all
_MOST_SHUFFLES = 20


def history(
    users: Iterable[dict], tools: Tools, author: OfflineAuthor, settings: HistorySettings, seed: int
) -> Iterator[dict]:
    """Write each accepted user's past calls, in each of the three settings.

    `preferred_only` calls preferred tools, unrated. `rating_integrated` mixes in disliked ones, each call rated 1 or
    0. `chronological` has disliked ones too, unrated: these come first, for the user's taste has changed since.

    Input columns: those of `prefer`.
    Output columns:
        user_id (str) preferred_only, rating_integrated, chronological (lists of {instruction, tool_name, parameters
        (JSON text), rating}): oldest first; each has the user's `length`.
    """
    for user in users:
        if user["rejected"]:
            continue
        row: dict = {"user_id": user["user_id"]}
        for setting in SETTINGS:
            rng = record_rng(seed, "history", f"{user['user_id']}/{setting}")
            row[setting] = [
                _interaction(tools[name], rating, author, rng)
                for name, rating in draw_calls(user, setting, settings, rng)
            ]
        yield row


def draw_calls(
    user: dict, setting: str, settings: HistorySettings, rng: random.Random
) -> list[tuple[str, int | None]]:
    """Which tools a history calls, oldest first, each with its rating."""
    length = user["length"]
    disliked: list[str] = []
    if setting != "preferred_only":
        fewest = math.ceil(settings.min_disliked * length)
        most = max(fewest, math.floor(settings.max_disliked * length))
        number = min(rng.randint(fewest, most), len(user["not_preferred"]))
        disliked = rng.sample(user["not_preferred"], number)
    shown = min(len(user["gold_neighbours"]), _FEWEST_GOLD_NEIGHBOURS, length - len(disliked))
    liked = rng.sample(user["gold_neighbours"], shown)
    others = [name for name in user["preferred"] if name not in liked]
    liked += rng.sample(others, length - len(disliked) - len(liked))
    rng.shuffle(liked)
    if setting == "preferred_only":
        return [(name, None) for name in liked]
    if setting == "chronological":
        return [(name, None) for name in apart_by_provider(disliked) + liked]
    return _mixed([*((name, 1) for name in liked), *((name, 0) for name in disliked)], rng)


def _mixed(calls: list[tuple[str, int | None]], rng: random.Random) -> list[tuple[str, int | None]]:
    """Shuffle until the disliked calls do not all stand together (with one of them, they always do)."""
    for _ in range(_MOST_SHUFFLES):
        rng.shuffle(calls)
        places = [place for place, (_, rating) in enumerate(calls) if rating == 0]
        if places[-1] - places[0] >= len(places):
            break
    return calls


def apart_by_provider(names: list[str]) -> list[str]:
    """Re-order so that a provider's tools do not stand together, as far as there are others to put between."""
    remaining = list(names)
    ordered: list[str] = []
    while remaining:
        last = provider_of(ordered[-1]) if ordered else None
        waiting = [name for name in remaining if provider_of(name) != last] or remaining
        most_left = max(waiting, key=lambda name: sum(provider_of(other) == provider_of(name) for other in remaining))
        ordered.append(most_left)
        remaining.remove(most_left)
    return ordered


def _interaction(tool: dict, rating: int | None, author: OfflineAuthor, rng: random.Random) -> dict:
    said = author.interact(tool, rng)
    return {
        "instruction": said["instruction"],
        "tool_name": tool["tool_name"],
        "parameters": to_json_text(said["parameters"]),
        "rating": rating,
    }
