"""How alike descriptions of providers are, those of candidates beside those of past calls; each row for itself."""

import math
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import cache, lru_cache

import numpy as np

from petoolkit.words import SENTENCE_END

_WORD = re.compile(r"[^\W_]{2,}")
_MOST_PAIRS = 50_000  # of texts whose similarity is kept


def word_similarities(own: Sequence[str], called: Sequence[str]) -> np.ndarray:
    """(own, called) cosines of TF-IDF vectors, whose weights come from these texts alone."""
    texts = [_words(text) for text in [*own, *called]]
    documents = Counter(word for words in texts for word in words)
    weights = {word: math.log((1 + len(texts)) / (1 + number)) + 1 for word, number in documents.items()}
    vectors = [{word: (1 + math.log(times)) * weights[word] for word, times in words.items()} for words in texts]
    lengths = [math.sqrt(sum(value * value for value in vector.values())) or 1.0 for vector in vectors]
    similarities = np.zeros((len(own), len(called)))
    for i in range(len(own)):
        for j in range(len(called)):
            other = vectors[len(own) + j]
            product = sum(value * other[word] for word, value in vectors[i].items() if word in other)
            similarities[i, j] = product / (lengths[i] * lengths[len(own) + j])
    return similarities


@lru_cache(maxsize=8_192)  # rows of one block have the same texts
def _words(text: str) -> Counter[str]:
    return Counter(word for word in _WORD.findall(text.lower()) if word not in _stop_words())


@cache
def _stop_words() -> frozenset[str]:
    from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

    return ENGLISH_STOP_WORDS


class SentenceReader:
    """Embeddings of the sentences of texts; two texts are as alike as their nearest sentences.

    Args:
        texts: all texts that will be asked about; they are embedded together to save time.
    """

    def __init__(self, texts: Iterable[str]):
        from petoolkit.embedding import Encoder

        sentences = (sentence for text in texts if text for sentence in SENTENCE_END.split(text))
        self._numbers = {sentence: number for number, sentence in enumerate(dict.fromkeys(sentences))}
        self._vectors = Encoder().encode(list(self._numbers), "sentences of descriptions")
        self._nearest: dict[tuple[str, str], float] = {}

    def similarities(self, own: Sequence[str], called: Sequence[str]) -> np.ndarray:
        """(own, called) cosines of the nearest sentences; 0 beside an empty text."""
        return np.array([[self._similarity(left, right) for right in called] for left in own]).reshape(
            len(own), len(called)
        )

    def _similarity(self, left: str, right: str) -> float:
        if not left or not right:
            return 0.0
        if (left, right) not in self._nearest:
            while len(self._nearest) >= _MOST_PAIRS:  # the pair that was compared first
                del self._nearest[next(iter(self._nearest))]
            self._nearest[left, right] = float((self._sentences(left) @ self._sentences(right).T).max())
        return self._nearest[left, right]

    def _sentences(self, text: str) -> np.ndarray:
        """(sentences, dimension) of a text."""
        return self._vectors[[self._numbers[sentence] for sentence in SENTENCE_END.split(text)]]
