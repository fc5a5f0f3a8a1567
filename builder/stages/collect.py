"""Stage 1, collect: catalogues -> clean, distinct tools (paper, section 3.2.1, "Tool Collection")."""

import html
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from petoolbench import PARAMETER_KINDS, UNSEEN, InputError, ToolName, to_json_text
from petoolkit.chunks import in_chunks
from petoolkit.engines.engine import Engine
from petoolkit.words import number_of_words

from ..catalogue.catalogue_files import CataloguePart, catalogue_parts
from ..catalogue.catalogue_settings import CatalogueSettings
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
_DOCUMENTS_AT_ONCE = 500
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
    parts = in_chunks(documents, _DOCUMENTS_AT_ONCE)
    cleaned = (_cleaned(part, max_description, needs_attributes, Counter()) for part in parts)
    return map(json.loads, _distinct(cleaned, notes.counts))


def collect_catalogues(
    catalogues: list[CatalogueSettings], max_description: int, needs_attributes: bool, notes: Notes, engine: Engine
) -> Iterator[str]:
    """The JSON texts of the rows that `collect` gives of catalogues; each part is cleaned on its own."""
    clean = partial(_cleaned_part, max_description, needs_attributes)
    return _distinct((part for _, part in engine.run(clean, catalogue_parts(catalogues))), notes.counts)


@dataclass(frozen=True)
class _Cleaned:
    """A tool in the form of a row.

    Args:
        name: the tool's.
        description: what no two tools have in common: category, provider, description, and required parameters.
        text: the row as JSON text.
        is_shortened: whether a text in it was cut.
        why_dropped: why it is of no use; `None` if it is.
    """

    name: ToolName
    description: tuple[str, ...]
    text: str
    is_shortened: bool
    why_dropped: str | None

    def of_provider(self, provider: str) -> "_Cleaned":
        """The same tool with its provider in another spelling."""
        name = self.name._replace(provider=provider)
        category, _, *others = self.description
        row = {**json.loads(self.text), "provider": provider, "tool_name": str(name)}
        return replace(self, name=name, description=(category, provider, *others), text=to_json_text(row))


@dataclass(frozen=True)
class _CleanedTools:
    """The tools of a part of a catalogue, and what was counted while it was read."""

    tools: list[_Cleaned]
    counts: Counter[str]


def _cleaned_part(max_description: int, needs_attributes: bool, part: CataloguePart) -> _CleanedTools:
    counts: Counter[str] = Counter()
    return _cleaned(part.documents(counts), max_description, needs_attributes, counts)


def _cleaned(
    documents: Iterable[ToolDocument], max_description: int, needs_attributes: bool, counts: Counter[str]
) -> _CleanedTools:
    tools = []
    for document in documents:
        tool = _tool(document, max_description, counts)
        required = to_json_text(tool["required_parameters"])
        tools.append(
            _Cleaned(
                ToolName(tool["category"], tool["provider"], clean_name(document.api)),
                (document.category, document.tool, tool["tool_description"], required),
                to_json_text(tool),
                any(_CUT_MARK in text for text in _texts(tool)),
                _why_dropped(document, tool, needs_attributes),
            )
        )
    return _CleanedTools(tools, counts)


def _why_dropped(document: ToolDocument, tool: dict, needs_attributes: bool) -> str | None:
    if _DEPRECATED.search(f"{document.api} {document.api_description} {document.tool}"):
        return "deprecated"
    if not tool["tool_description"]:
        return "no description"
    if number_of_words(clean_text(document.api_description)) < _FEWEST_WORDS:
        return "description too short"
    if needs_attributes and number_of_words(clean_text(document.tool_description)) < _FEWEST_WORDS:
        return "provider not described"
    return "requires credentials" if any(map(is_credential, document.required_parameters)) else None


def _distinct(parts: Iterable[_CleanedTools], counts: Counter[str]) -> Iterator[str]:
    """The JSON texts of the tools that are of use, each once; counts what was kept and dropped."""
    names: set[ToolName] = set()
    descriptions: set[tuple[str, ...]] = set()
    spellings: dict[tuple[str, str], str] = {}
    for part in parts:
        counts.update(part.counts)
        for tool in part.tools:
            counts["read"] += 1
            provider = tool.name.provider
            first = spellings.setdefault((tool.name.category, _plain(provider)), provider)
            if first != provider:  # `Open-Weather` and `open weather` are one
                counts["tools of a provider that is spelled in more than one way"] += 1
                tool = tool.of_provider(first)
            if tool.why_dropped:
                counts[f"dropped: {tool.why_dropped}"] += 1
            elif tool.name in names:
                counts["dropped: repeated name"] += 1
            elif tool.description in descriptions:
                counts["dropped: repeated description"] += 1
            else:
                counts["kept"] += 1
                if tool.is_shortened:
                    counts["shortened"] += 1
                names.add(tool.name)
                descriptions.add(tool.description)
                yield tool.text
    if not counts["kept"]:
        raise InputError(f"no tool of the catalogue is left: {dict(counts)}; give a catalogue with documents.")


def _plain(provider: str) -> str:
    """A provider's letters and digits, by which its spellings are alike."""
    return re.sub(r"[\W_]+", "", provider.casefold()) or provider


def is_credential(parameter: Parameter) -> bool:
    """Whether a parameter asks for a key, a password or the like."""
    return bool(_CREDENTIAL.search(_OTHER_TOKEN.sub("", f"{parameter.type} {parameter.name}")))


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
    names: set[ToolName] = set()
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
