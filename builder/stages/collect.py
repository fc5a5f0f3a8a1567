"""Stage 1, collect: catalogues -> clean, distinct tools (paper, section 3.2.1, "Tool Collection")."""

import html
import json
import re
from collections.abc import Iterable, Iterator
from typing import Any

from petoolbench import PARAMETER_KINDS, UNSEEN, InputError, ToolName, to_json_text

from ..catalogue.tool_document import PERFORMANCE_LABEL, PRICING_LABEL, Parameter, ToolDocument
from ..stage_notes import Notes

_DEPRECATED = re.compile(
    r"(?<![^\W_])(deprecated|obsolete|discontinued|no longer (available|supported|maintained))(?![^\W_])",
    re.IGNORECASE,
)
_MARKUP = re.compile(r"<[a-zA-Z/!][^<>]{0,300}>")
_NOT_TEXT = re.compile(rf"[\s{UNSEEN}]+")
_LINE_ENDS = re.compile(r"[\n\v\f\r\x1c-\x1e\x85\u2028\u2029]+")
_OTHER_LINE_ENDS = re.compile(r"[\x85\u2028\u2029]")
_UNSEEN_IN_VALUES = re.compile(rf"(?![\t\n\r])[{UNSEEN}]")
_UNSEEN = re.compile(f"[{UNSEEN}]+")
_WORD = re.compile(r"[^\W\d_]{2,}")
_CUT_MARK = " [...]"
_FEWEST_WORDS = 3
# No user says these in a request, and no dataset should hold them.
_CREDENTIAL = re.compile(
    r"credentials|api.?key|app.?(id|key)|token|secret|passw|authori[sz]ation|\bauth\b", re.IGNORECASE
)


def collect(documents: Iterable[ToolDocument], max_description: int, notes: Notes) -> Iterator[dict]:
    """Drop what is deprecated, undocumented, a duplicate or asks for credentials; put the rest in one form.

    Args:
        documents: tool documents in catalogue order; of duplicates, the first is kept.
        max_description: longest description in characters; longer ones are cut, with a mark.
        notes: its counts get the number of tools read, kept, and dropped for each reason.

    Output columns:
        tool_name, category, provider (str): the full name, and its parts.
        tool_description, provider_description (str): plain text; the latter ends with pricing and performance, if
            known.
        traits ({name: words of the provider's description that say so}).
        requests (list of str): how people ask for it, if the catalogue knows.
        required_parameters, optional_parameters (list of {name, type, description, default, schema (both JSON text),
            examples, asks}).
        response (str or null): the response schema as canonical JSON text.

    Raises:
        InputError: if no tool is left.
    """
    counts = notes.counts
    names: set[str] = set()
    descriptions: set[tuple] = set()
    for document in documents:
        counts["read"] += 1
        tool = _tool(document, max_description)
        description = (
            document.category,
            document.tool,
            tool["tool_description"],
            to_json_text(tool["required_parameters"]),
        )
        if _DEPRECATED.search(f"{document.api} {document.api_description} {document.tool}"):
            counts["dropped: deprecated"] += 1
        elif not tool["tool_description"]:
            counts["dropped: no description"] += 1
        elif len(_WORD.findall(clean_text(document.api_description))) < _FEWEST_WORDS:
            counts["dropped: description too short"] += 1
        elif len(_WORD.findall(clean_text(document.tool_description))) < _FEWEST_WORDS:
            counts["dropped: provider not described"] += 1
        elif any(_CREDENTIAL.search(f"{p.type} {p.name}") for p in document.required_parameters):
            counts["dropped: requires credentials"] += 1
        elif tool["tool_name"] in names:
            counts["dropped: repeated name"] += 1
        elif description in descriptions:
            counts["dropped: repeated description"] += 1
        else:
            counts["kept"] += 1
            counts["shortened"] += any(_CUT_MARK in text for text in _texts(tool))
            names.add(tool["tool_name"])
            descriptions.add(description)
            yield tool
    if not counts["kept"]:
        raise InputError(f"no tool of the catalogue is left: {dict(counts)}; give a catalogue with documents.")


def clean_text(text: str | None) -> str:
    """Text on one line: entities decoded, markup, control and direction characters removed."""
    return _NOT_TEXT.sub(" ", _MARKUP.sub(" ", html.unescape(text or ""))).strip()


def clean_name(name: str) -> str:
    """A name on one line, without characters that cannot be seen; markup and entities stay, as they may be meant."""
    return _UNSEEN.sub("", _LINE_ENDS.sub(" ", name)).strip()


def clean_value(value: Any) -> Any:
    """A JSON value whose texts are without unseen characters; tabs and line feeds stay, as JSON escapes them."""
    if isinstance(value, str):
        return _UNSEEN_IN_VALUES.sub("", _OTHER_LINE_ENDS.sub("\n", value))
    if isinstance(value, list):
        return [clean_value(entry) for entry in value]
    if isinstance(value, dict):
        return {clean_value(key): clean_value(entry) for key, entry in value.items()}
    return value


def _tool(document: ToolDocument, max_description: int) -> dict:
    name = ToolName(*map(clean_name, (document.category, document.tool, document.api)))
    return {
        "tool_name": str(name),
        "category": name.category,
        "provider": name.provider,
        "tool_description": _cut(clean_text(document.api_description), max_description),
        "provider_description": " ".join(
            [_cut(clean_text(document.tool_description), max_description), *_provider_facts(document)]
        ),
        "traits": {trait: clean_text(quote) for trait, quote in document.traits.items()},
        "requests": document.requests,
        "required_parameters": [_parameter(p, max_description) for p in document.required_parameters],
        "optional_parameters": [_parameter(p, max_description) for p in document.optional_parameters],
        "response": _canonical(document.response_schema),
    }


def _texts(tool: dict) -> list[str]:
    parameters = [parameter for kind in PARAMETER_KINDS for parameter in tool[kind]]
    return [tool["tool_description"], tool["provider_description"], *(p["description"] for p in parameters)]


def _provider_facts(document: ToolDocument) -> Iterator[str]:
    """Sentences on a provider's price and performance, as far as the catalogue knows them."""
    if document.pricing:
        yield f"{PRICING_LABEL}{clean_text(document.pricing).lower()}."
    if document.latency_ms and document.success_rate:
        seconds = document.latency_ms / 1000
        yield f"{PERFORMANCE_LABEL}{seconds:.1f} s; {document.success_rate:.0f} % of calls succeed."


def _parameter(parameter: Parameter, max_description: int) -> dict:
    return {
        "name": clean_name(parameter.name),
        "type": None if parameter.type is None else clean_name(parameter.type),
        "description": _cut(clean_text(parameter.description), max_description),
        "default": None if parameter.default is None else to_json_text(clean_value(parameter.default)),
        "schema": None,
        "examples": clean_value(parameter.examples),
        "asks": parameter.asks,
    }


def _cut(text: str, longest: int) -> str:
    if len(text) <= longest:
        return text
    kept = text[: longest - len(_CUT_MARK) + 1]  # one more, to see whether a word ends here
    return (kept.rpartition(" ")[0] or kept[:-1]) + _CUT_MARK


def _canonical(schema: Any) -> str | None:
    return json.dumps(schema, ensure_ascii=False, sort_keys=True) if schema else None
