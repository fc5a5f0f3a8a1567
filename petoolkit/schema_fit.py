"""Whether values fit the JSON Schemas of a tool's parameters.

Types, enum, const, limits, items, properties, unions and references within the tool's schema are held against a value.
Formats and patterns are not: the first are annotations, and other people's regular expressions can take for ever.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any
from urllib.parse import unquote

from petoolbench import PARAMETER_KINDS

_MOST_LEVELS = 40
_MOST_STEPS = 20_000
_MOST_REFERENCES = 20  # and unions of one part that lead to others
_LONGEST = 200  # characters of a misfit
JSON_TYPES: Mapping[str, Callable[[Any], bool]] = {
    "string": lambda value: isinstance(value, str),
    "integer": lambda value: _is_number(value) and value == value // 1,
    "number": lambda value: _is_number(value),
    "boolean": lambda value: isinstance(value, bool),
    "array": lambda value: isinstance(value, list),
    "object": lambda value: isinstance(value, dict),
    "null": lambda value: value is None,
}


class ToolSchema:
    """The JSON Schemas of a tool's parameters.

    Args:
        tool: name, parameters and `schema` of a tool, as an entry of a row's `candidate_tools` has them. Parameters
            without a JSON Schema may have any value: what other catalogues say of types is not kept.
    """

    def __init__(self, tool: Mapping[str, Any]):
        self.required = [parameter["name"] for parameter in tool[PARAMETER_KINDS[0]]]
        self.parameters = {p["name"]: parameter_schema(p) for kind in PARAMETER_KINDS for p in tool[kind]}
        rest = json.loads(tool.get("schema") or "{}")
        self.root = {**(rest if isinstance(rest, dict) else {}), "properties": self.parameters}

    def misfit(self, parameters: Mapping[str, Any]) -> str | None:
        """How a call's parameters break the tool's document, in a few words; `None` if they do not."""
        for name in self.required:
            if name not in parameters:
                return f"{name} is missing"
        for name, value in parameters.items():
            if found := self.misfit_of(name, value):
                return f"{name} {found}"
        return None

    def misfit_of(self, name: str, value: Any) -> str | None:
        """How the value of one parameter breaks its schema, in a few words; `None` if it does not."""
        schema = self.parameters.get(name, self.root.get("additionalProperties"))
        return None if schema is None or schema == {} else misfit(value, schema, self.root)


def parameter_schema(parameter: Mapping[str, Any]) -> Any:
    """The JSON Schema of a parameter; that of its type if it says no more; {} if it has none."""
    if parameter.get("schema") is not None:
        return json.loads(parameter["schema"])
    # JSON Schema's names of types are in small letters; RapidAPI's are not, and its documents do not keep them.
    return {"type": parameter["type"]} if parameter["type"] in JSON_TYPES else {}


def referenced(reference: str, root: Any) -> Any:
    """What a reference such as `#/$defs/City` names in a schema; `None` if it is not there."""
    if not reference.startswith("#"):
        return None
    found = root
    for key in reference.removeprefix("#").split("/")[1:]:
        plain = unquote(key).replace("~1", "/").replace("~0", "~")
        found = found.get(plain) if isinstance(found, Mapping) else None
    return found


def plain_schema(schema: Any, root: Any) -> Mapping[str, Any]:
    """A schema with what its reference, its only part, or the only part beside null says, as its own."""
    beside: dict[str, Any] = {}
    for _ in range(_MOST_REFERENCES):
        if not isinstance(schema, Mapping):
            return beside
        beside = {**schema, **beside}
        if isinstance(reference := beside.pop("$ref", None), str):
            schema = referenced(reference, root)
            continue
        key = next((key for key in ("anyOf", "oneOf", "allOf") if isinstance(beside.get(key), list)), None)
        others = [part for part in beside[key] if part != {"type": "null"}] if key else []
        if key is None or len(others) != 1:
            return beside
        del beside[key]
        schema = others[0]
    return beside


def misfit(value: Any, schema: Any, root: Any) -> str | None:
    """How a value breaks a JSON Schema, in a few words; `None` if it does not.

    Args:
        value: a JSON value.
        schema: of any form; what is not as a schema has it, allows everything.
        root: the schema in which references are looked up.
    """
    return _Check(root).misfit(value, schema, _MOST_LEVELS)


class _Check:
    """One value held against a schema. References can make a schema endless: after many steps, all is allowed."""

    def __init__(self, root: Any):
        self.root = root
        self._steps_left = _MOST_STEPS

    def misfit(self, value: Any, schema: Any, levels: int) -> str | None:
        self._steps_left -= 1
        if schema is False:
            return "may not be given"
        if not isinstance(schema, Mapping) or not levels or self._steps_left < 0:
            return None
        return next(self._misfits(value, schema, levels - 1), None)

    def _misfits(self, value: Any, schema: Mapping[str, Any], levels: int) -> Iterator[str]:
        within = partial(self.misfit, levels=levels)
        if isinstance(reference := schema.get("$ref"), str):
            yield from filter(None, [within(value, referenced(reference, self.root))])
        yield from _misfits_of_kind(value, schema)
        yield from filter(None, (within(value, part) for part in _list(schema, "allOf")))
        for key in ("anyOf", "oneOf"):
            found = [within(value, part) for part in _list(schema, key)]
            if found and all(found):
                yield " and ".join(dict.fromkeys(map(str, found)))[:_LONGEST]
        is_checked = levels > 0 and self._steps_left > 0
        if is_checked and isinstance(schema.get("not"), Mapping) and not within(value, schema["not"]):
            yield "is what it may not be"
        if isinstance(value, list):
            first = _list(schema, "prefixItems")
            parts = [*first, *[schema.get("items")] * (len(value) - len(first))]
            found = [within(item, part) for item, part in zip(value, parts, strict=False)]
            yield from (f"has an item that {one}" for one in found if one)
        elif isinstance(value, dict):
            properties = schema.get("properties")
            properties = properties if isinstance(properties, Mapping) else {}
            others = True if "patternProperties" in schema else schema.get("additionalProperties")
            for name, item in value.items():
                if one := within(item, properties.get(name, others)):
                    yield f"has {name}, which {one}"


def _misfits_of_kind(value: Any, schema: Mapping[str, Any]) -> Iterator[str]:
    """What a schema says of a value by itself, without what it holds."""
    kinds = schema.get("type")
    kinds = [kinds] if isinstance(kinds, str) else kinds
    if isinstance(kinds, list) and not any(_is_of_type(value, kind) for kind in kinds):
        yield f"is not of the type {' or '.join(map(str, kinds))}"
    if isinstance(allowed := schema.get("enum"), list) and not any(equal_json(value, one) for one in allowed):
        yield f"is none of {', '.join(json.dumps(one, ensure_ascii=False) for one in allowed)}"[:_LONGEST]
    if "const" in schema and not equal_json(value, schema["const"]):
        yield f"is not {json.dumps(schema['const'], ensure_ascii=False)}"[:_LONGEST]
    if _is_number(value):
        yield from _misfits_of_number(value, schema)
    elif isinstance(value, str):
        yield from _misfits_of_length(len(value), schema, "Length", "characters")
    elif isinstance(value, list):
        yield from _misfits_of_length(len(value), schema, "Items", "items")
        if schema.get("uniqueItems") is True and _has_twice(value):
            yield "has an item twice"
    elif isinstance(value, dict):
        yield from (
            f"lacks {name}" for name in _list(schema, "required") if isinstance(name, str) and name not in value
        )


_LIMITS: Mapping[str, tuple[Callable[[float, float], bool], str]] = {
    "minimum": (lambda value, limit: value >= limit, "is below"),
    "maximum": (lambda value, limit: value <= limit, "is above"),
    "exclusiveMinimum": (lambda value, limit: value > limit, "is not above"),
    "exclusiveMaximum": (lambda value, limit: value < limit, "is not below"),
    "multipleOf": (lambda value, step: not step or isinstance(step, float) or value % step == 0, "is no multiple of"),
}


def _misfits_of_number(value: float, schema: Mapping[str, Any]) -> Iterator[str]:
    for key, (holds, words) in _LIMITS.items():
        limit = _number(schema, key)
        if limit is not None and not holds(value, limit):
            yield f"{words} {limit}"


def _misfits_of_length(length: int, schema: Mapping[str, Any], what: str, unit: str) -> Iterator[str]:
    least, most = _number(schema, f"min{what}"), _number(schema, f"max{what}")
    if least is not None and length < least:
        yield f"has fewer than {least} {unit}"
    if most is not None and length > most:
        yield f"has more than {most} {unit}"


def _number(schema: Mapping[str, Any], key: str) -> float | None:
    """A limit of a schema; an older draft's `exclusiveMinimum: true` is none."""
    limit = schema.get(key)
    return limit if _is_number(limit) else None


def _list(schema: Mapping[str, Any], key: str) -> list:
    parts = schema.get(key)
    return parts if isinstance(parts, list) else []


def _is_of_type(value: Any, kind: Any) -> bool:
    """Whether a value is of a type; one that JSON Schema does not know allows everything."""
    return kind not in JSON_TYPES or JSON_TYPES[kind](value) if isinstance(kind, str) else True


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _has_twice(items: list) -> bool:
    try:
        return len({json.dumps(one, sort_keys=True) for one in items}) < len(items)
    except RecursionError:
        return False


def equal_json(left: Any, right: Any) -> bool:
    """Whether two JSON values are equal: 3 and 3.0 are, 1 and true are not."""
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(equal_json(value, right[key]) for key, value in left.items())
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(equal_json, left, right))
    return left == right
