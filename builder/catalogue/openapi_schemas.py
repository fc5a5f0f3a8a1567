"""Schemas of an OpenAPI operation as JSON Schema within bounds, without references and with `allOf` merged."""

import json
from collections import Counter
from typing import Any

from .openapi_references import Followed, References

# How deep an operation's schemas are read: the first of these with which they have at most so many characters.
LEVELS = (25, 10, 6, 4, 3, 2, 1)
MOST_CHARACTERS = 100_000

_BY_NAME = ("properties", "patternProperties", "dependentSchemas")
_ONE = ("items", "additionalProperties", "contains", "propertyNames", "not", "if", "then", "else")
_LISTED = ("anyOf", "oneOf", "prefixItems")
_KINDS: dict[str, Any] = {
    **dict.fromkeys(_BY_NAME, dict),
    **dict.fromkeys(_ONE, dict | bool),
    **dict.fromkeys((*_LISTED, "allOf", "enum", "required"), list),
    **dict.fromkeys(("title", "description", "format", "pattern"), str),
    "type": str | list,
}
_DESCRIBING = ("title", "description", "default", "deprecated")
_VALUES = (
    *_DESCRIBING,
    *("type", "enum", "const", "format", "multipleOf", "maximum", "exclusiveMaximum", "minimum", "exclusiveMinimum"),
    *("maxLength", "minLength", "pattern", "contentEncoding", "contentMediaType", "maxItems", "minItems"),
    *("uniqueItems", "maxContains", "minContains", "maxProperties", "minProperties", "required", "dependentRequired"),
)
SCHEMA_KEYS = frozenset((*_BY_NAME, *_ONE, *_LISTED, *_VALUES, "allOf", "nullable", "x-nullable"))
_NOT_COUNTED = ("$schema", "$id", "$comment", "$defs", "definitions", "readOnly", "writeOnly")
_LIMITS = {"exclusiveMinimum": "minimum", "exclusiveMaximum": "maximum"}


class TooLargeError(Exception):
    """Schemas have more characters than they may, and fewer levels of them may have less."""


class Schemas:
    """Reads the schemas of what one operation is sent; they share one budget.

    A schema that holds itself is cut where it comes again; so is what is nested deeper than `levels`, and what comes
    after `MOST_CHARACTERS`. A cut schema keeps its type, and its description if there is room for it. Properties that
    are read-only are left out.

    Args:
        references: of the document.
        levels: that schemas may have.
        counts: gets the number of what was left out or cut, for each reason.
    """

    def __init__(self, references: References, levels: int, counts: Counter[str]):
        self._references = references
        self._levels = levels
        self._counts = counts
        self._characters_left = MOST_CHARACTERS
        self._read_only: set[str] = set()

    def read(self, schema: Any, is_body: bool = False) -> Any:
        """The schema with all that its references name; `True`, which allows everything, where there is none.

        A body has one level more, as its properties may be the operation's parameters.

        Raises:
            TooLargeError: if there are more than `MOST_CHARACTERS`, and `levels` is not the last of `LEVELS`.
        """
        return self._read(self._references.follow(schema), frozenset(), self._levels + is_body)

    def _read(self, followed: Followed, within: frozenset[str], levels: int) -> Any:
        schema, read = followed.value, self._part(followed, within, levels)
        if not isinstance(read, dict):
            return read
        if isinstance(required := read.get("required"), list):
            known = read.get("properties", {})
            read["required"] = [name for name in required if name in known or name not in self._read_only]
        return _with_null(read) if schema.get("nullable") is True or schema.get("x-nullable") is True else read

    def _part(self, followed: Followed, within: frozenset[str], levels: int) -> Any:
        """A schema as it stands in the `allOf` of another, which may require what this one leaves out."""
        schema, names = followed
        if isinstance(schema, bool):
            return schema
        if not isinstance(schema, dict):
            return True
        if within.intersection(names):
            return self._cut(schema, "it holds itself")
        if not levels:
            return self._cut(
                schema, f"nested deeper than {LEVELS[0]} levels, or than {MOST_CHARACTERS:,} characters allow"
            )
        part = self._own_keys(schema)
        if not self._has_room_for(len(json.dumps(part))):
            return self._cut(schema, f"more than {MOST_CHARACTERS:,} characters in an operation")
        inside, follow = within.union(names), self._references.follow
        for key, value in schema.items():
            if not isinstance(value, _KINDS.get(key, ())):
                continue
            if key in _BY_NAME:
                part[key] = self._by_name(value, inside, levels - 1)
            elif key in _ONE:
                part[key] = self._read(follow(value), inside, levels - 1)
            elif key in _LISTED:
                part[key] = [self._read(follow(one), inside, levels - 1) for one in value]
        if isinstance(schema.get("allOf"), list):
            part = merged(part, [self._part(follow(one), inside, levels - 1) for one in schema["allOf"]])
        return part

    def _by_name(self, schemas: dict, within: frozenset[str], levels: int) -> dict:
        read = {}
        for name, schema in schemas.items():
            followed = self._references.follow(schema)
            if isinstance(followed.value, dict) and followed.value.get("readOnly") is True:
                self._counts["properties left out: read-only"] += 1
                self._read_only.add(name)
            else:
                read[name] = self._read(followed, within, levels)
        return read

    def _own_keys(self, schema: dict) -> dict:
        """What a schema says without those inside it, as JSON Schema says it."""
        read = {}
        for key, value in schema.items():
            if not isinstance(value, _KINDS.get(key, object)):
                self._counts["keys of schemas left out: malformed"] += 1
            elif key in _VALUES and _is_shallow(value, LEVELS[0]):
                read[key] = value
            elif key in _VALUES:
                self._counts[f"keys of schemas left out: nested deeper than {LEVELS[0]} levels"] += 1
            elif key not in SCHEMA_KEYS and key not in _NOT_COUNTED:
                self._counts["keys of schemas left out: not of JSON Schema (examples, XML, vendors' keys ...)"] += 1
        for exclusive, limit in _LIMITS.items():  # true or false in Swagger 2 and OpenAPI 3.0
            if isinstance(read.get(exclusive), bool) and read.pop(exclusive) and limit in read:
                read[exclusive] = read.pop(limit)
        if read.get("type") == "file":  # in Swagger 2
            read |= {"type": "string", "format": "binary"}
        if "required" in read:
            read["required"] = [name for name in read["required"] if isinstance(name, str)]
        if isinstance(schema.get("properties"), dict):
            read.setdefault("type", "object")
        return read

    def _has_room_for(self, characters: int) -> bool:
        self._characters_left -= characters + 10  # 10 for a name
        if self._characters_left < 0 and self._levels > LEVELS[-1]:
            raise TooLargeError
        return self._characters_left >= 0

    def _cut(self, schema: dict, reason: str) -> dict:
        self._counts[f"schemas cut: {reason}"] += 1
        kept = {key: schema[key] for key in ("type", "description") if isinstance(schema.get(key), str)}
        if isinstance(schema.get("properties"), dict):
            kept.setdefault("type", "object")
        if not self._has_room_for(sum(map(len, kept.values())) + 20):
            kept.pop("description", None)
        return kept


def merged(schema: dict, parts: list) -> dict:
    """A schema with the parts of its `allOf`; a part that says something else than it on the same stays in `allOf`."""
    left = []
    for part in parts:
        if part is True:
            continue
        if not isinstance(part, dict) or any(
            schema[key] != value
            for key, value in part.items()
            if key in schema and key not in ("properties", "required", *_DESCRIBING)
        ):
            left.append(part)
            continue
        both = {**part, **schema}
        if "properties" in part and "properties" in schema:
            own, others = schema["properties"], part["properties"]
            both["properties"] = {
                name: _both(own[name], others[name]) if name in own and name in others else (own | others)[name]
                for name in [*others, *(name for name in own if name not in others)]
            }
        if isinstance(part.get("required"), list) and isinstance(schema.get("required"), list):
            both["required"] = [*part["required"], *(one for one in schema["required"] if one not in part["required"])]
        schema = both
    if left:
        schema = {**schema, "allOf": [*schema.get("allOf", []), *left]}
    return schema


def _both(one: Any, other: Any) -> Any:
    """A schema that says what two say."""
    return merged(one, [other]) if isinstance(one, dict) else other if one is True else one


def _with_null(schema: dict) -> dict:
    """A schema that also allows null."""
    kind = schema.get("type")
    if isinstance(kind, str):
        return {**schema, "type": [kind, "null"]}
    described = {key: schema[key] for key in _DESCRIBING if key in schema}
    bare = {key: value for key, value in schema.items() if key not in described}
    return {**described, "anyOf": [bare, {"type": "null"}]} if bare and kind is None else schema


def _is_shallow(value: Any, levels: int) -> bool:
    """Whether a JSON value has at most so many levels."""
    if not isinstance(value, dict | list):
        return True
    inside = value.values() if isinstance(value, dict) else value
    return levels > 0 and all(_is_shallow(one, levels - 1) for one in inside)
