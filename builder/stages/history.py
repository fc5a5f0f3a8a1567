"""Stage 5, history: a user's past calls, in each setting's form (paper, section 3.2.3, Figure 7)."""

import math
import random
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import TYPE_CHECKING

from petoolbench import SETTINGS, Setting, to_json_text

from ..authors.author import Author, HistoryJob
from ..record_rng import record_rng
from ..tools import provider_of

if TYPE_CHECKING:
    from ..recipe import HistorySettings

_FEWEST_GOLD_NEIGHBOURS = 2  # shown in each history, so that the preference can be known at all
_MOST_SHUFFLES = 20


def history(
    users: Iterable[dict], tools: Mapping[str, dict], author: Author, settings: "HistorySettings", seed: int
) -> Iterator[dict]:
    """Have each accepted user's past calls written, in each setting.

    Every setting calls preferred tools. Where `Setting.dislikes` says so, a history has disliked ones too, mixed in or
    before all others; where `Setting.is_rated` says so, each call is rated, 1 (liked) or 0 (disliked).

    Input columns: those of `prefer`; `tools` by name, with the columns of `collect` and `understand`.
    Output columns:
        user_id (str)
        one a setting, such as preferred_only (lists of {instruction, tool_name, provider_description, parameters
            (JSON text), rating}, or null): oldest first; each has the user's `length`.
        rejected, raw_reply (str or null): why a history is missing, and what was written last.
    """
    accepted = [user for user in users if not user["rejected"]]

    def jobs() -> Iterator[HistoryJob]:
        for user in accepted:
            for setting in SETTINGS.values():
                rng = record_rng(seed, "history", f"{user['user_id']}/{setting.name}")
                calls = [(tools[name], rating) for name, rating in draw_calls(user, setting, settings, rng)]
                yield HistoryJob(setting, calls, set(user["not_preferred"]), rng)

    written = author.write_histories(jobs())
    for user in accepted:
        histories = dict(zip(SETTINGS, islice(written, len(SETTINGS)), strict=True))
        failed = next((history for history in histories.values() if history.rejected), None)
        yield {
            "user_id": user["user_id"],
            **{setting: one.value and [_row(call, tools) for call in one.value] for setting, one in histories.items()},
            "rejected": failed and failed.rejected,
            "raw_reply": failed and failed.raw_reply,
        }


def _row(call: dict, tools: Mapping[str, dict]) -> dict:
    return {
        "instruction": call["instruction"],
        "tool_name": call["tool_name"],
        "provider_description": tools[call["tool_name"]]["provider_description"],
        "parameters": to_json_text(call["parameters"]),
        "rating": call["rating"],
    }


def draw_calls(
    user: dict, setting: Setting, settings: "HistorySettings", rng: random.Random
) -> list[tuple[str, int | None]]:
    """Which tools a history calls, oldest first, each with its rating."""
    length = user["length"]
    disliked: list[str] = []
    if setting.dislikes != "none":
        fewest = math.ceil(settings.min_disliked * length)
        most = max(fewest, math.floor(settings.max_disliked * length))
        number = min(rng.randint(fewest, most), len(user["not_preferred"]))
        disliked = rng.sample(user["not_preferred"], number)
    shown = min(len(user["gold_neighbours"]), _FEWEST_GOLD_NEIGHBOURS, length - len(disliked))
    liked = rng.sample(user["gold_neighbours"], shown)
    others = [name for name in user["preferred"] if name not in liked]
    liked += rng.sample(others, length - len(disliked) - len(liked))
    rng.shuffle(liked)
    if setting.dislikes == "mixed":
        names = _mixed([*liked, *disliked], set(disliked), rng)
    else:
        names = [*apart_by_provider(disliked), *liked]
    return [(name, int(name not in disliked) if setting.is_rated else None) for name in names]


def _mixed(names: list[str], disliked: set[str], rng: random.Random) -> list[str]:
    """Shuffle until the disliked calls do not all stand together (with one of them, they always do)."""
    for _ in range(_MOST_SHUFFLES):
        rng.shuffle(names)
        positions = [position for position, name in enumerate(names) if name in disliked]
        if positions[-1] - positions[0] >= len(positions):
            break
    return names


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
