"""Shortcuts that are fitted on other rows: popularity, memory, words of the instruction, who goes with whom."""

import math
import re
from collections import Counter, defaultdict

import numpy as np

from petoolkit.audit.choices import Choices
from petoolkit.audit.solver import Solver

_WORD = re.compile(r"[^\W_]+")
_PRIOR = 0.5  # added to each count, so that what was seen once does not decide


def _popularity(fitted: Choices, choices: Choices) -> list[np.ndarray]:
    """How often a tool was gold, then how often its provider was."""
    tools: Counter = Counter()
    providers: Counter = Counter()
    for row, row_tools, row_providers in zip(fitted.rows, fitted.tools, fitted.providers, strict=True):
        for tool, provider in zip(row_tools, row_providers, strict=True):
            is_gold = tool["tool_name"] == row["tool_call"]["tool_name"]
            tools[tool["tool_name"]] += is_gold
            providers[provider] += is_gold
    return [
        np.array([tools[t["tool_name"]] + providers[p] / 1e6 for t, p in zip(ts, ps, strict=True)], float)
        for ts, ps in zip(choices.tools, choices.providers, strict=True)
    ]


def _memoriser(fitted: Choices, choices: Choices) -> list[np.ndarray]:
    """The gold tools of fitted rows with the same function, weighted by the past calls that both rows have."""
    by_tool: dict[str, list[int]] = defaultdict(list)
    called = [Counter(call["tool_name"] for call in row["history"]) for row in fitted.rows]
    for number, row in enumerate(fitted.rows):
        for name in row["same_function_tools"]:
            by_tool[name].append(number)
    scores = []
    for row, tools in zip(choices.rows, choices.tools, strict=True):
        own = Counter(call["tool_name"] for call in row["history"])
        weights: Counter = Counter()
        for number in {n for tool in tools for n in by_tool[tool["tool_name"]]}:
            shared = (own & called[number]).total()
            weights[fitted.rows[number]["tool_call"]["tool_name"]] += (1 + shared) ** 2
        scores.append(np.array([weights[tool["tool_name"]] for tool in tools], float))
    return scores


def _instruction_words(fitted: Choices, choices: Choices) -> list[np.ndarray]:
    """Naive Bayes: which words of the instruction go with the choice of a provider."""
    chosen: dict[tuple, Counter] = defaultdict(Counter)
    offered: dict[tuple, Counter] = defaultdict(Counter)
    for row, tools, providers in zip(fitted.rows, fitted.tools, fitted.providers, strict=True):
        words = set(_WORD.findall(row["instruction"].lower()))
        for tool, provider in zip(tools, providers, strict=True):
            offered[provider].update(words)
            if tool["tool_name"] == row["tool_call"]["tool_name"]:
                chosen[provider].update(words)
    return [
        np.array(
            [
                sum(
                    _odds(chosen[p][word], offered[p][word], len(ps))
                    for word in sorted(set(_WORD.findall(row["instruction"].lower())))
                    if p in offered
                )
                for p in ps
            ],
            float,
        )
        for row, ps in zip(choices.rows, choices.providers, strict=True)
    ]


def _co_occurrence(fitted: Choices, choices: Choices) -> list[np.ndarray]:
    """How often a provider was chosen beside each past call's provider: after liked and disliked calls apart."""
    chosen: Counter = Counter()
    for row, tools, providers, past in zip(fitted.rows, fitted.tools, fitted.providers, _past(fitted), strict=True):
        for tool, provider in zip(tools, providers, strict=True):
            if tool["tool_name"] == row["tool_call"]["tool_name"]:
                for key, calls in past.items():
                    chosen[provider, key] += calls
    return [
        np.array([sum(chosen[p, key] * calls for key, calls in past.items()) for p in ps], float)
        for ps, past in zip(choices.providers, _past(choices), strict=True)
    ]


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
    Solver("popularity", "the tool that is gold most often", "shortcut", _popularity, ("fitting rows",)),
    Solver("memoriser", "the gold tools of rows with similar histories", "shortcut", _memoriser, ("fitting rows",)),
    Solver(
        "instruction-words",
        "the provider that goes with the words of the instruction",
        "shortcut",
        _instruction_words,
        ("fitting rows",),
    ),
    Solver(
        "co-occurrence",
        "the provider that is chosen beside such past providers",
        "shortcut",
        _co_occurrence,
        ("fitting rows",),
    ),
)
