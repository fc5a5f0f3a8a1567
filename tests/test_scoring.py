"""petoolkit.scoring.py: comparing calls, and telling what is wrong with one."""

import json
import time
from pathlib import Path

import pytest

from petoolbench import InputError
from petoolkit.call_forms import ToolCall
from petoolkit.call_parameters import (
    ParameterDocument,
    has_right_parameters,
    is_right_by_optional_rule,
    parameter_documents,
)
from petoolkit.replies import READERS, parse_reply
from petoolkit.scoring import (
    error_reference,
    is_right_tool,
    parameter_error,
    read_gold_call,
    tool_error,
)

REPLIES = json.loads((Path(__file__).parent / "fixtures" / "replies.json").read_text())
GOLD = ToolCall("T", {"a": 1})


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("case", REPLIES, ids=lambda case: case["why"])
def test_a_reply_of_any_kind_is_right_or_of_one_error_type(case, reader):
    """Held against T with a = 1, a NUMBER, where B does the same job and A, the only other candidate, another one."""
    call = parse_reply(case["reply"], reader, ["A", "B", "T"])
    of_tool = tool_error(call, GOLD, ["A", "B", "T"], ["T", "B"])
    assert [of_tool, parameter_error(call, GOLD, reader, {"a": ParameterDocument("NUMBER")})] == case["errors"][reader]


@pytest.mark.parametrize(
    ("name", "candidates", "same_function", "error"),
    [
        ("T", ["T", "B"], ["T", "B"], None),
        ("T", ["B"], ["B"], None),
        ("T", ["T", "B"], [], None),
        ("B", ["T", "B"], ["T", "B"], "TPM"),
        ("B", ["T", "B"], ["T"], "TFM"),
        ("B", ["T"], ["T", "B"], "TH"),
        (["B"], ["T", "B"], ["T", "B"], "TH"),
        (None, ["T", "B"], ["T", "B"], "TH"),
    ],
)
def test_the_gold_tool_is_right_and_what_is_no_candidate_is_hallucinated(name, candidates, same_function, error):
    """Whatever a row's lists say: sets and lists alike."""
    call = ToolCall(name, {})
    assert tool_error(call, GOLD, candidates, same_function) == error
    assert tool_error(call, GOLD, frozenset(candidates), frozenset(same_function)) == error


@pytest.mark.parametrize("parameters", [[], None, "a", 0, ["a"]])
def test_parameters_that_are_no_object_have_no_names(parameters):
    for gold in (GOLD, ToolCall("T", {})):
        assert parameter_error(ToolCall("T", parameters), gold, "paper") == "PNM"


def test_error_references_hold_what_the_error_types_need():
    documented = {"name": "a", "type": "Number", "description": None, "default": None}
    tool = {
        "tool_name": "T",
        "required_parameters": [documented],
        "optional_parameters": [{**documented, "type": None}],
    }
    row = {
        "tool_call": {"tool_name": "T", "parameters": "{}"},
        "candidate_tools": [tool],
        "same_function_tools": ["T"],
    }
    assert error_reference(row) == row | {"candidate_tools": ["T"], "acceptable_tools": ["T"]}
    assert parameter_documents({**tool, "optional_parameters": []}) == {"a": ParameterDocument("NUMBER")}
    assert parameter_documents({**tool, "required_parameters": []}) == {"a": ParameterDocument("", True)}


@pytest.mark.parametrize(
    ("called", "gold", "types", "robust", "paper"),
    [
        ({"a": 5}, {"a": 5}, {}, True, True),
        ({"a": 5, "b": 1}, {"b": 1, "a": 5}, {}, True, True),
        ({"a": "5"}, {"a": 5}, {}, False, False),
        ({"a": "5"}, {"a": 5}, {"a": "NUMBER"}, True, False),
        ({"a": 5}, {"a": "5"}, {"a": "NUMBER"}, True, False),
        ({"a": "5.0"}, {"a": 5}, {"a": "NUMBER"}, True, False),
        ({"a": " 5 "}, {"a": 5}, {"a": "NUMBER"}, True, False),
        ({"a": "five"}, {"a": 5}, {"a": "NUMBER"}, False, False),
        ({"a": "5"}, {"a": 5}, {"a": "STRING"}, False, False),
        ({"a": "true"}, {"a": True}, {"a": "BOOLEAN"}, True, False),
        ({"a": "True"}, {"a": True}, {"a": "BOOLEAN"}, True, False),
        ({"a": "true"}, {"a": True}, {}, False, False),
        ({"a": 1}, {"a": True}, {}, False, True),
        ({"a": 3.0}, {"a": 3}, {}, True, True),
        ({"a": [1, {"b": 2}]}, {"a": [1, {"b": 2}]}, {}, True, True),
        ({"a": [1, 2]}, {"a": [2, 1]}, {}, False, False),
        ({"a": [True]}, {"a": [1]}, {}, False, True),
        ({"a": None}, {}, {}, False, False),
        ({}, {"a": 5}, {}, False, False),
        ({"a": "oslo"}, {"a": "Oslo"}, {}, False, False),
        ({"a": "9" * 5000}, {"a": 5}, {"a": "NUMBER"}, False, False),
        ({"a": "[1, 2]"}, {"a": [1, 2]}, {"a": "ARRAY"}, True, False),
        ({"a": "[1, 2]"}, {"a": [1, 2]}, {"a": "STRING"}, False, False),
        ({"a": '{"b": 1}'}, {"a": {"b": 1}}, {"a": "OBJECT"}, True, False),
        ({"a": '{"b": 1}'}, {"a": [1]}, {"a": "ARRAY"}, False, False),
        ({"a": "[" * 5000}, {"a": [1]}, {"a": "ARRAY"}, False, False),
    ],
)
def test_parameters_are_compared_as_each_reader_does(called, gold, types, robust, paper):
    call, right = ToolCall("A", called), ToolCall("B", gold)
    documents = {name: ParameterDocument(kind) for name, kind in types.items()}
    assert has_right_parameters(call, right, "robust", documents) is robust
    assert has_right_parameters(call, right, "paper", documents) is paper


PLACE = {"type": "object", "properties": {"lat": {"type": "number"}, "name": {"type": "string"}}}
SCHEMAS = {
    "ids": {"type": "array", "items": {"type": "integer"}},
    "names": {"type": "array", "items": {"type": "string"}},
    "at": {"$ref": "#/$defs/Place"},
    "route": {"type": "array", "items": {"$ref": "#/$defs/Place"}},
    "limit": {"anyOf": [{"type": "integer", "maximum": 10}, {"type": "null"}], "default": None},
    "either": {"anyOf": [{"type": "integer"}, {"type": "array", "items": {"type": "integer"}}]},
    "text_or_number": {"type": ["string", "number"]},
    "unit": {"enum": ["metric", "imperial"]},
    "level": {"enum": [1, 2, 3]},
    "flags": {"type": "object", "additionalProperties": {"type": "boolean"}},
    "note": {"type": ["string", "null"]},
}


@pytest.mark.parametrize(
    ("name", "called", "gold", "is_right"),
    [
        ("ids", ["1", "2"], [1, 2], True),
        ("ids", '["1", 2]', [1, 2], True),
        ("ids", ["1", "two"], [1, 2], False),
        ("ids", [2, 1], [1, 2], False),
        ("ids", "1", [1], False),
        ("names", ["1"], [1], False),
        ("names", '["1"]', ["1"], True),
        ("at", {"lat": "52.5", "name": "7"}, {"lat": 52.5, "name": "7"}, True),
        ("at", {"lat": "52.5", "name": 7}, {"lat": 52.5, "name": "7"}, False),
        ("at", '{"lat": "52.5"}', {"lat": 52.5}, True),
        ("at", {"lat": "52.5", "more": "1"}, {"lat": 52.5, "more": 1}, False),
        ("route", [{"lat": "1"}, {"lat": 2.0}], [{"lat": 1}, {"lat": 2}], True),
        ("limit", "5", 5, True),
        ("limit", "50", 50, True),
        ("limit", "null", None, True),
        ("limit", "five", 5, False),
        ("either", "5", 5, True),
        ("either", "[5]", [5], True),
        ("either", ["5"], [5], True),
        ("either", "[5]", 5, False),
        ("text_or_number", "5", 5, False),
        ("text_or_number", "5", "5", True),
        ("unit", "Metric", "metric", False),
        ("unit", "metric", "metric", True),
        ("level", "2", 2, True),
        ("level", "two", 2, False),
        ("flags", {"a": "true"}, {"a": True}, True),
        ("flags", {"a": 1}, {"a": True}, False),
        ("note", "null", None, False),
        ("ids", "[" * 5000, [1], False),
        ("unknown", "5", 5, False),
    ],
)
def test_a_json_schema_types_what_is_within_lists_objects_and_unions(name, called, gold, is_right):
    plain = {"type": "ARRAY", "description": "", "default": None}
    tool = {
        "required_parameters": [
            {"name": key, **plain, "schema": json.dumps(schema)} for key, schema in SCHEMAS.items()
        ],
        "optional_parameters": [],
        "schema": json.dumps({"$defs": {"Place": PLACE}}),
    }
    call, right = ToolCall("A", {name: called}), ToolCall("A", {name: gold})
    documents = parameter_documents(tool)
    assert has_right_parameters(call, right, "robust", documents) is is_right
    assert has_right_parameters(right, call, "robust", documents) is is_right
    assert has_right_parameters(call, right, "paper", documents) is (called == gold)


def test_an_optional_parameter_of_a_schema_may_be_left_out_as_others_may():
    schema = json.dumps({"type": "array", "items": {"type": "integer"}})
    tags = {"name": "tags", "type": "array", "description": "", "default": "[1]", "schema": schema}
    documents = parameter_documents({"required_parameters": [], "optional_parameters": [tags], "schema": None})
    for value in ([1], ["1"], "[1]", None, ""):
        assert has_right_parameters(ToolCall("A", {"tags": value}), ToolCall("A", {}), "robust", documents)
    assert not has_right_parameters(ToolCall("A", {"tags": [2]}), ToolCall("A", {}), "robust", documents)


def test_a_schema_that_never_ends_and_a_long_value_take_little_time():
    bomb = {"anyOf": [{"$ref": "#/$defs/x"}] * 10}
    tool = {
        "required_parameters": [
            {"name": "a", "type": None, "description": "", "default": None, "schema": json.dumps(bomb)},
            {"name": "b", "type": None, "description": "", "default": None, "schema": json.dumps(SCHEMAS["ids"])},
        ],
        "optional_parameters": [],
        "schema": json.dumps({"$defs": {"x": {"type": "array", "items": bomb, **bomb}}}),
    }
    documents = parameter_documents(tool)
    started = time.process_time()
    given = {"a": ["x", ["y", 3]], "b": ["7"] * 100_000}
    assert has_right_parameters(
        ToolCall("A", given), ToolCall("A", {**given, "b": [7] * 100_000}), "robust", documents
    )
    assert time.process_time() - started < 5


@pytest.mark.parametrize(
    ("called", "gold", "error"),
    [
        ({"days": 3}, {}, None),
        ({"days": "3"}, {}, None),
        ({"days": None}, {}, None),
        ({"days": ""}, {}, None),
        ({}, {"days": 3}, None),
        ({"days": 4}, {}, "PNM"),
        ({"days": 4}, {"days": 5}, "PVM"),
        ({"city": ""}, {}, "PNM"),
        ({"city": "Oslo", "days": 3}, {"city": "Oslo"}, None),
    ],
)
def test_an_optional_parameter_that_says_nothing_is_left_out(called, gold, error):
    documents = {"city": ParameterDocument("STRING"), "days": ParameterDocument("NUMBER", True, 3)}
    call, right = ToolCall("T", called), ToolCall("T", gold)
    assert parameter_error(call, right, documents=documents) == error
    assert is_right_by_optional_rule(call, right, documents) is (error is None)
    assert has_right_parameters(call, right, "paper", documents) is (called == gold)


def test_an_unreadable_reply_is_wrong_in_both_metrics():
    gold = ToolCall("T", {})
    assert not is_right_tool(None, gold)
    assert not any(has_right_parameters(None, gold, reader) for reader in READERS)


@pytest.mark.parametrize(
    "reference",
    [
        '{"tool_name": "T", "parameters": {"a": 1}}',
        {"tool_name": "T", "parameters": '{"a": 1}'},
        {"tool_name": "T", "parameters": {"a": 1}},
    ],
)
def test_gold_calls_are_read_as_struct_or_text(reference):
    assert read_gold_call(reference) == ToolCall("T", {"a": 1})


@pytest.mark.parametrize("reference", ["", "T", "[]", '{"name": "T"}', {"tool_name": "T", "parameters": "{"}])
def test_a_reference_that_is_not_a_call_is_refused(reference):
    with pytest.raises(InputError, match="this reference is not a tool call"):
        read_gold_call(reference)
