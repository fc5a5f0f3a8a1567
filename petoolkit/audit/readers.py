"""Readers of the providers' descriptions, blind to ratings and order or not, and the oracle of traits."""

from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any

import numpy as np

from petoolkit.attribute_reading import SentenceReader, word_similarities
from petoolkit.audit.choices import Choices
from petoolkit.audit.solver import Solver
from petoolkit.block_rules import trait_counts

# Takes rows; gives for each (same-function tools, past calls) similarities of the providers' descriptions.
Similarities = Callable[[Choices], list[np.ndarray]]


def _read(learned: Any, choices: Choices, similarities: Similarities, is_blind: bool) -> list[np.ndarray]:
    """Sum of a candidate's similarities to liked calls less those to disliked ones; blind, all count as liked."""
    return [
        similarity @ (np.ones(len(liking)) if is_blind else liking)
        for similarity, liking in zip(similarities(choices), choices.liking, strict=True)
    ]


def _descriptions(choices: Choices) -> list[tuple[list[str], list[str]]]:
    return [
        ([tool["provider_description"] for tool in tools], [call["provider_description"] for call in row["history"]])
        for row, tools in zip(choices.rows, choices.tools, strict=True)
    ]


@lru_cache(maxsize=1)  # asked twice, by the blind reader too
def _by_words(choices: Choices) -> list[np.ndarray]:
    return [word_similarities(own, called) for own, called in _descriptions(choices)]


@lru_cache(maxsize=1)
def _by_sentences(choices: Choices) -> list[np.ndarray]:
    pairs = _descriptions(choices)
    reader = choices.reader or SentenceReader(text for own, called in pairs for text in [*own, *called])
    return [reader.similarities(own, called) for own, called in pairs]


def _oracle(learned: Any, choices: Choices) -> list[np.ndarray]:
    scores = []
    for row, tools in zip(choices.rows, choices.tools, strict=True):
        counts = trait_counts(row)
        scores.append(np.array([counts[tool["tool_name"]] for tool in tools], float))
    return scores


READERS = tuple(
    Solver(
        f"{name}{'-blind' if is_blind else ''}",
        f"the provider described most like those called{'' if is_blind else ', liked less disliked'}, by {how}",
        "blind reader" if is_blind else "reader",
        partial(_read, similarities=similarities, is_blind=is_blind),
        ("provider descriptions",),
    )
    for name, how, similarities in (
        ("attribute-words", "words", _by_words),
        ("attribute-embedding", "embeddings of sentences", _by_sentences),
    )
    for is_blind in (True, False)
)
ORACLE = Solver(
    "trait-oracle",
    "the tool whose traits were liked most often, less disliked, as the rows' `taste` says",
    "oracle",
    _oracle,
    ("a taste",),
)
