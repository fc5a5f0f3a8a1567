"""Parameters of a tool call without a language model: a value for each, by what was learnt of a build's calls."""

from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from petoolbench import PARAMETER_KINDS
from petoolkit.schema_fit import ToolSchema, plain_schema
from petoolkit.selector.choice_model import ChoiceModel
from petoolkit.selector.parameter_reading import is_like
from petoolkit.selector.request_words import WordMemory
from petoolkit.selector.value_candidates import LEFT_OUT, Asked, Candidate, candidates_for, does_words
from petoolkit.selector.value_candidates import asked as asked_of
from petoolkit.selector.value_evidence import value_evidence_of

SHIPPED = Path(__file__).with_name("parameter_filler.safetensors")  # `benchmarks/shipped_filler.py` writes it
_ARRAYS = ("mean", "scale", "linear", "inner", "inner_bias", "outer")
_MOST_LEVELS = 4  # of objects
_BEAM = 8
_JOINED = (", ", " and ", " or ", "; ", "/")


class ParameterFiller:
    """Fills parameters.

    Args:
        weights: arrays of a `ChoiceModel` by name; empty for the filler that ships.
    """

    def __init__(self, weights: dict[str, np.ndarray]):
        weights = weights or shipped_weights()
        self._model = model_of(weights)
        self._memory = WordMemory(weights["outside"], weights["within"])
        self._order = float(weights["order"][0])

    def parameters(self, tool: dict[str, Any], instruction: str) -> dict[str, Any]:
        """The parameters of a call of a candidate tool, by name.

        A required parameter always has a value: what the request gives for it, else its default, else an empty text.
        """
        asked = tuple(parameters_of(tool))
        if not asked:
            return {}
        does = does_words(tool)
        candidates = [candidates_for(one, instruction, does) for one in asked]
        evidence = value_evidence_of(asked, candidates, instruction, tool, self._memory)
        ranked = [self._ranked(*one) for one in zip(candidates, evidence, strict=True)]
        return {
            one.parameter["name"]: _of_type(one, candidate, instruction, self, tool)
            for one, candidate in zip(asked, best_together(asked, ranked, self._order), strict=True)
            if candidate.value is not LEFT_OUT
        }

    def _ranked(self, candidates: Sequence[Candidate], evidence: np.ndarray) -> list[tuple[Candidate, float]]:
        probabilities = self._model.probabilities(evidence)
        order = np.argsort(-probabilities, kind="stable").tolist()
        return [(candidates[number], float(probabilities[number])) for number in order]


def best_together(
    asked: Sequence[Asked], ranked: Sequence[list[tuple[Candidate, float]]], order: float
) -> list[Candidate]:
    """A value for each parameter, likely together, where no part of a request is the value of two.

    The likeliest `_BEAM` choices of the parameters so far are kept, those of sure parameters first.

    Args:
        asked: parameters.
        ranked: candidates of each with their probabilities, the likeliest first.
    """
    beam: list[tuple[float, dict[int, Candidate]]] = [(0.0, {})]
    for number in sorted(range(len(asked)), key=lambda n: -ranked[n][0][1]):
        longer = []
        for score, chosen in beam:
            free = [
                pair
                for pair in ranked[number]
                if not any(_overlaps(pair[0], asked[number], other, asked[n]) for n, other in chosen.items())
            ]
            for candidate, probability in (free or ranked[number][-1:])[:_BEAM]:
                likely = score + float(np.log(probability + 1e-9))
                for n, other in chosen.items():
                    if min(candidate.start, other.start) >= 0 and is_like(asked[n], asked[number]):
                        likely += order / 2 if (n < number) == (other.start < candidate.start) else -order / 2
                longer.append((likely, {**chosen, number: candidate}))
        beam = sorted(longer, key=lambda pair: -pair[0])[:_BEAM]
    return [beam[0][1][number] for number in range(len(asked))]


def _overlaps(candidate: Candidate, one: Asked, other: Candidate, of_other: Asked) -> bool:
    if min(candidate.start, other.start) < 0 or one.allowed or of_other.allowed:
        return False
    return other.start < candidate.end and candidate.start < other.end


def parameters_of(tool: dict[str, Any]) -> Iterator[Asked]:
    """The parameters of a candidate tool, required ones first."""
    root = ToolSchema(tool).root
    for kind in PARAMETER_KINDS:
        for parameter in tool[kind]:
            yield asked_of(parameter, kind == PARAMETER_KINDS[1], root)


def model_of(weights: dict[str, np.ndarray]) -> ChoiceModel:
    """The model of a filler's arrays."""
    return ChoiceModel(**{name: np.asarray(weights[name], dtype=np.float64) for name in _ARRAYS})


def arrays_of(model: ChoiceModel) -> dict[str, np.ndarray]:
    """A model's arrays by name."""
    return {name: getattr(model, name) for name in _ARRAYS}


@cache
def shipped_weights() -> dict[str, np.ndarray]:
    """The weights that ship, which were fitted on builds of this project."""
    from safetensors.numpy import load_file

    return load_file(SHIPPED)


def _of_type(one: Asked, candidate: Candidate, instruction: str, filler: ParameterFiller, tool: dict[str, Any]) -> Any:
    """A value as the document has it: of arrays and objects, by their schema."""
    value = candidate.value
    if one.kind in ("ARRAY", "LIST") and not isinstance(value, list):
        return _listed(one, candidate, instruction)
    if one.kind in ("OBJECT", "DICT") and not isinstance(value, dict):
        return _filled_object(one, instruction, filler, tool)
    return value


def _listed(one: Asked, candidate: Candidate, instruction: str) -> list[Any]:
    """The items of an array: the candidate, and those that are joined to it by commas or `and`."""
    items = one.schema.get("items")
    items = items if isinstance(items, dict) else {}
    item = {
        "name": one.parameter["name"],
        "type": str(items.get("type") or "string"),
        "description": "",
        "default": None,
    }
    import json

    of_items = candidates_for(asked_of({**item, "schema": json.dumps(items) if items else None}, False), instruction)
    if of_items and of_items[0].kind == "allowed":
        said = [found.value for found in of_items if found.start >= 0]
        return said or [of_items[0].value]
    if not isinstance(candidate.value, str) or candidate.start < 0:
        return [candidate.value] if candidate.value not in ("", None) else []
    found = [candidate]
    for other in sorted(of_items, key=lambda c: (c.start, -c.end)):
        if other.start >= found[-1].end and instruction[found[-1].end : other.start] in _JOINED:
            found.append(other)
    return [part.value for part in found]


def _filled_object(one: Asked, instruction: str, filler: ParameterFiller, tool: dict[str, Any]) -> dict[str, Any]:
    """An object whose properties are filled as parameters are."""
    import json

    properties = one.schema.get("properties")
    levels = tool.get("levels", _MOST_LEVELS)
    if not isinstance(properties, dict) or not levels:
        return {}
    required = one.schema.get("required")
    required = required if isinstance(required, list) else []
    inner: dict[str, Any] = {"tool_description": tool["tool_description"], "levels": levels - 1}
    inner |= {kind: [] for kind in PARAMETER_KINDS}
    for name, schema in properties.items():
        plain = plain_schema(schema, None) if isinstance(schema, dict) else {}
        kind = PARAMETER_KINDS[0] if name in required else PARAMETER_KINDS[1]
        inner[kind].append(
            {
                "name": name,
                "type": str(plain.get("type") or ""),
                "description": str(plain.get("description") or ""),
                "default": json.dumps(plain["default"]) if "default" in plain else None,
                "schema": json.dumps(schema) if isinstance(schema, dict) else None,
            }
        )
    return filler.parameters(inner, instruction)
