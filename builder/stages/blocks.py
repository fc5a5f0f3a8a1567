"""Controlled design, the stage `blocks`: who prefers what, and what histories and candidates hold.

A block is one instruction, one list of candidates, and k users who each prefer another of the k tools that do the job.
"""

import random
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from petoolbench import PARAMETER_KINDS, InputError

from ..block_attributes import AssignedAttributes, CatalogueAttributes
from ..record_rng import record_rng
from ..split_pools import Provider, SplitPools, draw_pools
from ..tools import Tools

if TYPE_CHECKING:
    from petoolkit.embedding import TextEncoder

    from ..recipe import BlockSettings, CandidateSettings, ExportSettings

_WITHOUT_PARAMETERS_EVERY = 3  # rounds: a call without parameters tests half of the task
_FEWEST_NEUTRAL = 4  # past calls of a row without a preference
_MOST_TRIED = 200  # tools tried for a past call

Rejected = str


def blocks(
    tools: Tools,
    groups: list[dict],
    retriever: "TextEncoder",
    settings: "BlockSettings",
    candidates: "CandidateSettings",
    export: "ExportSettings",
    users: int,
    seed: int,
) -> Iterator[dict]:
    """Draw blocks, one of each group in turn, until they have enough users.

    Input columns: those of `group`, `collect` and `understand`.
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
    documents = retriever.encode([tool["functionality"] for tool in tools.rows], "functionality descriptions")
    draw = _Draw(tools, groups, documents, settings, candidates, export, seed)
    drawn, round_number = 0, 0
    reasons: Counter[str] = Counter()
    while drawn < users and (settings.blocks_per_group is None or round_number < settings.blocks_per_group):
        drawn_before = drawn
        for group in sorted(
            groups, key=lambda group: record_rng(seed, f"round {round_number}", group["group_id"]).random()
        ):
            if drawn >= users:
                return
            if round_number % _WITHOUT_PARAMETERS_EVERY and not _has_parameters(tools[group["tools"][0]]):
                continue
            block = draw.block(group, round_number)
            reasons[block["rejected"] or ""] += 1
            drawn += 0 if block["rejected"] else len(block["tools"])
            yield block
        round_number += 1
        if drawn == drawn_before and round_number % _WITHOUT_PARAMETERS_EVERY == 0:
            break
    if drawn < users:
        why = "; ".join(f"{number:,} {reason}" for reason, number in reasons.most_common(4) if reason)
        limit = f" with blocks.blocks_per_group {settings.blocks_per_group}" if settings.blocks_per_group else ""
        raise InputError(
            f"blocks for {drawn:,} of the {users:,} users asked for could be drawn of {len(groups):,} groups{limit}"
            f"{f' (refused: {why})' if why else ''}; lower users or blocks.calls_per_trait, raise "
            "blocks.blocks_per_group, or add catalogues."
        )


class _Draw:
    """Draws blocks one by one; each depends on nothing but its group, its number and what this was given."""

    def __init__(
        self,
        tools: Tools,
        groups: list[dict],
        documents: np.ndarray,
        settings: "BlockSettings",
        candidates: "CandidateSettings",
        export: "ExportSettings",
        seed: int,
    ) -> None:
        self._tools, self._documents = tools, documents
        self._settings, self._candidates, self._seed = settings, candidates, seed
        is_assigned = settings.attributes == "assigned"
        self._attributes = (
            AssignedAttributes() if is_assigned else CatalogueAttributes(tools, settings.wording == "crossed")
        )
        self._providers: list[Provider] = [_provider(tool) for tool in tools.rows]
        providers_of = {group["group_id"]: {_provider(tools[name]) for name in group["tools"]} for group in groups}
        self._pools: SplitPools = draw_pools(
            groups, providers_of, self._providers, export.split, export.test_share, seed
        )

    def block(self, group: dict, round_number: int) -> dict:
        """One block of a group, or why there is none."""
        block_id = f"{group['group_id']}-{round_number:03d}"
        rng = record_rng(self._seed, "blocks", block_id)
        split = self._pools.split_of(group["group_id"], block_id)
        known = {
            "block_id": block_id,
            "split": split,
            **{key: group[key] for key in ("group_id", "category", "functionality")},
        }
        drawn = self._draw(group, split, rng)
        if isinstance(drawn, Rejected):
            return {**known, "rejected": drawn}
        return {**known, **drawn, "rejected": None}

    def _draw(self, group: dict, split: str, rng: random.Random) -> dict | Rejected:
        most = min(self._candidates.number, self._candidates.same_function or self._candidates.number)
        names = rng.sample(group["tools"], min(len(group["tools"]), most))
        own = self._attributes.distinctive(names, rng)
        if len(own) < 2:
            return "fewer than two tools have a trait that no rival has"
        low, high = self._settings.calls_per_trait
        per_trait = rng.randint(low, high)
        does_the_job = np.logical_or.reduce([self._tools.does_job_of(name) for name in group["tools"]])
        does_the_job[[self._tools.index[name] for name in group["tools"]]] = True
        others = self._distractors(group["tools"], does_the_job, split, self._candidates.number - len(own), rng)
        if others is None:
            return "too few tools to stand beside the gold ones"
        history = _HistoryTools(self, group, does_the_job, [*own, *others], split, rng)
        traits: dict[str, str] = {}
        shown: dict[str, list[str]] = {}
        for name, possible in own.items():
            rivals = [rival for rival in own if rival != name]
            for trait in possible:
                found = history.take(
                    per_trait, lambda other, n=name, t=trait, r=rivals: self._attributes.shows(other, t, r, n)
                )
                if found:
                    traits[name], shown[name] = trait, found
                    break
            else:
                return "too few other providers show a tool's trait and none of its rivals'"
        fillers = history.take((len(own) - 2) * per_trait, lambda other: self._attributes.is_neutral(other, own))
        if fillers is None:
            return "too few other providers show none of the tools' traits"
        calls: list[tuple[str, str | None]] = [(name, tool) for tool, called in shown.items() for name in called]
        calls += [(name, None) for name in fillers]
        rng.shuffle(calls)
        neutral: list[str] | None = []
        if rng.random() < self._settings.no_preference_share:
            neutral = history.take_up_to(len(calls), lambda other: self._attributes.is_neutral(other, own))
        chosen = [*own, *others]
        rng.shuffle(chosen)
        return {
            "tools": list(own),
            "traits": traits,
            "candidate_tools": chosen,
            "calls": [self._call(name, tool, traits) for name, tool in calls],
            "neutral_calls": [self._call(name, None, traits) for name in neutral or []],
            "shown_traits": {name: self._shown(name, traits.get(name)) for name in chosen},
            "is_assigned": self._settings.attributes == "assigned",
            "is_crossed": self._settings.wording == "crossed",
            "has_overrides": rng.random() < self._settings.override_share,
        }

    def _call(self, name: str, tool: str | None, traits: dict[str, str]) -> dict:
        return {"tool_name": name, "tool": tool, "traits": self._shown(name, traits[tool] if tool else None)}

    def _shown(self, name: str, assigned: str | None) -> list[str]:
        traits = self._attributes.traits_of(name)
        return ([assigned] if assigned else []) if traits is None else traits

    def _distractors(
        self, group: Sequence[str], does_the_job: np.ndarray, split: str, number: int, rng: random.Random
    ) -> list[str] | None:
        """Candidates that do not do the job: those found for it, and others at random."""
        may = [self._pools.may_be_candidate(provider, split) for provider in self._providers]
        allowed = np.array(may) & ~does_the_job
        if allowed.sum() < number:
            return None
        query = self._documents[self._tools.index[group[0]]]
        similarity = np.where(allowed, self._documents @ query, -np.inf)
        found = np.argsort(-similarity, kind="stable")[: min(self._candidates.retrieved, number)].tolist()
        allowed[found] = False
        found += rng.sample(np.flatnonzero(allowed).tolist(), number - len(found))
        return [self._tools.rows[index]["tool_name"] for index in found]


class _HistoryTools:
    """Tools for past calls of one block, each of another provider, which no candidate has."""

    def __init__(
        self,
        draw: _Draw,
        group: dict,
        does_the_job: np.ndarray,
        candidates: Collection[str],
        split: str,
        rng: random.Random,
    ) -> None:
        tools, providers = draw._tools, draw._providers
        taken = {providers[tools.index[name]] for name in candidates}
        indices = [
            index
            for index in np.flatnonzero(~does_the_job).tolist()
            if tools.rows[index]["category"] != group["category"]
            and providers[index] not in taken
            and draw._pools.may_be_in_history(providers[index], split)
        ]
        rng.shuffle(indices)
        self._left: dict[Provider, str] = {}
        for index in indices:
            self._left.setdefault(providers[index], tools.rows[index]["tool_name"])
        self._candidates, self._attributes = candidates, draw._attributes

    def take_up_to(self, number: int, is_fit) -> list[str]:
        """At most `number` tools that are fit, an even number of them; none if there are too few for a history."""
        fit = self._fit(number, is_fit)
        fit = fit[: len(fit) // 2 * 2]
        return self._taken(fit) if len(fit) >= _FEWEST_NEUTRAL else []

    def take(self, number: int, is_fit) -> list[str] | None:
        """So many tools that are fit; `None` if there are fewer."""
        fit = self._fit(number, is_fit)
        return self._taken(fit) if len(fit) == number else None

    def _fit(self, number: int, is_fit) -> list[Provider]:
        fit: list[Provider] = []
        for provider, name in self._left.items():
            if len(fit) == number:
                break
            if is_fit(name) and not self._attributes.shares_words(name, self._candidates):
                fit.append(provider)
        return fit

    def _taken(self, providers: list[Provider]) -> list[str]:
        return [self._left.pop(provider) for provider in providers]


def _provider(tool: dict) -> Provider:
    return tool["category"], tool["provider"]


def _has_parameters(tool: dict) -> bool:
    return any(tool[kind] for kind in PARAMETER_KINDS)
