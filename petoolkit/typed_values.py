"""Values of calls in their documented types: models often give a number, a list or an object as text."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from petoolkit.schema_fit import misfit, plain_schema

_NUMBER_TYPES = {"NUMBER", "INTEGER", "INT", "FLOAT", "DOUBLE"}
_BOOLEAN_TYPES = {"BOOLEAN", "BOOL"}
_JSON_TYPES = {"ARRAY": list, "LIST": list, "OBJECT": dict, "DICT": dict}
_NUMBER = re.compile(r"[+-]?\d{1,300}(\.\d+)?([eE][+-]?\d{1,3})?")
_MOST_LEVELS = 20  # of lists and objects whose values are read by a schema
_MOST_PARTS = 2_000  # of unions that are tried for one value


def typed(value: Any, documented_type: str) -> Any:
    """A value that is text, as its documented type (in upper case) has it; others as they are."""
    if not isinstance(value, str):
        return value
    text = value.strip()
    if documented_type in _NUMBER_TYPES and _NUMBER.fullmatch(text):
        return int(text) if text.lstrip("+-").isdecimal() else float(text)
    if documented_type in _BOOLEAN_TYPES and text.lower() in ("true", "false"):
        return text.lower() == "true"
    if documented_type in _JSON_TYPES:
        try:
            decoded = json.loads(text)
        except (ValueError, RecursionError):
            return value
        return decoded if isinstance(decoded, _JSON_TYPES[documented_type]) else value
    return value


def typed_by_schema(value: Any, schema: Any, root: Any) -> Any:
    """A value, and the values in it, as a JSON Schema has them.

    Text that fits the schema stays. Other text is read as what fits: a number, a boolean, null, a list or an object;
    if nothing does, as the schema's type.

    Args:
        value: of a call.
        schema: of the value.
        root: the schema in which references are looked up.
    """
    return _Typing(root).typed(value, schema, _MOST_LEVELS)


class _Typing:
    """One value that is read by a schema. References can make a schema endless: after many parts, values stay."""

    def __init__(self, root: Any):
        self._root = root
        self._parts_left = _MOST_PARTS

    def typed(self, value: Any, schema: Any, levels: int) -> Any:
        if not levels or not isinstance(schema, Mapping):
            return value
        if isinstance(value, str):
            if self._fits(value, schema):
                return value
            for reading in _readings(value):
                found = self.typed(reading, schema, levels - 1)
                if self._fits(found, schema):
                    return found
        plain = plain_schema(schema, self._root)
        value = typed(value, str(plain.get("type")).upper())
        for part in [*_list(plain, "anyOf"), *_list(plain, "oneOf")]:
            self._parts_left -= 1
            if self._parts_left < 0:
                return value
            found = self.typed(value, part, levels - 1)
            if self._fits(found, part):
                return found
        if isinstance(value, list):
            return [self.typed(item, plain.get("items"), levels - 1) for item in value]
        if isinstance(value, dict):
            properties, others = plain.get("properties"), plain.get("additionalProperties")
            properties = properties if isinstance(properties, Mapping) else {}
            return {name: self.typed(item, properties.get(name, others), levels - 1) for name, item in value.items()}
        return value

    def _fits(self, value: Any, schema: Mapping) -> bool:
        return misfit(value, schema, self._root) is None


def _list(schema: Mapping[str, Any], key: str) -> list:
    parts = schema.get(key)
    return parts if isinstance(parts, list) else []


def _readings(text: str) -> Iterator[Any]:
    """What text can be meant as, beside text."""
    for kind in ("NUMBER", "BOOLEAN", "ARRAY", "OBJECT"):
        if (read := typed(text, kind)) is not text:
            yield read
    if text.strip().lower() == "null":
        yield None
