"""Controlled design, the stage `blocks`: who prefers what, and what histories and candidates hold.

A block is one instruction, one list of candidates, and k users who each prefer another of the k tools that do the job.
"""

import random
from collections import Counter
from collections.abc import Collection, Iterator
from contextlib import closing
from functools import partial
from itertools import count
from typing import TYPE_CHECKING, NamedTuple

from petoolbench import PARAMETER_KINDS, InputError
from petoolkit.chunks import in_chunks
from petoolkit.engines.engine import HERE, Engine
from petoolkit.text import counted

from ..block_attributes import AssignedAttributes, BlockAttributes, CatalogueAttributes, both
from ..block_pool import BlockPool
from ..record_rng import record_rng
from ..split_pools import SplitPools, draw_pools
from ..stage_notes import Notes
from ..tools import Tools

if TYPE_CHECKING:
    from petoolkit.embedding import TextEncoder

    from ..recipe import BlockSettings, CandidateSettings, ExportSettings

_WITHOUT_PARAMETERS_EVERY = 3  # rounds: a call without parameters tests half of the task
_ORDERS_DRAWN = 8  # of a history, of which the most balanced one is taken
_TASKS_AT_ONCE = 50
_FEWEST_NEUTRAL = 4  # past calls of a row without a preference

Refusal = str
_NO_TRAITS = "fewer than two tools have a trait that no rival has"
_NO_DISTRACTORS = "too few tools can stand beside the gold ones"
_NO_SHOWING = "too few other providers show a tool's trait and none of its rivals'"
_NOT_IN_OTHER_WORDS = f"{_NO_SHOWING} in other words than its candidates"
_NO_FILLERS = "too few other providers show none of the tools' traits"
_NO_NEUTRAL = "blocks without a row without a preference: too few providers show none of the tools' traits"
_MENDS: dict[Refusal, str] = {
    _NO_TRAITS: "take blocks.attributes: assigned",
    _NO_DISTRACTORS: "lower candidates.number",
    _NO_SHOWING: "lower blocks.calls_per_trait or take blocks.attributes: assigned",
    _NOT_IN_OTHER_WORDS: "lower blocks.calls_per_trait or take blocks.wording: as_is",
    _NO_FILLERS: "lower blocks.calls_per_trait or candidates.same_function",
}


def blocks(
    tools: Tools,
    groups: list[dict],
    retriever: "TextEncoder",
    settings: "BlockSettings",
    candidates: "CandidateSettings",
    export: "ExportSettings",
    users: int,
    seed: int,
    notes: Notes,
    engine: Engine = HERE,
    spare: int = 0,
) -> Iterator[dict]:
    """Draw blocks, one of each group in turn, until they have enough users.

    Input columns: those of `group`, `collect` and `understand`.
    Args:
        notes: its counts get the blocks that should have a row without a preference, and have none.
        engine: draws parts of a round.
        spare: how many more users to draw, if there are blocks for them.

    Output columns:
        block_id, split, group_id, category, functionality (str)
        tools (list of str): the k tools that do the job, each preferred by one user.
        traits ({tool: trait}): the trait for which its user prefers it; no rival shows it.
        candidate_tools (list of str): in the order that a model sees.
        calls (list of {tool_name, tool, traits}): past calls in their order; `tool` is the candidate whose trait it
            shows, null for a filler, which all users like; `traits` are all that its provider shows.
        neutral_calls (list of the same): the history of a row without a preference; empty if there is none.
        shown_traits ({tool: traits}): all that each candidate's provider shows.
        is_assigned, is_crossed (bool): whether the traits are assigned, and whether histories say them in other words.
        has_overrides (bool): whether the block also has rows whose instruction states a need against the taste.
        rejected (str or null): why there is no such block.

    Raises:
        InputError: if a split is left without groups, or no block can be drawn any more.
    """
    providers = dict(zip(tools.names, tools.providers, strict=True))
    providers_of = {group["group_id"]: {providers[name] for name in group["tools"]} for group in groups}
    pools = draw_pools(groups, providers_of, providers.values(), export.split, export.test_share, seed)
    tools.find_near(name for group in groups for name in group["tools"])
    draw = _Draw(tools, BlockPool(tools, pools, tools.documents(retriever)), settings, candidates)
    rounds = count() if settings.blocks_per_group is None else range(settings.blocks_per_group)
    drawn = drawn_before = last_round = 0
    is_exhausted = False  # rounds of all groups gave nothing
    reasons: Counter[str] = Counter()
    parts = (
        part
        for round_number in rounds
        for part in in_chunks(_tasks_of_round(tools, groups, pools, round_number, seed), _TASKS_AT_ONCE)
    )
    results = engine.run(partial(_draw_all, draw, seed), parts)
    with closing(results):
        for task, block in (pair for _, part in results for pair in part):
            for ended in range(last_round, task.round_number):
                is_exhausted |= drawn == drawn_before and (ended + 1) % _WITHOUT_PARAMETERS_EVERY == 0
                drawn_before = drawn
            last_round = task.round_number
            if is_exhausted or drawn >= users + spare:
                break
            if isinstance(block, Refusal):
                reasons[block] += 1
                yield {**task.known, "rejected": block}
            else:
                drawn += len(block["tools"])
                notes.counts.update([_NO_NEUTRAL] if block.pop("lacks_neutral") else [])
                yield {**task.known, **block}
    if drawn < users:
        limit = settings.blocks_per_group
        raise InputError(
            f"blocks for {drawn:,} of the {counted(users, 'user')} asked for could be drawn, of "
            f"{counted(len(groups), 'group')} of {counted(len(set(providers.values())), 'provider')}"
            f"{f' with blocks.blocks_per_group {limit}' if limit else ''}{_refused(reasons)}; "
            f"{_mends(reasons, limit)}, lower users, or add catalogues."
        )


class _Task(NamedTuple):
    """A block to draw."""

    round_number: int
    group: list[str]
    known: dict


def _tasks_of_round(
    tools: Tools, groups: list[dict], pools: SplitPools, round_number: int, seed: int
) -> Iterator[_Task]:
    for group in _in_random_order(groups, pools.test_groups, round_number, seed):
        if round_number % _WITHOUT_PARAMETERS_EVERY and not _has_parameters(tools[group["tools"][0]]):
            continue
        block_id = f"{group['group_id']}-{round_number:03d}"
        known = {key: group[key] for key in ("group_id", "category", "functionality")}
        known |= {"block_id": block_id, "split": pools.split_of(group["group_id"], block_id), "rejected": None}
        yield _Task(round_number, group["tools"], known)


def _draw_all(draw: "_Draw", seed: int, tasks: list[_Task]) -> "list[tuple[_Task, dict | Refusal]]":
    draw.pool.compare(task.group[0] for task in tasks)
    return [
        (
            task,
            draw.block(task.group, task.known["split"], record_rng(seed, "blocks", task.known["block_id"])),
        )
        for task in tasks
    ]


def _refused(reasons: Counter[Refusal]) -> str:
    listed = "; ".join(f"{reason}: {counted(number, 'time')}" for reason, number in reasons.most_common())
    return f" (refused: {listed})" if listed else ""


def _mends(reasons: Counter[Refusal], limit: int | None) -> str:
    """What to change, the most frequent reason first."""
    mends = [_MENDS[reason] for reason, _ in reasons.most_common()]
    return (
        ", ".join([*mends, *(["raise blocks.blocks_per_group"] if limit else [])]) or "raise candidates.same_function"
    )


def _in_random_order(groups: list[dict], test_groups: Collection[str], round_number: int, seed: int) -> list[dict]:
    """All groups; however many of the first are taken, the test split has about its share of them."""
    order = sorted(groups, key=lambda group: record_rng(seed, f"round {round_number}", group["group_id"]).random())
    of_split = [[g for g in order if (g["group_id"] in test_groups) == is_test] for is_test in (False, True)]
    position = {group["group_id"]: (index + 0.5) / len(part) for part in of_split for index, group in enumerate(part)}
    return sorted(order, key=lambda group: position[group["group_id"]])


class _Draw:
    """Draws blocks one by one; each depends on nothing but its group, its random numbers and what this was given."""

    def __init__(
        self, tools: Tools, pool: BlockPool, settings: "BlockSettings", candidates: "CandidateSettings"
    ) -> None:
        self.pool, self._settings, self._candidates = pool, settings, candidates
        self._is_assigned, self._is_crossed = settings.attributes == "assigned", settings.wording == "crossed"
        self._attributes: BlockAttributes = (
            AssignedAttributes() if self._is_assigned else CatalogueAttributes(tools, self._is_crossed)
        )

    def block(self, group: list[str], split: str, rng: random.Random) -> dict | Refusal:
        """One block of a group, or why there is none."""
        most = min(self._candidates.number, self._candidates.same_function or self._candidates.number)
        own = self._attributes.distinctive(rng.sample(group, min(len(group), most)), rng)
        if len(own) < 2:
            return _NO_TRAITS
        distractors = self.pool.distractors(
            group, split, self._candidates.number - len(own), self._candidates.retrieved, rng
        )
        if distractors is None:
            return _NO_DISTRACTORS
        candidates = [*own, *distractors]
        drawn = self._calls(group, own, candidates, split, rng)
        if isinstance(drawn, Refusal):
            return drawn
        traits, calls, neutral = drawn
        rng.shuffle(candidates)
        # A distractor may show what a user likes: reading the function is part of the task.
        shown = {name: self._attributes.shown(name, traits.get(name), (), rng) for name in candidates}
        return {
            "tools": list(own),
            "traits": traits,
            "candidate_tools": candidates,
            "calls": [self._call(name, tool, traits, rng) for name, tool in calls],
            "neutral_calls": [self._call(name, None, traits, rng) for name in neutral or []],
            "lacks_neutral": neutral is None,
            "shown_traits": shown,
            "is_assigned": self._is_assigned,
            "is_crossed": self._is_crossed,
            "has_overrides": rng.random() < self._settings.override_share,
        }

    def _calls(
        self, group: list[str], own: dict[str, list[str]], candidates: list[str], split: str, rng: random.Random
    ) -> tuple[dict[str, str], list[tuple[str, str | None]], list[str] | None] | Refusal:
        """The trait that each tool is preferred for, past calls that show them, and calls that show none.

        The last are empty if the block needs none, and `None` if it needs some and there are too few.
        """
        past = self.pool.callable(group, candidates, split, rng)
        words = self._attributes.is_in_other_words(candidates)
        per_trait = rng.randint(*self._settings.calls_per_trait)
        traits: dict[str, str] = {}
        calls: list[tuple[str, str | None]] = []
        for name, possible in own.items():
            rivals = [rival for rival in own if rival != name]
            for trait in possible:
                found = past.take(per_trait, both(self._attributes.shows(trait, name, rivals), words))
                if found:
                    traits[name] = trait
                    calls += [(other, name) for other in found]
                    break
            else:
                return _NOT_IN_OTHER_WORDS if self._is_crossed and not self._is_assigned else _NO_SHOWING
        is_neutral = both(self._attributes.is_neutral(own), words)
        fillers = past.take((len(own) - 2) * per_trait, is_neutral)
        if fillers is None:
            return _NO_FILLERS
        calls += [(name, None) for name in fillers]
        calls = _mixed(calls, rng)
        neutral: list[str] | None = []
        if rng.random() < self._settings.no_preference_share:
            neutral = past.take(len(calls), is_neutral, _FEWEST_NEUTRAL)
        return traits, calls, neutral and neutral[: len(neutral) // 2 * 2]

    def _call(self, name: str, tool: str | None, traits: dict[str, str], rng: random.Random) -> dict:
        shown = self._attributes.shown(name, traits[tool] if tool else None, traits.values(), rng)
        return {"tool_name": name, "tool": tool, "traits": shown}


def _mixed(calls: list[tuple[str, str | None]], rng: random.Random) -> list[tuple[str, str | None]]:
    """Past calls in random order, the one of several in which those that all users like tell the least.

    Over a block's users, the order of the others tells nothing anyway: each is liked by one.
    """
    orders = [rng.sample(calls, len(calls)) for _ in range(_ORDERS_DRAWN)]
    return min(orders, key=_order_tells)


def _order_tells(calls: list[tuple[str, str | None]]) -> float:
    """How far the share of pairs in which a filler comes after another call is from one half."""
    fillers = [position for position, (_, tool) in enumerate(calls) if tool is None]
    others = [position for position, (_, tool) in enumerate(calls) if tool is not None]
    later = sum(filler > other for filler in fillers for other in others)
    return abs(later - len(fillers) * len(others) / 2)


def _has_parameters(tool: dict) -> bool:
    return any(tool[kind] for kind in PARAMETER_KINDS)
