"""Parameters of tools whose documents describe them by a JSON Schema (MCP, OpenAPI, functions)."""

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from petoolkit.schema_fit import JSON_TYPES, referenced

from .tool_document import Parameter

# JSON Schema's types, by the names that they have in lists of functions (Python's, Java's) and in faulty documents.
_TYPES: dict[str, str | None] = {
    **dict.fromkeys(("string", "str", "text", "char", "date", "datetime", "date-time"), "string"),
    **dict.fromkeys(("number", "float", "double", "decimal"), "number"),
    **dict.fromkeys(("integer", "int", "long", "short"), "integer"),
    **dict.fromkeys(("boolean", "bool"), "boolean"),
    **dict.fromkeys(("array", "list", "tuple", "set", "arraylist"), "array"),
    **dict.fromkeys(("object", "dict", "map", "hashmap"), "object"),
    **dict.fromkeys(("any", ""), None),
    "null": "null",
}
_ITEMS = re.compile(r"[\[<].*[\]>]$")  # of `List[str]`
_PLAIN_TYPES = ("string", "number", "integer", "boolean")
_MOST_LEVELS = 100


class InputSchema(NamedTuple):
    """The parameters of one tool.

    Args:
        required, optional: its parameters.
        schema: what its JSON Schema says beside properties and required ones; `None` if nothing.
    """

    required: list[Parameter]
    optional: list[Parameter]
    schema: dict | None


def input_schema(schema: Any) -> InputSchema:
    """Read the JSON Schema of a tool's parameters, an object's.

    Raises:
        ValueError: with a clause, if it is not the schema of an object.
    """
    if schema is None:
        schema = {}
    if not isinstance(schema, dict):
        raise ValueError(f"the parameters' schema is not an object: {schema!r:.60}")
    schema = with_json_types(schema)
    if schema.get("type", "object") != "object":
        raise ValueError(f"the parameters' schema is of the type {schema['type']!r:.60}, not object")
    properties = schema.get("properties")
    if properties is None:
        properties = {}
    if not isinstance(properties, dict):
        raise ValueError(f"`properties` is not an object: {properties!r:.60}")
    names = schema.get("required")
    names = names if isinstance(names, list) else []
    required = [name for name in names if isinstance(name, str) and name in properties]
    rest = {key: value for key, value in schema.items() if key not in ("type", "properties")}
    if required and len(required) == len(names):  # the parameters themselves say it
        del rest["required"]
    return InputSchema(
        [parameter_of(name, properties[name], schema) for name in dict.fromkeys(required)],
        [parameter_of(name, value, schema) for name, value in properties.items() if name not in required],
        rest or None,
    )


def parameter_of(name: str, schema: Any, root: Any = None) -> Parameter:
    """One parameter, by its name and JSON Schema (`True` and `False`, which allow everything and nothing, are too).

    References are looked up in `root`.
    """
    if not isinstance(schema, dict):
        return Parameter(name=name, json_schema=schema)
    description = schema.get("description")
    default = schema.get("default")
    rest = {
        key: value
        for key, value in schema.items()
        if not (key == "description" and isinstance(value, str)) and not (key == "default" and value is not None)
    }
    kind = type_of(schema, root)
    return Parameter(
        name=name,
        type=kind,
        description=description if isinstance(description, str) else None,
        default=default,
        json_schema=None if rest == {"type": kind} and kind in _PLAIN_TYPES else rest,
    )


def type_of(schema: Any, root: Any = None) -> str | None:
    """The type of a value that fits a schema: the only one beside null, else `None`.

    Args:
        schema: of a value.
        root: the schema in which references are looked up.
    """
    named = (_types(schema, root, [_MOST_TYPED_PARTS]) or set()) - {"null"}
    if named == {"integer", "number"}:
        return "number"
    return named.pop() if len(named) == 1 else None


def _types(schema: Any, root: Any, parts_left: list[int]) -> set[str] | None:
    """All types that a value may have; `None` where a schema does not say."""
    parts_left[0] -= 1
    if not isinstance(schema, Mapping) or parts_left[0] < 0:
        return None
    if isinstance(kind := schema.get("type"), str):
        return {kind}
    if isinstance(kind, list):
        return set(filter(lambda one: isinstance(one, str), kind))
    if isinstance(reference := schema.get("$ref"), str):
        return _types(referenced(reference, root), root, parts_left)
    values = [schema["const"]] if "const" in schema else schema.get("enum")
    if isinstance(values, list) and values:
        return {next(kind for kind, fits in JSON_TYPES.items() if fits(value)) for value in values}
    for key in ("anyOf", "oneOf"):
        if isinstance(parts := schema.get(key), list) and parts:
            found = [_types(part, root, parts_left) for part in parts]
            return None if None in found else set().union(*filter(None, found))
    parts = schema.get("allOf")
    each = (_types(part, root, parts_left) for part in (parts if isinstance(parts, list) else []))
    return next(filter(None, each), None)


def with_json_types(schema: Any, levels: int = _MOST_LEVELS) -> Any:
    """A schema whose types have JSON Schema's names, also where a list of functions has Python's or Java's.

    Raises:
        ValueError: if it is nested too deeply.
    """
    if not levels:
        raise ValueError(f"the schema is nested deeper than {_MOST_LEVELS} levels")
    if isinstance(schema, list):
        return [with_json_types(one, levels - 1) for one in schema]
    if not isinstance(schema, dict):
        return schema
    kind = schema.get("type")
    typed = dict(schema)
    if isinstance(kind, str) and (plain := _ITEMS.sub("", kind.lower())) in _TYPES:
        if known := _TYPES[plain]:
            typed["type"] = known
        else:
            del typed["type"]
    for key, value in schema.items():
        if key in _HOLDS_SCHEMAS_BY_NAME and isinstance(value, Mapping):
            typed[key] = {name: with_json_types(one, levels - 1) for name, one in value.items()}
        elif key in _HOLDS_SCHEMAS:
            typed[key] = with_json_types(value, levels - 1)
    return typed


_HOLDS_SCHEMAS_BY_NAME = ("properties", "patternProperties", "$defs", "definitions", "dependentSchemas")
_HOLDS_SCHEMAS = ("items", "prefixItems", "additionalProperties", "anyOf", "oneOf", "allOf", "not", "contains")

_SHAPES = {"string": "str", "integer": "int", "number": "float", "boolean": "bool", "array": "list", "object": "dict"}
_LEFT_OUT = "..."
_MOST_SHAPE_LEVELS = 8
_MOST_SHAPE_PARTS = 1000
_MOST_REFERENCES = 50
_MOST_TYPED_PARTS = 200


def shape_of(schema: Any, root: Any = None) -> Any:
    """A JSON Schema as nested {key: type}, the form that RapidAPI's response schemas have; `None` if it says nothing.

    An array is a list of one shape; the types are str, int, float, bool, list and dict, and `None` where a value may
    be of several. References within the schema, or within the document `root`, are followed. `...` stands for what
    is nested deeper than 8 levels, and for all that comes after the first 1,000 parts.

    >>> shape_of({"properties": {"at": {"type": "array", "items": {"type": "number"}}, "name": {"type": "string"}}})
    {'at': ['float'], 'name': 'str'}
    """
    return _shape(schema, schema if root is None else root, _MOST_SHAPE_LEVELS, [_MOST_SHAPE_PARTS])


def _shape(schema: Any, root: Any, levels: int, parts_left: list[int]) -> Any:
    parts_left[0] -= 1
    if not levels or parts_left[0] < 0:
        return _LEFT_OUT
    for _ in range(_MOST_REFERENCES):  # that lead to references
        if not isinstance(schema, Mapping):
            return None
        if not isinstance(reference := schema.get("$ref"), str):
            break
        schema = referenced(reference, root)
    else:
        return _LEFT_OUT

    def shapes(schemas: Any) -> list:
        return [_shape(one, root, levels - 1, parts_left) for one in schemas] if isinstance(schemas, list) else []

    if isinstance(properties := schema.get("properties"), Mapping):
        shape: Any = {str(name): _shape(one, root, levels - 1, parts_left) for name, one in properties.items()}
    elif isinstance(items := schema.get("items"), Mapping):
        shape = [_shape(items, root, levels - 1, parts_left)]
    else:
        shape = _SHAPES.get(type_of(schema) or "")
    for part in shapes(schema.get("allOf")):
        shape = {**shape, **part} if isinstance(shape, dict) and isinstance(part, dict) else part or shape
    for key in ("anyOf", "oneOf"):
        if not isinstance(shape, (dict, list)) and isinstance(schema.get(key), list):
            choices = shapes([one for one in schema[key] if one != {"type": "null"}])
            shape = choices[0] if choices and all(one == choices[0] for one in choices) else shape
    return shape
