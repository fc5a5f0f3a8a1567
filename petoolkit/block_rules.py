"""The rules of the controlled design (DESIGN, "Two designs of a benchmark"), checked on the rows of a block.

Whoever makes, audits or publishes a dataset with blocks checks them.
"""

import json
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from functools import lru_cache

from petoolbench import KINDS, PARAMETER_KINDS, SETTINGS, ToolName, provider_of, setting_of

_IN_A_ROW = 5  # words that a history and its candidates may not have in common in a row, with crossed wording
_WORD = re.compile(r"[^\W_]+")
Rows = list[dict]
UNCATEGORISED = (
    "uncategorised"  # the category of tools whose catalogue has none: they need not have anything in common
)


@lru_cache(maxsize=4_096)
def word_runs(text: str) -> frozenset[tuple[str, ...]]:
    """All runs of five words of a text; two texts that share one have a sentence, or most of it, in common."""
    words = _WORD.findall(text.lower())
    return frozenset(zip(*(words[start:] for start in range(_IN_A_ROW)), strict=False))


def broken_rules(rows: Iterable[dict], is_crossed: bool = False) -> list[str]:
    """Which rules the rows of one block break, in words; empty if they keep all.

    Args:
        rows: all rows with one `block_id`, in all settings; of those of a kind other than `preference`, only the
            rules that hold for all rows are asked.
        is_crossed: whether histories must describe traits in other words than the candidates.
    """
    rows = list(rows)
    by_setting: dict[str, Rows] = defaultdict(list)
    for row in rows:
        if row["kind"] == KINDS[0]:
            by_setting[setting_of(row)].append(row)
    broken = {rule for found in by_setting.values() for rule, holds in _RULES.items() if not holds(found)}
    if not _same_calls_in_all_mixed_settings(by_setting):
        broken.add("the mixed settings do not hold the same calls")
    if is_crossed and any(_shares_words(row) for row in rows):
        broken.add("a history uses words of its candidates")
    if any(not _is_apart(row) for row in rows):
        broken.add("a candidate's provider, or its group's category, stands in a history")
    return sorted(broken)


def _each_has_its_own_trait(rows: Rows) -> bool:
    tastes = [json.loads(row["taste"]) for row in rows]
    shown = tastes[0]["tool_traits"]
    for row, taste in zip(rows, tastes, strict=True):
        gold = row["tool_call"]["tool_name"]
        rivals = {trait for name in row["same_function_tools"] if name != gold for trait in shown[name]}
        if taste["trait"] not in shown[gold] or taste["trait"] in rivals:
            return False
    return True


def _each_is_gold_once(rows: Rows) -> bool:
    golds = Counter(row["tool_call"]["tool_name"] for row in rows)
    return all(golds == Counter(row["same_function_tools"]) for row in rows)


def _same_question(rows: Rows) -> bool:
    return all(
        row["instruction"] == rows[0]["instruction"] and row["candidate_tools"] == rows[0]["candidate_tools"]
        for row in rows
    )


def _same_parameters(rows: Rows) -> bool:
    """Each gold call has parameters of its tool, with all that it requires; the same ones, if all can have these.

    Tools that are alike in function alone (`group.uniform: function`) have parameters of their own.
    """
    calls = {(row["tool_call"]["tool_name"], row["tool_call"]["parameters"]) for row in rows}
    given = dict(calls)
    members = [tool for tool in rows[0]["candidate_tools"] if tool["tool_name"] in rows[0]["same_function_tools"]]
    required, known = (
        {tool["tool_name"]: {parameter["name"] for kind in kinds for parameter in tool[kind]} for tool in members}
        for kinds in (PARAMETER_KINDS[:1], PARAMETER_KINDS)
    )

    def fits(parameters: str, name: str) -> bool:
        return required[name] <= set(json.loads(parameters)) <= known[name]

    if len(set(given.values())) == 1:
        return all(fits(parameters, name) for parameters in given.values() for name in required)
    are_alike = len(set(map(frozenset, required.values()))) == 1
    has_one_each = len(calls) == len(given)
    return (
        has_one_each
        and not are_alike
        and all(name in required and fits(parameters, name) for name, parameters in given.items())
    )


def _counting_finds_gold(rows: Rows) -> bool:
    """Liked calls less disliked ones that show a candidate's traits: the gold tool has the most, and no other has."""
    for row in rows:
        counts = trait_counts(row)
        gold = row["tool_call"]["tool_name"]
        if any(count >= counts[gold] for name, count in counts.items() if name != gold):
            return False
    return True


def _one_taste_a_call(rows: Rows) -> bool:
    """A past call that shows a trait of one of the k tools shows none of another's."""
    for row in rows:
        taste = json.loads(row["taste"])
        for traits in taste["call_traits"]:
            if sum(bool(set(traits) & set(taste["tool_traits"][name])) for name in row["same_function_tools"]) > 1:
                return False
    return True


def _only_what_may_differs(rows: Rows) -> bool:
    """In the mixed settings the users' histories have the same calls: only ratings, or only the order, differ."""
    dislikes = SETTINGS[setting_of(rows[0])].dislikes
    if dislikes == "none":
        return True
    calls = [
        [(c["instruction"], c["tool_name"], c["parameters"], c["provider_description"]) for c in row["history"]]
        for row in rows
    ]
    if dislikes == "mixed":
        return all(history == calls[0] for history in calls)
    return all(sorted(history) == sorted(calls[0]) for history in calls)


_RULES: dict[str, Callable[[Rows], bool]] = {
    "a gold tool has no trait of its own": _each_has_its_own_trait,
    "a tool is not gold just once": _each_is_gold_once,
    "instruction or candidates differ": _same_question,
    "the gold calls' parameters differ, or do not fit a tool": _same_parameters,
    "counting traits does not find the gold tool": _counting_finds_gold,
    "a past call shows traits of two tools": _one_taste_a_call,
    "histories differ in more than ratings or order": _only_what_may_differs,
}


def _same_calls_in_all_mixed_settings(by_setting: dict[str, Rows]) -> bool:
    histories = [
        sorted((call["instruction"], call["tool_name"]) for call in rows[0]["history"])
        for setting, rows in by_setting.items()
        if SETTINGS[setting].dislikes != "none"
    ]
    return all(history == histories[0] for history in histories)


def _is_apart(row: dict) -> bool:
    providers = {provider_of(tool) for tool in row["candidate_tools"]}
    own = () if row["category"] == UNCATEGORISED else (row["category"],)
    return all(
        provider_of(call) not in providers and ToolName.parse(call["tool_name"]).category not in own
        for call in row["history"]
    )


def _shares_words(row: dict) -> bool:
    candidates = frozenset().union(*(word_runs(tool["provider_description"]) for tool in row["candidate_tools"]))
    return any(not candidates.isdisjoint(word_runs(call["provider_description"])) for call in row["history"])


def liked_calls(row: dict) -> list[bool]:
    """For each past call, whether the user liked its tool, as the setting lets one know.

    In a history whose dislikes come first, the later half is liked (as the controlled design makes it).
    """
    setting = SETTINGS[setting_of(row)]
    length = len(row["history"])
    if setting.is_rated:
        return [call["rating"] == 1 for call in row["history"]]
    if setting.dislikes == "first":
        return [position >= length / 2 for position in range(length)]
    return [True] * length


def trait_counts(row: dict) -> dict[str, int]:
    """For each same-function tool, the liked calls less the disliked ones that show one of its traits."""
    taste = json.loads(row["taste"])
    signs = [1 if liked else -1 for liked in liked_calls(row)]
    return {
        name: sum(
            sign
            for sign, traits in zip(signs, taste["call_traits"], strict=True)
            if set(traits) & set(taste["tool_traits"][name])
        )
        for name in row["same_function_tools"]
    }
