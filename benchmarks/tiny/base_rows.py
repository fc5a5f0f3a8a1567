"""Rows without preference, from which the tiny base model learns format, copying and functions."""

import json
import random
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from typing import NamedTuple

import yaml
from petoolkit.builder.authors.offline_values import plain_name
from petoolkit.builder.catalogue.tool_document import ToolDocument
from petoolkit.builder.traits import TRAITS

from petoolbench import SETTINGS, ToolName
from petoolkit.shipped import ROOT

_RENAMED = 0.9  # share of rows whose tools get other names, which can only be copied
_PARAMETERS_RENAMED = 0.5  # share of these whose parameters do too; what a parameter is called helps to find its value
_OF_CANDIDATES_PROVIDERS = 0.6  # share of past calls; candidates and history then have similar names to tell apart
_LIKE_A_CANDIDATE = 0.5  # share of past calls of whose provider the trait of a candidate's is said, in any words
_QUESTIONS_OF_EACH = 3
_SAME_WORDS = 0.4  # share of questions in the words of the prompt; others are in any words for the trait
_CANDIDATE_QUESTION = "Which candidate tool is of a provider described so: "
_PAST_QUESTION = "Which past call was of a provider described so: "
_ORDER_QUESTION = "How are the providers of the past calls described, the newest first?"
_RATING_QUESTIONS = [
    f"How are the providers of the past calls with rating {rating} described, the newest first?" for rating in (0, 1)
]
_LIKE_QUESTION = "Which candidate tool is of a provider described like that of the past call of "
QUESTIONS = (_CANDIDATE_QUESTION, _PAST_QUESTION, _LIKE_QUESTION, _ORDER_QUESTION, *_RATING_QUESTIONS)
ALIKE = "which candidate is alike"
READING_KINDS = ("which candidate", "which past call", ALIKE, "descriptions in order")  # of questions
_TRAIT_OF = {wording: name for name, trait in TRAITS.items() for wording in trait.wordings}


class Size(NamedTuple):
    """How large a prompt may be.

    Args:
        interactions: the most interactions of a history; with 0 there is none, otherwise at least one.
        candidates: the most candidate tools.
        requests: the most requests; without a past call of the candidate tools there is one. With 0 there is none, and
            of tools and calls the prompt says only their names and how their providers are described.
    """

    interactions: int
    candidates: int
    requests: int


def _trimmed(row: dict) -> dict:
    """A row without requests, parameters and descriptions of functions."""
    without_parameters = {"tool_description": "", "required_parameters": [], "optional_parameters": []}
    return {
        **row,
        "history": [{**call, "instruction": "", "parameters": "{}"} for call in row["history"]],
        "candidate_tools": [{**tool, **without_parameters} for tool in row["candidate_tools"]],
    }


class RowsWithoutPreference:
    """Draws prompts (columns of `petoolbench.COLUMNS`) from which no preference can be learnt.

    The gold tool is any of the same-function tools, the history is taken from many users' histories, and its ratings
    and the setting are random.

    Args:
        rows: of the train split.
        names: that tools get instead of their own.
    """

    def __init__(self, rows: Sequence[dict], names: "Names"):
        self._rows = rows
        self._names = names
        self._past_calls = [call for row in rows for call in row["history"]]
        self._by_tool: dict[str, list[dict]] = defaultdict(list)
        self._by_provider: dict[str, list[dict]] = defaultdict(list)
        for call in self._past_calls:
            self._by_tool[call["tool_name"]].append(call)
            self._by_provider[provider_of(call["tool_name"])].append(call)
        self._does_the_same: dict[str, set[str]] = defaultdict(set)
        for row in rows:
            for name in row["same_function_tools"]:
                self._does_the_same[name].update(row["same_function_tools"])

    def draw(self, size: Size, rng: random.Random) -> list[dict]:
        """The rows of one prompt, which differ in their request and its call only."""
        row = rng.choice(self._rows)
        setting = rng.choice(list(SETTINGS))
        gold = rng.choice([t for t in row["candidate_tools"] if t["tool_name"] in row["same_function_tools"]])
        others = [tool for tool in row["candidate_tools"] if tool is not gold]
        tools = [gold, *rng.sample(others, min(size.candidates - 1, len(others)))]
        tools += self._more(row, size.candidates - len(tools), rng)
        rng.shuffle(tools)
        history = self._history(tools, size.interactions, SETTINGS[setting].is_rated, rng)
        shared = {
            **row,
            "id": f"{row['user_id']}/{setting}",
            "history": history,
            "history_length": len(history),
            "candidate_tools": tools,
        }
        requested = [{**row["tool_call"], "tool_name": gold["tool_name"], "instruction": row["instruction"]}]
        known = [tool["tool_name"] for tool in tools if tool["tool_name"] in self._by_tool]
        if known and size.requests:  # a tool may be requested twice, so that earlier calls do not exclude a tool
            requested += [rng.choice(self._by_tool[name]) for name in rng.choices(known, k=size.requests - 1)]
        rows = [self._request(call, shared) for call in requested]
        if not size.requests:
            rows = [_trimmed(rows[0])]
        if rng.random() >= _RENAMED:
            return rows
        return self._names.exchanged(rows, rng, has_other_parameters=rng.random() < _PARAMETERS_RENAMED)

    def _more(self, row: dict, number: int, rng: random.Random) -> list[dict]:
        """So many candidates of other rows, or fewer, none of which is a candidate of this row."""
        drawn = (tool for other in rng.choices(self._rows, k=number) for tool in other["candidate_tools"])
        own = {tool["tool_name"] for tool in row["candidate_tools"]}
        more = {tool["tool_name"]: tool for tool in drawn if tool["tool_name"] not in own}
        return list(more.values())[:number]

    def _request(self, call: dict, shared: dict) -> dict:
        """A row whose gold call is this one."""
        name = call["tool_name"]
        same = self._does_the_same[name] | {name}
        return {
            **shared,
            "instruction": call["instruction"],
            "tool_call": {"tool_name": name, "parameters": call["parameters"]},
            "same_function_tools": [t["tool_name"] for t in shared["candidate_tools"] if t["tool_name"] in same],
        }

    def _history(self, tools: list[dict], interactions: int, rated: bool, rng: random.Random) -> list[dict]:
        names = {tool["tool_name"] for tool in tools}
        near = {
            name: [call for call in self._by_provider[name] if call["tool_name"] not in names]
            for name in map(provider_of, (tool["tool_name"] for tool in tools))
        }
        known = sorted(name for name, calls in near.items() if calls)
        history = []
        for _ in range(rng.randint(1, interactions) if interactions else 0):
            of_candidate = known and rng.random() < _OF_CANDIDATES_PROVIDERS
            call = rng.choice(near[rng.choice(known)] if of_candidate else self._past_calls)
            if rng.random() < _LIKE_A_CANDIDATE:
                call = {**call, "provider_description": _said_otherwise(rng.choice(tools), call, rng)}
            history.append({**call, "rating": rng.randint(0, 1) if rated else None})
        return history


def in_text(tool_name: str) -> str:
    """A tool as an answer in text names it."""
    return f'{{"tool_name": "{tool_name}"}}'


def reading_turns(
    row: dict, rng: random.Random, candidate: Callable[[str], str] = in_text
) -> list[tuple[str, str, list[str]]]:
    """Questions about what stands in the prompt, each with its kind before it and all its right answers after it.

    They teach to read, which a pretrained model can do already, and not what to choose: which candidate tool is of a
    provider that a sentence describes, given in any words for the trait; which past call is; and how the providers
    of the past calls are described, by rating or the newest first.

    Args:
        row: with the history and the candidates that are asked for.
        rng: decides what is asked.
        candidate: how an answer writes the name of a candidate tool; that of a past call is always written in text.
    """
    tools, history = row["candidate_tools"], row["history"]
    of_candidate, of_past_call, _, in_order = READING_KINDS
    turns = [(of_candidate, *_whose(_CANDIDATE_QUESTION, tools, rng, candidate)) for _ in range(_QUESTIONS_OF_EACH)]
    if history:
        turns += [(of_past_call, *_whose(_PAST_QUESTION, history, rng, in_text)) for _ in range(_QUESTIONS_OF_EACH)]
        turns += [(ALIKE, *turn) for turn in _likened(history, tools, rng, candidate)]
        turns.append((in_order, *_described(history, rng)))
    return turns


def _whose(
    question: str, tools: list[dict], rng: random.Random, written: Callable[[str], str]
) -> tuple[str, list[str]]:
    trait = rng.choice([_trait(tool) for tool in tools])
    right = [tool for tool in tools if _trait(tool) == trait]
    words = _sentence(rng.choice(right)) if rng.random() < _SAME_WORDS else rng.choice(TRAITS[trait].wordings)
    names = dict.fromkeys(tool["tool_name"] for tool in right)
    return question + words, [written(name) for name in names]


def _likened(
    history: list[dict], tools: list[dict], rng: random.Random, written: Callable[[str], str]
) -> Iterator[tuple[str, list[str]]]:
    """Questions about past calls of whose trait there is a candidate, and whose tools were called once."""
    calls_of = Counter(call["tool_name"] for call in history)
    for call in rng.sample(history, min(len(history), _QUESTIONS_OF_EACH)):
        right = [tool["tool_name"] for tool in tools if _trait(tool) == _trait(call)]
        if right and calls_of[call["tool_name"]] == 1:
            yield f'{_LIKE_QUESTION}"{call["tool_name"]}"', [written(name) for name in right]


def _described(history: list[dict], rng: random.Random) -> tuple[str, list[str]]:
    newest_first = history[::-1]
    if history[0]["rating"] is None:
        return _ORDER_QUESTION, [" ".join(map(_sentence, newest_first))]
    rating = rng.choice([call["rating"] for call in history])
    found = [_sentence(call) for call in newest_first if call["rating"] == rating]
    return _RATING_QUESTIONS[rating], [" ".join(found)]


def _sentence(tool: dict) -> str:
    """The sentence that says the trait of a tool's provider."""
    return _trait_sentence(tool["provider_description"])


@cache
def _trait_sentence(description: str) -> str:
    return next(text for text in _TRAIT_OF if description.endswith(text))


def _said_otherwise(tool: dict, call: dict, rng: random.Random) -> str:
    """The description of a call's provider, with a sentence for the trait of a tool's."""
    opening = call["provider_description"].removesuffix(_sentence(call))
    return opening + rng.choice(TRAITS[_trait(tool)].wordings)


def _trait(tool: dict) -> str:
    return _TRAIT_OF[_sentence(tool)]


def provider_of(name: str) -> str:
    """The provider in a tool's full name."""
    return ToolName.parse(name).provider


class Names:
    """The names of a catalogue, of which a prompt's tools get others, so that they can only be copied.

    Args:
        documents: of a catalogue.
    """

    def __init__(self, documents: Iterable[ToolDocument]):
        documents = list(documents)
        parameters = [p for each in documents for p in (*each.required_parameters, *each.optional_parameters)]
        self._categories = {full_name(document): document.category for document in documents}
        self._of = {"tool": sorted(self._categories), "parameter": sorted({each.name for each in parameters})}

    def exchanged(self, rows: list[dict], rng: random.Random, has_other_parameters: bool) -> list[dict]:
        """The rows of one prompt with other names, the same in all of them.

        A description whose traits are assigned begins anew, for the other category.

        Args:
            rows: with the same history and candidates.
            rng: equal ones give equal candidates equal names.
            has_other_parameters: whether parameters get other names, too.
        """
        others: dict[tuple[str, str], str] = {}

        def other(kind: str, name: str) -> str:
            while (kind, name) not in others:
                drawn = rng.choice(self._of[kind])
                if (kind, drawn) not in {(k, n) for (k, _), n in others.items()}:
                    others[kind, name] = drawn
            return others[kind, name]

        def with_other_keys(parameters: str) -> str:
            values = json.loads(parameters)
            return json.dumps({other("parameter", key): value for key, value in values.items()}, ensure_ascii=False)

        def with_other_names(tool: dict) -> dict:
            new = {**tool, "tool_name": other("tool", tool["tool_name"])}
            if "provider_description" in tool:
                opening = rng.choice(PROVIDER_OPENINGS).format(spoken(self._categories[new["tool_name"]]))
                new["provider_description"] = f"{opening} {_sentence(tool)}"
            if has_other_parameters and "parameters" in tool:
                new["parameters"] = with_other_keys(tool["parameters"])
            elif has_other_parameters:
                for kind in ("required_parameters", "optional_parameters"):
                    new[kind] = [{**each, "name": other("parameter", each["name"])} for each in tool[kind]]
            return new

        candidates = [with_other_names(tool) for tool in rows[0]["candidate_tools"]]
        history = [with_other_names(call) for call in rows[0]["history"]]
        return [
            {
                **row,
                "history": history,
                "candidate_tools": candidates,
                "tool_call": with_other_names(row["tool_call"]),
                "same_function_tools": [other("tool", name) for name in row["same_function_tools"]],
                "acceptable_tools": [other("tool", name) for name in row["acceptable_tools"]],
            }
            for row in rows
        ]


PROVIDER_OPENINGS = yaml.safe_load((ROOT / "builder/authors/offline_words.yaml").read_text("utf-8"))[
    "provider_openings"
]


def full_name(document: ToolDocument) -> str:
    """A tool's name as the benchmark has it."""
    return str(ToolName(document.category, document.tool, document.api))


def spoken(category: str) -> str:
    """A category as descriptions for assigned traits have it."""
    return " ".join(plain_name(category).split()[:3])
