"""Stage 5, history: past calls in three forms, from the same tools of a user (paper, section 3.2.3, Figure 7)."""

import math
import random
from collections.abc import Iterable, Iterator
from itertools import islice

from petoolbench import SETTINGS, to_json_text

from ..authors.author import Author, HistoryJob
from ..recipe import HistorySettings, record_rng
from ..tools import Tools, provider_of

_FEWEST_GOLD_NEIGHBOURS = 2  # shown in each history, so that the preference can be known at all
_MOST_SHUFFLES = 20


def history(
    users: Iterable[dict], tools: Tools, author: Author, settings: HistorySettings, seed: int
) -> Iterator[dict]:
    """Have each accepted user's past calls written, in each of the three settings.

    `preferred_only` calls preferred tools, unrated. `rating_integrated` mixes in disliked ones, each call rated 1 or
    0. `chronological` has disliked ones too, unrated: these come first, for the user's taste has changed since.

    Input columns: those of `prefer`.
    Output columns:
        user_id (str)
        preferred_only, rating_integrated, chronological (lists of {instruction, tool_name, parameters (JSON text),
            rating}, or null): oldest first; each has the user's `length`.
        rejected, raw_reply (str or null): why a history is missing, and what was written last.
    """
    accepted = [user for user in users if not user["rejected"]]

    def jobs() -> Iterator[HistoryJob]:
        for user in accepted:
            for setting in SETTINGS:
                rng = record_rng(seed, "history", f"{user['user_id']}/{setting}")
                calls = [(tools[name], rating) for name, rating in draw_calls(user, setting, settings, rng)]
                yield HistoryJob(setting, calls, set(user["not_preferred"]), rng)

    written = author.write_histories(jobs())
    for user in accepted:
        histories = dict(zip(SETTINGS, islice(written, len(SETTINGS)), strict=True))
        failed = next((history for history in histories.values() if history.rejected), None)
        yield {
            "user_id": user["user_id"],
            **{setting: one.value and [_row(call) for call in one.value] for setting, one in histories.items()},
            "rejected": failed and failed.rejected,
            "raw_reply": failed and failed.raw_reply,
        }


def _row(call: dict) -> dict:
    return {
        "instruction": call["instruction"],
        "tool_name": call["tool_name"],
        "parameters": to_json_text(call["parameters"]),
        "rating": call["rating"],
    }


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
