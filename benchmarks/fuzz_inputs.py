"""The kinds of inputs that `fuzz.py` damages: how many cases, a valid one, and what reads it."""

import json
import random
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from petoolkit.builder.authors.offline import OfflineAuthor
from petoolkit.builder.catalogue.catalogue_files import read_catalogue
from petoolkit.builder.catalogue.mcp_snapshot import make_snapshot
from petoolkit.builder.recipe import load_recipe
from petoolkit.builder.stage_notes import Notes
from petoolkit.builder.stages.collect import collect
from petoolkit.builder.stages.export import document_maker

from petoolbench import SETTINGS, InputError, ToolName, render_messages
from petoolkit.call_forms import ToolCall
from petoolkit.call_parameters import has_right_parameters, parameter_documents
from petoolkit.decoding import read_yaml
from petoolkit.evaluator.models.native_tools import NativeTools
from petoolkit.evaluator.records import MANIFEST, SCORES, Manifest, Scores
from petoolkit.evaluator.results_folder import PREDICTIONS, read_results
from petoolkit.evaluator.row_view import row_view
from petoolkit.evaluator.scores.score import score
from petoolkit.released import read_released
from petoolkit.replies import READERS, parse_reply
from petoolkit.row_form import form_problem, row_table
from petoolkit.schema_fit import ToolSchema
from petoolkit.schema_words import parameter_words
from petoolkit.shipped import RECIPES

Run = Callable[[], Any]
Case = Callable[[random.Random, Path], Run]

_CITY = {"name": "city", "type": "STRING", "description": "Name of the city", "default": "Rome"}
_FLAT = {
    "category": "Weather",
    "tool": "Sunny",
    "tool_description": "Weather for everyone without a key.",
    "api": "now",
    "api_description": "Gets the weather of a city.",
    "required_parameters": [_CITY],
    "optional_parameters": [{"name": "days", "type": "NUMBER", "description": "", "default": 3}],
    "response_schema": {"temperature": "float"},
    "pricing": "FREE",
    "latency_ms": 120,
    "success_rate": 99.5,
}
_NESTED = {
    "tool_name": "Sunny",
    "tool_description": "Weather for everyone without a key.",
    "score": {"avgLatency": 120, "avgSuccessRate": 99},
    "api_list": [{"name": "now", "description": "Gets the weather of a city.", "required_parameters": [_CITY]}],
}
_EMBEDDED = {
    "category": "Weather",
    "functions": {"now": {"required_parameters": [_CITY], "optional_parameters": [], "response": {"t": "float"}}},
    "providers": [
        {
            "name": "Sunny",
            "description": "Weather for everyone without a key.",
            "traits": {"free": "without a key"},
            "apis": {"now": {"name": "get_now", "description": "Gets the weather of a city."}},
        }
    ],
}
_SERVICE = {
    "openapi": "3.0.3",
    "info": {"title": "Sunny", "description": "Weather for everyone without a key.", "version": "2026-01-01"},
    "components": {
        "parameters": {"City": {"name": "city", "in": "query", "schema": {"type": "string"}, "required": True}},
        "schemas": {
            "Base": {
                "type": "object",
                "properties": {"id": {"type": "integer", "readOnly": True}},
                "required": ["id"],
            },
            "Node": {
                "allOf": [{"$ref": "#/components/schemas/Base"}],
                "properties": {"next": {"$ref": "#/components/schemas/Node"}, "name": {"nullable": True}},
            },
        },
    },
    "paths": {
        "/now/{id}": {
            "parameters": [{"$ref": "#/components/parameters/City"}],
            "post": {
                "summary": "Gets the weather of a city.",
                "requestBody": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Node"}}}},
                "responses": {"200": {"content": {"application/json": {"schema": {"type": "string"}}}}},
            },
        }
    },
}
_OLD_SERVICE = {
    "swagger": "2.0",
    "info": {"title": "Sunny", "description": "Weather for everyone without a key."},
    "definitions": {"Day": {"properties": {"date": {"type": "string", "example": "today"}}}},
    "paths": {
        "/now": {
            "get": {
                "description": "Gets the weather of a city.",
                "tags": ["weather"],
                "parameters": [
                    {"name": "city", "in": "query", "type": "string", "enum": ["Rome"], "required": True},
                    {"name": "body", "in": "body", "schema": {"$ref": "#/definitions/Day"}},
                ],
                "responses": {"200": {"schema": {"$ref": "#/definitions/Day"}}},
            }
        }
    },
}
_FUNCTION = {
    "name": "weather.now",
    "description": "Gets the weather of a city.",
    "parameters": {"type": "dict", "properties": {"city": {"type": "str", "default": "Rome"}}, "required": ["city"]},
}
_MCP_TOOL = {
    "name": "forecast",
    "title": "Forecast",
    "description": "Gets the weather of a city for some days.",
    "inputSchema": {
        "type": "object",
        "properties": {
            "city": {"$ref": "#/$defs/City"},
            "days": {"type": "integer", "minimum": 1, "maximum": 14, "multipleOf": 1},
            "kinds": {"type": "array", "items": {"enum": ["storm", "frost"]}, "minItems": 1, "uniqueItems": True},
            "unit": {"anyOf": [{"const": "C"}, {"enum": ["F", 1]}, {"type": "null"}], "default": None},
            "at": {"type": "object", "properties": {"lat": {"type": "number"}}, "additionalProperties": False},
        },
        "required": ["city", "days", "kinds"],
        "additionalProperties": False,
        "$defs": {"City": {"type": "string", "minLength": 2, "examples": ["Oslo"], "not": {"const": "x"}}},
    },
    "outputSchema": {"properties": {"days": {"type": "array", "items": {"$ref": "#"}}}},
}
_MCP_SERVER = {"name": "Meteo", "description": "Weather for everyone", "category": "Weather", "tools": [_MCP_TOOL]}
_SNAPSHOT = make_snapshot([{"name": "Meteo", "version": "1", "description": "Weather for all", "tools": [_MCP_TOOL]}])
_CATALOGUES: list[Any] = [
    *(_MCP_SERVER, {**_MCP_SERVER, "tools": {"meteo": {"server_name": "meteo", "tools": [_MCP_TOOL]}}}, _SNAPSHOT),
    {"jsonrpc": "2.0", "id": 1, "result": {"tools": [_MCP_TOOL], "nextCursor": "2"}},
    *([_FLAT, {**_FLAT, "tool": "Cloudy"}], _NESTED, _EMBEDDED, _SERVICE, _OLD_SERVICE),
    {"tools": [{"type": "function", "function": _FUNCTION}, _FUNCTION]},
]


def _tool(provider: str) -> dict:
    return {
        "tool_name": str(ToolName("Weather", provider, "forecast")),
        "tool_description": "Weather forecast for a city",
        "provider_description": "No fee.",
        "required_parameters": [
            {"name": "city", "type": "STRING", "description": "", "default": '"Paris"', "schema": None}
        ],
        "optional_parameters": [],
        "schema": None,
    }


def _row(user: str, setting: str) -> dict:
    names = [_tool(provider)["tool_name"] for provider in ("Aerwyn", "Cirrox")]
    rating = 1 if SETTINGS[setting].is_rated else None
    return {
        "id": f"{user}/{setting}",
        "user_id": user,
        "group_id": "g1",
        "category": "Weather",
        "block_id": "",
        "kind": "preference",
        "instruction": "I want the weather forecast for the city 'Oslo'.",
        "history": [
            {
                **{"instruction": "x", "tool_name": "<Weather>.<Other>.<x>", "provider_description": "No fee."},
                **{"parameters": "{}", "rating": rating},
            },
        ],
        "history_length": 1,
        "candidate_tools": [_tool("Aerwyn"), _tool("Cirrox")],
        "tool_call": {"tool_name": names[0], "parameters": '{"city": "Oslo"}'},
        "acceptable_tools": names[:1],
        "same_function_tools": names,
        "taste": "",
    }


_ROWS = [_row(user, "rating_integrated") for user in ("u1", "u2", "u3")]
_NAMES = _ROWS[0]["same_function_tools"]
_REPLY = json.dumps({"tool_name": _NAMES[0], "parameters": {"city": "Oslo"}})
_PREDICTION = {
    **{"id": _ROWS[0]["id"], "repeat": 0, "reply": _REPLY, "error": None, "prompt_tokens": 5, "completion_tokens": 2},
    **{"seconds": 0.5, "dropped_interactions": 0},
}
_MANIFEST = {
    **{"model": "baseline:random", "dataset": "petoolbench", "revision": None, "fingerprint": "0" * 16},
    **{"split": "test", "setting": "rating_integrated", "options": {"history": True, "repeat": 1}},
    **{"prices": {"input": 1.0, "output": 2.0}, "versions": {"petoolbench": "0.1.0"}},
}


def _released_entry() -> dict:
    def prompt(history: list) -> str:
        tools = [{key: value for key, value in _tool(p).items() if key != "provider_description"} for p in ("A", "B")]
        return (
            f"Task.\nInteraction history is:\n{json.dumps(history)}\n\n"
            f"Available tools you can call are listed here:\n{json.dumps(tools)}\n\nGenerate\n"
        )

    call = {"instruction": "x", "tool_call": {"tool_name": "<Weather>.<C>.<x>", "parameters": {"page": 1}}}
    return {
        "entry_id": 5,
        "func": "weather",
        "query": "I want the weather forecast.",
        "api_call_ground_truth": {"tool_name": _tool("A")["tool_name"], "parameters": {"city": "Oslo"}},
        "apis_same_func": [{"category_name": "Weather", "tool_name": "B", "api_name": "forecast"}],
        **{
            setting.released_prompt: prompt([{**call, "rating": 1}] if setting.is_rated else [call])
            for setting in SETTINGS.values()
            if setting.released_prompt
        },
    }


def kinds(mutated_json: Callable, mutated_yaml: Callable, mutated: Callable) -> dict[str, tuple[int, Case]]:
    """By kind of input, the number of cases and what makes one: it writes the files and gives what reads them."""

    def catalogue(rng: random.Random, folder: Path) -> Run:
        value = rng.choice(_CATALOGUES)
        suffix = rng.choice([".json", ".jsonl", ".json.gz", ".jsonl.gz", ".yaml"])
        file = folder / f"tools{suffix}"
        file.write_bytes((mutated_yaml if suffix == ".yaml" else mutated_json)(value, rng))

        def read() -> None:
            tools = list(collect(read_catalogue(file), 800, True, Notes()))
            author = OfflineAuthor(tools)
            for tool in tools:
                json.dumps(tool, allow_nan=False).encode()
                document = document_maker("full")(tool)
                NativeTools([document]).functions()
                parameter_words(document)
                if author.why_not_asked(tool) is None:
                    called = author.draw_parameters(tool, random.Random(0))
                    assert ToolSchema(tool).misfit(called) is None
                    call, documents = ToolCall("a", called), parameter_documents(document)
                    assert has_right_parameters(call, call, documents=documents)

        return read

    @cache
    def recipes() -> list[dict]:
        return [read_yaml(path) for path in sorted((RECIPES / "build").glob("*.yaml"))]

    def recipe(rng: random.Random, folder: Path) -> Run:
        prices = {"llm": {"model": "x", "prices": {"input": 1.0, "output": 2.0}, "max_cost": 5.0}}
        file = folder / "recipe.yaml"
        file.write_bytes(mutated_yaml({**rng.choice(recipes()), **(prices if rng.random() < 0.5 else {})}, rng))
        return lambda: load_recipe(file, llm={"model": "y"} if rng.random() < 0.5 else None).publishable()

    def released(rng: random.Random, folder: Path) -> Run:
        file = folder / "released.json"
        entry = _released_entry()
        if rng.random() < 0.5:  # the prompts' own JSON
            key = rng.choice([key for key in entry if key.startswith("instruction_")])
            before, middle, after = entry[key].partition("listed here:\n")
            tools, position = json.JSONDecoder().raw_decode(after)
            entry[key] = before + middle + json.dumps(mutated(tools, rng)) + after[position:]
            file.write_text(json.dumps([entry]), encoding="utf-8")
        else:
            file.write_bytes(mutated_json([entry], rng))
        return lambda: [render_messages(row) for row, _ in read_released(file)]

    def results(rng: random.Random, folder: Path) -> Run:
        manifest, prediction = json.dumps(_MANIFEST).encode(), json.dumps(_PREDICTION).encode()
        of = rng.randrange(3)
        (folder / MANIFEST).write_bytes(mutated_json(_MANIFEST, rng) if of == 0 else manifest)
        (folder / PREDICTIONS).write_bytes((mutated_json(_PREDICTION, rng) if of == 1 else prediction) + b"\n")
        (folder / SCORES).write_bytes(mutated_json(_scores(), rng))

        def read() -> None:
            if of == 2:
                Scores.read(folder)
            else:
                score(_ROWS, read_results(folder).predictions)
            Manifest.read(folder)

        return read

    @cache
    def _scores() -> dict:
        found = score(_ROWS, [_PREDICTION])
        return Scores.model_validate({**_MANIFEST, **found}).model_dump(mode="json")

    def parquet(rng: random.Random, folder: Path) -> Run:
        file = folder / "test.parquet"
        rows = _ROWS
        for _ in range(rng.randint(1, 2)):
            rows = mutated(rows, rng)
        try:
            table = pa.Table.from_pylist(rows)
        except (
            pa.ArrowException,
            TypeError,
            AttributeError,
            ValueError,
            OverflowError,
        ):  # no parquet file can be like this
            table = row_table(_ROWS)
        pq.write_table(table, file)
        if rng.random() < 0.2:
            content = file.read_bytes()
            at = rng.randrange(len(content))
            file.write_bytes(content[:at] + bytes([rng.randrange(256)]) + content[at + 1 :])

        def read() -> None:
            try:
                table = pq.read_table(file)
            except (OSError, ValueError) as error:
                raise InputError(str(error).replace("\n", " ")) from None
            if problem := form_problem(table, "rating_integrated"):
                raise InputError(problem)
            rows = table.to_pylist()
            for row in rows:
                render_messages(row)
                row_view(row)
            score(rows, [_PREDICTION])

        return read

    def reply(rng: random.Random, folder: Path) -> Run:
        shapes = [_REPLY, f"<think>{_REPLY}</think>{_REPLY}", f"<tool_call>{_REPLY}</tool_call>", f"[{_REPLY}]"]
        name = rng.choice(_NAMES)
        shapes += [f'{name}(city="Oslo", days=(1, {{2}}))', f'<function={name}>{{"city": "Oslo"}}</function>']
        shapes += [f"{name}<arg_key>city</arg_key><arg_value>Oslo</arg_value>", _REPLY.replace('"', "'")]
        text = rng.choice(shapes)
        for _ in range(rng.randint(0, 3)):
            at, to = sorted(rng.randrange(len(text) + 1) for _ in range(2))
            part = text[at:to][:2_000]  # a part of parts, repeated again, would fill the memory
            text = (text[:at] + rng.choice(["", part * 2, part * 500]) + text[to:])[:1_000_000]
        text += rng.choice(["", "\ud800", "{" * 3000, '"tool_name":' * 3000, "[" * 50_000, "1" * 5000, "\u2028"])
        return lambda: [json.dumps(parse_reply(text, reader, _NAMES)) for reader in READERS]

    return {
        "catalogues": (2000, catalogue),
        "recipes": (500, recipe),
        "released": (500, released),
        "results": (300, results),
        "parquet": (100, parquet),
        "replies": (10_000, reply),
    }
