"""A request's words as arrays, and sums over its parts, so that many parts are looked at together."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from petoolkit.selector.request_words import (
    ARTICLES,
    COMMON_WORDS,
    FUNCTION_WORDS,
    PREPOSITIONS,
    RequestWord,
    WordMemory,
    request_words,
    words_within,
)
from petoolkit.selector.row_reading import stems
from petoolkit.selector.word_vectors import WIDTH, rarity, word_vector
from petoolkit.words import SENTENCE_END


@dataclass(frozen=True)
class RequestReading:
    """A request, read once for all parameters of a call.

    Args:
        request: the request.
        words: of it.
        stems: of each word.
        sentences: where each begins, and its text.
        sentence: (words,) the number of the sentence that a word is in.
        before, after: (words,) what ends there, as of `RequestWord`.
        is_function, is_common, is_article, is_capital, is_negation: (words,) of each word.
        preposition: (words,) its number in `PREPOSITIONS`, -1 for none.
        rarity: (words,) from 0 for the most frequent words.
        chunk: (words, 2) where the run of words begins and ends, without marks and common words, that a word is in.
        sums: (words + 1, width) of the words' meanings, up to each.
    """

    request: str
    words: tuple[RequestWord, ...]
    stems: tuple[frozenset[str], ...]
    sentences: tuple[tuple[int, str], ...]
    sentence: np.ndarray
    before: np.ndarray
    after: np.ndarray
    is_function: np.ndarray
    is_common: np.ndarray
    is_article: np.ndarray
    is_capital: np.ndarray
    is_negation: np.ndarray
    preposition: np.ndarray
    rarity: np.ndarray
    chunk: np.ndarray
    sums: np.ndarray

    def span(self, start: int, end: int) -> tuple[int, int]:
        """The numbers of the first word of a part, and of the one behind its last."""
        first, last = words_within(self.request, start, end)
        return min(first, len(self.words) - 1), min(last, len(self.words))

    def meanings(self, first: np.ndarray, last: np.ndarray) -> np.ndarray:
        """(parts, width): the direction of what the words of each part mean; zeros where none is known."""
        found = self.sums[last] - self.sums[first]
        return found / (np.sqrt(np.einsum("pw,pw->p", found, found))[:, None] + 1e-9)


@lru_cache(maxsize=256)
def read_request(request: str) -> RequestReading:
    """What the parameters of a call are looked for in."""
    words = request_words(request)
    texts = [word.text for word in words]
    sentences = _sentences(request)
    starts = np.array([start for start, _ in sentences])
    vectors = np.zeros((len(words) + 1, WIDTH))
    for number, text in enumerate(texts):
        vectors[number + 1] = word_vector(text)
    is_common = np.array([text in COMMON_WORDS for text in texts], dtype=bool)
    before = np.array([word.before for word in words], dtype=int)
    return RequestReading(
        request,
        words,
        tuple(stems(text) for text in texts),
        sentences,
        np.searchsorted(starts, [word.start for word in words], side="right") - 1,
        before,
        np.array([word.after for word in words], dtype=int),
        np.array([text in FUNCTION_WORDS for text in texts], dtype=bool),
        is_common,
        np.array([text in ARTICLES for text in texts], dtype=bool),
        np.array([request[word.start].isupper() for word in words], dtype=bool),
        np.array([text in ("no", "not", "without") for text in texts], dtype=bool),
        np.array([PREPOSITIONS.index(text) if text in PREPOSITIONS else -1 for text in texts], dtype=int),
        np.array([rarity(text) for text in texts]),
        _chunks(is_common.tolist(), before.tolist()),
        np.cumsum(vectors, axis=0),
    )


def _chunks(is_common: list[bool], before: list[int]) -> np.ndarray:
    found: list[tuple[int, int]] = []
    while len(found) < len(before):
        first = last = len(found)
        last += 1
        while not is_common[first] and last < len(before) and not is_common[last] and not before[last]:
            last += 1
        found += [(first, last)] * (last - first)
    return np.array(found, dtype=int).reshape(-1, 2)


def _sentences(request: str) -> tuple[tuple[int, str], ...]:
    found, start = [], 0
    for text in SENTENCE_END.split(request):
        found.append((request.find(text, start), text))
        start = found[-1][0] + len(text)
    return tuple(found)


def worths_of(reading: RequestReading, memory: WordMemory) -> np.ndarray:
    """(words,) how far each word speaks for being part of a value."""
    return np.array(memory.worths([word.text for word in reading.words]))


def sums(values: np.ndarray, first: np.ndarray, last: np.ndarray) -> np.ndarray:
    """(parts,) the sum of a value of words over each part."""
    total = np.concatenate([[0.0], np.cumsum(values)])
    return total[last] - total[first]


def least(values: np.ndarray, first: np.ndarray, last: np.ndarray) -> np.ndarray:
    """(parts,) the least value of a part's words."""
    return np.minimum.reduceat(np.append(values, np.inf), np.column_stack([first, last]).ravel())[::2]
