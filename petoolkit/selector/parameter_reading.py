"""What a parameter's document says of its values, read once."""

import re
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from petoolkit.selector.row_reading import stems, words_of_name
from petoolkit.selector.value_candidates import KINDS, Asked, parts_of
from petoolkit.selector.word_vectors import WIDTH, meaning

# Prepositions before a value, by words of a parameter's name or description.
_DIRECTIONS = {
    "from": ("from", "origin", "departure", "start", "starts", "source", "first", "leaves", "since", "given"),
    "to": ("to", "destination", "arrival", "end", "ends", "target", "into", "last", "until", "wanted", "visited"),
}
DIRECTIONS = tuple(_DIRECTIONS)
_NEGATIONS = (
    re.compile(
        r"\b(?:no|not|without|skip|leave|left|omit|except|don't|doesn't|isn't|aren't|needn't|never|exclude|ignore|hide"
        r"|drop|remove|spare)\b",
        re.I,
    ),
    re.compile(r"\b(?:only|just|exactly|alone)\b", re.I),
)
_LETTERS = re.compile(r"[^\W\d_]{2,}")
_NOTHING = np.zeros(WIDTH)


@dataclass(frozen=True)
class ParameterReading:
    """A parameter's document.

    Args:
        name, described: stems of its name and of its description.
        of_name, of_document, of_default, of_head: what they mean, and the last word of the default; zeros if unknown.
        default: as a text; empty for none.
        form: of the default; see `form_of`.
        kind: how its default would be found in a request.
        direction: the number in `DIRECTIONS` of the preposition before its values; `None` for none.
        negations: of its name and description; see the function of that name.
        named_before, named_after: what stands right before or behind a value if the request names the parameter.
    """

    name: frozenset[str]
    described: frozenset[str]
    of_name: np.ndarray
    of_document: np.ndarray
    of_default: np.ndarray
    of_head: np.ndarray
    default: str
    form: tuple[str, str] | None
    kind: str
    direction: int | None
    negations: tuple[bool, ...]
    named_before: re.Pattern[str] | None
    named_after: re.Pattern[str] | None

    @property
    def stems(self) -> frozenset[str]:
        """Of its name and description."""
        return self.name | self.described

    def ends_of_name(self, request: str) -> set[int]:
        """Where a value would begin, if the request names the parameter right before it."""
        return {found.end() for found in self.named_before.finditer(request)} if self.named_before else set()

    def starts_of_name(self, request: str) -> set[int]:
        """Where a value would end, if the request names the parameter right behind it."""
        return {found.start() for found in self.named_after.finditer(request)} if self.named_after else set()


def read_parameter(one: Asked) -> ParameterReading:
    """What is known of a parameter before any request."""
    is_text = isinstance(one.default, str)
    default = "" if one.default is None else str(one.default)
    return _read(one.parameter["name"], one.parameter["description"] or "", default, is_text, one.default is None)


@lru_cache(maxsize=4_096)
def _read(name: str, description: str, default: str, is_text: bool, is_missing: bool) -> ParameterReading:
    words = words_of_name(name)
    letters = _LETTERS.findall(default) if is_text else []
    pattern = r"[\W_]*".join(map(re.escape, words.split()))
    return ParameterReading(
        stems(words),
        stems(description),
        _vector(words),
        _vector(f"{words} {description}"),
        _vector(default) if is_text else _NOTHING,
        _vector(letters[-1]) if letters else _NOTHING,
        default,
        None if is_missing else form_of(default),
        _kind_of_text(default) if is_text else "number",
        _direction(words, description),
        negations(f"{words} {description}"),
        re.compile(rf"\b{pattern}\W*(?:(?:is|are|of|as|to|with|being|set to|equal to)\s+)?\W{{0,3}}", re.I)
        if pattern
        else None,
        re.compile(rf"\W{{0,2}}\s*(?:as|for)?\s*(?:the|a|an|my)?\s*{pattern}\b", re.I) if pattern else None,
    )


def _vector(text: str) -> np.ndarray:
    found = meaning(text)
    return _NOTHING if found is None else found


def is_like(other: Asked, one: Asked) -> bool:
    """Whether two parameters take values of the same form, so that their order tells which is which."""
    return other.kind == one.kind and not other.allowed and read_parameter(other).kind == read_parameter(one).kind


@lru_cache(maxsize=20_000)
def _kind_of_text(default: str) -> str:
    found = {kind for text, kind, _, _ in parts_of(default) if text == default}
    return next((kind for kind in KINDS if kind in found), "phrase")


def _direction(words: str, description: str) -> int | None:
    """The preposition before a value of a parameter such as `origin`."""
    for text in (words, description.lower()):
        said = [name for name, words in _DIRECTIONS.items() if set(words) & set(text.split())]
        if len(said) == 1:
            return DIRECTIONS.index(said[0])
    return None


@lru_cache(maxsize=20_000)
def form_of(text: str) -> tuple[str, str]:
    """The form of a value: letters and digits by their kind; and its kind of word."""
    form = re.sub(r"[a-z\u00df-\uffff]+", "a", re.sub(r"[A-Z]", "A", re.sub(r"\d+", "0", text)))
    return form, "0" if form[:1] == "0" else "A" if form[:1] == "A" else "a" if form[:1] == "a" else "-"


def negations(text: str) -> tuple[bool, ...]:
    """Whether a text has a word such as `without`, and one such as `only`."""
    return tuple(bool(pattern.search(text)) for pattern in _NEGATIONS)
