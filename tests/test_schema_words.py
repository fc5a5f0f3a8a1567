"""What JSON Schemas allow, in words: in the terminal and in the explorer."""

import json

import pytest
from rows import row, tool

from petoolkit.explorer.row_page import row_page
from petoolkit.explorer.trait_sentences import TraitSentences
from petoolkit.schema_words import parameter_words

AREA = {
    "type": "object",
    "properties": {"north": {"type": "number", "minimum": -90, "maximum": 90}, "name": {"type": "string"}},
    "required": ["north"],
}
WORDS = [
    ({"type": "integer", "minimum": 1, "maximum": 14}, "integer, from 1 to 14"),
    ({"type": "number", "exclusiveMinimum": 0}, "number, above 0"),
    ({"enum": ["metric", "imperial", None]}, "one of metric, imperial or null"),
    ({"const": 3}, "only 3"),
    ({"enum": list(range(12))}, "one of 0, 1, 2, 3, 4, 5, 6, 7 and 4 more"),
    ({"type": "array", "items": {"type": "string"}, "minItems": 1}, "list of string, at least 1 items"),
    ({"type": "array", "items": {"enum": ["a", "b"]}}, "list of one of a or b"),
    ({"anyOf": [{"type": "integer"}, {"type": "string", "format": "date"}]}, "integer or string, format date"),
    ({"anyOf": [{"type": "integer"}, {"type": "null"}], "default": None}, "integer"),
    ({"type": ["string", "null"], "maxLength": 5}, "string or null, at most 5 characters"),
    ({"$ref": "#/$defs/Area"}, "object with north (number, from -90 to 90) and name (string, optional)"),
    ({"type": "object"}, "object"),
    ({"type": "string", "pattern": "^a+$"}, "string, pattern ^a+$"),
    (False, "nothing"),
    ({}, "ANY"),
    (None, "ANY"),
]


def made(schema):
    text = None if schema is None else json.dumps(schema)
    parameter = {"name": "p", "type": "ANY", "description": "", "default": None, "schema": text}
    return {
        **tool("Aerwyn", "forecast", "Get it", required=[parameter]),
        "schema": json.dumps({"$defs": {"Area": AREA}}),
    }


@pytest.mark.parametrize(("schema", "words"), WORDS, ids=lambda value: str(value)[:30])
def test_words(schema, words):
    assert parameter_words(made(schema)) == {"p": words}


def test_odd_and_endless_schemas_have_words_too():
    loop = {
        "type": "object",
        "properties": {"a": {"$ref": "#/properties/p"}, "b\u202e\n": {"type": ["x"], "items": 3}},
    }
    for schema in (
        loop,
        {"enum": [""]},
        {"anyOf": []},
        {"type": 3, "minimum": "x", "format": 3},
        {"items": {"items": {}}},
    ):
        words = parameter_words(made(schema))["p"]
        assert len(words) <= 400
        assert "\n" not in words
        assert "\u202e" not in words


def test_a_rows_page_and_the_terminal_show_them(capsys):
    from rich.console import Console

    from petoolkit.evaluator.row_view import row_view

    shown = row("u1", "preferred_only", "Aerwyn", candidates=[made({"enum": ["<b>metric</b>", "imperial"]})])
    assert row_page(shown, [], TraitSentences([])).same_job[0].values == {"p": "one of <b>metric</b> or imperial"}
    Console(width=200).print(row_view(shown))
    assert "p: one of <b>metric</b> or imperial" in capsys.readouterr().out
