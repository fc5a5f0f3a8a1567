"""What a selector has learnt of sentences about providers: which say the same, and which trait they say."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from petoolkit.selector.attribute_evidence import by_liking, filled, nearest
from petoolkit.selector.row_reading import RowReading

_MOST_READ = 20_000  # sentences of which what was read is kept


@dataclass
class AttributeReader:
    """A learned projection of sentence vectors, and a head on trait labels.

    Args:
        projection: (dimension, 64); projected sentences that are near say the same of a provider.
        head, head_bias: (dimension, traits) and (traits,); their logistic value is the probability that a sentence
            says a trait.
        traits: the traits' names; none, if the training rows had no labels.
    """

    projection: np.ndarray
    head: np.ndarray
    head_bias: np.ndarray
    traits: tuple[str, ...] = ()
    _read: dict[str, tuple[np.ndarray, np.ndarray]] = field(default_factory=dict)

    def read(self, text: str, vector: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The projection of a sentence, of length 1, and the probability of each trait."""
        found = self._read.get(text)
        if found is None:
            projected = vector @ self.projection
            projected /= np.linalg.norm(projected) + 1e-9
            traits = 1 / (1 + np.exp(-(vector @ self.head + self.head_bias)))
            if len(self._read) >= _MOST_READ:
                self._read = {}
            found = self._read[text] = (projected, traits)
        return found

    def traits_of(self, sentences: Sequence[str], vectors: Mapping[str, np.ndarray]) -> np.ndarray:
        """(traits,) the probability that one of these sentences says each trait; zeros for no sentence."""
        if not sentences:
            return np.zeros(len(self.traits))
        return np.stack([self.read(text, vectors[text])[1] for text in sentences]).max(axis=0)

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
        """(candidates, 2): the expected number of traits that the request and a candidate say, and beside the mean."""
        if not self.traits:
            return np.zeros((len(row.candidates), 2))
        own = np.array([self.traits_of(one.sentences, vectors) for one in row.candidates])
        column = own @ self.traits_of(row.instruction_sentences, vectors)
        is_described = np.array([bool(one.sentences) for one in row.candidates])
        column = filled(column[:, None], is_described)[:, 0]
        return np.stack([column, column - column.mean()], axis=1)
