"""petoolkit.scoring.py: comparing calls, and telling what is wrong with one."""

import json
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
