"""Parameters of a tool call without a language model: a value for each, by what was learnt of a build's calls."""

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from petoolbench import PARAMETER_KINDS
from petoolkit.schema_fit import ToolSchema, plain_schema
from petoolkit.selector.choice_model import ChoiceModel
from petoolkit.selector.row_reading import stems, words_of_name
from petoolkit.selector.value_candidates import LEFT_OUT, Asked, Candidate, asked, candidates_for, does_words
from petoolkit.selector.value_evidence import value_evidence_of

SHIPPED = Path(__file__).with_name("parameter_filler.safetensors")  # `benchmarks/shipped_filler.py` writes it
_ARRAYS = ("mean", "scale", "linear", "inner", "inner_bias", "outer")
_MOST_LEVELS = 4  # of objects
_JOINED = (", ", " and ", " or ", "; ", "/")


class ParameterFiller:
    """Fills parameters.

    Args:
        weights: arrays of a `ChoiceModel` by name; empty for the filler that ships.
    """

    def __init__(self, weights: dict[str, np.ndarray]):
        self._model = model_of(weights) if weights else shipped_model()

    def parameters(self, tool: dict[str, Any], instruction: str) -> dict[str, Any]:
        """The parameters of a call of a candidate tool, by name.

        A required parameter always has a value: what the request gives for it, else its default, else an empty text.
        """
        found: dict[str, Any] = {}
        used: list[tuple[int, int]] = []
        ranked = [(one, self._ranked(one, tool, instruction)) for one in parameters_of(tool)]
        for one, values in sorted(ranked, key=lambda pair: -pair[1][0][1]):
            candidate = next((c for c, _ in values if not _is_used(c, one, used)), values[-1][0])
            if candidate.start >= 0 and not one.allowed:
                used.append((candidate.start, candidate.end))
            if candidate.value is not LEFT_OUT:
                found[one.parameter["name"]] = _of_type(one, candidate, instruction, self, tool)
        order = [one.parameter["name"] for one, _ in ranked]
        return {name: found[name] for name in order if name in found}

    def _ranked(self, one: Asked, tool: dict[str, Any], instruction: str) -> list[tuple[Candidate, float]]:
        candidates = candidates_for(one, instruction, does_words(tool))
        others = stems(" ".join(words_of_name(p["name"]) for kind in PARAMETER_KINDS for p in tool[kind]))
        others -= stems(words_of_name(one.parameter["name"]))
        evidence = value_evidence_of(one, candidates, instruction, tool, others)
        probabilities = self._model.probabilities(evidence)
        order = np.argsort(-probabilities, kind="stable").tolist()
        return [(candidates[number], float(probabilities[number])) for number in order]


def parameters_of(tool: dict[str, Any]) -> Iterator[Asked]:
    """The parameters of a candidate tool, required ones first."""
    root = ToolSchema(tool).root
    for kind in PARAMETER_KINDS:
        for parameter in tool[kind]:
            yield asked(parameter, kind == PARAMETER_KINDS[1], root)


def model_of(weights: dict[str, np.ndarray]) -> ChoiceModel:
    """The model of a filler's arrays."""
    return ChoiceModel(**{name: np.asarray(weights[name], dtype=np.float64) for name in _ARRAYS})


def arrays_of(model: ChoiceModel) -> dict[str, np.ndarray]:
    """A model's arrays by name."""
    return {name: getattr(model, name) for name in _ARRAYS}


@cache
def shipped_model() -> ChoiceModel:
    """The model that ships, which was fitted on builds of this project."""
    from safetensors.numpy import load_file

    return model_of(load_file(SHIPPED))


def _is_used(candidate: Candidate, one: Asked, used: list[tuple[int, int]]) -> bool:
    if candidate.start < 0 or one.allowed:
        return False
    return any(start < candidate.end and candidate.start < end for start, end in used)


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

    of_items = candidates_for(asked({**item, "schema": json.dumps(items) if items else None}, False), instruction)
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
