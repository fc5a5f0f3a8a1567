"""Catalogues: every accepted form gives the same documents; a bad one is refused by file and line."""

import gzip
import json
import re
from collections import defaultdict

import pytest
import yaml
from petoolkit.builder.catalogue import FORMATS
from petoolkit.builder.catalogue import catalogue_files as catalogue_module
from petoolkit.builder.catalogue.catalogue_files import catalogue_files, read_catalogue
from petoolkit.builder.catalogue.catalogue_format import CatalogueFormat
from petoolkit.builder.catalogue.tool_document import Parameter, ToolDocument
from petoolkit.builder.stages.instruct import objection

from petoolbench import InputError, ToolName

CITY = {"name": "city", "type": "STRING", "description": "Name of the city", "default": "Rome"}
ROW = {
    "category": "Weather",
    "tool": "Sunny",
    "tool_title": "Sunny Skies",
    "tool_description": "Weather for everyone. No key is needed.",
    "api": "now",
    "api_description": "Gets the weather of a city.",
    "method": "GET",
    "required_parameters": [CITY],
    "optional_parameters": [{"name": "days", "type": "NUMBER", "description": "", "default": 3}],
    "response_schema": {"temperature": "float"},
    "popularity": 9.5,
    "pricing": "FREE",
    "latency_ms": 120,
    "success_rate": 99.5,
}
DOCUMENT = ToolDocument(
    category="Weather",
    tool="Sunny",
    tool_description="Weather for everyone. No key is needed.",
    api="now",
    api_description="Gets the weather of a city.",
    required_parameters=[Parameter(name="city", type="STRING", description="Name of the city", default="Rome")],
    optional_parameters=[Parameter(name="days", type="NUMBER", description="", default=3)],
    response_schema={"temperature": "float"},
    pricing="FREE",
    latency_ms=120,
    success_rate=99.5,
)
EMBEDDED = {
    "category": "Weather",
    "functions": {
        "now": {
            "requests": ["How is it in {city}?"],
            "required_parameters": [CITY],
            "optional_parameters": [],
            "response": {"t": "float"},
        }
    },
    "providers": [
        {
            "name": "Sunny",
            "description": "Weather for everyone.",
            "traits": {"free": "for everyone"},
            "apis": {"now": {"name": "get_now", "description": "Gets the weather of a city."}},
        }
    ],
}
EMBEDDED_DOCUMENT = ToolDocument(
    category="Weather",
    tool="Sunny",
    tool_description="Weather for everyone.",
    api="get_now",
    api_description="Gets the weather of a city.",
    required_parameters=[Parameter(**CITY)],
    response_schema={"t": "float"},
    traits={"free": "for everyone"},
    requests=["How is it in {city}?"],
)
BARE = {"category": "Weather", "tool": "Rainy", "api": "later"}
BARE_DOCUMENT = ToolDocument(category="Weather", tool="Rainy", api="later")
NESTED = {
    "tool_name": "Sunny",
    "tool_description": "Weather for everyone. No key is needed.",
    "title": "Sunny Skies",
    "pricing": "FREE",
    "score": {"avgServiceLevel": 100, "avgLatency": 120, "avgSuccessRate": 99.5, "popularityScore": 9.5},
    "host": "sunny.p.rapidapi.com",
    "api_list": [
        {
            "name": "now",
            "url": "https://sunny.p.rapidapi.com/now",
            "description": "Gets the weather of a city.",
            "method": "GET",
            "required_parameters": [CITY],
            "optional_parameters": ROW["optional_parameters"],
            "statuscode": 200,
            "schema": {"temperature": "float"},
        },
        {
            "name": "later",
            "description": "Gets the forecast.",
            "method": "GET",
            "required_parameters": [],
            "optional_parameters": [],
            "template_response": {"days": "list"},
        },
    ],
}
NESTED_DOCUMENTS = [
    DOCUMENT,
    ToolDocument(
        category="Weather",
        tool="Sunny",
        tool_description="Weather for everyone. No key is needed.",
        api="later",
        api_description="Gets the forecast.",
        response_schema={"days": "list"},
        pricing="FREE",
        latency_ms=120,
        success_rate=99.5,
    ),
]


def read(*catalogues):
    return [document for file in catalogue_files([*map(str, catalogues)]) for document in read_catalogue(file)]


def write_json(path, value):
    path.write_text(json.dumps(value))
    return path


def lines(*rows):
    return "\n".join(map(json.dumps, rows)).encode()


def damaged(content):
    """A gzip file whose packed middle no longer unpacks."""
    packed = bytearray(gzip.compress(content))
    packed[12:20] = b"\xff" * 8
    return bytes(packed)


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("tools.jsonl", lines(ROW, BARE), [DOCUMENT, BARE_DOCUMENT]),
        ("tools.jsonl", lines(ROW) + b"\n\n  \n" + lines(BARE) + b"\n", [DOCUMENT, BARE_DOCUMENT]),
        ("tools.jsonl.gz", gzip.compress(lines(ROW, BARE)), [DOCUMENT, BARE_DOCUMENT]),
        ("tools.json", json.dumps([ROW, BARE]).encode(), [DOCUMENT, BARE_DOCUMENT]),
        ("tools.json", json.dumps(ROW, indent=2).encode(), [DOCUMENT]),
        ("tools.json.gz", gzip.compress(json.dumps([ROW]).encode()), [DOCUMENT]),
        ("Weather/sunny.json", json.dumps(NESTED).encode(), NESTED_DOCUMENTS),
        ("Weather/sunny.json", json.dumps({**NESTED, "api_list": []}).encode(), []),
        ("tools.jsonl", b"", []),
        ("tools.jsonl", lines(ROW) + b'\n{"category": ', "tools.jsonl, line 2: not valid JSON"),
        ("tools.json", b"[\n{]", "tools.json, line 2: not valid JSON"),
        ("tools.json", b"", "tools.json, line 1: not valid JSON"),
        ("tools.jsonl.gz", gzip.compress(lines(ROW, BARE))[:-20], "tools.jsonl.gz, after line .* cut short"),
        ("tools.json.gz", gzip.compress(lines(ROW))[:-20], "tools.json.gz .* cut short"),
        ("tools.jsonl.gz", damaged(lines(ROW)), "tools.jsonl.gz, after line .* damaged"),
        ("tools.json.gz", damaged(lines(ROW)), "tools.json.gz .* damaged"),
        ("tools.jsonl.gz", lines(ROW), "tools.jsonl.gz, after line 0: cannot be read"),
        ("tools.jsonl", b"\xff\xfe{}", "tools.jsonl, after line 0: cannot be read"),
        ("tools.jsonl", lines(ROW, {**ROW, "tool": ["Sunny"]}), "tools.jsonl, line 2: `tool`"),
        ("tools.json", json.dumps([ROW, {**ROW, "api": None}]).encode(), "tools.json, entry 2: `api`"),
        ("tools.jsonl", lines({**ROW, "required_parameters": "city"}), "line 1: `required_parameters`"),
        ("tools.jsonl", lines({**ROW, "required_parameters": [{"type": "STRING"}]}), "`required_parameters.0.name`"),
        ("tools.jsonl", lines({"tool": "Sunny", "api": "now"}), "line 1: `category`: field required"),
        ("tools.json", b"5", "tools.json, entry 1: this is not a tool in a form that can be read"),
        ("tools.jsonl", lines(ROW) + b'\n"Sunny"', "tools.jsonl, line 2: this is not a tool in a form"),
        ("tools.jsonl", lines({"name": "now"}), "line 1: this is not a tool in a form that can be read"),
        ("tools.yaml", yaml.safe_dump(ROW).encode(), [DOCUMENT]),
        ("tools.yaml", yaml.safe_dump(EMBEDDED).encode(), [EMBEDDED_DOCUMENT]),
        ("tools.json", json.dumps(EMBEDDED).encode(), [EMBEDDED_DOCUMENT]),
        (
            "Weather/tools.json",
            json.dumps([EMBEDDED, ROW, NESTED]).encode(),
            [EMBEDDED_DOCUMENT, DOCUMENT, *NESTED_DOCUMENTS],
        ),
        ("tools.yaml", b"- [", "tools.yaml cannot be read as YAML"),
        ("tools.yaml", b"when: 2027-13-45", "tools.yaml, entry 1: this is not a tool in a form"),
        ("tools.yaml", b"true: x", "tools.yaml cannot be read as YAML: the key True is not text"),
        ("tools.json", lines(ROW, BARE), [DOCUMENT, BARE_DOCUMENT]),
        ("tools.txt", lines(ROW, BARE), [DOCUMENT, BARE_DOCUMENT]),
        ("tools", b"\xef\xbb\xbf" + lines(ROW, BARE).replace(b"\n", b"\r\n"), [DOCUMENT, BARE_DOCUMENT]),
        ("tools.ndjson.gz", gzip.compress(b"\n" + lines(ROW, BARE)), [DOCUMENT, BARE_DOCUMENT]),
        ("tools.jsonl", b"\xef\xbb\xbf" + json.dumps(ROW, indent=2).encode(), [DOCUMENT]),
        ("tools.jsonl", lines([ROW], [], [BARE, ROW]), [DOCUMENT, BARE_DOCUMENT, DOCUMENT]),
        ("tools.json", json.dumps([[ROW, BARE], ROW]).encode(), [DOCUMENT, BARE_DOCUMENT, DOCUMENT]),
        ("tools.yaml", b"\xef\xbb\xbf" + yaml.safe_dump(ROW).encode().replace(b"\n", b"\r\n"), [DOCUMENT]),
        ("tools.jsonl", lines([ROW, 5]), "tools.jsonl, line 1, entry 2: this is not a tool"),
        ("tools.json", b"[[[1]]]", "tools.json, entry 1, entry 1: this is not a tool"),
        ("tools.json", lines(ROW) + b'\n{"category": ', "tools.json, line 2: not valid JSON"),
        ("tools.txt", lines(ROW) + b"\n[}", "tools.txt, line 2: not valid JSON"),
        ("tools.txt", b"{]", "tools.txt, line 1: not valid JSON"),
        ("tools.txt", b"a: 1", "tools.txt is of no known kind"),
        ("tools.txt", b"", "tools.txt is of no known kind"),
        ("tools.gz", b"no gzip", "tools.gz is of no known kind"),
        (
            "tools.json",
            json.dumps({**EMBEDDED, "functions": {}}).encode(),
            "functions that are not described: now",
        ),
        ("Weather/sunny.json", lines({**NESTED, "tool_name": ["Sunny"]}), "sunny.json, entry 1: `tool_name`"),
        ("Weather/sunny.json", lines({**NESTED, "api_list": None}), "sunny.json, entry 1: `api_list`"),
        ("Weather/sunny.json", lines({**NESTED, "api_list": [{}]}), "sunny.json, entry 1: `api_list.0.name`"),
    ],
)
def test_a_file_gives_its_documents_or_names_the_place_that_is_wrong(tmp_path, name, content, expected):
    file = tmp_path / name
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(content)
    if isinstance(expected, str):
        with pytest.raises(InputError, match=expected):
            read(file)
    else:
        assert read(file) == expected


@pytest.mark.parametrize("known", FORMATS, ids=lambda known: known.name)
def test_a_message_names_the_forms_that_are_known_and_the_one_that_was_recognised(tmp_path, known):
    with pytest.raises(InputError, match=re.escape(f"{known.name} ({known.form})")):
        read(write_json(tmp_path / "tools.json", {"some": "thing"}))
    broken = {
        "a RapidAPI row": {**ROW, "api": None},
        "a ToolBench provider": {**NESTED, "tool_name": None},
        "a category of the embedded catalogue": {**EMBEDDED, "category": None},
        "a list of MCP tools": {"tools": [{"inputSchema": {}}]},
        "an OpenAPI document": {"openapi": "3.0.0", "info": {}},
        "a function": {"name": "now", "parameters": "{"},
    }
    with pytest.raises(InputError, match=re.escape(f"(in {known.name}); mend it or leave it out")):
        read(write_json(tmp_path / "tools.json", broken[known.name]))


def test_a_further_format_is_one_line_of_the_table(tmp_path, monkeypatch):
    listed = CatalogueFormat(
        "a list of names",
        "an object with names",
        lambda value: isinstance(value, dict) and "names" in value,
        lambda value, source: (ToolDocument(category=source.file.stem, tool="x", api=name) for name in value["names"]),
    )
    monkeypatch.setattr(catalogue_module, "FORMATS", [*FORMATS, listed])
    file = write_json(tmp_path / "tools.json", [{"names": ["a", "b"]}, ROW])
    assert [document.api for document in read(file)] == ["a", "b", "now"]


def test_a_folder_is_searched_in_depth_and_in_a_fixed_order(tmp_path):
    files = ["a/Weather/sunny.json", "a/flat.jsonl", "b.json.gz", "c/d/e/more.jsonl.gz"]
    for name in [*reversed(files), "a/notes.txt", "readme.md"]:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "folder.json").mkdir()
    assert catalogue_files([str(tmp_path)]) == [tmp_path / name for name in files]


def test_yaml_files_in_a_folder_are_read_if_they_hold_an_openapi_document(tmp_path):
    service = "info: {title: T}\npaths: {}\n"
    for name, text in {
        "a.yaml": f"openapi: 3.0.0\n{service}",
        "b.yml": f"{service}'swagger' : '2.0'\n",
        "c.yaml": json.dumps({"openapi": "3.1.0", "paths": {}}),
        "d.yaml": f"\ufeffopenapi: 3.0.0\r\n{service}",
        "e.yaml": "notes:\n  openapi: 3.0.0\n",
        "f.yaml": "",
    }.items():
        (tmp_path / name).write_text(text, newline="")
    (tmp_path / "g.yaml").write_bytes(b"\xff\xfe")
    assert [file.name for file in catalogue_files([str(tmp_path)])] == ["a.yaml", "b.yml", "c.yaml", "d.yaml"]
    assert catalogue_files([str(tmp_path / "e.yaml")]) == [tmp_path / "e.yaml"]


def test_catalogues_keep_the_order_they_are_given_in(tmp_path):
    """Of duplicates the first is kept, so the order decides."""
    for name, row in (("z.jsonl", BARE), ("a.jsonl", ROW)):
        (tmp_path / name).write_bytes(lines(row))
    assert read(tmp_path / "z.jsonl", tmp_path / "a.jsonl") == [BARE_DOCUMENT, DOCUMENT]


def test_the_category_of_a_nested_file_is_its_folder_from_wherever_it_is_named(tmp_path, monkeypatch):
    folder = tmp_path / "Weather"
    folder.mkdir()
    (folder / "sunny.json").write_text(json.dumps(NESTED))
    monkeypatch.chdir(folder)
    assert read("sunny.json") == NESTED_DOCUMENTS


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda path: None, "{path} does not exist; check --catalogue"),
        (lambda path: path.write_text("a,b"), "{path} is of no known kind; give .json, .jsonl, .json.gz, .jsonl.gz"),
        (lambda path: path.mkdir(), "{path} holds no .json, .jsonl, .json.gz, .jsonl.gz file; check --catalogue"),
    ],
    ids=["missing", "unknown kind", "empty folder"],
)
def test_a_name_without_a_catalogue_behind_it_is_refused(tmp_path, make, message):
    path = tmp_path / "tools.csv"
    make(path)
    with pytest.raises(InputError, match=re.escape(message.format(path=path))):
        catalogue_files([str(path)])


# --- the embedded catalogue -----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def embedded():
    return read("embedded")


def _spoken(text):
    return " " + " ".join(re.findall(r"[^\W_]+", text.lower())) + " "


def test_embedded_functions_can_be_grouped(embedded):
    """A group needs several providers with the same parameters and response."""
    providers = defaultdict(list)
    for document in embedded:
        parameters = [p.model_dump() for p in document.required_parameters + document.optional_parameters]
        providers[document.category, json.dumps([parameters, document.response_schema])].append(document.tool)
    offered = {function for function, names in providers.items() if len(set(names)) >= 3}
    assert len(offered) >= 60
    assert len({category for category, _ in offered}) >= 12
    assert set(providers) == offered


def test_embedded_providers_offer_enough_to_show_a_preference(embedded):
    """The gold tool is never in a history: a provider is known by its other tools."""
    functions = defaultdict(set)
    for document in embedded:
        functions[document.tool].add(document.api)
    assert sum(len(apis) >= 3 for apis in functions.values()) >= 50


def test_embedded_provider_names_are_unique(embedded):
    """One name, one category and one description."""
    assert len({(d.tool, d.category, d.tool_description, d.pricing) for d in embedded}) == len(
        {d.tool for d in embedded}
    )


def test_embedded_requests_never_name_a_provider_or_api(embedded):
    """An instruction made of them would give its gold tool away, and be refused."""
    for document in embedded:
        name = str(ToolName(document.category, document.tool, document.api))
        values = [str(value) for p in document.required_parameters for value in p.examples]
        requests = [re.sub(r"\{\w+\}", "...", request) for request in document.requests]
        for text in [*requests, *values]:
            assert objection(text, [name], set()) is None, (name, text)


def test_embedded_required_parameters_have_values_to_ask_for(embedded):
    """Otherwise the offline author would invent them."""
    assert min(len(p.examples) for document in embedded for p in document.required_parameters) >= 3


def test_one_category_of_the_embedded_catalogue_can_be_taken(embedded):
    weather = read("embedded/Weather")
    assert weather == [document for document in embedded if document.category == "Weather"]
    with pytest.raises(InputError, match="unknown part of the embedded catalogue 'embedded/Wether'"):
        read("embedded/Wether")
