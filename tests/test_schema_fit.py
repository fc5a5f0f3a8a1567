"""Values held against JSON Schemas: by hand, and against a validator that is not ours."""

import json
import time

import pytest
from rows import row, tool

from petoolkit.row_rules import breaches
from petoolkit.schema_fit import ToolSchema, misfit, plain_schema

ADDRESS = {
    "type": "object",
    "properties": {"street": {"type": "string"}, "no": {"type": "integer"}},
    "required": ["street"],
}
CASES = [
    ({"type": "integer"}, [3, 3.0, -1], ["3", 3.5, True, None, [3]]),
    ({"type": "number"}, [3, 2.5], ["2.5", False, None]),
    ({"type": "string"}, ["", "a"], [1, None, ["a"]]),
    ({"type": "boolean"}, [True, False], [1, 0, "true"]),
    ({"type": ["string", "null"]}, ["a", None], [1, {}]),
    ({"enum": ["a", 1, None]}, ["a", 1, 1.0, None], ["A", True, "1", ""]),
    ({"const": {"a": [1]}}, [{"a": [1]}, {"a": [1.0]}], [{"a": [True]}, {"a": 1}]),
    ({"minimum": 1, "exclusiveMaximum": 10}, [1, 9.9, "text"], [0, 10]),
    ({"exclusiveMinimum": 0, "maximum": 5, "multipleOf": 5}, [5], [0, 3, 10]),
    ({"type": "string", "minLength": 2, "maxLength": 3}, ["ab", "abc"], ["a", "abcd"]),
    (
        {"type": "array", "items": {"enum": ["x", "y"]}, "minItems": 1, "maxItems": 2},
        [["x"], ["y", "y"]],
        [[], ["z"], ["x"] * 3],
    ),
    ({"prefixItems": [{"type": "integer"}], "items": {"type": "string"}}, [[1, "a"], [], [1]], [["a"], [1, 2]]),
    ({"uniqueItems": True}, [[1, 2], [{}]], [[1, 1], [{}, {}]]),
    (ADDRESS, [{"street": "a"}, {"street": "a", "no": 3, "more": 1}], [{}, {"street": 1}, {"street": "a", "no": "3"}]),
    ({"additionalProperties": False, "properties": {"a": {}}}, [{"a": 1}, {}, 3], [{"b": 1}]),
    ({"additionalProperties": {"type": "integer"}}, [{"a": 1}], [{"a": "1"}]),
    ({"anyOf": [{"type": "integer"}, {"type": "null"}]}, [1, None], ["a", True]),
    ({"allOf": [{"type": "integer"}, {"minimum": 2}]}, [2], [1, "2"]),
    ({"not": {"type": "string"}}, [1], ["a"]),
    ({"$ref": "#/$defs/even"}, [2, 4], [3, "x"]),
    ({"items": {"$ref": "#/$defs/list"}}, [[[], [[]]]], [[3], [[[4]]]]),
    ({}, [1, None], []),
    (True, [1], []),
    (False, [], [1, None]),
]
ROOT = {
    "$defs": {
        "even": {"type": "integer", "multipleOf": 2},
        "list": {"type": "array", "items": {"$ref": "#/$defs/list"}},
    }
}


@pytest.mark.parametrize(("schema", "fits", "breaks"), CASES, ids=lambda value: json.dumps(value)[:40])
def test_by_hand_and_as_another_validator_says(schema, fits, breaks):
    for value in fits:
        assert misfit(value, schema, ROOT) is None
    for value in breaks:
        assert misfit(value, schema, ROOT)
    jsonschema = pytest.importorskip("jsonschema")
    whole = {**schema, **ROOT} if isinstance(schema, dict) else schema
    validator = jsonschema.Draft202012Validator(whole)
    for value in (*fits, *breaks, None, "", 0, 7, [], {}, [None], {"a": {}}, "abc"):
        assert (misfit(value, schema, ROOT) is None) == validator.is_valid(value), value


def test_what_no_schema_says_allows_everything():
    for schema in (
        {"type": "date"},
        {"type": 3},
        {"enum": 3},
        {"items": 3},
        {"properties": []},
        {"minimum": "1"},
        {"$ref": 3},
        3,
    ):
        assert misfit([1], schema, {}) is None
    assert misfit(1, {"$ref": "https://example.org/a"}, {}) is None
    assert plain_schema({"": None, "anyOf": None, "$ref": 3}, {}) == {"": None, "anyOf": None}
    assert plain_schema({"title": "a", "anyOf": [{"type": "null"}, {"title": "b", "enum": [1]}]}, {}) == {
        "title": "a",
        "enum": [1],
    }
    assert misfit("x", {"pattern": "(a+)+$"}, {}) is None


def test_schemas_that_never_end_do():
    many = {"anyOf": [{"$ref": "#"}] * 10}
    loop = {"$ref": "#"}
    started = time.process_time()
    assert misfit([1], many, many) is None
    assert misfit([1], loop, loop) is None
    assert misfit([1], {"allOf": [many, many]}, many) is None
    assert time.process_time() - started < 2


def test_the_parameters_of_a_tool():
    documented = [
        {"name": "city", "type": "string", "description": "", "default": None, "schema": None},
        {"name": "to", "type": None, "description": "", "default": None, "schema": '{"$ref": "#/$defs/to"}'},
    ]
    optional = [{"name": "days", "type": "NUMBER", "description": "", "default": None, "schema": None}]
    made = {
        **tool("Meteo", "forecast", "Get it", required=documented),
        "optional_parameters": optional,
        "schema": json.dumps({"$defs": {"to": {"enum": ["me", "you"]}}, "additionalProperties": False}),
    }
    schema = ToolSchema(made)
    assert schema.misfit({"city": "Oslo", "to": "me", "days": "three"}) is None
    assert schema.misfit({"city": "Oslo"}) == "to is missing"
    assert schema.misfit({"city": 3, "to": "me"}) == "city is not of the type string"
    assert schema.misfit({"city": "Oslo", "to": "us"}) == 'to is none of "me", "you"'
    assert schema.misfit({"city": "Oslo", "to": "me", "x": 1}) == "x may not be given"
    assert ToolSchema({**made, "schema": None}).misfit({"city": "Oslo", "to": "us", "x": 1}) is None


def test_a_build_may_not_write_a_gold_call_that_breaks_its_document():
    days = {"name": "days", "type": "integer", "description": "", "default": None, "schema": '{"maximum": 14}'}
    made = row(
        "u1",
        "preferred_only",
        "Aerwyn",
        candidates=[tool(name, "forecast", "Get it", required=[days]) for name in ("Aerwyn", "Bora")],
    )
    breach = "the gold call does not fit its tool's document"
    for parameters, is_broken in (('{"days": 3}', False), ('{"days": 15}', True), ("{}", True), ("3", False)):
        made["tool_call"]["parameters"] = parameters
        assert (breach in breaches(made, of_a_build=True)) is is_broken
        assert breach not in breaches(made)
