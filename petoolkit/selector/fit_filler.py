"""Fitting the parameter filler on the gold calls of training rows."""

import json
import random
from collections.abc import Sequence
from itertools import combinations
from typing import Any

import numpy as np

from petoolbench import to_json_text
from petoolkit.selector.fit_choice_model import fit_choice_model
from petoolkit.selector.parameter_filler import arrays_of, parameters_of
from petoolkit.selector.request_words import WordMemory, counts, without_function, words_of_calls
from petoolkit.selector.value_candidates import LEFT_OUT, candidates_for, does_words
from petoolkit.selector.value_evidence import is_like, value_evidence_of

_MOST_CALLS = 3_000
_FEWEST_CALLS = 100  # of which a filler learns more than the one that ships knows
_MOST_WRONG = 24  # candidates of a parameter in training, beside the right one


def fit_filler(rows: Sequence[dict[str, Any]], seed: int = 0) -> dict[str, np.ndarray] | None:
    """The arrays of a fitted filler; `None` if there are few different calls, and the one that ships knows more."""
    evidence, right = [], []
    calls = distinct_calls(rows, seed)
    if len(calls) < _FEWEST_CALLS:
        return None
    words = words_of_calls((_function(row), row["instruction"], _texts(row)) for row in calls)
    outside, within = counts(words)
    for row in calls:
        memory = WordMemory(*without_function(outside, within, words[_function(row)]))
        name = row["tool_call"]["tool_name"]
        tool = next((one for one in row["candidate_tools"] if one["tool_name"] == name), None)
        if tool is None:
            continue
        gold = json.loads(row["tool_call"]["parameters"])
        rng = random.Random(f"{seed}:{row['id']}")
        asked = tuple(parameters_of(tool))
        for one in asked:
            candidates = candidates_for(one, row["instruction"], does_words(tool))
            wanted = gold.get(one.parameter["name"], LEFT_OUT)
            is_right = [_same(candidate.value, wanted) for candidate in candidates]
            if not any(is_right) or len(candidates) < 2:
                continue
            kept = [number for number, correct in enumerate(is_right) if correct]
            wrong = [number for number, correct in enumerate(is_right) if not correct]
            kept += rng.sample(wrong, min(_MOST_WRONG, len(wrong)))
            evidence.append(value_evidence_of(one, candidates, row["instruction"], tool, asked, memory)[kept])
            right.append(np.array([is_right[number] for number in kept]))
    if not evidence:
        return None
    model = fit_choice_model(evidence, right, seed, epochs=12, dropped=0.05, width=16, members=8)
    return arrays_of(model) | {"order": np.array([_order(calls)]), "outside": outside, "within": within}


def _order(calls: Sequence[dict[str, Any]]) -> float:
    """How much likelier it is that values of the same form stand in their parameters' order, as a logarithm."""
    numbers = [1.0, 1.0]
    for row in calls:
        gold = json.loads(row["tool_call"]["parameters"])
        tool = next(one for one in row["candidate_tools"] if one["tool_name"] == row["tool_call"]["tool_name"])
        for one, other in combinations(parameters_of(tool), 2):
            starts = [row["instruction"].find(str(gold.get(each.parameter["name"], "\n"))) for each in (one, other)]
            if min(starts) >= 0 and starts[0] != starts[1] and is_like(one, other):
                numbers[starts[0] < starts[1]] += 1
    return float(np.log(numbers[1] / numbers[0]))


def _function(row: dict[str, Any]) -> str:
    """The function that a call is of; numbers of groups are those of a dataset, of which there may be several."""
    return to_json_text([row["group_id"], sorted(json.loads(row["tool_call"]["parameters"]))[:1]])


def _texts(row: dict[str, Any]) -> list[str]:
    """The values of a gold call, as a request would have them."""
    values = json.loads(row["tool_call"]["parameters"]).values()
    return [
        value if isinstance(value, str) else to_json_text(value) for value in values if not isinstance(value, bool)
    ]


def distinct_calls(rows: Sequence[dict[str, Any]], seed: int) -> list[dict[str, Any]]:
    """One row for each instruction and gold parameters, at most `_MOST_CALLS`, drawn at random."""
    found = {(row["instruction"], row["tool_call"]["parameters"]): row for row in rows}
    chosen = [found[key] for key in sorted(found)]
    random.Random(f"{seed}:calls").shuffle(chosen)
    return chosen[:_MOST_CALLS]


def _same(value: Any, wanted: Any) -> bool:
    if value is LEFT_OUT or wanted is LEFT_OUT:
        return value is wanted
    return to_json_text(value) == to_json_text(wanted)
