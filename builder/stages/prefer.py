"""Stage 4, prefer: who likes what (paper, section 3.2.2, "Tool Preference Construction")."""

import math
import random
from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from petoolbench import PARAMETER_KINDS

from ..record_rng import record_rng
from ..taken_tools import TakenTools
from ..tools import Tools, provider_of

if TYPE_CHECKING:
    from ..recipe import HistoryNeeds, PreferSettings

# How many times as often a function with parameters is asked for: a call without them tests half of the task.
_WITH_PARAMETERS = 3
_MOST_DRAWS = 200  # of groups for one user, before the catalogue counts as too small
_MOST_TRIED = 60  # attribute descriptions searched for a neighbour, nearest first
_TRIED_PER_PROVIDER = 5  # tools


def prefer(
    tools: Tools,
    groups: list[dict],
    settings: "PreferSettings",
    history: "HistoryNeeds",
    users: Iterable[str],
    seed: int,
) -> Iterator[dict]:
    """Draw each user's preferred and non-preferred tools.

    The first group drawn (more often one with parameters) is what the user will ask for: its preferred tool, any of
    the group alike, is the gold one, and none of the group's tools is shown to the user before. In every further
    group, of the same category as often as `settings.same_category` says, the user prefers the tool whose attributes
    are nearest to the gold tool's: a user's taste is one. Each preferred tool brings the tools of other providers
    nearest to it in attributes, one of a provider at most; for as many users as `settings.own_provider` says, first
    those of its own one. Whatever overlaps in function with what the user has is discarded and drawn again. With
    `settings.dislike_rivals`, the other providers of the gold tool's group are never liked, and only they
    are disliked.

    Input columns: those of `group`, `collect` and `understand`.
    Output columns:
        user_id, group_id, category, gold_tool (str)
        gold_neighbours, preferred, not_preferred (lists of str): `gold_neighbours` are part of `preferred`; the gold
            tool is not.
        length (int): of each of the user's histories.
        rejected (str or null): why no set could be drawn for this user.
    """

    draw = _Draw(tools, groups, settings, history, seed)
    for user_id in users:
        yield draw.user(user_id)


def user_ids(number: int) -> list[str]:
    """Names for so many users; with a larger number, the first names are the same."""
    return [f"u{user:06d}" for user in range(number)]


class _Draw:
    """Draws users one by one."""

    def __init__(
        self, tools: Tools, groups: list[dict], settings: "PreferSettings", history: "HistoryNeeds", seed: int
    ) -> None:
        self._tools = tools
        self._groups = groups
        self._by_category: dict[str, list[dict]] = defaultdict(list)
        for group in groups:
            self._by_category[group["category"]].append(group)
        self._weights = [_WITH_PARAMETERS if _has_parameters(tools[group["tools"][0]]) else 1 for group in groups]
        self._settings = settings
        self._history = history
        self._seed = seed

    def user(self, user_id: str) -> dict:
        """One user's row; depends on nothing but the user's id and what the constructor was given."""
        rng = record_rng(self._seed, "prefer", user_id)
        length = rng.randint(self._history.min_length, self._history.max_length)
        fewest_disliked = math.ceil(self._history.min_disliked * length)
        first = rng.choices(self._groups, self._weights)[0]
        gold = rng.choice(first["tools"])
        rivals = self._rivals(gold, first["tools"])
        has_own = self._settings.own_provider > 0 and rng.random() < self._settings.own_provider
        taken = TakenTools(self._tools, first["tools"])
        gold_neighbours = self._take_neighbours(gold, taken, rivals, has_own, rng)
        preferred = list(gold_neighbours)
        not_preferred: list[str] = []
        for _ in range(_MOST_DRAWS):
            if len(preferred) >= length and len(not_preferred) >= fewest_disliked:
                break
            names = self._further_group(first["category"], rng)["tools"]
            if any(taken.overlap(name) for name in names):
                continue
            may_be_liked = [name for name in names if provider_of(name) not in rivals]
            if not may_be_liked:
                continue
            liked = self._tools.most_like(gold, may_be_liked)
            taken.add(names)
            brought = self._take_neighbours(liked, taken, rivals, has_own, rng)
            preferred += [liked, *brought]
            not_preferred += [name for name in names if name != liked and (not rivals or provider_of(name) in rivals)]
        rejected = None
        if self._settings.neighbours and not gold_neighbours:
            rejected = "no tool near the gold one in attributes"
        elif len(preferred) < length or len(not_preferred) < fewest_disliked:
            rejected = "too few tools that do not overlap"
        return {
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

    def _rivals(self, gold: str, group: list[str]) -> set[tuple[str, str]]:
        """Providers that the user never likes: by the settings, none, or the others of the gold tool's group."""
        if not self._settings.dislike_rivals:
            return set()
        return {provider_of(name) for name in group} - {provider_of(gold)}

    def _further_group(self, category: str, rng: random.Random) -> dict:
        """A group at random, of the category as often as the settings say."""
        share = self._settings.same_category
        if share and rng.random() < share:
            return rng.choice(self._by_category[category])
        return rng.choice(self._groups)

    def _take_neighbours(
        self, preferred: str, taken: TakenTools, rivals: set[tuple[str, str]], has_own: bool, rng: random.Random
    ) -> list[str]:
        """Take tools near `preferred` in attributes, of no rival, that do no job of `taken`, nearest first.

        Its provider's other tools, which have the same attributes, are among them only with `has_own`: a history that
        shows them says whom the user will prefer, whatever the user likes.
        """
        found: list[str] = []
        out = rivals if has_own else rivals | {provider_of(preferred)}
        for names in self._tools.nearest_by_attributes(preferred, _MOST_TRIED):
            if len(found) == self._settings.neighbours:
                break
            for name in rng.sample(names, min(len(names), _TRIED_PER_PROVIDER)):
                if provider_of(name) not in out and not taken.overlap(name):
                    found.append(name)
                    taken.add([name])
                    break
        return found


def _has_parameters(tool: dict) -> bool:
    return any(tool[kind] for kind in PARAMETER_KINDS)
