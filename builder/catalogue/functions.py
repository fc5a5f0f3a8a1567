"""Functions, as OpenAI's and Anthropic's interfaces take them, and as benchmarks of function calls hold them."""

from collections.abc import Iterator, Mapping
from typing import Any

from petoolkit.decoding import decode_json

from .catalogue_format import CatalogueFormat, Source
from .json_schema import input_schema, shape_of, with_json_types
from .key_checks import note_unread_keys
from .tool_document import ToolDocument

_LISTS = ("tools", "functions", "function")  # keys of an object that holds functions; the last one is BFCL's
_SCHEMAS = ("parameters", "input_schema")  # OpenAI's and Anthropic's name
_NAMES = ("name", "description")
_KEYS = (*_NAMES, *_SCHEMAS, "type", "function", "response")
_NOT_READ = ("strict", "required", "cache_control", "defer_loading", "input_examples")  # known, of no use here
_TYPES = ("function", "custom", None)  # `custom` is what Anthropic calls tools that are not its own


def _is_function(value: Any) -> bool:
    if not isinstance(value, dict) or "inputSchema" in value:  # that is MCP's
        return False
    if value.get("type") == "function":
        return isinstance(value.get("function"), dict) or "name" in value
    return "name" in value and (any(key in value for key in _SCHEMAS) or {*_NAMES} == value.keys())


def _listed(value: dict) -> list | None:
    """The list in an object that holds functions; `None` if there is none."""
    for key in _LISTS:
        if isinstance(value.get(key), list):
            return value[key]
        if isinstance(value.get(key), dict) and _is_function(value[key]) and value.get("type") != "function":
            return [value[key]]
    return None


def _is_form(value: Any) -> bool:
    if not isinstance(value, dict) or "api_list" in value:
        return False
    listed = _listed(value)
    if listed is None:
        return _is_function(value)
    return not any(isinstance(one, dict) and "inputSchema" in one for one in listed) and (
        not listed or any(isinstance(one, dict) and ("type" in one or _is_function(one)) for one in listed)
    )


def _documents(value: Any, source: Source) -> Iterator[ToolDocument]:
    listed = _listed(value)
    if listed is None:
        yield from _tools(value, source)
        return
    for number, one in enumerate(listed, start=1):
        try:
            yield from _tools(one, source)
        except ValueError as error:
            raise ValueError(f"function {number}: {error}") from None


def _tools(value: Any, source: Source) -> Iterator[ToolDocument]:
    """The tool that a function describes; none for tools of other types, which a provider runs itself."""
    if not isinstance(value, dict):
        raise ValueError(f"{value!r:.60} is not an object")
    kind = value.get("type")
    if kind not in _TYPES or (kind == "custom" and "input_schema" not in value):
        source.counts["tools left out: of another type than function"] += 1
        return
    function = value["function"] if isinstance(value.get("function"), dict) else value
    if not isinstance(name := function.get("name"), str) or not name.strip():
        raise ValueError("`name` is missing" if name is None else f"`name` is empty or no text: {name!r:.60}")
    note_unread_keys({**value, **function}, (*_KEYS, *_NOT_READ), _KEYS, "a function", source.counts)
    unread = next((key for key in function if key not in (*_KEYS, *_NOT_READ)), None)
    if unread is not None and not function.keys() & set(_SCHEMAS):
        raise ValueError(f"{name:.60} has no `parameters`, and the unknown key `{unread}`")
    description = function.get("description")
    if not isinstance(description, str | None):
        raise ValueError(f"`description` of {name:.60} is not a text: {description!r:.60}")
    try:
        parameters = input_schema(_schema(function))
        response = shape_of(with_json_types(function.get("response")))
    except ValueError as error:
        raise ValueError(f"{name:.60}: {error}") from None
    provider, dot, _ = name.partition(".")
    yield ToolDocument(
        tool=provider if dot else "",
        api=name,
        api_description=description,
        required_parameters=parameters.required,
        optional_parameters=parameters.optional,
        parameters_schema=parameters.schema,
        response_schema=response,
    )


def _schema(function: Mapping) -> Any:
    """The JSON Schema of a function's parameters, which may be JSON text."""
    key = next((key for key in _SCHEMAS if key in function), None)
    schema = None if key is None else function[key]
    if isinstance(schema, str):
        try:
            schema = decode_json(schema or "{}")
        except ValueError as error:
            raise ValueError(f"the text in `{key}`: {error}") from None
    if isinstance(schema, dict) and schema and not {"type", "properties"} & schema.keys():
        raise ValueError(f"`{key}` has neither `type` nor `properties`, so it is not a JSON Schema of an object")
    return schema


FUNCTIONS = CatalogueFormat(
    "a function",
    "an object with name and parameters (or input_schema), also as the function of an object of the type function, or "
    "listed under tools or functions; a name `a.b` is of the provider `a`",
    _is_form,
    _documents,
)
