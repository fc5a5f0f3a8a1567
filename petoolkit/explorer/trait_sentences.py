"""Which sentence of a description speaks of which trait.

Rows name the traits of a description, and not the words that say them. The words are learned of the dataset itself: a
word speaks of a trait if descriptions with the trait have it more often than others.
"""

import math
import re
from collections import Counter
from collections.abc import Collection, Iterable

from petoolkit.words import CLAUSE_END

_WORD = re.compile(r"[^\W_]{4,}")
_STEM = 5  # letters by which words are compared: "refreshed" and "refreshes" are one
_LEAST = 1.5  # of a score, by which a sentence speaks of a trait
_NAMED = 3.0  # for a word of the trait's own name


def sentences_of(text: str) -> list[str]:
    """The sentences of a text; joined with blanks they are the text but for its white space."""
    return [sentence for sentence in CLAUSE_END.split(text) if sentence.strip()]


class TraitSentences:
    """Finds the sentences that speak of traits.

    Args:
        described: descriptions, each with the traits that it shows, in words.
    """

    def __init__(self, described: Iterable[tuple[str, Collection[str]]]):
        self._descriptions = 0
        self._with_word: Counter[str] = Counter()
        self._with_trait: Counter[str] = Counter()
        self._with_both: dict[str, Counter[str]] = {}
        for text, traits in described:
            stems = _stems(text)
            self._descriptions += 1
            self._with_word.update(stems)
            for trait in traits:
                self._with_trait[trait] += 1
                self._with_both.setdefault(trait, Counter()).update(stems)

    def find(self, text: str, traits: Collection[str]) -> dict[str, str]:
        """For each sentence of a description that speaks of one of its traits, the trait.

        Args:
            text: the description.
            traits: all that it shows. Each is found in one sentence at most, and a sentence has one at most.
        """
        sentences = sentences_of(text)
        scores = sorted(
            ((self._score(sentence, trait), sentence, trait) for sentence in sentences for trait in traits),
            key=lambda scored: -scored[0],
        )
        found: dict[str, str] = {}
        for score, sentence, trait in scores:
            if score >= _LEAST and sentence not in found and trait not in found.values():
                found[sentence] = trait
        return found

    def _score(self, sentence: str, trait: str) -> float:
        """How much more often descriptions with the trait have the sentence's words; this description left out."""
        together = self._with_both.get(trait, Counter())
        score = 0.0
        for stem in _stems(sentence):
            if stem in _stems(trait):
                score += _NAMED
            elif (times := together[stem] - 1) > 0:
                share = (times + 0.2) / self._with_trait[trait]
                share_of_all = (self._with_word[stem] - 0.5) / self._descriptions
                score += max(0.0, math.log(share / share_of_all))
        return score


def _stems(text: str) -> set[str]:
    return {word[:_STEM] for word in _WORD.findall(text.lower())}
