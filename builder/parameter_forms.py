"""The parameters of tools, as they are compared: tools that do the same job take the same ones."""

import json
from collections.abc import Iterable
from functools import lru_cache

from petoolbench import PARAMETER_KINDS

# The kinds of parameters in which a group's tools agree, by the name that the setting `uniform` has.
UNIFORM: dict[str, tuple[str, ...]] = {
    "parameters": PARAMETER_KINDS,
    "required": PARAMETER_KINDS[:1],
    "function": (),
}


def parameter_names(tool: dict, kinds: Iterable[str] = PARAMETER_KINDS) -> tuple:
    """The names of a tool's parameters, kind by kind."""
    return tuple(tuple(sorted(parameter["name"] for parameter in tool[kind])) for kind in kinds)


def parameter_types(tool: dict, kinds: Iterable[str] = PARAMETER_KINDS) -> tuple:
    """The names of a tool's parameters with their types and, where there are few, the values that they take."""
    return tuple(
        tuple(sorted((p["name"], (p["type"] or "").upper(), _allowed_values(p["schema"])) for p in tool[kind]))
        for kind in kinds
    )


@lru_cache(maxsize=20_000)  # tools are compared at each eps of a sweep
def _allowed_values(schema_text: str | None) -> str:
    schema = json.loads(schema_text or "null")
    allowed = schema.get("enum", []) if isinstance(schema, dict) else []
    return json.dumps(sorted(map(json.dumps, allowed))) if isinstance(allowed, list) else ""
