"""Fitting the parameter filler on the gold calls of training rows."""

import json
import random
from collections.abc import Sequence
from typing import Any

import numpy as np

from petoolbench import PARAMETER_KINDS, to_json_text
from petoolkit.selector.choice_model import ChoiceModel
from petoolkit.selector.fit_choice_model import fit_choice_model
from petoolkit.selector.parameter_filler import parameters_of
from petoolkit.selector.row_reading import stems, words_of_name
from petoolkit.selector.value_candidates import LEFT_OUT, candidates_for, does_words
from petoolkit.selector.value_evidence import value_evidence_of

_MOST_CALLS = 3_000
_FEWEST_CALLS = 100  # of which a filler learns more than the one that ships knows
_MOST_WRONG = 24  # candidates of a parameter in training, beside the right one


def fit_filler(rows: Sequence[dict[str, Any]], seed: int = 0) -> ChoiceModel | None:
    """Fit a filler; `None` if there are few different calls, and the one that ships knows more."""
    evidence, right = [], []
    calls = distinct_calls(rows, seed)
    if len(calls) < _FEWEST_CALLS:
        return None
    for row in calls:
        name = row["tool_call"]["tool_name"]
        tool = next((one for one in row["candidate_tools"] if one["tool_name"] == name), None)
        if tool is None:
            continue
        gold = json.loads(row["tool_call"]["parameters"])
        rng = random.Random(f"{seed}:{row['id']}")
        for one in parameters_of(tool):
            candidates = candidates_for(one, row["instruction"], does_words(tool))
            wanted = gold.get(one.parameter["name"], LEFT_OUT)
            is_right = [_same(candidate.value, wanted) for candidate in candidates]
            if not any(is_right) or len(candidates) < 2:
                continue
            kept = [number for number, correct in enumerate(is_right) if correct]
            wrong = [number for number, correct in enumerate(is_right) if not correct]
            kept += rng.sample(wrong, min(_MOST_WRONG, len(wrong)))
            others = stems(" ".join(words_of_name(p["name"]) for kind in PARAMETER_KINDS for p in tool[kind]))
            others -= stems(words_of_name(one.parameter["name"]))
            chosen = [candidates[number] for number in kept]
            evidence.append(value_evidence_of(one, chosen, row["instruction"], tool, others))
            right.append(np.array([is_right[number] for number in kept]))
    return (
        fit_choice_model(evidence, right, seed, epochs=24, dropped=0.05, width=24)
        if evidence and len(calls) >= _FEWEST_CALLS
        else None
    )


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
