"""What a request may give as the value of a parameter: quoted texts, numbers, dates, names, phrases ..."""

import json
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

from petoolbench import ToolName, default_of
from petoolkit.schema_fit import parameter_schema, plain_schema
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
_MOST_ALLOWED = 60
_QUOTED = re.compile(r"'([^'\n]+)'(?![\w])|\"([^\"\n]+)\"|“([^”\n]+)”|`([^`\n]+)`")
_DATE = re.compile(r"(?<![\w-])\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2})?Z?)?(?![\w-])")
_NUMBER = re.compile(r"(?<![\w.,/:-])-?\d+(?:,\d{3})*(?:\.\d+)?(?![\w/:-]|\.\d|,\d)")
_CODE = re.compile(
    r"(?:https?://|@|#)?[^\s'\"“”,;!?()]*\d[^\s'\"“”,;!?()]*|https?://[^\s'\"“”,;!?()]+|[\w.+-]+@[\w.-]+|@[\w.]+"
)
_NAME = re.compile(r"\b[A-Z][\w.&'-]*(?:\s+(?:(?:of|the|and|de|la|le|van|von|in)\s+)?[A-Z0-9][\w.&'-]*)*")
_TAIL = re.compile(r":\s+(.+?)(?=[.?!]?\s*$|[.?!]\s+[A-Z])", re.MULTILINE)
_WORD = re.compile(r"[\w][\w.+#'/&-]*|[^\W_]")
_NUMBER_TYPES = ("NUMBER", "INTEGER", "INT", "FLOAT", "DOUBLE")
_EDGES = frozenset(
    re.findall(
        r"\w+",
        """a an the of for in on at to from with and or by is are was be my me i you it this that as about please what
        which how who when where do does can could would will should into than then if there any some no not""",
    )
)


_ARTICLES = ("a", "an", "the")


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


_ONE_OF = re.compile(
    r"(?:one of|:|either)\s+((?:[\w.+/-]+(?: [\w.+/-]+)?,\s*)+(?:(?:or|and)\s+)?[\w.+/-]+(?: or [\w.+/-]+)?)", re.I
)


def _allowed_in_words(parameter: dict[str, Any], kind: str) -> list[Any]:
    """The values of an enumeration whose description lists them: `Sport to list: football, tennis or cricket`."""
    found = _ONE_OF.search(parameter["description"] or "") if kind == "ENUM" else None
    return [part for part in re.split(r",\s*|\s+or\s+|\s+and\s+", found[1]) if part] if found else []


def candidates_for(one: Asked, request: str, does: frozenset[str] = frozenset()) -> list[Candidate]:
    """The values that a request may give for a parameter, at least one; texts are of its documented type.

    Args:
        does: stems of words that say what the tool does; a phrase of such words alone is not a value.
    """
    found: list[Candidate] = []
    if one.kind in ("BOOLEAN", "BOOL"):
        found = [_truth(one, value, request) for value in (True, False)]
    elif one.allowed:
        found = [_allowed(value, request) for value in one.allowed]
    elif one.is_number:
        found = [
            Candidate(_number(text), kind, start, end)
            for text, kind, start, end in _parts(request)
            if kind == "number"
        ]
    else:
        found = [
            Candidate(text, kind, start, end)
            for text, kind, start, end in _parts(request)
            if kind not in ("name", "phrase") or not (own := stems(text)) or not own <= does or text == one.default
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
    start = request.lower().find(text.lower().replace("_", " "))
    return Candidate(value, "allowed", start, start + len(text) if start >= 0 else -1)


def _number(text: str) -> Any:
    plain = text.replace(",", "")
    return float(plain) if "." in plain else int(plain)


@lru_cache(maxsize=4_096)
def _parts(request: str) -> tuple[tuple[str, Kind, int, int], ...]:
    """Texts in a request that may be values, each once, and how each was found."""
    found: dict[tuple[str, str], tuple[str, Kind, int, int]] = {}

    def add(text: str, kind: Kind, start: int) -> None:
        stripped = text.strip(" .,;:!?") if kind not in ("quoted",) else text
        if stripped and not any((stripped, other) in found for other in (kind, *_BEFORE[kind])):
            start += text.find(stripped)
            found[stripped, kind] = (stripped, kind, start, start + len(stripped))

    for match in _QUOTED.finditer(request):
        text = next(group for group in match.groups() if group is not None)
        add(text, "quoted", match.start() + 1)
    patterns: tuple[tuple[re.Pattern, Kind], ...]
    patterns = ((_DATE, "date"), (_NUMBER, "number"), (_CODE, "code"), (_NAME, "name"))
    for pattern, kind in patterns:
        for match in pattern.finditer(request):
            add(match.group(), kind, match.start())
    for match in _TAIL.finditer(request):
        add(match[1], "tail", match.start(1))
    for clause in re.finditer(r"[^,;:!?()\"“”\n]+", request):
        words = list(_WORD.finditer(clause.group()))
        for first in range(len(words)):
            for last in range(first, min(first + _MOST_WORDS, len(words))):
                left, right = words[first].group().lower(), words[last].group().lower().strip(".")
                if (left in _EDGES and (left not in _ARTICLES or first == last)) or right in _EDGES:
                    continue
                text = clause.group()[words[first].start() : words[last].end()]
                if ". " not in text:
                    add(text, "phrase", clause.start() + words[first].start())
    return tuple(found.values())


# Kinds under which the same text is not found again.
_BEFORE: dict[Kind, tuple[Kind, ...]] = dict.fromkeys(KINDS, ()) | {
    "code": ("date", "quoted"),
    "phrase": ("name", "quoted", "code", "date", "number", "tail"),
    "name": ("quoted",),
    "tail": ("quoted",),
}
