"""OpenAPI and Swagger documents: what becomes a tool's names, parameters and response, and what is left out."""

import json
import time
from collections import Counter

import pytest
import yaml
from conftest import SHARED, shared
from petoolkit.builder.catalogue.catalogue_files import catalogue_files, read_catalogue
from petoolkit.builder.catalogue.openapi_schemas import LEVELS, MOST_CHARACTERS
from petoolkit.builder.stage_notes import Notes
from petoolkit.builder.stages.collect import collect

from petoolbench import InputError

DAY = {"type": "object", "properties": {"date": {"type": "string", "format": "date"}, "heat": {"type": "number"}}}
INFO = {"title": "Sunny", "description": "Weather for everyone.", "version": "1.0"}


TOO_DEEP = f"schemas cut: nested deeper than {LEVELS[0]} levels, or than {MOST_CHARACTERS:,} characters allow"
TOO_MANY = f"schemas cut: more than {MOST_CHARACTERS:,} characters in an operation"


def document(paths, **changes):
    return {"openapi": "3.0.3", "info": INFO, "paths": paths, **changes}


def swagger(paths, **changes):
    return {"swagger": "2.0", "info": INFO, "paths": paths, **changes}


def read(value, tmp_path):
    """The tools of a document, and the counts."""
    file = tmp_path / "service.json"
    file.write_text(json.dumps(value))
    counts = Counter()
    return list(read_catalogue(file, counts)), counts


def tool_of(operation, tmp_path, path="/now", **changes):
    """The tool of a document's one operation, and the counts."""
    (tool,), counts = read(document({path: {"get": operation}}, **changes), tmp_path)
    return tool, counts


def parameters(tool):
    """Parameters by name: (whether required, type, description, default, schema)."""
    return {
        p.name: (kind == "required", p.type, p.description, p.default, p.json_schema)
        for kind in ("required", "optional")
        for p in getattr(tool, f"{kind}_parameters")
    }


def body_schema(schema, tmp_path, **schemas):
    """A body's schema as its parameter `body` has it, and the counts."""
    operation = {"requestBody": {"content": {"application/json": {"schema": {"type": "array", "items": schema}}}}}
    tool, counts = tool_of(operation, tmp_path, components={"schemas": schemas})
    return tool.optional_parameters[0].json_schema["items"], counts


# --- names and descriptions ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("notation", ["json", "yaml"])
@pytest.mark.parametrize("version", ["3.0", "3.1", "swagger"])
def test_a_document_gives_its_operations(tmp_path, version, notation):
    """The same service in each version and notation: references, and codes that are numbers."""
    city = {"name": "city", "in": "path", "description": "Name of the city", "required": True}
    days = {"name": "days", "in": "query"}
    number = {"type": "integer", "minimum": 1, "default": 3}
    if version == "swagger":
        value = {
            "swagger": "2.0",
            "definitions": {"Day": DAY},
            "parameters": {"City": {**city, "type": "string"}, "Days": {**days, **number}},
            "responses": {"Days": {"schema": {"type": "array", "items": {"$ref": "#/definitions/Day"}}}},
        }
        kinds = ("#/parameters/", "#/responses/")
    else:
        value = {
            "openapi": f"{version}.0",
            "components": {
                "schemas": {"Day": DAY},
                "parameters": {"City": {**city, "schema": {"type": "string"}}, "Days": {**days, "schema": number}},
                "responses": {
                    "Days": {
                        "content": {
                            "text/csv": {"schema": {"type": "string"}},
                            "application/json": {
                                "schema": {"type": "array", "items": {"$ref": "#/components/schemas/Day"}}
                            },
                        }
                    }
                },
            },
        }
        kinds = ("#/components/parameters/", "#/components/responses/")
    value |= {
        "info": INFO,
        "paths": {
            "/forecast/{city}": {
                "parameters": [{"$ref": f"{kinds[0]}City"}],
                "get": {
                    "operationId": "forecast",
                    "summary": "Weather forecast",
                    "description": "Forecasts the weather of a city.",
                    "tags": ["weather", "other"],
                    "parameters": [{"$ref": f"{kinds[0]}Days"}],
                    "responses": {404: {"description": "none"}, 200: {"$ref": f"{kinds[1]}Days"}},
                },
            }
        },
    }
    file = tmp_path / f"service.{notation}"
    file.write_text(json.dumps(value) if notation == "json" else yaml.safe_dump(value))
    counts = Counter()
    (tool,) = read_catalogue(file, counts)
    assert (tool.category, tool.tool, tool.tool_description) == ("weather", "Sunny", "Weather for everyone.")
    assert (tool.api, tool.api_description) == ("forecast", "Weather forecast. Forecasts the weather of a city.")
    assert parameters(tool) == {
        "city": (True, "string", "Name of the city", None, None),
        "days": (False, "integer", None, 3, {"type": "integer", "minimum": 1}),
    }
    assert tool.parameters_schema is None
    assert tool.response_schema == [{"date": "str", "heat": "float"}]
    assert counts == {}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"info": {**INFO, "x-apisguru-categories": ["cloud", "x"]}}, ("cloud", "Sunny", "Weather for everyone.")),
        ({"info": {"title": " Sunny "}}, ("tag", "Sunny", None)),
        ({"info": {"title": "", "summary": "Good weather."}}, ("tag", "", "Good weather.")),
        (
            {"info": None, "servers": [{"url": "https://api.sunny.example:8080/v1"}]},
            ("tag", "api.sunny.example", None),
        ),
        ({"info": {}, "servers": [{"url": "/v1"}]}, ("tag", "", None)),
        ({"info": {}, "servers": [{"url": "http://[x"}]}, ("tag", "", None)),
        ({"openapi": None, "swagger": "2.0", "info": {}, "host": "sunny.example"}, ("tag", "sunny.example", None)),
    ],
)
def test_category_and_provider(tmp_path, changes, expected):
    value = {
        key: one for key, one in document({"/": {"get": {"tags": ["tag"]}}}, **changes).items() if one is not None
    }
    (tool,), _ = read(value, tmp_path)
    assert (tool.category, tool.tool, tool.tool_description) == expected


@pytest.mark.parametrize(
    ("summary", "description", "expected"),
    [
        ("Gets days", None, "Gets days"),
        (None, "Gets days.", "Gets days."),
        ("Gets days", "Gets days, all of them.", "Gets days, all of them."),
        ("Gets days, all of them", "gets DAYS.", "Gets days, all of them"),
        ("Gets days.", "As JSON.", "Gets days. As JSON."),
        ("Gets days", "As JSON.", "Gets days. As JSON."),
        ("", 5, "Path of days"),
    ],
)
def test_summary_and_description_are_not_doubled(tmp_path, summary, description, expected):
    item = {"summary": "Path of days", "get": {"summary": summary, "description": description}}
    (tool,), _ = read(document({"/days": item}), tmp_path)
    assert tool.api_description == expected
    assert tool.api == "GET /days"


def test_a_repeated_operation_id_gives_way_to_method_and_path(tmp_path):
    item = {"get": {"operationId": "days"}, "put": {"operationId": "days"}, "post": {}, "delete": {"operationId": ""}}
    tools, counts = read(document({"/days": item}), tmp_path)
    assert [tool.api for tool in tools] == ["days", "PUT /days", "POST /days", "DELETE /days"]
    assert counts == {"operations named by method and path: their operationId is another's": 1}


def test_deprecated_operations_are_dropped_by_collect(tmp_path):
    operation = {"description": "Gets all the days."}
    tools, _ = read(
        document({"/": {"get": {**operation, "deprecated": True}, "put": {**operation, "deprecated": False}}}),
        tmp_path,
    )
    notes = Notes()
    assert [tool["tool_name"] for tool in collect(tools, 800, True, notes)] == ["<>.<Sunny>.<PUT />"]
    assert notes.counts["dropped: deprecated"] == 1


# --- parameters ---------------------------------------------------------------------------------------------------


def test_parameters_of_the_path_are_inherited_and_overridden(tmp_path):
    item = {
        "parameters": [
            {"name": "a", "in": "query", "schema": {"type": "string"}, "required": True},
            {"name": "b", "in": "path", "schema": {"type": "string"}},  # required, whatever the document says
        ],
        "get": {"parameters": [{"name": "a", "in": "query", "schema": {"type": "integer"}}]},
        "put": {},
    }
    (get, put), _ = read(document({"/{b}": item}), tmp_path)
    assert {name: one[:2] for name, one in parameters(get).items()} == {"a": (False, "integer"), "b": (True, "string")}
    assert {name: one[:2] for name, one in parameters(put).items()} == {"a": (True, "string"), "b": (True, "string")}


def test_headers_cookies_and_keys_are_left_out_and_counted(tmp_path):
    def named(*names, location="query", description="x"):
        return [{"name": name, "in": location, "description": description, "required": True} for name in names]

    listed = [
        *named("Authorization", "X-Trace", location="header"),
        *named("session", location="cookie"),
        *named("my_key", "api_key", "access_token"),
        *named("key", description="API key of the project."),
        *named("key", location="path", description="Key of the row."),
        *named("q", "pageToken"),
    ]
    value = document(
        {"/{key}": {"get": {"parameters": listed}}},
        components={
            "securitySchemes": {
                "a": {"type": "apiKey", "in": "query", "name": "my_key"},
                "b": {"type": "apiKey", "in": "header", "name": "q"},
                "c": {"type": "http"},
                "d": 5,
            }
        },
    )
    (tool,), counts = read(value, tmp_path)
    assert [p.name for p in tool.required_parameters] == ["key", "q", "pageToken"]
    assert counts == {
        "parameters left out: header": 2,
        "parameters left out: cookie": 1,
        "parameters left out: key": 4,
    }
    old = swagger(
        {"/": {"get": {"parameters": [{"name": "my_key", "in": "query", "type": "string"}]}}},
        securityDefinitions={"a": {"type": "apiKey", "in": "query", "name": "my_key"}},
    )
    (tool,), counts = read(old, tmp_path)
    assert (tool.optional_parameters, counts) == ([], {"parameters left out: key": 1})


def test_signatures_of_aws_are_keys_and_its_actions_are_known(tmp_path):
    names = [
        "AWSAccessKeyId",
        "Signature",
        "SignatureMethod",
        "Timestamp",
        "X-Amz-Date",
        "Action",
        "Version",
        "Domain",
    ]
    listed = [{"name": name, "in": "query", "required": True, "schema": {"type": "string"}} for name in names]
    tool, counts = tool_of({"operationId": "Select", "parameters": listed}, tmp_path)
    assert {name: (one[0], one[3]) for name, one in parameters(tool).items()} == {
        "Domain": (True, None),
        "Action": (False, "Select"),
        "Version": (False, "1.0"),
    }
    assert counts["parameters left out: key"] == 5
    tool, counts = tool_of({"parameters": listed[3:4] + listed[5:]}, tmp_path)  # nothing says that it is AWS's
    assert (list(parameters(tool)), counts) == (["Timestamp", "Action", "Version", "Domain"], {})


@pytest.mark.parametrize(
    ("name", "description", "is_key"),
    [
        *(("k", "Your API key.", True), ("k", "API-Key of the project", True), ("appKey", "", True)),
        *(("k", "Name of the API key", False), ("k", "API key id to delete", False), ("keyword", "", False)),
        *(("token", "What to count", False), ("key", "Key of a row", False)),
    ],
)
def test_what_counts_as_a_key(tmp_path, name, description, is_key):
    tool, counts = tool_of({"parameters": [{"name": name, "in": "query", "description": description}]}, tmp_path)
    assert (tool.optional_parameters == []) == is_key == bool(counts)


def test_a_parameter_with_one_possible_value_is_optional(tmp_path):
    def given(name, required=True, **schema):
        return {"name": name, "in": "query", "required": required, "schema": {"type": "string", **schema}}

    listed = [
        given("action", enum=["List"]),
        given("const", const="x"),
        given("two", enum=["a", "b"]),
        given("free", required=False, enum=["a"]),
        given("api-version"),
    ]
    tool, counts = tool_of({"parameters": listed}, tmp_path, info={**INFO, "version": "2016-04-01"})
    assert {name: (one[0], one[3]) for name, one in parameters(tool).items()} == {
        "two": (True, None),
        "action": (False, "List"),
        "const": (False, "x"),
        "free": (False, None),
        "api-version": (False, "2016-04-01"),
    }
    assert counts == {
        "required parameters with one possible value: optional": 2,
        "required parameters whose value is the document's version, or the operation's id: optional": 1,
    }
    tool, _ = tool_of({"parameters": [given("api-version")]}, tmp_path)  # version 1.0 is no date
    assert [p.name for p in tool.required_parameters] == ["api-version"]


def test_keys_that_are_not_json_schema_stay_out_and_examples_are_kept_as_values(tmp_path):
    listed = [
        {
            **{"name": "city", "in": "query", "type": "string", "collectionFormat": "csv", "x-nice": 1},
            **{"allowEmptyValue": True, "x-example": "Rome", "maxLength": 9, "format": "x"},
        },
        {"name": "n", "in": "formData", "type": "integer", "example": "no number"},
        {"name": "f", "in": "formData", "type": "file", "required": True},
    ]
    (tool,), counts = read(swagger({"/": {"post": {"parameters": listed}}}), tmp_path)
    assert parameters(tool) == {
        "f": (True, "string", None, None, {"type": "string", "format": "binary"}),
        "city": (False, "string", None, None, {"type": "string", "maxLength": 9, "format": "x"}),
        "n": (False, "integer", None, None, None),
    }
    assert [p.examples for p in tool.optional_parameters] == [["Rome"], []]
    listed = [
        {
            "name": "city",
            "in": "query",
            "schema": {"type": "string", "example": "Oslo", "xml": {}, "externalDocs": {}},
            "examples": {"a": {"value": "Graz"}, "b": {"value": 5}, "c": {"$ref": "#/x"}},
        },
        {"name": "at", "in": "query", "content": {"application/json": {"schema": DAY}}},
    ]
    tool, counts = tool_of({"parameters": listed}, tmp_path)
    assert [p.examples for p in tool.optional_parameters] == [["Graz", "Oslo"], []]
    assert parameters(tool)["at"] == (False, "object", None, None, DAY)
    assert counts == {"keys of schemas left out: not of JSON Schema (examples, XML, vendors' keys ...)": 3}


# --- bodies -------------------------------------------------------------------------------------------------------

NOTE = {
    "type": "object",
    "required": ["id", "text"],
    "properties": {
        "id": {"type": "integer", "readOnly": True},
        "text": {"type": "string", "example": "Hi"},
        "tags": {"type": "array", "items": {"type": "string"}},
    },
    "additionalProperties": False,
}
TEXT, TAGS = ("string", None, None, None), ("array", None, None, NOTE["properties"]["tags"])


@pytest.mark.parametrize("media_type", ["application/json", "application/merge-patch+json; charset=utf-8", "*/*"])
def test_properties_of_a_json_body_are_parameters(tmp_path, media_type):
    content = {"application/xml": {"schema": {"type": "string"}}, media_type: {"schema": {"$ref": "#/components/N"}}}
    operation = {
        "parameters": [{"name": "q", "in": "query", "schema": {"type": "string"}}],
        "requestBody": {"$ref": "#/components/B"},
    }
    body = {"content": content, "required": True}
    tool, counts = tool_of(operation, tmp_path, components={"B": body, "N": NOTE})
    assert parameters(tool) == {"text": (True, *TEXT), "q": (False, *TEXT), "tags": (False, *TAGS)}
    assert tool.required_parameters[0].examples == ["Hi"]
    assert tool.parameters_schema == {"additionalProperties": False}
    assert counts["properties left out: read-only"] == 1


def test_bodies_of_forms_and_of_swagger(tmp_path):
    form = {"requestBody": {"content": {"application/x-www-form-urlencoded": {"schema": NOTE}}}}
    tool, counts = tool_of(form, tmp_path)
    assert parameters(tool) == {"text": (True, *TEXT), "tags": (False, *TAGS)}
    assert counts["bodies not marked as required, with properties that are"] == 1
    body = {"name": "note", "in": "body", "required": True, "schema": {"$ref": "#/definitions/Note"}}
    value = swagger({"/": {"post": {"parameters": [body]}}}, definitions={"Note": NOTE})
    (tool,), _ = read(value, tmp_path)
    assert parameters(tool) == {"text": (True, *TEXT), "tags": (False, *TAGS)}


@pytest.mark.parametrize(
    ("schema", "kind", "reason"),
    [
        ({"type": "array", "items": {"type": "string"}}, "array", "not an object"),
        ({"type": "object", "additionalProperties": {"type": "string"}}, "object", "not an object"),
        ({"type": "string"}, "string", "not an object"),
        ({"oneOf": [DAY, NOTE]}, "object", "not an object"),
        ({**DAY, "anyOf": [{"required": ["date"]}, {"required": ["heat"]}]}, "object", "not an object"),
        ({"type": "object", "properties": {"q": {}, "text": {}}}, "object", "a name is also that of a path or query"),
        (None, None, "not an object"),
    ],
)
def test_other_bodies_are_one_parameter(tmp_path, schema, kind, reason):
    operation = {
        "parameters": [{"name": name, "in": "query", "schema": {}} for name in ("q", "body")],
        "requestBody": {
            "description": "A note.",
            "content": {"application/json": {"schema": schema}},
            "required": True,
        },
    }
    tool, counts = tool_of(operation, tmp_path)
    (body,) = tool.required_parameters
    assert (body.name, body.type) == ("request_body", kind)
    assert body.description == (None if schema is None else "A note.")
    assert [key for key in counts if key.startswith(f"bodies that are one parameter: {reason}")]


def test_a_body_without_anything_to_send_is_no_parameter(tmp_path):
    operation = {"requestBody": {"content": {"application/json": {"schema": {"type": "object", "properties": {}}}}}}
    assert parameters(tool_of(operation, tmp_path)[0]) == {}
    assert parameters(tool_of({"requestBody": {"content": {}}}, tmp_path)[0]) == {}


# --- schemas ------------------------------------------------------------------------------------------------------


def test_all_of_is_merged(tmp_path):
    schema = {
        "allOf": [
            {"$ref": "#/components/schemas/Base"},
            {"properties": {"name": {"maxLength": 5}, "b": {"type": "integer"}}, "required": ["b"]},
            True,
        ],
        "description": "Own.",
        "required": ["id", "own"],
        "properties": {"own": {"allOf": [{"$ref": "#/components/schemas/Kind"}], "description": "Of the own."}},
    }
    base = {
        "type": "object",
        "description": "Of the base.",
        "properties": {"id": {"readOnly": True}, "name": {"type": "string"}},
        "required": ["id", "name"],
        "additionalProperties": False,
    }
    merged, _ = body_schema(
        schema, tmp_path, Base=base, Kind={"type": "string", "enum": ["x"], "description": "A kind"}
    )
    assert merged == {
        "type": "object",
        "description": "Own.",
        "properties": {
            "name": {"type": "string", "maxLength": 5},
            "b": {"type": "integer"},
            "own": {"type": "string", "enum": ["x"], "description": "Of the own."},
        },
        "required": ["b", "name", "own"],
        "additionalProperties": False,
    }


def test_parts_of_all_of_that_contradict_stay_as_they_are(tmp_path):
    parts = [{"pattern": "a"}, {"pattern": "b", "maxLength": 3}, False]
    schema, _ = body_schema({"type": "string", "allOf": parts}, tmp_path)
    assert schema == {"type": "string", "pattern": "a", "allOf": [{"pattern": "b", "maxLength": 3}, False]}


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        ({"type": "string", "nullable": True}, {"type": ["string", "null"]}),
        ({"type": "string", "nullable": False}, {"type": "string"}),
        ({"type": "string", "x-nullable": True}, {"type": ["string", "null"]}),
        (
            {"description": "d", "allOf": [{"$ref": "#/components/schemas/Day"}], "nullable": True},
            {**DAY, "type": ["object", "null"], "description": "d"},
        ),
        (
            {"description": "d", "oneOf": [{"type": "string"}, {"type": "integer"}], "nullable": True},
            {"description": "d", "anyOf": [{"oneOf": [{"type": "string"}, {"type": "integer"}]}, {"type": "null"}]},
        ),
        ({"nullable": True}, {}),
        ({"type": ["string", "null"]}, {"type": ["string", "null"]}),
        ({"type": "integer", "minimum": 1, "exclusiveMinimum": True}, {"type": "integer", "exclusiveMinimum": 1}),
        ({"type": "integer", "maximum": 1, "exclusiveMaximum": False}, {"type": "integer", "maximum": 1}),
        ({"exclusiveMinimum": 2}, {"exclusiveMinimum": 2}),
        ({"type": "string", "required": True}, {"type": "string"}),
        ({"$ref": "#/components/schemas/Day", "description": "beside"}, {**DAY, "description": "beside"}),
        ({"$ref": "#/components/schemas/%44ay/properties/heat"}, {"type": "number"}),
        ({"$ref": "#/components/schemas/a~1b~0c"}, {"type": "boolean"}),
        ({"properties": {"a": True, "b": False}}, {"type": "object", "properties": {"a": True, "b": False}}),
        ({"type": "array", "items": 5, "allOf": {}, "properties": []}, {"type": "array"}),
    ],
)
def test_a_schema_becomes_json_schema(tmp_path, schema, expected):
    assert body_schema(schema, tmp_path, **{"Day": DAY, "a/b~c": {"type": "boolean"}})[0] == expected


@pytest.mark.parametrize(
    ("reference", "reason"),
    [
        ("common.json#/City", "to another file or address"),
        ("https://example.org/city.json", "to another file or address"),
        ("City", "to another file or address"),
        ("#/components/schemas/Town", "nothing is there"),
        ("#/paths/0/get", "nothing is there"),
        ("#anchor", "nothing is there"),
        ("#/components/schemas/A", "they lead to themselves"),
    ],
)
def test_references_that_cannot_be_followed_are_counted(tmp_path, reference, reason):
    circle = {"A": {"$ref": "#/components/schemas/B"}, "B": {"$ref": "#/components/schemas/A"}}
    schema = {"properties": {"city": {"$ref": reference, "description": "A city"}}}
    read_schema, counts = body_schema(schema, tmp_path, **circle)
    assert read_schema["properties"] == {"city": {"description": "A city"}}
    assert counts[f"references not followed: {reason}"] == 1
    tool, counts = tool_of({"parameters": [{"$ref": reference}]}, tmp_path, components={"schemas": circle})
    assert (parameters(tool), counts) == ({}, {f"references not followed: {reason}": 1})


# --- hostile documents --------------------------------------------------------------------------------------------


def test_a_schema_that_holds_itself_is_cut_where_it_comes_again(tmp_path):
    node = {
        "type": "object",
        "description": "A node.",
        "properties": {"name": {"type": "string"}, "next": {"$ref": "#/components/schemas/Node"}},
    }
    schema, counts = body_schema({"$ref": "#/components/schemas/Node"}, tmp_path, Node=node)
    assert schema["properties"] == {"name": {"type": "string"}, "next": {"type": "object", "description": "A node."}}
    assert counts == {
        "bodies that are one parameter: not an object, or one without known properties": 1,
        "schemas cut: it holds itself": 1,
    }


@pytest.mark.parametrize("keyword", ["properties", "allOf", "anyOf", "items"])
def test_shared_references_do_not_explode(tmp_path, keyword):
    """Thirty levels of two references each are a billion schemas."""
    schemas = {}
    for level in range(30):
        both = [{"$ref": f"#/components/schemas/S{level + 1}"}] * 2
        schemas[f"S{level}"] = {
            "properties": {"properties": {"left": both[0], "right": both[1]}},
            "items": {"type": "array", "items": both[0], "contains": both[1]},
        }.get(keyword, {keyword: both})
    started = time.process_time()
    schema, counts = body_schema({"$ref": "#/components/schemas/S0"}, tmp_path, **schemas, S30={"type": "string"})
    assert time.process_time() - started < 5
    assert len(json.dumps(schema)) < 4 * MOST_CHARACTERS
    assert counts[TOO_DEEP] > 0 and counts[TOO_MANY] == 0


def test_of_large_schemas_what_is_deepest_is_cut(tmp_path):
    """Each parameter keeps its description, even if one of them could fill the whole space."""
    large = {"type": "object", "properties": {f"p{n}": {"description": "x" * 1000} for n in range(60)}}
    nested = {"type": "object", "properties": {"one": large, "two": large}}
    listed = [{"name": name, "in": "query", "description": name, "schema": nested} for name in "abc"]
    tool, counts = tool_of({"parameters": listed}, tmp_path)
    cut = {"type": "object", "properties": {"one": {"type": "object"}, "two": {"type": "object"}}}
    assert [(p.description, p.json_schema) for p in tool.optional_parameters] == [(name, cut) for name in "abc"]
    assert counts == {TOO_DEEP: 6}
    listed = [
        {"name": f"q{n}", "in": "query", "schema": {"type": "string", "description": "y" * 2000}} for n in range(60)
    ]
    tool, counts = tool_of({"parameters": listed}, tmp_path)
    assert [p.type for p in tool.optional_parameters] == ["string"] * 60
    assert counts == {TOO_MANY: sum(p.description is None for p in tool.optional_parameters)} and counts[TOO_MANY] > 9


def test_what_is_nested_deeply_is_cut(tmp_path):
    schema = {"type": "string"}
    value = 1
    for _ in range(60):
        schema = {"type": "array", "items": schema}
        value = [value]
    read_schema, counts = body_schema({**schema, "default": value, "enum": [1]}, tmp_path)
    assert json.dumps(read_schema).count("items") == LEVELS[0]
    assert "default" not in read_schema and read_schema["enum"] == [1]
    assert counts[TOO_DEEP] == 1
    assert counts[f"keys of schemas left out: nested deeper than {LEVELS[0]} levels"] == 1


def test_a_long_chain_of_references_ends(tmp_path):
    chain = {f"S{n}": {"$ref": f"#/components/schemas/S{n + 1}"} for n in range(2000)}
    schema, counts = body_schema({"$ref": "#/components/schemas/S0"}, tmp_path, **chain)
    assert schema is True
    assert counts["references not followed: they lead to themselves"] == 1


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b'{"openapi": "3.0.0", "paths": ' + b"[" * 3000 + b"]" * 3000 + b"}", "nested too deeply"),
        (b'{"openapi": "3.0.0", "paths": {"/": ' + b"1" * 5000 + b"}}", "too many digits"),
        (b"openapi: 3.0.0\npaths: {/: {get: {x: " + b"1" * 5000 + b"}}}", "too many digits"),
    ],
)
def test_values_that_cannot_be_held_are_refused(tmp_path, content, message):
    file = tmp_path / ("service.json" if content[:1] == b"{" else "service.yaml")
    file.write_bytes(content)
    with pytest.raises(InputError, match=message):
        list(read_catalogue(file))


# --- mistakes -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"openapi": "3.0.0"}, "`paths` is missing (in an OpenAPI document)"),
        ({"swagger": "2.0", "paths": []}, "`paths` is not an object (in an OpenAPI document)"),
        ({"openapi": "4.0.0", "paths": {}}, "`openapi` is '4.0.0'; 2.0 of Swagger and 3.0 and 3.1 of OpenAPI can be"),
        ({"swagger": "1.2", "paths": {}}, "`swagger` is '1.2'"),
    ],
)
def test_a_document_that_cannot_be_read_is_refused(tmp_path, value, message):
    with pytest.raises(InputError) as error:
        read(value, tmp_path)
    assert "service.json, entry 1: " in str(error.value) and message in str(error.value)


def test_documents_without_operations_give_none(tmp_path):
    assert read(document({"x-note": 5}), tmp_path) == ([], {})
    assert read({"openapi": "3.1.0", "components": {}}, tmp_path) == ([], {})
    tools, counts = read({"openapi": "3.1.0", "webhooks": {"a": {"post": {}}, "b": {}}}, tmp_path)
    assert (tools, counts) == ([], {"webhooks left out": 2})
    (_,), counts = read(document({"/": {"get": {"callbacks": {"done": {}}}}}), tmp_path)
    assert counts == {"callbacks left out": 1}


@pytest.mark.parametrize(
    ("operation", "reason"),
    [
        (5, "not an object"),
        (None, "not an object"),
        ({"parameters": {"city": {}}}, "`parameters` is not a list"),
        ({"parameters": [5]}, "a parameter is not an object"),
        ({"parameters": [{"in": "query"}]}, "a parameter has no name"),
        ({"parameters": [{"name": 5, "in": "query"}]}, "a parameter has no name"),
        (
            {"parameters": [{"name": "a", "in": "url"}]},
            "a parameter is neither of the path, query, header, cookie nor",
        ),
        ({"parameters": [{"name": "a", "in": []}]}, "a parameter is neither of the path, query, header, cookie nor"),
        ({"requestBody": 5}, "`requestBody` has no `content`"),
        ({"requestBody": {"content": []}}, "`requestBody` has no `content`"),
    ],
)
def test_an_operation_with_a_mistake_is_left_out_and_the_others_are_read(tmp_path, operation, reason):
    paths = {"/": {"get": operation, "put": {}, "gett": {}, "x-y": {}}, "/a": 5, "/b": {"$ref": "x.json"}}
    (tool,), counts = read(document(paths), tmp_path)
    assert tool.api == "PUT /"
    assert counts.pop("operations left out: of no known method") == 1
    assert counts.pop("paths left out: not an object within the document") == 2
    assert counts.pop("references not followed: to another file or address") == 1
    ((left_out, number),) = counts.items()
    assert left_out.startswith(f"operations left out: {reason}") and number == 1


def test_malformed_parts_do_no_harm(tmp_path):
    operation = {
        **{"operationId": 5, "tags": [5], "summary": [], "responses": {"200": 5, "201": {"schema": 5}, "default": {}}},
        "parameters": [
            {"name": "a", "in": "query", "schema": {"enum": 5, "type": {}, "properties": 5, "items": 5, "allOf": 5}},
            {"name": "a", "in": "header"},
        ],
    }
    (tool,), _ = read(document({"/": {"get": operation}}, servers=5, components=5, webhooks=5), tmp_path)
    assert (tool.api, tool.api_description, tool.response_schema) == ("GET /", None, None)
    assert [p.name for p in tool.optional_parameters] == ["a"]


# --- real files ---------------------------------------------------------------------------------------------------

METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
REAL = sorted(SHARED.glob("catalogues/openapi/*.json")) or [None]


@pytest.mark.parametrize("file", REAL, ids=lambda file: file.stem if file else "absent")
def test_every_operation_of_real_documents_is_read(file):
    if file is None:
        shared("catalogues/openapi")
    value = json.loads(file.read_text())
    expected = sum(method in METHODS for item in value["paths"].values() for method in item)
    tools = list(read_catalogue(file))
    assert len(tools) == expected
    assert len({tool.api for tool in tools}) == expected
    assert {tool.tool for tool in tools} == {value["info"]["title"]}


def test_the_real_pet_store_is_the_same_in_both_notations():
    files = [shared(f"catalogues/petstore_openapi3.{notation}") for notation in ("json", "yaml")]
    tools = [list(read_catalogue(file)) for file in catalogue_files([str(file) for file in files])]
    assert tools[0] == tools[1]
    assert len(tools[0]) == 19
    by_name = {tool.api: tool for tool in tools[0]}
    assert {name: one[:2] for name, one in parameters(by_name["addPet"]).items()} == {
        "name": (True, "string"),
        "photoUrls": (True, "array"),
        "id": (False, "integer"),
        "category": (False, "object"),
        "tags": (False, "array"),
        "status": (False, "string"),
    }


@pytest.mark.parametrize(
    ("host", "vendor"),
    [
        ("api.example.com", "example.com"),
        ("maps.api.example.co.uk:8080", "example.co.uk"),
        ("example.io", "example.io"),
        ("one.herokuapp.com", None),
        ("localhost:8080", None),
        ("127.0.0.1", None),
        ("", None),
    ],
)
def test_a_vendor_is_the_domain_of_the_host(tmp_path, host, vendor):
    document = {
        "swagger": "2.0",
        "info": {"title": "One", "version": "1"},
        "host": host,
        "paths": {"/a": {"get": {"operationId": "a", "description": "Gets one of them"}}},
    }
    file = tmp_path / "one.json"
    file.write_text(json.dumps(document))
    (tool,) = read_catalogue(file)
    assert tool.vendor == vendor
