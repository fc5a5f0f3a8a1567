"""MCP's lists of tools: every form gives the same documents; mistakes are named; nothing of a schema is lost."""

import copy
import json
from collections import Counter
from types import SimpleNamespace

import pytest
from conftest import shared
from petoolkit.builder.catalogue import FORMATS
from petoolkit.builder.catalogue.catalogue_files import format_of, read_catalogue
from petoolkit.builder.catalogue.mcp_snapshot import make_snapshot
from petoolkit.builder.catalogue.mcp_tools import MCP_TOOLS
from petoolkit.builder.catalogue.tool_document import ToolDocument
from petoolkit.builder.stages.collect import collect

from petoolbench import InputError

TOOL = {
    "name": "forecast",
    "description": "Get the forecast of a city for some days.",
    "inputSchema": {
        "type": "object",
        "properties": {
            "city": {"type": "string", "description": "The city"},
            "units": {"enum": ["metric", "imperial"], "default": "metric"},
        },
        "required": ["city"],
        "additionalProperties": False,
    },
    "outputSchema": {"type": "object", "properties": {"days": {"type": "array", "items": {"type": "string"}}}},
    "annotations": {"readOnlyHint": True},
}
OTHER = {"name": "ping", "title": "Whether the server runs", "inputSchema": {"type": "object"}}
SERVER = {"name": "meteo", "description": "Weather from satellites.", "category": "Weather", "tools": [TOOL, OTHER]}


def read(tmp_path, value, name="tools.json", counts=None):
    path = tmp_path / name
    path.write_text(value if isinstance(value, str) else json.dumps(value), encoding="utf-8")
    return list(read_catalogue(path, counts))


def test_a_tool_becomes_a_document(tmp_path):
    forecast, ping = read(tmp_path, SERVER)
    assert isinstance(forecast, ToolDocument)
    assert (forecast.category, forecast.tool, forecast.tool_description) == (
        "Weather",
        "meteo",
        "Weather from satellites.",
    )
    assert (forecast.api, forecast.api_description) == ("forecast", "Get the forecast of a city for some days.")
    (city,), (units,) = forecast.required_parameters, forecast.optional_parameters
    assert (city.name, city.type, city.description, city.json_schema) == ("city", "string", "The city", None)
    assert (units.name, units.type, units.default) == ("units", "string", "metric")
    assert units.json_schema == {"enum": ["metric", "imperial"]}
    assert forecast.parameters_schema == {"additionalProperties": False}
    assert forecast.response_schema == {"days": ["str"]}
    assert (ping.api_description, ping.required_parameters, ping.optional_parameters) == (OTHER["title"], [], [])


LISTING = {"tools": [TOOL, OTHER]}
NAMED = {
    "hand-made": SERVER,
    "by server name": {
        **{key: SERVER[key] for key in ("name", "description", "category")},
        "web": "https://example.org",
        "tools": {"meteo-mcp": {"server_name": "meteo-mcp", "version": "1.0", **LISTING, "model_config": {}}},
    },
    "a list of servers": [SERVER],
    "servers by name": {"meteo": {key: value for key, value in SERVER.items() if key != "name"}},
    "an object of servers": {"name": "my servers", "description": "Two of mine", "servers": [SERVER]},
    "initialize and list": {
        "serverInfo": {"name": "meteo", "version": "1"},
        "instructions": "Weather from satellites.",
        "category": "Weather",
        **LISTING,
    },
}
UNNAMED = {
    "a result": {**LISTING, "nextCursor": None, "_meta": {}},
    "a response": {"jsonrpc": "2.0", "id": 1, "result": LISTING},
    "a result in an object": {"result": LISTING},
    "two pages": [{"tools": [TOOL], "nextCursor": "x"}, {"tools": [OTHER]}],
    "responses, one a line": "\n".join(
        json.dumps({"jsonrpc": "2.0", "id": number, "result": {"tools": [tool]}})
        for number, tool in enumerate((TOOL, OTHER))
    ),
    "tools alone": [TOOL, OTHER],
}


@pytest.mark.parametrize("form", NAMED)
def test_every_form_of_a_server_is_the_same(tmp_path, form):
    assert read(tmp_path, NAMED[form]) == read(tmp_path, SERVER)


@pytest.mark.parametrize("form", UNNAMED)
def test_a_list_without_a_server_has_no_names(tmp_path, form):
    documents = read(tmp_path, UNNAMED[form])
    bare = {"category": "", "tool": "", "tool_description": None}
    assert documents == [one.model_copy(update=bare) for one in read(tmp_path, SERVER)]


def test_the_tools_of_several_servers_of_one_entry_have_their_servers_names(tmp_path):
    entry = {"name": "weather", "description": "All", "tools": {"a": LISTING, "b": {"tools": [TOOL]}}}
    assert [document.tool for document in read(tmp_path, entry)] == ["a", "a", "b"]


def test_a_snapshot_is_read_and_an_edited_one_is_refused(tmp_path):
    snapshot = make_snapshot([{key: SERVER[key] for key in ("name", "description", "tools")} | {"version": None}])
    assert [document.tool for document in read(tmp_path, snapshot)] == ["meteo", "meteo"]
    edited = copy.deepcopy(snapshot)
    edited["servers"][0]["tools"][0]["inputSchema"]["required"] = []
    with pytest.raises(
        InputError, match=r"tools.json, entry 1: the snapshot was changed .* `petoolbench snapshot`, or"
    ):
        read(tmp_path, edited)
    for key in ("mcp_snapshot", "sha256"):
        del edited[key]
    assert read(tmp_path, edited)[0].required_parameters == []
    with pytest.raises(InputError, match="has the form 2, and this version reads 1"):
        read(tmp_path, snapshot | {"mcp_snapshot": 2})


def without(key):
    return {name: value for name, value in TOOL.items() if name != key}


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ({"tools": [TOOL, without("inputSchema")]}, "the tool `forecast` has no `inputSchema`"),
        ({"tools": [TOOL, without("name")]}, "tool 2 of the list has no name"),
        ({**SERVER, "tools": [TOOL, "ping"]}, "tool 2 of meteo is not an object: 'ping'"),
        ({"tools": [{**TOOL, "inputSchema": None}]}, "`inputSchema` of the tool `forecast` is not an object: None"),
        ({"tools": [{**TOOL, "inputSchema": {"type": "string"}}]}, "the tool `forecast`: .* of the type 'string'"),
        ({"tools": [{**TOOL, "inputSchema": {"properties": []}}]}, "`forecast`: `properties` is not an object"),
        ({"tools": [{**TOOL, "description": 3}]}, "`description` of the tool `forecast` is not text: 3"),
        ({"tools": [{**without("description"), "descripton": "x"}]}, "unknown key `descripton` .* mean `description`"),
        ({"jsonrpc": "2.0", "id": 1, "error": {"code": 1, "message": "no"}}, "answered with an error: 'no'"),
        ({"jsonrpc": "2.0", "id": 1, "method": "tools/list"}, "does not answer `tools/list`"),
        ({"jsonrpc": "2.0", "id": 1, "result": {"serverInfo": {"name": "x"}}}, "does not answer `tools/list`"),
        ({"name": "x", "tools": {"a": LISTING, "b": 3}}, "a server with its tools is not an object: 3"),
    ],
)
def test_mistakes_are_named(tmp_path, value, reason):
    with pytest.raises(InputError, match=rf"tools.json, entry 1: .*{reason}.* \(in a list of MCP tools\)"):
        read(tmp_path, value)


def test_what_is_not_read_is_counted(tmp_path):
    counts = Counter()
    read(tmp_path, {**SERVER, "stars": 3, "server": "x", "tools": [{**TOOL, "examples": []}]}, counts=counts)
    assert counts == {
        "keys of a server that are not read: stars": 1,
        "keys of a server that are not read: server": 1,
        "keys of a tool that are not read: examples": 1,
    }


@pytest.mark.parametrize("levels", [90, 300, 900])
@pytest.mark.parametrize("key", ["items", "default", "enum"])
def test_deep_schemas_are_read_or_refused(tmp_path, levels, key):
    schema = "null"
    for _ in range(levels):
        schema = f'{{"type": "array", "{key}": [{schema}]}}'
    text = '{"tools": [{"name": "x", "description": "Gets the thing", "inputSchema": {"properties": {"a": %s}}}]}'
    try:
        documents = read(tmp_path, text % schema)
        list(collect(documents, 300, False, SimpleNamespace(counts=Counter())))
    except InputError as error:
        assert "nested" in str(error)
    else:
        assert levels == 90


def test_no_other_format_takes_them():
    for value in [*NAMED.values(), *UNNAMED.values()]:
        for entry in value if isinstance(value, list) else [value]:
            if isinstance(entry, dict):
                assert format_of(entry) is MCP_TOOLS
                assert [one for one in FORMATS if one.is_form_of(entry)] == [MCP_TOOLS]
    for value in ({"tools": [{"type": "function", "function": {"name": "x"}}]}, {"tools": []}, {}, [], "x", None):
        assert not MCP_TOOLS.is_form_of(value)


def test_the_saved_list_of_real_servers():
    counts = Counter()
    documents = list(read_catalogue(shared("catalogues/mcp_servers.json"), counts))
    assert (len(documents), len({document.tool for document in documents})) == (527, 70)
    assert all(document.category and document.tool_description for document in documents)
    assert not counts
