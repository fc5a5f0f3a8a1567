"""What speaks for a value of a parameter: its kind and form beside the default's, and the words around it."""

import re
from functools import cache, lru_cache
from typing import Any

import numpy as np

from petoolkit.selector.request_words import PREPOSITIONS, WordMemory
from petoolkit.selector.row_reading import stems, words_of_name
from petoolkit.selector.value_candidates import KINDS, LEFT_OUT, Asked, Candidate, does_words, parts_of
from petoolkit.selector.value_meanings import meanings
from petoolkit.selector.value_surroundings import surroundings
from petoolkit.words import SENTENCE_END

_WORD = re.compile(r"\w+")
_NEGATED = re.compile(
    r"\b(?:no|not|without|skip|leave|left|omit|except|don't|doesn't|isn't|aren't|needn't|never|exclude|ignore|hide|only"
    r"|drop|remove|spare)\b",
    re.I,
)
# Prepositions before a value, by words of a parameter's name or description.
_DIRECTIONS = {
    "from": ("from", "origin", "departure", "start", "starts", "source", "first", "leaves", "since", "given"),
    "to": ("to", "destination", "arrival", "end", "ends", "target", "into", "last", "until", "wanted", "visited"),
}


def value_evidence_of(
    one: Asked,
    candidates: list[Candidate],
    request: str,
    tool: dict[str, Any],
    siblings: tuple[Asked, ...],
    memory: WordMemory,
) -> np.ndarray:
    """(candidates, columns) of the values that a request may give for a parameter.

    Args:
        tool: whose parameter it is.
        siblings: all parameters of the tool, this one among them.
        memory: of the words of requests.
    """
    others = stems(" ".join(words_of_name(other.parameter["name"]) for other in siblings))
    others -= stems(words_of_name(one.parameter["name"]))
    default = "" if one.default is None else str(one.default)
    direction = _direction(one)
    numbers = sum(candidate.kind == "number" for candidate in candidates)
    numbers -= sum(other.is_number and not other.is_optional for other in siblings if other is not one)
    says_allowed = any(c.kind == "allowed" and c.start >= 0 and c.value != one.default for c in candidates)
    spans = [(c.start, c.end) for c in candidates if c.kind in ("name", "code", "date", "quoted")]
    name, described = stems(words_of_name(one.parameter["name"])), stems(one.parameter["description"] or "")
    does = does_words(tool)
    said = stems(request)
    sentences = _sentences(request)
    speaking = max((len((name | described) & stems(text) - does) for _, text in sentences), default=0)
    mean_default = _form(one.default) if one.default is not None else None
    speaking_sentence = _speaking_sentence(sentences, name | described, does)
    in_speaking, negated = stems(speaking_sentence), bool(_NEGATED.search(speaking_sentence))
    of_meaning = meanings(one, candidates, request, sentences, siblings)
    rows = []
    for number, candidate in enumerate(candidates):
        text = candidate.value if isinstance(candidate.value, str) else str(candidate.value)
        own = stems(text) if candidate.value is not LEFT_OUT else frozenset()
        before, after = _around(request, candidate.start, candidate.end)
        preposition = before[-1] if before else ""
        near = [stem for word in before[-4:] for stem in stems(word)]
        next_stems = [stem for word in after[:3] for stem in stems(word)]
        sentence = next((text for start, text in reversed(sentences) if start <= candidate.start), "")
        in_sentence = stems(sentence)
        stands = candidate.start >= 0
        is_default = candidate.value is not LEFT_OUT and candidate.value == one.default
        form = _form(candidate.value) if candidate.value is not LEFT_OUT else None
        truth = candidate.value if candidate.kind == "truth" else None
        values = [
            stands,
            is_default,
            is_default and stands,
            is_default and not stands and one.is_optional,
            form is not None and mean_default is not None and form[0] == mean_default[0],
            form is not None and mean_default is not None and form[1] == mean_default[1],
            -abs(np.log((len(text) + 1) / (len(default) + 1))) if one.default is not None else -0.5,
            bool(name & set(near)),
            bool(name & set(near[-1:])),
            bool(described & set(near)),
            bool(others & set(near[-1:])),
            bool(before and before[-1] in name),
            bool(name & set(next_stems)),
            bool(described & set(next_stems)),
            bool(others & set(next_stems[:1])),
            len(own & does) / max(len(own), 1),
            len(own & (name | described)) / max(len(own), 1),
            len(own & others) / max(len(own), 1),
            len((name | described) & in_sentence - own) / (len(name) + 1),
            candidate.start / max(len(request), 1) if stands else 0.5,
            min(len(text), 120) / 40 if stands else 0,
            len(_WORD.findall(text)) / 4 if stands else 0,
            speaking if candidate.value is LEFT_OUT else 0,
            len(sentences) if candidate.value is LEFT_OUT else 0,
            float(bool(name & said)) if candidate.value is LEFT_OUT else 0,
            (1 if negated else -1) * (1 if truth else -1) if truth is not None else 0,
            speaking * (1 if truth else -1) if truth is not None else 0,
            _ends_alone(request, candidate.start, candidate.end) if stands else 0,
            one.is_number == (candidate.kind == "number") if stands else 0,
            _is_named_before(one.parameter["name"], request, candidate.start) if stands else 0,
            _is_named_after(one.parameter["name"], request, candidate.end) if stands else 0,
            _has_article(text) if stands else 0,
            _has_article(text) == _has_article(default) if stands else 0,
            bool(before[-1:] and before[-1] in ("no", "not", "without")) if stands else 0,
            len(own & in_speaking) / max(len(own), 1),
            *surroundings(candidate, request, memory, default),
            (direction == preposition) - (direction != preposition)
            if direction and stands and preposition in _DIRECTIONS
            else 0,
            candidate.kind == kind_of(one.default),
            numbers if candidate.kind == "number" or (one.is_number and candidate.value is LEFT_OUT) else 0,
            one.kind == "ENUM" and stands,
            says_allowed if candidate.value is LEFT_OUT else 0,
            _logarithms_apart(candidate.value, one.default),
            is_default and not stands,
            any(_is_inside(candidate, start, end) for start, end in spans) if stands else 0,
            _has_article(text) and not _has_article(default) if stands else 0,
        ]
        rows.append(
            [candidate.kind == kind for kind in KINDS]
            + [preposition == word for word in PREPOSITIONS]
            + values
            + [*of_meaning[number]]
        )
    return np.array(rows, dtype=np.float64)


def _is_inside(candidate: Candidate, start: int, end: int) -> bool:
    """Whether a value is a piece of a longer part of the request."""
    return start <= candidate.start and candidate.end <= end and end - start > candidate.end - candidate.start


def _logarithms_apart(value: Any, default: Any) -> float:
    """How far two numbers are apart, as logarithms."""
    if any(isinstance(one, bool) or not isinstance(one, int | float) for one in (value, default)):
        return 0.0
    return min(abs(float(np.log(abs(value) + 1) - np.log(abs(default) + 1))), 5.0)


def is_like(other: Asked, one: Asked) -> bool:
    """Whether two parameters take values of the same form, so that their order tells which is which."""
    return other.kind == one.kind and not other.allowed and kind_of(other.default) == kind_of(one.default)


def kind_of(default: Any) -> str:
    """How a default would be found in a request."""
    return _kind_of_text(default) if isinstance(default, str) else "number"


@lru_cache(maxsize=20_000)
def _kind_of_text(default: str) -> str:
    found = {kind for text, kind, _, _ in parts_of(default) if text == default}
    return next((kind for kind in KINDS if kind in found), "phrase")


def _direction(one: Asked) -> str | None:
    """The preposition before a value of a parameter such as `origin`."""
    for text in (words_of_name(one.parameter["name"]), (one.parameter["description"] or "").lower()):
        said = [name for name, words in _DIRECTIONS.items() if set(words) & set(text.split())]
        if len(said) == 1:
            return said[0]
    return None


@lru_cache(maxsize=4_096)
def _sentences(request: str) -> tuple[tuple[int, str], ...]:
    found, start = [], 0
    for text in SENTENCE_END.split(request):
        found.append((request.find(text, start), text))
        start = found[-1][0] + len(text)
    return tuple(found)


def _speaking_sentence(sentences: tuple[tuple[int, str], ...], words: frozenset[str], does: frozenset[str]) -> str:
    """The sentence that has most words of a parameter's document, beside those of what the tool does."""
    scored = [(len(words & stems(text) - does), text) for _, text in sentences]
    best = max(scored, key=lambda pair: pair[0], default=(0, ""))
    return best[1] if best[0] else ""


@lru_cache(maxsize=8_192)
def _around(request: str, start: int, end: int) -> tuple[list[str], list[str]]:
    """The words before and after a part of a request, in lower case."""
    if start < 0:
        return [], []
    return [w.lower() for w in _WORD.findall(request[max(0, start - 60) : start])], [
        w.lower() for w in _WORD.findall(request[end : end + 40])
    ]


def _form(value: Any) -> tuple[str, str]:
    """The form of a value: letters and digits by their kind; and its kind of word."""
    text = value if isinstance(value, str) else str(value)
    form = re.sub(r"[a-z\u00df-\uffff]+", "a", re.sub(r"[A-Z]", "A", re.sub(r"\d+", "0", text)))
    return form, "0" if form[:1] == "0" else "A" if form[:1] == "A" else "a" if form[:1] == "a" else "-"


def _ends_alone(request: str, start: int, end: int) -> float:
    """Whether a part is not cut out of a name or number that goes on."""
    goes_on = request[end : end + 2].strip(" ")[:1]
    begins = request[max(0, start - 2) : start].strip(" ")[-1:]
    return float(not (goes_on[:1].isupper() or goes_on[:1].isdigit())) - float(begins.isupper() or begins.isdigit())


def _has_article(text: str) -> bool:
    return text.lower().startswith(("a ", "an ", "the "))


@cache
def _name_patterns(name: str) -> tuple[re.Pattern, re.Pattern] | None:
    """What stands right before a value, and right after it, if the request names the parameter there."""
    words = r"[\W_]*".join(map(re.escape, words_of_name(name).split()))
    if not words:
        return None
    before = re.compile(rf"\b{words}\W*(?:(?:is|are|of|as|to|with|being|set to|equal to)\s+)?\W{{0,3}}$", re.I)
    after = re.compile(rf"^\W{{0,2}}\s*(?:as|for)?\s*(?:the|a|an|my)?\s*{words}\b", re.I)
    return before, after


def _is_named_before(name: str, request: str, start: int) -> bool:
    patterns = _name_patterns(name)
    return bool(patterns and patterns[0].search(request[max(0, start - 80) : start]))


def _is_named_after(name: str, request: str, end: int) -> bool:
    patterns = _name_patterns(name)
    return bool(patterns and patterns[1].search(request[end : end + 80]))
