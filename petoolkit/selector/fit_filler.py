"""Fitting the parameter filler on the gold calls and the past calls of training rows."""

import json
import random
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np

from petoolbench import PARAMETER_KINDS, to_json_text
from petoolkit.selector.fit_choice_model import fit_choice_model
from petoolkit.selector.parameter_filler import arrays_of, parameters_of
from petoolkit.selector.parameter_reading import is_like
from petoolkit.selector.request_words import WordMemory, counts, without_function, words_of_calls
from petoolkit.selector.single_threaded import single_threaded
from petoolkit.selector.value_candidates import LEFT_OUT, candidates_for, does_words
from petoolkit.selector.value_evidence import value_evidence_of

_MOST_CALLS = 2_000
_FEWEST_CALLS = 100  # of which a filler learns more than the one that ships knows
_MOST_WRONG = 24  # candidates of a parameter in training, beside the right one


@dataclass(frozen=True)
class KnownCall:
    """A call whose parameters are known.

    Args:
        function: what its tool does; calls of different tools that do the same have the same.
        instruction: the request.
        tool: the document of its tool, an entry of `candidate_tools`.
        parameters: of the call, by name.
    """

    function: str
    instruction: str
    tool: dict[str, Any]
    parameters: dict[str, Any]


@single_threaded()
def fit_filler(
    rows: Sequence[dict[str, Any]], seed: int = 0, most_calls: int = _MOST_CALLS
) -> dict[str, np.ndarray] | None:
    """The arrays of a filler fitted on the gold calls and the past calls of rows; `None` if there are few different
    ones, and the one that ships knows more.

    Args:
        most_calls: how many calls it is fitted on, drawn at random from those that there are.
    """
    evidence, right = [], []
    calls = [*gold_calls(rows), *past_calls(rows)]
    random.Random(f"{seed}:calls").shuffle(calls)
    calls = calls[:most_calls]
    if len(calls) < _FEWEST_CALLS:
        return None
    words = words_of_calls((call.function, call.instruction, _texts(call)) for call in calls)
    outside, within = counts(words)
    rng = random.Random(f"{seed}:candidates")
    for call in calls:
        asked, does = tuple(parameters_of(call.tool)), does_words(call.tool)
        if not asked:
            continue
        memory = WordMemory(*without_function(outside, within, words[call.function]))
        candidates = [candidates_for(one, call.instruction, does) for one in asked]
        found = value_evidence_of(asked, candidates, call.instruction, call.tool, memory)
        for one, values, columns in zip(asked, candidates, found, strict=True):
            wanted = call.parameters.get(one.parameter["name"], LEFT_OUT)
            is_right = [_same(candidate.value, wanted) for candidate in values]
            if not any(is_right) or len(values) < 2:
                continue
            kept = [number for number, correct in enumerate(is_right) if correct]
            wrong = [number for number, correct in enumerate(is_right) if not correct]
            kept += rng.sample(wrong, min(_MOST_WRONG, len(wrong)))
            evidence.append(columns[kept].astype(np.float32))
            right.append(np.array([is_right[number] for number in kept]))
    if not evidence:
        return None
    model = fit_choice_model(evidence, right, seed, epochs=12, dropped=0.05, width=16, members=4)
    return arrays_of(model) | {"order": np.array([_order(calls)]), "outside": outside, "within": within}


def gold_calls(rows: Sequence[dict[str, Any]]) -> list[KnownCall]:
    """The gold calls of rows, each once."""
    found = {}
    for row in rows:
        name, parameters = row["tool_call"]["tool_name"], row["tool_call"]["parameters"]
        key = row["instruction"], parameters
        tool = next((one for one in row["candidate_tools"] if one["tool_name"] == name), None)
        if tool is not None and key not in found:
            found[key] = _call(row["group_id"], row["instruction"], tool, parameters)
    return [found[key] for key in sorted(found)]


def past_calls(rows: Sequence[dict[str, Any]]) -> list[KnownCall]:
    """The past calls of rows, each once, of tools whose documents are those of other rows' candidates."""
    documents = {tool["tool_name"]: tool for row in rows for tool in row["candidate_tools"]}
    groups = {name: row["group_id"] for row in rows for name in row["same_function_tools"]}
    found = {}
    for row in rows:
        for call in row["history"]:
            key = call["instruction"], call["parameters"]
            if key not in found and (tool := documents.get(call["tool_name"])) is not None:
                function = groups.get(call["tool_name"], call["tool_name"])
                found[key] = _call(function, call["instruction"], tool, call["parameters"])
    return [found[key] for key in sorted(found)]


def _call(function: str, instruction: str, tool: dict[str, Any], parameters: str) -> KnownCall:
    """Numbers of groups are those of a dataset, of which there may be several; so names of parameters are added."""
    named = sorted(one["name"] for kind in PARAMETER_KINDS for one in tool[kind])
    return KnownCall(to_json_text([function, named]), instruction, tool, json.loads(parameters))


def _order(calls: Sequence[KnownCall]) -> float:
    """How much likelier it is that values of the same form stand in their parameters' order, as a logarithm."""
    numbers = [1.0, 1.0]
    for call in calls:
        for one, other in combinations(parameters_of(call.tool), 2):
            texts = [str(call.parameters.get(each.parameter["name"], "\n")) for each in (one, other)]
            starts = [call.instruction.find(text) for text in texts]
            if min(starts) >= 0 and starts[0] != starts[1] and is_like(one, other):
                numbers[starts[0] < starts[1]] += 1
    return float(np.log(numbers[1] / numbers[0]))


def _texts(call: KnownCall) -> list[str]:
    """The values of a call, as a request would have them."""
    values = [value for value in call.parameters.values() if not isinstance(value, bool)]
    return [value if isinstance(value, str) else to_json_text(value) for value in values]


def _same(value: Any, wanted: Any) -> bool:
    if value is LEFT_OUT or wanted is LEFT_OUT:
        return value is wanted
    return to_json_text(value) == to_json_text(wanted)
