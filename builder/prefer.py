"""Stage 4, prefer: who likes what (paper, section 3.2.2, "Tool Preference Construction")."""

import math
import random
from collections.abc import Iterable, Iterator
from functools import cache

import numpy as np

from builder.recipe import HistorySettings, PreferSettings, record_rng
from builder.tools import Tools

_WITH_PARAMETERS = (
    3  # times as often asked for as a function without: a call without parameters tests half of the task
)
_MOST_DRAWS = 200  # of groups for one user, before the catalogue counts as too small
_MOST_TRIED = 60  # attribute descriptions searched for a neighbour, nearest first
_TRIED_PER_PROVIDER = 5  # tools


def prefer(
    tools: Tools,
    groups: list[dict],
    settings: PreferSettings,
    history: HistorySettings,
    users: Iterable[str],
    seed: int,
) -> Iterator[dict]:
    """Draw each user's preferred and non-preferred tools.

    The first group drawn (more often one with parameters) is what the user will ask for: its preferred tool, any of
    the group alike, is the gold one, and none of the group's tools is shown to the user before. In every further
    group the user prefers the tool whose attributes are nearest to the gold tool's: a user's taste is one. Each
    preferred tool brings the tools nearest to it in attributes, one of a provider at most. Whatever overlaps in
    function with what the user has is discarded and drawn again.

    Input columns: those of `group`, `collect` and `understand`.
    Output columns:
        user_id, group_id, category, gold_tool (str)
        gold_neighbours, preferred, not_preferred (lists of str): `gold_neighbours` are part of `preferred`; the gold
            tool is not.
        length (int): of each of the user's histories.
        rejected (str or null): why no set could be drawn for this user.
    """

    @cache
    def nearest(attributes: str) -> list[str]:
        similarity = tools.attributes @ tools.attributes[tools.attribute_index[attributes]]
        order = np.argsort(-similarity, kind="stable")[:_MOST_TRIED]
        return [tools.attribute_texts[index] for index in order]

    def neighbours(preferred: str, taken: list[str], rng: random.Random) -> list[str]:
        found: list[str] = []
        for text in nearest(tools[preferred]["attributes"]):
            if len(found) == settings.neighbours:
                break
            names = tools.names_by_attributes[tools.attribute_index[text]]
            for name in rng.sample(names, min(len(names), _TRIED_PER_PROVIDER)):
                if not tools.overlap(name, taken + found):
                    found.append(name)
                    break
        return found

    def like_gold(gold: str, names: list[str]) -> str:
        similarity = [float(tools.attribute_vector(name) @ tools.attribute_vector(gold)) for name in names]
        return names[int(np.argmax(similarity))]

    weights = [_WITH_PARAMETERS if _has_parameters(tools[group["tools"][0]]) else 1 for group in groups]
    for user_id in users:
        rng = record_rng(seed, "prefer", user_id)
        length = rng.randint(history.min_length, history.max_length)
        fewest_disliked = math.ceil(history.min_disliked * length)
        first = rng.choices(groups, weights)[0]
        gold = rng.choice(first["tools"])
        taken = list(first["tools"])
        gold_neighbours = neighbours(gold, taken, rng)
        taken += gold_neighbours
        preferred = list(gold_neighbours)
        not_preferred: list[str] = []
        for _ in range(_MOST_DRAWS):
            if len(preferred) >= length and len(not_preferred) >= fewest_disliked:
                break
            names = rng.choice(groups)["tools"]
            if any(tools.overlap(name, taken) for name in names):
                continue
            liked = like_gold(gold, names)
            taken += names
            brought = neighbours(liked, taken, rng)
            taken += brought
            preferred += [liked, *brought]
            not_preferred += [name for name in names if name != liked]
        rejected = None
        if settings.neighbours and not gold_neighbours:
            rejected = "no tool near the gold one in attributes"
        elif len(preferred) < length or len(not_preferred) < fewest_disliked:
            rejected = "too few tools that do not overlap"
        yield {
            "user_id": user_id,
            "group_id": first["group_id"],
            "category": first["category"],
            "gold_tool": gold,
            "gold_neighbours": gold_neighbours,
            "preferred": preferred,
            "not_preferred": not_preferred,
            "length": length,
            "rejected": rejected,
        }


def _has_parameters(tool: dict) -> bool:
    return bool(tool["required_parameters"] or tool["optional_parameters"])
