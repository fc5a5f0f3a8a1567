"""What a selector has learnt of sentences about providers: which say the same, and which trait they say."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from zlib import crc32

import numpy as np

from petoolkit.selector.attribute_evidence import by_liking, filled, nearest
from petoolkit.selector.row_reading import RowReading, stems

WORDS = 1_024  # buckets of the words of a sentence
_MOST_READ = 20_000  # sentences, and descriptions, of which what was read is kept
_LEAST_LIKELY = 0.03  # that a candidate has what is asked for; what is less likely tells no more
_WORTH_OF_WORDS = 0.5  # the length of a sentence's words, beside that of its vector


def words_of(text: str) -> np.ndarray:
    """(WORDS,) the stems of a sentence's words, as a vector of a fixed length; zeros for none."""
    found = np.zeros(WORDS, dtype=np.float32)
    found[[crc32(stem.encode("utf-8", "replace")) % WORDS for stem in stems(text)]] = 1
    return _WORTH_OF_WORDS * found / max(float(np.linalg.norm(found)), 1.0)


@dataclass
class AttributeReader:
    """A learned projection of sentence vectors, and a head on trait labels.

    Args:
        projection: (dimension, 64); projected sentences that are near say the same of a provider.
        head, head_bias: (dimension + WORDS, traits) and (traits,), of a sentence's vector and words; a sentence says
            one of the traits, or none, whose score is 0.
        traits: the traits' names; none, if the training rows had no labels.
    """

    projection: np.ndarray
    head: np.ndarray
    head_bias: np.ndarray
    traits: tuple[str, ...] = ()
    _read: dict[str, tuple[np.ndarray, np.ndarray]] = field(default_factory=dict, init=False)
    _said: dict[tuple[str, ...], np.ndarray] = field(default_factory=dict, init=False)

    def read(self, text: str, vector: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The projection of a sentence, of length 1, and the probability of each trait."""
        found = self._read.get(text)
        if found is None:
            projected = vector @ self.projection
            projected /= np.linalg.norm(projected) + 1e-9
            scores = np.exp(vector @ self.head[:-WORDS] + words_of(text) @ self.head[-WORDS:] + self.head_bias)
            traits = scores / (1 + scores.sum())
            if len(self._read) >= _MOST_READ:
                self._read = {}
            found = self._read[text] = (projected, traits)
        return found

    def traits_of(self, sentences: tuple[str, ...], vectors: Mapping[str, np.ndarray]) -> np.ndarray:
        """(traits,) the probability that one of these sentences says each trait; zeros for no sentence."""
        if not sentences:
            return np.zeros(len(self.traits))
        found = self._said.get(sentences)
        if found is None:
            if len(self._said) >= _MOST_READ:
                self._said = {}
            found = 1 - np.prod([1 - self.read(text, vectors[text])[1] for text in sentences], axis=0)
            self._said[sentences] = found
        return found

    def sayings(self, row: RowReading, vectors: Mapping[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        """(candidates, traits) and (calls, traits) probabilities."""
        return (
            np.array([self.traits_of(one.sentences, vectors) for one in row.candidates]),
            np.array([self.traits_of(call.sentences, vectors) for call in row.calls]).reshape(-1, len(self.traits)),
        )

    def projected_evidence(self, row: RowReading, vectors: Mapping[str, np.ndarray]) -> np.ndarray:
        """(candidates, 12): cosines of the nearest projected sentences, by liking."""
        own, called = [one.sentences for one in row.candidates], [call.sentences for call in row.calls]
        texts = {text for sentences in (*own, *called) for text in sentences}
        projected = {text: self.read(text, vectors[text])[0] for text in texts}
        return by_liking(row, nearest(own, called, projected))

    def trait_evidence(self, row: RowReading, vectors: Mapping[str, np.ndarray]) -> np.ndarray:
        """(candidates, 12): the expected number of traits that a candidate and a past call share, by liking."""
        if not self.traits or not row.calls:
            return np.zeros((len(row.candidates), 12))
        own, called = self.sayings(row, vectors)
        return by_liking(row, own @ called.T)

    def need_evidence(self, row: RowReading, vectors: Mapping[str, np.ndarray]) -> np.ndarray:
        """(candidates, 2): the logarithm of the probability that a candidate has what each sentence of the request
        asks for, beside the row's best and mean.

        A sentence that asks for none tells nothing. One that does sets those that lack the trait far behind, so that
        the taste decides among the others.
        """
        if not self.traits:
            return np.zeros((len(row.candidates), 2))
        asked = np.array([self.read(text, vectors[text])[1] for text in row.instruction_sentences])
        own = np.array([self.traits_of(one.sentences, vectors) for one in row.candidates])
        has = np.maximum(1 - (1 - own) @ asked.T, _LEAST_LIKELY)
        likely = np.log(has).sum(axis=1, keepdims=True)
        likely = filled(likely, np.array([bool(one.sentences) for one in row.candidates]))
        return np.concatenate([likely - likely.max(), likely - likely.mean()], axis=1)
