"""Stage 1, collect: catalogues -> clean, distinct tools (paper, section 3.2.1, "Tool Collection")."""

import html
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

from petoolbench import PARAMETER_KINDS, UNSEEN, InputError, ToolName, to_json_text
from petoolkit.words import number_of_words

from ..catalogue.tool_document import PERFORMANCE_LABEL, PRICING_LABEL, Parameter, ToolDocument
from ..stage_notes import Notes

_DEPRECATED = re.compile(
    r"(?<![^\W_])(deprecated|obsolete|discontinued|no longer (available|supported|maintained))(?![^\W_])",
    re.IGNORECASE,
)
# Tags of HTML, of other kinds only where they are closed: `<city>` is most often meant as it stands.
_MARKUP = re.compile(
    r"</?(?:a|abbr|article|b|big|blockquote|br|center|cite|code|dd|del|details|div|dl|dt|em|fieldset|figure|font|form|h[1-6]"
    r"|header|hr|html|body|head|i|iframe|img|input|ins|kbd|label|li|link|main|mark|meta|nav|ol|option|p|pre|q|s|samp|script|section"
    r"|select|small|span|strike|strong|style|sub|summary|sup|svg|table|tbody|td|textarea|tfoot|th|thead|title|tr|tt|u"
    r"|ul|var|video|wbr)(?=[\s/>])[^<>]{0,300}>"
    r"|<!--.{0,2000}?-->|<!\[CDATA\[|<!doctype[^<>]{0,300}>"
    r"|<(?P<name>[a-z][\w:-]{0,40})(?:\s[^<>]{0,300})?>(?=.{0,4000}?</(?P=name)>)|</[a-z][\w:-]{0,40}>",
    re.IGNORECASE | re.DOTALL,
)
_NOT_TEXT = re.compile(rf"[\s{UNSEEN}]+")
_LINE_ENDS = re.compile(r"[\n\v\f\r\x1c-\x1e\x85\u2028\u2029]+")
_OTHER_LINE_ENDS = re.compile(r"[\x85\u2028\u2029]")
_UNSEEN_IN_VALUES = re.compile(rf"(?![\t\n\r])[{UNSEEN}]")
_UNSEEN = re.compile(f"[{UNSEEN}]+")
_CUT_MARK = " [...]"
_LONGEST_OF_SCHEMA = 5_000  # characters of the description of a parameter with a JSON Schema
_FEWEST_WORDS = 3
# No user says these in a request, and no dataset should hold them.
_CREDENTIAL = re.compile(
    r"credentials|api.?key|app.?(id|key)|token|secret|passw|authori[sz]ation|\bauth\b", re.IGNORECASE
)
# Where a list goes on, and how long a text is.
_OTHER_TOKEN = re.compile(
    r"(page|next|sync|continuation|resume|cursor|start|delta|change|skip|max|min|num|number.?of)[\W_]*tokens?",
    re.IGNORECASE,
)


def collect(
    documents: Iterable[ToolDocument], max_description: int, needs_attributes: bool, notes: Notes
) -> Iterator[dict]:
    """Drop what is deprecated, undocumented, a duplicate or asks for credentials; put the rest in one form.

    Args:
        documents: tool documents in catalogue order; of duplicates, the first is kept.
        max_description: longest description in characters; longer ones are cut, with a mark. That of a parameter with
            a JSON Schema may be longer: it says what the values within are.
        needs_attributes: whether a tool is of use only if its provider is described.
        notes: its counts get the number of tools read, kept, and dropped for each reason.

    Output columns:
        tool_name, category, provider (str): the full name, and its parts.
        vendor (str or null): who runs the provider, if the catalogue tells.
        tool_description, provider_description (str): plain text; the latter ends with pricing and performance, if
            known.
        schema (str or null): what the JSON Schema of all parameters says beside properties and required ones, as text.
        traits ({name: words of the provider's description that say so}).
        background (bool): whether it only fills past calls and lists of candidates.
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
    spellings: dict[tuple[str, str], str] = {}
    for document in documents:
        counts["read"] += 1
        document = _with_one_spelling(document, spellings, counts)
        tool = _tool(document, max_description, counts)
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
        elif number_of_words(clean_text(document.api_description)) < _FEWEST_WORDS:
            counts["dropped: description too short"] += 1
        elif needs_attributes and number_of_words(clean_text(document.tool_description)) < _FEWEST_WORDS:
            counts["dropped: provider not described"] += 1
        elif any(is_credential(p) for p in document.required_parameters):
            counts["dropped: requires credentials"] += 1
        elif tool["tool_name"] in names:
            counts["dropped: repeated name"] += 1
        elif description in descriptions:
            counts["dropped: repeated description"] += 1
        else:
            counts["kept"] += 1
            if any(_CUT_MARK in text for text in _texts(tool)):
                counts["shortened"] += 1
            names.add(tool["tool_name"])
            descriptions.add(description)
            yield tool
    if not counts["kept"]:
        raise InputError(f"no tool of the catalogue is left: {dict(counts)}; give a catalogue with documents.")


def is_credential(parameter: Parameter) -> bool:
    """Whether a parameter asks for a key, a password or the like."""
    return bool(_CREDENTIAL.search(_OTHER_TOKEN.sub("", f"{parameter.type} {parameter.name}")))


def _with_one_spelling(
    document: ToolDocument, spellings: dict[tuple[str, str], str], counts: Counter[str]
) -> ToolDocument:
    """A document whose provider is spelled as it was first: `Open-Weather` and `open weather` are one."""
    category, provider = clean_name(document.category), clean_name(document.tool)
    plain = re.sub(r"[\W_]+", "", provider.casefold()) or provider
    first = spellings.setdefault((category, plain), provider)
    if first == provider:
        return document
    counts["tools of a provider that is spelled in more than one way"] += 1
    return document.model_copy(update={"tool": first})


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


def _tool(document: ToolDocument, max_description: int, counts: Counter[str]) -> dict:
    name = ToolName(*map(clean_name, (document.category, document.tool, document.api)))
    return {
        "tool_name": str(name),
        "category": name.category,
        "provider": name.provider,
        "vendor": document.vendor,
        "tool_description": _cut(clean_text(document.api_description), max_description),
        "provider_description": " ".join(
            filter(None, [_cut(clean_text(document.tool_description), max_description), *_provider_facts(document)])
        ),
        "traits": {trait: clean_text(quote) for trait, quote in document.traits.items()},
        "requests": document.requests,
        "background": document.background,
        **_parameters(document, max_description, counts),
        "schema": document.parameters_schema and to_json_text(clean_value(document.parameters_schema)),
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


def _parameters(document: ToolDocument, max_description: int, counts: Counter[str]) -> dict[str, list[dict]]:
    """Both kinds of parameters; of those with one name the first is kept."""
    names: set[str] = set()
    parameters: dict[str, list[dict]] = {kind: [] for kind in PARAMETER_KINDS}
    for kind, of_kind in parameters.items():
        for documented in getattr(document, kind):
            parameter = _parameter(documented, max_description)
            if parameter["name"] in names:
                counts["parameters left out: repeated name"] += 1
            else:
                names.add(parameter["name"])
                of_kind.append(parameter)
    return parameters


def _parameter(parameter: Parameter, max_description: int) -> dict:
    longest = max_description if parameter.json_schema is None else max(max_description, _LONGEST_OF_SCHEMA)
    return {
        "name": clean_name(parameter.name),
        "type": None if parameter.type is None else clean_name(parameter.type),
        "description": _cut(clean_text(parameter.description), longest),
        "default": None if parameter.default is None else to_json_text(clean_value(parameter.default)),
        "schema": None if parameter.json_schema is None else to_json_text(clean_value(parameter.json_schema)),
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
