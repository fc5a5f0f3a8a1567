"""Count the tools whose JSON Schema goes round: catalogue, tool document, candidate of a row, native tool.

python benchmarks/schema_round_trip.py [FOLDER]        (from the repository's root; by default the reference data's)

The schemas of MCP servers and lists of functions are compared with those in the file; those of OpenAPI documents,
whose parameters stand in several parts of a document, with those that the tool document has. Texts are compared as
the stage `collect` cleans them, types of Python (`dict`) as JSON Schema's.
"""

import json
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from machine import heading, shared_file
from petoolkit.builder.catalogue.catalogue_files import catalogue_files, read_catalogue
from petoolkit.builder.catalogue.json_schema import with_json_types
from petoolkit.builder.catalogue.tool_document import ToolDocument
from petoolkit.builder.recipe import CollectSettings
from petoolkit.builder.stages.collect import _tool, clean_name, clean_text, clean_value
from petoolkit.builder.stages.export import document_maker

from petoolbench import InputError
from petoolkit.evaluator.models.native_tools import NativeTools
from petoolkit.text import markdown_table

_LONGEST = CollectSettings().max_description


def source_schemas(value: Any) -> Iterator[tuple[str, Any]]:
    """Name and schema of every MCP tool or function in a decoded file, in its order."""
    if isinstance(value, list):
        for one in value:
            yield from source_schemas(one)
    elif isinstance(value, dict):
        if "inputSchema" in value:
            yield value["name"], value["inputSchema"]
        elif isinstance(value.get("function"), dict):
            yield value["function"]["name"], value["function"].get("parameters") or {}
        else:
            for one in value.values():
                yield from source_schemas(one)


def schema_of(document: ToolDocument) -> dict[str, Any]:
    """The JSON Schema that a tool document has by itself."""
    both = document.required_parameters + document.optional_parameters
    return {
        **(document.parameters_schema or {}),
        "properties": {
            p.name: p.json_schema
            if isinstance(p.json_schema, bool)
            else {
                **(p.json_schema or ({"type": p.type} if p.type else {})),
                **({"description": p.description} if p.description else {}),
                **({"default": p.default} if p.default is not None else {}),
            }
            for p in both
        },
        "required": [p.name for p in document.required_parameters],
    }


def cleaned(schema: dict[str, Any], described: bool = True) -> dict[str, Any]:
    """A schema with what two equal ones may differ in brought into one form; without descriptions, if told so."""
    properties = {}
    for name, one in (schema.get("properties") or {}).items():
        if isinstance(one, dict) and isinstance(one.get("description"), str):
            text = clean_text(one["description"]) if described else ""
            one = {key: value for key, value in one.items() if key != "description"}
            one |= {"description": text} if text else {}
        properties[clean_name(name)] = clean_value(one)
    rest = {key: clean_value(value) for key, value in schema.items() if key not in ("properties", "required")}
    names = sorted(map(clean_name, schema.get("required") or []))
    return {"type": "object", **rest, "properties": properties, "required": names}


def outcome(document: ToolDocument, source: Any) -> str:
    """Whether the native tool of a document has the schema of its source, or why not."""
    tool = document_maker("full")(_tool(document, _LONGEST, Counter()))
    native = NativeTools([tool]).functions()[0]["function"]["parameters"]
    source = with_json_types(source)

    def is_equal(described: bool) -> bool:  # as JSON text, where 1 is not true
        return len({json.dumps(cleaned(one, described), sort_keys=True) for one in (source, native)}) == 1

    if is_equal(described=True):
        return "equal"
    if is_equal(described=False):
        return "equal but for a description that is cut"
    if native["properties"].keys() != cleaned(source)["properties"].keys():
        return "names that endpoints refuse"
    return "different"


def main() -> None:
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else shared_file("catalogues")
    print(heading("JSON Schemas, round", "pydantic"))
    table: dict[str, Counter[str]] = {}
    for file in catalogue_files([str(folder)]):
        count = table.setdefault(file.name if file.parent == folder else f"{file.parent.name}/", Counter())
        try:
            documents = list(read_catalogue(file))
        except InputError as error:
            count["refused"] += 1
            print(f"{file.name}: {str(error)[-200:]}", file=sys.stderr)
            continue
        text = file.read_text(encoding="utf-8-sig") if file.suffix != ".yaml" else "{}"
        value = [json.loads(line) for line in text.splitlines()] if file.suffix == ".jsonl" else json.loads(text)
        sources = list(source_schemas(value)) if "openapi" not in str(file) else []
        if len(sources) != len(documents):
            sources = [(document.api, schema_of(document)) for document in documents]
        for document, (name, source) in zip(documents, sources, strict=True):
            result = outcome(document, source)
            count[result] += 1
            if result == "different":
                print(f"{file.name}: {name}: {json.dumps(source)[:2000]}", file=sys.stderr)
    reasons = sorted({reason for count in table.values() for reason in count}, key=lambda one: (one != "equal", one))
    rows = [[name, str(sum(count.values())), *(str(count[one]) for one in reasons)] for name, count in table.items()]
    print(markdown_table(["file", "tools", *reasons], rows))


if __name__ == "__main__":
    main()
