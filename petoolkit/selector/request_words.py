"""The words of a request, what stands between them, and how often each word is part of a value."""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from zlib import crc32

import numpy as np

FUNCTION_WORDS = frozenset(
    re.findall(
        r"\w+",
        """a an the of for in on at to from with and or by is are was be my me i you it this that as about please what
        which how who when where do does can could would will should into than then if there any some no not""",
    )
)
# What stands beside a value, too; a value may begin or end with it.
COMMON_WORDS = FUNCTION_WORDS | frozenset(
    re.findall(
        r"[\w']+",
        """have has had having get gets got getting like likes need needs want wants find give gives show tell
        know see make makes take takes taking help look looking buy buying use using used pick picked put
        keep let go going come comes coming call eat eats ate run running feeds cause just still more most
        much many few lot too also only very really so such because while before after until since between
        over under near around above below within without during through against per up out off back again
        your our his her their its these those them they we he she us him i'm i've i'd i'll it's that's
        there's what's where's we're we've don't can't won't isn't may might must been being did done doing
        last next today tonight tomorrow now right really rather normally one two""",
    )
)
ARTICLES = ("a", "an", "the")
PREPOSITIONS = ("in", "for", "of", "to", "from", "at", "on", "with", "by", "about", "as", "is", "the", "a")
COMMA, SENTENCE = 1, 2  # what ends before or after a word
BUCKETS = 8_192  # of a word memory

_TOKEN = re.compile(r"\S+")
_OPENING, _CLOSING = "([{\"'\u201c\u2018", ".,;:!?)]}\"'\u201d\u2019"


@dataclass(frozen=True)
class RequestWord:
    """A word of a request.

    Args:
        text: in lower case, without the marks around it.
        start, end: where it stands.
        before, after: what ends there: 0 for nothing, `COMMA` for any mark, `SENTENCE`.
    """

    text: str
    start: int
    end: int
    before: int
    after: int


@lru_cache(maxsize=4_096)
def request_words(request: str) -> tuple[RequestWord, ...]:
    """The words of a request, in order; signs between blanks count as words."""
    found: list[RequestWord] = []
    before = SENTENCE
    for match in _TOKEN.finditer(request):
        token = match.group()
        opened = len(token) - len(token.lstrip(_OPENING))
        plain = token.lstrip(_OPENING).rstrip(_CLOSING)
        closed = token[opened + len(plain) :]
        if not plain:
            before = max(before, COMMA)
            continue
        after = SENTENCE if closed.strip("\"')]}\u201d\u2019")[-1:] in (".", "!", "?") else COMMA if closed else 0
        after = after if closed.strip("\"')]}\u201d\u2019") else COMMA if closed else 0
        start = match.start() + opened
        found.append(RequestWord(plain.lower(), start, start + len(plain), COMMA if opened else before, after))
        before = after
    if found:
        found[-1] = replace(found[-1], after=SENTENCE)
    return tuple(found)


@lru_cache(maxsize=4_096)
def _bounds(request: str) -> tuple[list[int], list[int]]:
    words = request_words(request)
    return [one.start for one in words], [one.end for one in words]


def words_within(request: str, start: int, end: int) -> tuple[int, int]:
    """The numbers of the first word of a part of a request, and of the one behind its last."""
    starts, ends = _bounds(request)
    first = max(0, bisect_right(starts, start) - 1)
    return first, max(first + 1, bisect_left(ends, end) + 1)


@lru_cache(maxsize=20_000)
def bucket(word: str) -> int:
    """Where a word memory keeps a word."""
    return crc32(word.lower().encode("utf-8", "replace")) % BUCKETS


class WordMemory:
    """Of how many functions the requests have a word outside of values, and within values.

    Args:
        outside, within: (BUCKETS,) numbers of functions.
    """

    def __init__(self, outside: np.ndarray, within: np.ndarray):
        self._worth = (np.log1p(within) - np.log1p(outside)).tolist()

    def worths(self, words: Sequence[str]) -> list[float]:
        """How far each word speaks for being part of a value; 0 for words that are not known."""
        return [self._worth[bucket(word)] for word in words]


def words_of_calls(calls: Iterable[tuple[str, str, Iterable[str]]]) -> dict[str, tuple[set[int], set[int]]]:
    """By function, the buckets of words outside of values, and within.

    Args:
        calls: function, request and values of each.
    """
    found: dict[str, tuple[set[int], set[int]]] = {}
    for function, request, values in calls:
        outside, within = found.setdefault(function, (set(), set()))
        spans = [(start, start + len(value)) for value in values if value and (start := request.find(value)) >= 0]
        for word in request_words(request):
            is_within = any(start < word.end and word.start < end for start, end in spans)
            (within if is_within else outside).add(bucket(word.text))
    return found


def counts(found: dict[str, tuple[set[int], set[int]]]) -> tuple[np.ndarray, np.ndarray]:
    """(BUCKETS,) and (BUCKETS,): of how many functions each word is outside of values, and within."""
    outside, within = np.zeros(BUCKETS), np.zeros(BUCKETS)
    for out_of, in_of in found.values():
        outside[list(out_of)] += 1
        within[list(in_of)] += 1
    return outside, within


def without_function(
    outside: np.ndarray, within: np.ndarray, own: tuple[set[int], set[int]]
) -> tuple[np.ndarray, np.ndarray]:
    """The same numbers of all other functions, so that a filler is not fitted on what it has by heart."""
    outside, within = outside.copy(), within.copy()
    outside[list(own[0])] -= 1
    within[list(own[1])] -= 1
    return outside, within
