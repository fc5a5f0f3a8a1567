"""The offline author's values for parameters with a JSON Schema: they fit it, and can be said."""

import json
import random
import re
from collections import Counter
from types import SimpleNamespace

import pytest
from conftest import shared
from petoolkit.builder.authors.author import InstructJob
from petoolkit.builder.authors.offline import OfflineAuthor
from petoolkit.builder.catalogue.catalogue_files import read_catalogue
from petoolkit.builder.catalogue.json_schema import input_schema
from petoolkit.builder.catalogue.tool_document import ToolDocument
from petoolkit.builder.stages.collect import collect

from petoolkit.schema_fit import ToolSchema


def made(schema, name="forecast", provider="meteo"):
    """A tool as `collect` gives it, whose required parameters have these schemas."""
    whole = schema if "properties" in schema else {"properties": schema, "required": list(schema)}
    parameters = input_schema(whole)
    document = ToolDocument(
        category="Weather",
        tool=provider,
        tool_description="Weather for all.",
        api=name,
        api_description="Get the forecast of a city.",
        required_parameters=parameters.required,
        optional_parameters=parameters.optional,
        parameters_schema=parameters.schema,
    )
    (tool,) = collect([document], 800, False, SimpleNamespace(counts=Counter()))
    return {**tool, "functionality": "get the forecast of a city"}


def drawn(tool, others=(), rivals=(), number=60):
    author = OfflineAuthor([tool, *others])
    return [author.draw_parameters(tool, random.Random(seed), rivals) for seed in range(number)]


def values(schema, name="setting"):
    """All values that are drawn for one required parameter."""
    tool = made({name: schema})
    assert OfflineAuthor([tool]).why_not_asked(tool) is None
    found = {json.dumps(one[name]): one[name] for one in drawn(tool)}
    for value in found.values():
        assert ToolSchema(tool).misfit_of(name, value) is None
    return sorted(found.values(), key=str)


def test_values_are_those_that_the_schema_allows():
    assert values({"enum": ["storm", "frost", None]}) == ["frost", "storm"]
    assert values({"enum": ["storm", "frost"], "default": "frost"}) == ["frost", "storm"]
    assert values({"const": "eu"}) == ["eu"]
    assert values({"type": "integer", "enum": [7, 14]}) == [14, 7]
    assert values({"anyOf": [{"enum": ["a", "b"]}, {"type": "null"}], "default": None}) == ["a", "b"]
    assert values({"type": "string", "examples": ["north", "south"], "default": "west"}) == ["north", "south", "west"]
    assert values({"type": "string", "example": "north"}) == ["north"]


def test_numbers_keep_their_limits():
    assert values({"type": "integer", "minimum": 1, "maximum": 14}) == [1, 11, 14, 4, 8]
    assert values({"type": "integer", "minimum": 100}) == [100, 102, 104, 106]
    assert values({"type": "integer", "exclusiveMaximum": 0}) == [-2, -4, -6]
    assert values({"type": "integer", "minimum": 0, "maximum": 100, "multipleOf": 25}) == [0, 100, 25, 50, 75]
    assert values({"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1}) == [0.25, 0.5, 0.75]
    assert values({"type": "integer", "minimum": 3, "maximum": 3}) == [3]
    assert values({"type": "integer", "maximum": 5}, "days") == [2, 3, 5]
    assert all(isinstance(value, int) for value in values({"type": "integer"}, "year"))
    assert values({"type": "boolean"}) == [False, True]


@pytest.mark.parametrize(
    ("form", "pattern"),
    [
        ("date", r"\d{4}-\d\d-\d\d"),
        ("date-time", r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"),
        ("email", r"\S+@\S+"),
        ("uri", "https://.*"),
        ("uuid", "[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"),
        ("ipv4", r"(\d+\.){3}\d+"),
    ],
)
def test_texts_have_their_format(form, pattern):
    assert all(re.fullmatch(pattern, value) for value in values({"type": "string", "format": form}))


def test_lists_of_what_their_items_can_be():
    kinds = values({"type": "array", "items": {"enum": ["storm", "frost"]}, "maxItems": 1}, "kinds")
    assert kinds == [["frost"], ["storm"]]
    assert ["storm", "frost"] in values({"type": "array", "items": {"enum": ["storm", "frost"]}, "minItems": 2})
    assert [3, 9] in values({"type": "array", "items": {"type": "integer"}, "minItems": 2, "maxItems": 2}, "days")
    assert ["Oslo"] in values({"type": "array", "items": {"type": "string"}}, "cities")
    assert ["Oslo"] in values({"type": "array", "items": {"type": "string"}}, "city")
    assert values({"type": "array", "items": {"type": "string"}, "default": ["a", "b"]}) == [["a", "b"]]


def test_definitions_are_followed():
    schema = {
        "properties": {
            "kind": {"$ref": "#/$defs/Kind"},
            "kinds": {"type": "array", "items": {"$ref": "#/$defs/Kind"}},
        },
        "required": ["kind", "kinds"],
        "$defs": {"Kind": {"enum": ["storm", "frost"], "type": "string"}},
    }
    for parameters in drawn(made(schema)):
        assert parameters["kind"] in ("storm", "frost")
        assert set(parameters["kinds"]) <= {"storm", "frost"}


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "object", "properties": {"a": {"type": "string"}}},
        {"type": "array", "items": {"type": "object"}},
        {"type": "array", "items": {"type": "array", "items": {"enum": ["a"]}}},
        {"type": "string", "pattern": "^[A-Z]{3}$"},
        {"type": "integer"},
        {"enum": ["<b>", None]},
        False,
    ],
)
def test_what_cannot_be_said_is_not_asked_for(schema):
    tool = made({"setting": schema})
    assert OfflineAuthor([tool]).why_not_asked(tool) == "no plausible value is known for a required parameter"


def test_a_value_of_another_tool_is_taken_only_if_it_fits():
    tool = made({"level": {"type": "integer", "minimum": 1, "maximum": 3}})
    other = made({"level": {"type": "integer", "default": 50}}, "other")
    assert {one["level"] for one in drawn(tool, [other])} == {1, 2, 3}


def test_parameters_fit_all_tools_that_get_them():
    tool = made({"days": {"type": "integer", "minimum": 1, "maximum": 14}})
    rival = made({"days": {"type": "integer", "minimum": 7}}, provider="storm")
    far = made({"days": {"type": "integer", "minimum": 20}}, provider="cloud")
    assert {one["days"] for one in drawn(tool, rivals=[rival])} == {
        7,
        10,
    }  # both are among the words for days, or limits
    author = OfflineAuthor([tool, rival, far])
    for others, is_written in (((rival,), True), ((rival, far), False)):
        job = InstructJob(tool, "get the forecast", [], lambda text: None, random.Random(0), others)
        (written,) = author.instruct_all([job])
        assert (written.rejected is None) is is_written
        if is_written:
            assert f"{written.value['parameters']['days']}" in written.value["instruction"]
        else:
            assert "a tool of the same function does not take: days is below" in written.rejected


def test_lists_are_said_in_words():
    tool = made({"kinds": {"type": "array", "items": {"enum": ["storm", "frost"]}, "minItems": 2}})
    job = InstructJob(tool, "get the alarms", [], lambda text: None, random.Random(0))
    (written,) = OfflineAuthor([tool]).instruct_all([job])
    assert "'storm' and 'frost'" in written.value["instruction"]
    assert "[" not in written.value["instruction"]


def test_all_parameters_drawn_for_real_tools_fit():
    documents = read_catalogue(shared("catalogues/mcp_servers.json"))
    tools = list(collect(documents, 800, False, SimpleNamespace(counts=Counter())))
    author = OfflineAuthor(tools)
    asked = [tool for tool in tools if author.why_not_asked(tool) is None]
    assert len(asked) > 200
    for tool in asked:
        schema = ToolSchema(tool)
        for seed in range(5):
            assert schema.misfit(author.draw_parameters(tool, random.Random(seed))) is None
