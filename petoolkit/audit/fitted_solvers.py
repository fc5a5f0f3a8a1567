"""Shortcuts that are fitted on other rows: popularity, memory, words of the instruction, who goes with whom."""

import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterable

import numpy as np

from petoolkit.audit.choices import Choices, Provider
from petoolkit.audit.solver import FittingRows, Solver

_WORD = re.compile(r"[^\W_]+")
_PRIOR = 0.5  # added to each count, so that what was seen once does not decide


class Popularity:
    """How often a tool was gold, then how often its provider was.

    Args:
        rows: that it is fitted on.
    """

    def __init__(self, rows: FittingRows):
        self._may_offer = rows.may_offer
        self._tools: Counter[str] = Counter()
        self._providers: Counter[Provider] = Counter()

    def add(self, choices: Choices, first: int) -> None:
        """See `Learner`."""
        for name, provider in _golds(choices):
            if self._may_offer(provider):
                self._tools[name] += 1
                self._providers[provider] += 1

    def merge(self, other: "Popularity") -> None:
        """See `Learner`."""
        self._tools.update(other._tools)
        self._providers.update(other._providers)

    def fit(self) -> None:
        """See `Learner`."""

    def scores(self, choices: Choices) -> list[np.ndarray]:
        """For each row, (same-function tools,) scores."""
        return [
            np.array(
                [self._tools[t["tool_name"]] + self._providers[p] / 1e6 for t, p in zip(ts, ps, strict=True)], float
            )
            for ts, ps in zip(choices.tools, choices.providers, strict=True)
        ]


class Memoriser:
    """The gold tools of rows with the same function, weighted by the past calls that both rows have.

    Args:
        rows: that it is fitted on; of those with no tool that is to be chosen, it remembers nothing.
    """

    def __init__(self, rows: FittingRows):
        self._known = rows.tools
        # Rows by their gold tool, same-function tools, and sorted past calls: users of a block share them.
        self._rows: Counter[tuple[str, tuple[str, ...], tuple[str, ...]]] = Counter()
        self._by_tool: dict[str, list[int]] = {}
        self._remembered: list[tuple[str, Counter[str], int]] = []

    def add(self, choices: Choices, first: int) -> None:
        """See `Learner`."""
        for row in choices.rows:
            tools = tuple(sorted({name for name in row["same_function_tools"] if name in self._known}))
            if tools:
                called = tuple(sorted(call["tool_name"] for call in row["history"]))
                self._rows[row["tool_call"]["tool_name"], tools, called] += 1

    def merge(self, other: "Memoriser") -> None:
        """See `Learner`."""
        self._rows.update(other._rows)

    def fit(self) -> None:
        """See `Learner`."""
        by_tool: dict[str, list[int]] = defaultdict(list)
        for number, ((gold, tools, called), rows) in enumerate(self._rows.items()):
            self._remembered.append((gold, Counter(called), rows))
            for name in tools:
                by_tool[name].append(number)
        self._by_tool = dict(by_tool)
        self._rows.clear()

    def scores(self, choices: Choices) -> list[np.ndarray]:
        """For each row, (same-function tools,) scores."""
        scores = []
        for row, tools in zip(choices.rows, choices.tools, strict=True):
            own = Counter(call["tool_name"] for call in row["history"])
            weights: Counter[str] = Counter()
            for number in {n for tool in tools for n in self._by_tool.get(tool["tool_name"], ())}:
                gold, called, rows = self._remembered[number]
                weights[gold] += rows * (1 + (own & called).total()) ** 2
            scores.append(np.array([weights[tool["tool_name"]] for tool in tools], float))
        return scores


class InstructionWords:
    """Naive Bayes: which words of the instruction go with the choice of a provider.

    Args:
        rows: that it is fitted on.
    """

    def __init__(self, rows: FittingRows):
        self._may_offer = rows.may_offer
        self._chosen: dict[Provider, Counter[str]] = {}
        self._offered: dict[Provider, Counter[str]] = {}

    def add(self, choices: Choices, first: int) -> None:
        """See `Learner`."""
        for row, tools, providers in zip(choices.rows, choices.tools, choices.providers, strict=True):
            words = _words(row)
            for tool, provider in zip(tools, providers, strict=True):
                if not self._may_offer(provider):
                    continue
                self._offered.setdefault(provider, Counter()).update(words)
                if tool["tool_name"] == row["tool_call"]["tool_name"]:
                    self._chosen.setdefault(provider, Counter()).update(words)

    def merge(self, other: "InstructionWords") -> None:
        """See `Learner`."""
        for own, theirs in ((self._chosen, other._chosen), (self._offered, other._offered)):
            for provider, words in theirs.items():
                own.setdefault(provider, Counter()).update(words)

    def fit(self) -> None:
        """See `Learner`."""

    def scores(self, choices: Choices) -> list[np.ndarray]:
        """For each row, (same-function tools,) scores."""
        return [
            np.array([self._odds(sorted(_words(row)), provider, len(providers)) for provider in providers], float)
            for row, providers in zip(choices.rows, choices.providers, strict=True)
        ]

    def _odds(self, words: Iterable[str], provider: Provider, tools: int) -> float:
        if provider not in self._offered:
            return 0
        chosen, offered = self._chosen.get(provider, Counter()), self._offered[provider]
        return sum(_odds(chosen[word], offered[word], tools) for word in words)


class CoOccurrence:
    """How often a provider was chosen beside each past call's provider: after liked and disliked calls apart.

    Args:
        rows: that it is fitted on.
    """

    def __init__(self, rows: FittingRows):
        self._may_offer = rows.may_offer
        self._chosen: dict[Provider, Counter[tuple[Provider, float]]] = {}

    def add(self, choices: Choices, first: int) -> None:
        """See `Learner`."""
        for row, tools, providers, past in zip(
            choices.rows, choices.tools, choices.providers, _past(choices), strict=True
        ):
            for tool, provider in zip(tools, providers, strict=True):
                if tool["tool_name"] == row["tool_call"]["tool_name"] and self._may_offer(provider):
                    self._chosen.setdefault(provider, Counter()).update(past)

    def merge(self, other: "CoOccurrence") -> None:
        """See `Learner`."""
        for provider, past in other._chosen.items():
            self._chosen.setdefault(provider, Counter()).update(past)

    def fit(self) -> None:
        """See `Learner`."""

    def scores(self, choices: Choices) -> list[np.ndarray]:
        """For each row, (same-function tools,) scores."""
        nothing: Counter[tuple[Provider, float]] = Counter()
        return [
            np.array(
                [sum(self._chosen.get(p, nothing)[key] * calls for key, calls in past.items()) for p in providers],
                float,
            )
            for providers, past in zip(choices.providers, _past(choices), strict=True)
        ]


def _golds(choices: Choices) -> Iterable[tuple[str, Provider]]:
    """The name and the provider of each row's gold tool, if it is among those that do the job."""
    for row, tools, providers in zip(choices.rows, choices.tools, choices.providers, strict=True):
        for tool, provider in zip(tools, providers, strict=True):
            if tool["tool_name"] == row["tool_call"]["tool_name"]:
                yield tool["tool_name"], provider


def _words(row: dict) -> set[str]:
    return set(_WORD.findall(row["instruction"].lower()))


def _past(choices: Choices) -> list[Counter]:
    """For each row, the number of calls by provider and liking."""
    return [
        Counter(zip(called, liking.tolist(), strict=True))
        for called, liking in zip(choices.called_providers, choices.liking, strict=True)
    ]


def _odds(chosen: float, offered: float, tools: int) -> float:
    """How much more often than one in `tools` a choice was made, as a logarithm."""
    return math.log((chosen + _PRIOR) / (offered + _PRIOR * tools) * tools)


FITTED_SOLVERS = (
    Solver("popularity", "the tool that is gold most often", "shortcut", Popularity.scores, learner=Popularity),
    Solver(
        "memoriser", "the gold tools of rows with similar histories", "shortcut", Memoriser.scores, learner=Memoriser
    ),
    Solver(
        "instruction-words",
        "the provider that goes with the words of the instruction",
        "shortcut",
        InstructionWords.scores,
        learner=InstructionWords,
    ),
    Solver(
        "co-occurrence",
        "the provider that is chosen beside such past providers",
        "shortcut",
        CoOccurrence.scores,
        learner=CoOccurrence,
    ),
)
