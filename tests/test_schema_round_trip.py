"""Nothing of a JSON Schema is lost on its way: catalogue, tool document, dataset, prompt, native tool."""

import importlib
import json
from collections import Counter
from types import SimpleNamespace

import datasets
import pytest
from conftest import ROOT, shared
from petoolkit.builder.catalogue.catalogue_files import read_catalogue
from petoolkit.builder.stages.collect import collect
from petoolkit.builder.stages.export import document_maker
from rows import row

from petoolbench import FEATURES, render_messages
from petoolkit.evaluator.models.native_tools import NativeTools

SCHEMA = {
    "type": "object",
    "title": "BookArguments",
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "additionalProperties": False,
    "properties": {
        "guests": {
            "type": "array",
            "description": "Who comes.",
            "items": {"$ref": "#/$defs/Guest"},
            "minItems": 1,
            "uniqueItems": True,
        },
        "night": {"type": "string", "format": "date", "examples": ["2026-05-01"]},
        "room": {"enum": ["single", "double", None], "default": None, "title": "Room"},
        "price": {"anyOf": [{"type": "number", "exclusiveMinimum": 0}, {"type": "null"}], "default": 12.5},
        "_trace": {"type": ["string", "null"]},
        "extras": {"type": "object", "additionalProperties": {"type": "boolean"}, "default": {}},
        "anything": True,
        "nothing": False,
        "plain": {"type": "string"},
        "bare": {},
    },
    "required": ["guests", "night", "undocumented"],
    "$defs": {
        "Guest": {
            "type": "object",
            "properties": {
                "name": {"type": "string"},
                "title": {"enum": ["Dr", ""]},
                "friends": {"$ref": "#/$defs/Guest"},
            },
            "required": ["name"],
        }
    },
}


def candidate(tmp_path, schema):
    """The candidate that a row holds, of a tool with this schema, after it was written and read as a dataset."""
    file = tmp_path / "tools.json"
    tool = {"name": "book", "description": "Book a room for some guests.", "inputSchema": schema}
    file.write_text(json.dumps({"name": "Inn", "description": "Rooms for all.", "tools": [tool]}), encoding="utf-8")
    (collected,) = collect(read_catalogue(file), 800, False, SimpleNamespace(counts=Counter()))
    made = row("u1", "preferred_only", "Inn", candidates=[document_maker("full")(collected)])
    datasets.Dataset.from_list([made], features=FEATURES).to_parquet(tmp_path / "rows.parquet")
    return datasets.Dataset.from_parquet(str(tmp_path / "rows.parquet"), keep_in_memory=True)[0]


def parameters_of(made):
    (function,) = NativeTools(made["candidate_tools"]).functions()
    return function["function"]["parameters"]


def test_a_native_tool_has_the_schema_of_its_source(tmp_path):
    parameters = parameters_of(candidate(tmp_path, SCHEMA))
    parameters["required"].sort(key=SCHEMA["required"].index)
    assert json.dumps(parameters, sort_keys=True) == json.dumps(SCHEMA, sort_keys=True)


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "object", "properties": {}},
        {"type": "object", "properties": {"a": {"type": "integer"}}, "required": []},
        {"type": "object", "properties": {}, "required": ["x"]},
        {"type": "object", "properties": {"a": {"": None}}, "required": [{"b": 1}]},
        {
            "type": "object",
            "properties": {"a": {"description": ["odd"], "default": False}},
            "oneOf": [{"required": ["a"]}],
        },
    ],
)
def test_small_schemas_too(tmp_path, schema):
    assert parameters_of(candidate(tmp_path, schema)) == schema


def test_the_prompt_shows_types_limits_and_definitions(tmp_path):
    prompt = render_messages(candidate(tmp_path, SCHEMA))[0]["content"]
    (line,) = [
        line for line in prompt.splitlines() if line.startswith('{"tool_name": "<uncat') or '"Book a room' in line
    ]
    shown = json.loads(line)
    assert shown["schema"]["$defs"]["Guest"]["properties"] == SCHEMA["$defs"]["Guest"]["properties"]
    assert shown["schema"]["additionalProperties"] is False
    by_name = {p["name"]: p for kind in ("required_parameters", "optional_parameters") for p in shown[kind]}
    assert by_name["guests"]["schema"]["items"] == {"$ref": "#/$defs/Guest"}
    assert by_name["room"]["schema"]["enum"] == ["single", "double", None]
    assert "schema" not in by_name["plain"]


def test_the_saved_list_of_real_servers_goes_round(monkeypatch):
    path = shared("catalogues/mcp_servers.json")
    sources = [
        tool["inputSchema"]
        for server in json.loads(path.read_text(encoding="utf-8"))
        for listing in server["tools"].values()
        for tool in listing["tools"]
    ]
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    outcome = importlib.import_module("schema_round_trip").outcome
    outcomes = Counter(map(outcome, read_catalogue(path), sources))
    assert outcomes == {"equal": 527}
