"""What a request may give as the value of a parameter: quoted texts, numbers, dates, names, phrases ..."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

from petoolbench import ToolName, default_of
from petoolkit.schema_fit import parameter_schema, plain_schema
from petoolkit.selector.request_words import ARTICLES, FUNCTION_WORDS, PREPOSITIONS, SENTENCE, request_words
from petoolkit.selector.row_reading import stems, words_of_name

Kind = Literal["quoted", "number", "date", "code", "name", "tail", "phrase", "allowed", "default", "truth", "left out"]
KINDS: tuple[Kind, ...] = (
    "quoted",
    "number",
    "date",
    "code",
    "name",
    "tail",
    "phrase",
    "allowed",
    "default",
    "truth",
    "left out",
)
LEFT_OUT = object()  # the value of a parameter that is not given

_MOST_WORDS = 5  # of a phrase
_LONG_DEFAULT = 4  # words from which a parameter takes sentences
_MOST_WORDS_OF_SENTENCES = 25
_MOST_ALLOWED = 60
_QUOTED = re.compile(r"'([^'\n]+)'(?![\w])|\"([^\"\n]+)\"|“([^”\n]+)”|`([^`\n]+)`")
_DATE = re.compile(r"(?<![\w-])\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2})?Z?)?(?![\w-])")
_NUMBER = re.compile(r"(?<![\w.,/:-])-?\d+(?:,\d{3})*(?:\.\d+)?(?![\w/:]|-\d|\.\d|,\d)")
# Each begins where its characters do: else a long word would be gone through again from each of its letters.
_CODE = re.compile(
    r"-?\d+\.\d+,\s?-?\d+\.\d+"
    r"|(?<![^\s'\"“”,;!?()])[^\s'\"“”,;!?()]*\d[^\s'\"“”,;!?()]*"
    r"|https?://[^\s'\"“”,;!?()]+|(?<![\w.+-])[\w.+-]+@[\w.-]+|@[\w.]+"
)
_NAME_WORD = r"(?!I\b)[A-Z][\w&'-]*(?:\.[\w&'-]+)*(?:(?<=\b[A-Z])\.|(?<=\b[A-Z][a-z])\.)?"
_NAMES = tuple(
    re.compile(pattern)
    for pattern in (
        rf"\b{_NAME_WORD}(?:\s+(?:(?:of|the|and|de|la|le|du|dei|di|do|den|der|el|al|y|van|von|in)\s+){{0,2}}(?:{_NAME_WORD}|\d[\w.-]*\b))*",
        rf"\b{_NAME_WORD}(?:\s+(?:{_NAME_WORD}))*",
        # An address: `27 Rue Pasteur, Rennes`.
        rf"\b(?:\d+\s+)?{_NAME_WORD}(?:\s+(?:(?:de|la|le|du|dei|di|do|van|von)\s+)?{_NAME_WORD})*(?:\s+\d+\w?)?,\s+{_NAME_WORD}",
    )
)
# Of a name: words that only begin its sentence.
_OPENING_WORDS = re.compile(
    rf"\A(?:(?:{'|'.join(sorted(FUNCTION_WORDS))}|what's|where's|i'm|i've|i'd)\b(?!')\s*)+", re.I
)
_TAIL = re.compile(r":\s+(.+?)(?=[.?!]?\s*$|[.?!]\s+[A-Z])", re.MULTILINE)
_NUMBER_TYPES = ("NUMBER", "INTEGER", "INT", "FLOAT", "DOUBLE")


@dataclass(frozen=True)
class Candidate:
    """A value that a request may give.

    Args:
        value: as a call has it; `LEFT_OUT` for none.
        kind: how it was found.
        start, end: where its text stands in the request; both -1 if it does not.
    """

    value: Any
    kind: Kind
    start: int = -1
    end: int = -1


@dataclass(frozen=True)
class Asked:
    """A parameter that a call may give.

    Args:
        parameter: of a tool's document.
        kind: its type in upper case.
        default: decoded.
        allowed: values of an enumeration; empty if it is not one.
        is_optional: whether it may be left out.
        schema: its JSON Schema without references.
    """

    parameter: dict[str, Any]
    kind: str
    default: Any
    allowed: tuple[Any, ...]
    is_optional: bool
    schema: dict[str, Any]

    @property
    def is_number(self) -> bool:
        """Whether its values are numbers."""
        return self.kind in _NUMBER_TYPES


def asked(parameter: dict[str, Any], is_optional: bool, root: Any = None) -> Asked:
    """A parameter as its document has it."""
    schema = parameter_schema(parameter) if parameter.get("schema") else {}
    plain = plain_schema(schema, root) if isinstance(schema, dict) else {}
    allowed = plain.get("enum")
    kind = (parameter["type"] or "").upper()
    if kind in ("", "ANY") and isinstance(plain.get("type"), str):
        kind = str(plain["type"]).upper()
    listed = allowed if isinstance(allowed, list) else _allowed_in_words(parameter, kind)
    return Asked(parameter, kind, default_of(parameter), tuple(listed[:_MOST_ALLOWED]), is_optional, dict(plain))


def does_words(tool: dict[str, Any]) -> frozenset[str]:
    """Stems of the words that say what a tool does."""
    name = words_of_name(ToolName.parse(tool.get("tool_name", "")).api)
    return stems(f"{name} {tool['tool_description'] or ''}")


_ITEM = r"[\w.+/-]+(?: [\w.+/-]+)?"
_ONE_OF = re.compile(rf"(?:one of|:|either)\s+((?:{_ITEM},\s*)*{_ITEM},?\s+(?:or|and)\s+{_ITEM})\s*(?:$|[.;(])", re.I)


def _allowed_in_words(parameter: dict[str, Any], kind: str) -> list[Any]:
    """The values of an enumeration whose description lists them: `Sport to list: football, tennis or cricket`."""
    found = _ONE_OF.search(parameter["description"] or "") if kind == "ENUM" else None
    return [part for part in re.split(r",\s*|\s+or\s+|\s+and\s+", found[1]) if part] if found else []


def candidates_for(one: Asked, request: str, does: frozenset[str] = frozenset()) -> list[Candidate]:
    """The values that a request may give for a parameter, at least one; texts are of its documented type.

    Args:
        does: stems of words that say what the tool does; a text of such words alone is not a value, but of an
            enumeration whose values are not known.
    """
    found: list[Candidate] = []
    if one.kind in ("BOOLEAN", "BOOL"):
        found = [_truth(one, value, request) for value in (True, False)]
    elif one.allowed:
        found = [_allowed(value, request) for value in one.allowed]
    elif one.is_number:
        found = [
            Candidate(_number(text), kind, start, end)
            for text, kind, start, end in parts_of(request)
            if kind == "number"
        ]
    else:
        default = one.default if isinstance(one.default, str) else ""
        is_long = len(default.split()) > _LONG_DEFAULT
        opening = default.split(" ")[0] if " " in default else ""
        parts = parts_of(request, is_long, opening if opening in PREPOSITIONS else "", default[-1:] in tuple(".?!"))
        found = [
            Candidate(_number(text) if kind == "number" and _is_plain_number(one.default) else text, kind, start, end)
            for text, kind, start, end in parts
            if one.kind == "ENUM"
            or kind not in ("name", "phrase")
            or not (own := stems(text))
            or not own <= does
            or text == one.default
        ]
    if one.default is not None and one.default not in [x.value for x in found if type(x.value) is type(one.default)]:
        found.append(Candidate(one.default, "default"))
    if one.is_optional:
        found.append(Candidate(LEFT_OUT, "left out"))
    return found or [Candidate(one.default if one.default is not None else "", "default")]


def _truth(one: Asked, value: bool, request: str) -> Candidate:
    """True or false, with what says it where a request does so literally: `adult: false`."""
    name = r"[\W_]*".join(map(re.escape, words_of_name(one.parameter["name"]).split()))
    found = re.search(rf"\b{name}\W+(?:\w+\s+)?({str(value).lower()})\b", request, re.I) if name else None
    return Candidate(value, "truth", *(found.span(1) if found else (-1, -1)))


def _allowed(value: Any, request: str) -> Candidate:
    text = value if isinstance(value, str) else json.dumps(value)
    found = re.search(rf"(?<!\w){re.escape(text.replace('_', ' '))}(?!\w)", request, re.I)
    return Candidate(value, "allowed", *(found.span() if found else (-1, -1)))


def _number(text: str) -> Any:
    plain = text.replace(",", "")
    return float(plain) if "." in plain else int(plain)


def _is_plain_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


@lru_cache(maxsize=4_096)
def parts_of(
    request: str, is_long: bool = False, opening: str = "", with_end: bool = False
) -> tuple[tuple[str, Kind, int, int], ...]:
    """Texts in a request that may be values, each once, and how each was found.

    Args:
        is_long: whether sentences are values, too.
        opening: the preposition that values begin with.
        with_end: whether a sentence has its full stop or question mark.
    """
    found: dict[tuple[str, str], tuple[str, Kind, int, int]] = {}

    def add(text: str, kind: Kind, start: int) -> None:
        stripped = text.strip(" .,;:!?") if kind not in ("quoted",) else text
        if with_end and kind in ("tail", "phrase"):
            end = start + text.find(stripped) + len(stripped)
            stripped += request[end : end + 1] if request[end : end + 1] in tuple(".?!") else ""
        if stripped and not any((stripped, other) in found for other in (kind, *_BEFORE[kind])):
            start += text.find(stripped.rstrip(".?!"))
            found[stripped, kind] = (stripped, kind, start, start + len(stripped))

    for match in _QUOTED.finditer(request):
        text = next(group for group in match.groups() if group is not None)
        add(text, "quoted", match.start() + 1)
    patterns: tuple[tuple[re.Pattern, Kind], ...]
    patterns = ((_DATE, "date"), (_NUMBER, "number"), (_CODE, "code"), *((name, "name") for name in _NAMES))
    for pattern, kind in patterns:
        for match in pattern.finditer(request):
            text = _OPENING_WORDS.sub("", match.group()) if kind == "name" else match.group()
            add(text, kind, match.end() - len(text))
            if text != match.group() and match.start() and request[match.start() - 2] not in ".?!":
                add(match.group(), kind, match.start())  # `The` of a title
    for match in _TAIL.finditer(request):
        add(match[1], "tail", match.start(1))
    for start, end in _phrases(request, is_long, opening):
        add(request[start:end], "phrase", start)
    return tuple(found.values())


def _phrases(request: str, is_long: bool, opening: str) -> Iterator[tuple[int, int]]:
    """Where phrases begin and end: of a few words, none of them a function word at an end; and where sentences are
    values, also of more words, which begin and end beside a function word or a mark."""
    words = request_words(request)
    for first, word in enumerate(words):
        begins = word.before > 0 or words[first - 1].text in FUNCTION_WORDS
        may_begin = word.text not in FUNCTION_WORDS or word.text in (*ARTICLES, opening)
        for last in range(first, min(first + (_MOST_WORDS_OF_SENTENCES if is_long else _MOST_WORDS), len(words))):
            ends = words[last].after > 0 or words[last + 1].text in FUNCTION_WORDS
            is_short = last - first < _MOST_WORDS and words[last].text not in FUNCTION_WORDS and may_begin
            if (is_short and (last > first or word.text not in FUNCTION_WORDS)) or (
                is_long and begins and ends and last - first >= _MOST_WORDS - 1
            ):
                yield word.start, words[last].end
            if words[last].after == SENTENCE or (words[last].after and not is_long):
                break


# Kinds under which the same text is not found again.
_BEFORE: dict[Kind, tuple[Kind, ...]] = dict.fromkeys(KINDS, ()) | {
    "code": ("date", "quoted"),
    "phrase": ("name", "quoted", "code", "date", "number", "tail"),
    "name": ("quoted",),
    "tail": ("quoted",),
}
