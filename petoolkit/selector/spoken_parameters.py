"""Which sentence of a request speaks of which parameter: by the words of its document, and by what both mean."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from petoolkit.selector.parameter_reading import ParameterReading, negations
from petoolkit.selector.request_reading import RequestReading

_A_WORD, _MOST_WORDS, _DEFAULT = 0.15, 3, 0.3  # what counts beside a cosine with the document
_NO_OTHER = 0.0  # how far a sentence speaks of no parameter
_NO_SENTENCE = -0.5  # of a request of one sentence


class SpokenParameters:
    """How far each sentence of a request speaks of each parameter of a tool.

    Args:
        reading: the request.
        parameters: of the tool.
        does: stems of words that say what the tool does, which speak of no parameter.
    """

    def __init__(self, reading: RequestReading, parameters: Sequence[ParameterReading], does: frozenset[str]):
        bounds = np.searchsorted(reading.sentence, np.arange(len(reading.sentences) + 1))
        means = reading.meanings(bounds[:-1], bounds[1:])
        said = [frozenset().union(*reading.stems[first:last]) for first, last in pairwise(bounds.tolist())]
        self.said = frozenset[str]().union(*said)
        self.lengths = np.diff(bounds)
        # Each of (sentences, parameters).
        self.words = np.array([[len(one.stems & stems - does) for one in parameters] for stems in said], dtype=float)
        self.near = means @ np.stack([one.of_document for one in parameters], axis=1)
        of_default = np.maximum(means @ np.stack([one.of_default for one in parameters], axis=1), 0)
        self.speaks = self.near + _A_WORD * np.minimum(self.words, _MOST_WORDS) + _DEFAULT * of_default
        self.margin = np.empty_like(self.speaks)  # beside the other parameters
        for number in range(len(parameters)):
            self.margin[:, number] = self.speaks[:, number] - np.delete(self.speaks, number, axis=1).max(
                axis=1, initial=_NO_OTHER
            )
        self._negations = [negations(text) for _, text in reading.sentences]
        self._of_documents = [one.negations for one in parameters]

    def asks(self, number: int) -> list[float]:
        """How far the request speaks of a parameter, in any sentence and behind the first: by words and meaning, and
        beside the other parameters."""
        margin, speaks, near = self.margin[:, number], self.speaks[:, number], self.near[:, number]
        return [
            self.words[:, number].max(),
            near.max(),
            near[1:].max(initial=0.0),
            margin[1:].max() if len(margin) > 1 else _NO_SENTENCE,
            margin.max(),
            speaks[1:].max() if len(speaks) > 1 else _NO_SENTENCE,
            float((margin[1:] >= 0).any()),
        ]

    def negated(self, number: int) -> list[float]:
        """Of the sentence with most of a parameter's words, and of the one behind the first that is clearest on it:
        for each of `negations` 1 or -1, whether it has such a word, and whether it does as the document does."""
        best = int(self.words[:, number].argmax())
        shared = float(self.words[best, number])
        later = self.margin[1:, number]
        clearest = int(later.argmax()) + 1 if len(later) else 0
        document = self._of_documents[number]
        found = []
        for sentence, weight in ((best, min(shared, 1.0)), (clearest, 1.0)):
            for said, documented in zip(self._negations[sentence], document, strict=True):
                found += [1.0 if said and weight else -1.0, weight if said == documented else -weight]
        return [*found, found[0] * shared, found[1] * shared]
