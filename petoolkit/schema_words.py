"""What a parameter's JSON Schema allows, in words for people."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from petoolkit.schema_fit import ToolSchema, plain_schema
from petoolkit.text import on_one_line, shortened

_MOST_LEVELS = 3
_MOST_NAMED = 8  # values, or properties
_LONGEST_VALUE = 40  # characters
_LONGEST = 400


def parameter_words(tool: Mapping[str, Any]) -> dict[str, str]:
    """For each of a tool's parameters, which values it takes: `integer, from 1 to 14`; its type if no more is known.

    Args:
        tool: as an entry of a row's `candidate_tools` has it.
    """
    schemas = ToolSchema(tool)
    types = {p["name"]: p["type"] or "" for kind in ("required_parameters", "optional_parameters") for p in tool[kind]}
    return {
        name: shortened(on_one_line(_words(schema, schemas.root, _MOST_LEVELS) or types[name]), _LONGEST)
        for name, schema in schemas.parameters.items()
    }


def _words(schema: Any, root: Any, levels: int) -> str:
    if schema is False:
        return "nothing"
    if not isinstance(schema, Mapping) or not levels:
        return ""
    plain = plain_schema(schema, root)
    values = [plain["const"]] if "const" in plain else plain.get("enum")
    if isinstance(values, list):
        return f"{'only' if len(values) == 1 else 'one of'} {_named([_value(value) for value in values], ' or ')}"
    for key in ("anyOf", "oneOf"):
        if isinstance(parts := plain.get(key), list):
            words = [_words(part, root, levels - 1) for part in parts]
            return " or ".join(dict.fromkeys(word for word in words if word))
    return ", ".join(_parts(plain, root, levels))


def _parts(plain: Mapping[str, Any], root: Any, levels: int) -> Iterator[str]:
    """Type, items or properties, limits and format."""
    kinds = plain.get("type")
    kind = " or ".join(map(str, kinds)) if isinstance(kinds, list) else str(kinds or "")
    properties = plain.get("properties")
    if items := _words(plain.get("items"), root, levels - 1):
        yield f"list of ({items})" if "," in items else f"list of {items}"
    elif isinstance(properties, Mapping) and levels > 1:
        named = [_property(name, one, plain, root, levels - 1) for name, one in properties.items()]
        yield f"object with {_named(named, ' and ')}" if named else "object"
    elif kind:
        yield kind
    for least, most, unit in (
        ("minimum", "maximum", ""),
        ("minLength", "maxLength", " characters"),
        ("minItems", "maxItems", " items"),
    ):
        if least in plain or most in plain:
            yield _range(plain.get(least), plain.get(most), unit)
    for key, words in (("exclusiveMinimum", "above"), ("exclusiveMaximum", "below"), ("multipleOf", "in steps of")):
        if key in plain and not isinstance(plain[key], bool):
            yield f"{words} {_value(plain[key])}"
    if isinstance(form := plain.get("format"), str):
        yield f"format {form}"
    if isinstance(pattern := plain.get("pattern"), str):
        yield f"pattern {shortened(pattern, _LONGEST_VALUE)}"


def _property(name: str, schema: Any, owner: Mapping[str, Any], root: Any, levels: int) -> str:
    required = owner.get("required")
    mark = "" if isinstance(required, list) and name in required else "optional"
    about = ", ".join(filter(None, (_words(schema, root, levels), mark)))
    return f"{name} ({about})" if about else name


def _range(least: Any, most: Any, unit: str) -> str:
    if least is None or most is None:
        return f"{'at most' if least is None else 'at least'} {_value(most if least is None else least)}{unit}"
    return f"from {_value(least)} to {_value(most)}{unit}"


def _value(value: Any) -> str:
    text = value if isinstance(value, str) and value.strip() else json.dumps(value, ensure_ascii=False)
    return shortened(text, _LONGEST_VALUE)


def _named(names: list[str], last: str) -> str:
    """`a, b or c`, the first few of them."""
    if len(names) > _MOST_NAMED:
        return f"{', '.join(names[:_MOST_NAMED])} and {len(names) - _MOST_NAMED:,} more"
    return ", ".join(names[:-1]) + last + names[-1] if len(names) > 1 else "".join(names)
