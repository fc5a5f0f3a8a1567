"""Lists of functions: every accepted form gives the same tools; a malformed one is refused by line and number."""

import json
from collections import Counter

import pytest
from conftest import shared
from petoolkit.builder.catalogue.catalogue_files import format_of, read_catalogue
from petoolkit.builder.catalogue.functions import FUNCTIONS
from petoolkit.builder.catalogue.tool_document import Parameter, ToolDocument
from petoolkit.builder.stage_notes import Notes
from petoolkit.builder.stages.collect import collect

from petoolbench import InputError

SCHEMA = {
    "type": "object",
    "properties": {
        "city": {"type": "string", "description": "Name of the city"},
        "days": {"type": "array", "items": {"type": "integer"}, "default": [1]},
        "unit": {"type": "string", "enum": ["C", "F"]},
    },
    "required": ["city"],
    "additionalProperties": False,
}
PYTHON = {
    "type": "dict",
    "properties": {**SCHEMA["properties"], "days": {"type": "list", "items": {"type": "int"}, "default": [1]}},
    "required": ["city"],
    "additionalProperties": False,
}
NAMED = {"name": "weather.forecast", "description": "Forecasts the weather."}
PLAIN = {**NAMED, "parameters": SCHEMA}
NESTED = {"type": "function", "function": {**PLAIN, "strict": True}}
FLAT = {"type": "function", **PLAIN, "strict": None}
ANTHROPIC = {**NAMED, "input_schema": SCHEMA, "cache_control": {"type": "ephemeral"}}
OTHER = {"name": "now", "description": "Tells the time.", "parameters": {"type": "object", "properties": {}}}
MCP = {**NAMED, "inputSchema": SCHEMA}
TOOL = ToolDocument(
    tool="weather",
    api="weather.forecast",
    api_description="Forecasts the weather.",
    required_parameters=[Parameter(name="city", type="string", description="Name of the city")],
    optional_parameters=[
        Parameter(name="days", type="array", default=[1], json_schema={"type": "array", "items": {"type": "integer"}}),
        Parameter(name="unit", type="string", json_schema={"type": "string", "enum": ["C", "F"]}),
    ],
    parameters_schema={"additionalProperties": False},
)
OTHER_TOOL = ToolDocument(api="now", api_description="Tells the time.")


def read(content, tmp_path, name="tools.json"):
    """The tools of a file, and the counts."""
    file = tmp_path / name
    file.write_text(content if isinstance(content, str) else json.dumps(content))
    counts = Counter()
    return list(read_catalogue(file, counts)), counts


@pytest.mark.parametrize(
    "function",
    [
        *(
            PLAIN,
            NESTED,
            FLAT,
            ANTHROPIC,
            {**NAMED, "parameters": PYTHON},
            {**NAMED, "parameters": json.dumps(SCHEMA)},
        ),
        {"type": "function", "function": {**NAMED, "parameters": json.dumps(PYTHON)}},
        {"type": "custom", **ANTHROPIC},
        {**PLAIN, "required": None},  # ToolACE's
    ],
    ids=lambda function: "-".join(function),
)
def test_every_form_of_a_function_gives_the_same_tool_wherever_it_stands(tmp_path, function):
    both = [function, OTHER]
    for content in (
        *(both, {"tools": both}, {"functions": both}, {"id": "x", "question": [], "function": both}),
        *([{"tools": [function]}, {"function": OTHER}], [both], [[{"tools": both}]]),
        *("\n".join(map(json.dumps, both)), json.dumps(both) + "\n" + json.dumps([])),
        "\r\n".join(json.dumps({"tools": [one]}) for one in both),
    ):
        tools, counts = read(content, tmp_path)
        assert tools == [TOOL, OTHER_TOOL], content
        assert {key: number for key, number in counts.items() if "question" not in key and "id" not in key} == {}


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        ({"name": "a", "description": "b"}, []),
        ({"type": "function", "function": {"name": "a"}}, []),
        ({"name": "a", "parameters": None}, []),
        ({"name": "a", "parameters": {}}, []),
        ({"name": "a", "parameters": ""}, []),
        ({"name": "a", "parameters": {"properties": {"b": {"type": "any"}}}}, [("b", None)]),
        ({"name": "a", "parameters": {"type": "dict", "properties": {"b": {"type": "Float"}}}}, [("b", "number")]),
        ({"name": "a", "parameters": {"type": "OBJECT", "properties": {"b": {"type": "STRING"}}}}, [("b", "string")]),
        ({"name": "a", "parameters": {"properties": {"b": {"type": "List[int]"}}}}, [("b", "array")]),
        ({"name": "a", "parameters": {"properties": {"b": {"type": "HashMap<String, A>"}}}}, [("b", "object")]),
        ({"name": "a", "parameters": {"properties": {"b": {"type": ""}}}}, [("b", None)]),
        ({"name": "a", "parameters": {"properties": {"b": {"type": "Money"}}}}, [("b", "Money")]),
        ({"name": "a", "parameters": {"type": "object", "properties": {"b": {}}, "required": None}}, [("b", None)]),
    ],
)
def test_functions_with_few_or_no_parameters(tmp_path, function, expected):
    (tool,), _ = read(function, tmp_path)
    assert tool.required_parameters == []
    assert [(p.name, p.type) for p in tool.optional_parameters] == expected


@pytest.mark.parametrize(
    ("name", "provider"), [("a.b", "a"), ("a.b.c", "a"), ("a/b", ""), ("a_b", ""), (".b", ""), ("a.", "a")]
)
def test_a_dotted_name_names_its_provider(tmp_path, name, provider):
    (tool,), _ = read({**PLAIN, "name": name}, tmp_path)
    assert (tool.tool, tool.api, tool.category, tool.tool_description) == (provider, name, "", None)


def test_a_response_is_kept_as_keys_and_types(tmp_path):
    response = {"type": "dict", "properties": {"heat": {"type": "float"}, "days": {"type": "list"}}}
    (tool,), counts = read({**PLAIN, "response": response}, tmp_path)
    assert (tool.response_schema, counts) == ({"heat": "float", "days": "list"}, {})


def test_tools_that_a_provider_runs_itself_are_counted(tmp_path):
    tools = [{"type": "web_search", "name": "web_search"}, {"type": "custom", "name": "sql", "format": {}}, FLAT]
    assert read({"tools": tools}, tmp_path) == ([TOOL], {"tools left out: of another type than function": 2})


def test_keys_that_are_not_read_are_counted(tmp_path):
    assert read({**PLAIN, "price": 3}, tmp_path)[1] == {"keys of a function that are not read: price": 1}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({**PLAIN, "name": 5}, "entry 1: `name` is empty or no text: 5 (in a function); mend it or leave it out"),
        ({"type": "function", "function": {"description": "x"}}, "entry 1: `name` is missing"),
        ({"tools": [OTHER, {"type": "function", "function": {}}]}, "entry 1: function 2: `name` is missing"),
        ([OTHER, {"functions": [OTHER, 5]}], "entry 2: function 2: 5 is not an object"),
        (json.dumps(OTHER) + "\n" + json.dumps([OTHER, {**PLAIN, "name": ""}]), "line 2, entry 2: `name` is empty"),
        ({**PLAIN, "description": ["x"]}, "`description` of weather.forecast is not a text: ['x']"),
        ({**NAMED, "parameters": []}, "weather.forecast: the parameters' schema is not an object: []"),
        ({**NAMED, "parameters": "{"}, "weather.forecast: the text in `parameters`: not valid JSON"),
        ({**NAMED, "input_schema": "[" * 3000}, "the text in `input_schema`: JSON that is nested too deeply"),
        ({**NAMED, "parameters": '{"a": ' + "1" * 5000 + "}"}, "in `parameters`: a number has too many digits"),
        ({**NAMED, "parameters": {"type": "string"}}, "the parameters' schema is of the type 'string'"),
        ({**NAMED, "parameters": {"city": {"type": "str"}}}, "`parameters` has neither `type` nor `properties`"),
        ({**NAMED, "parameters": {**SCHEMA, "properties": []}}, "weather.forecast: `properties` is not an object"),
        ({"type": "function", **NAMED, "parametres": SCHEMA}, "`parametres` of a function; did you mean `parameters`"),
        ({"type": "function", **NAMED, "args": SCHEMA}, "has no `parameters`, and the unknown key `args`"),
    ],
)
def test_a_malformed_function_is_refused_by_position_with_the_reason(tmp_path, content, message):
    with pytest.raises(InputError) as error:
        read(content, tmp_path)
    assert message in str(error.value)


@pytest.mark.parametrize(
    "value",
    [
        *(MCP, {"tools": [MCP]}, {"tools": [PLAIN, MCP]}, {"name": "s", "tools": {"s": {"tools": [MCP]}}}),
        *({"jsonrpc": "2.0", "result": {"tools": [MCP]}}, {"servers": [{"tools": [MCP]}]}),
        *({"tools": "now"}, {"tools": [5]}, {"name": "now"}, {"type": "function"}, {"api_list": [], "tools": []}),
        *({"openapi": "3.0.0", "paths": {}}, [PLAIN], 5, None),
    ],
)
def test_other_forms_are_not_taken_for_functions(value):
    assert not FUNCTIONS.is_form_of(value)


@pytest.mark.parametrize("value", [PLAIN, NESTED, FLAT, ANTHROPIC, {"tools": [NESTED]}, {"tools": []}])
def test_no_other_format_takes_functions(value):
    assert format_of(value) is FUNCTIONS


def test_real_lists_are_read_and_repeated_functions_dropped_with_a_count():
    file = shared("catalogues/function_schemas.jsonl")
    listed = [tool for line in file.read_text().splitlines() for tool in json.loads(line)["tools"]]
    counts = Counter()
    tools = list(read_catalogue(file, counts))
    assert [tool.api for tool in tools] == [one["function"]["name"] for one in listed]
    assert counts == {}
    for tool, one in zip(tools, listed, strict=True):
        schema = one["function"]["parameters"]
        assert [p.name for p in tool.required_parameters] == schema["required"]
        assert {p.name for p in tool.required_parameters + tool.optional_parameters} == schema["properties"].keys()
    types = {p.type for tool in tools for p in tool.required_parameters + tool.optional_parameters}
    assert types == {"string", "object", "integer", "number", "array", "boolean"}
    notes = Notes()
    kept = {tool["tool_name"] for tool in collect(tools, 800, False, notes)}
    assert len(kept) + notes.counts["dropped: repeated name"] + notes.counts["dropped: repeated description"] + (
        notes.counts["dropped: description too short"] + notes.counts["dropped: requires credentials"]
    ) == len(listed)
