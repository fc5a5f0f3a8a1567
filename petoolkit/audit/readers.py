"""Readers of the providers' descriptions, blind to ratings and order or not, and the oracle of traits."""

import re
from collections.abc import Callable
from functools import lru_cache, partial

import numpy as np

from petoolkit.audit.choices import Choices
from petoolkit.audit.solver import Solver
from petoolkit.block_rules import trait_counts

_SENTENCE_END = re.compile(r"(?<=[.!?])\s+")
# Takes rows; gives for each (same-function tools, past calls) similarities of the providers' descriptions.
Similarities = Callable[[Choices], list[np.ndarray]]


def _read(fitted: Choices, choices: Choices, similarities: Similarities, is_blind: bool) -> list[np.ndarray]:
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
def word_similarities(choices: Choices) -> list[np.ndarray]:
    """TF-IDF of whole descriptions."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    pairs = _descriptions(choices)
    texts = list(dict.fromkeys(text for own, called in pairs for text in [*own, *called]))
    vectors = TfidfVectorizer(sublinear_tf=True, stop_words="english").fit_transform(texts)
    number = {text: index for index, text in enumerate(texts)}
    return [
        (vectors[[number[t] for t in own]] @ vectors[[number[t] for t in called]].T).toarray()
        if called
        else np.zeros((len(own), 0))
        for own, called in pairs
    ]


@lru_cache(maxsize=1)
def embedding_similarities(choices: Choices) -> list[np.ndarray]:
    """Embeddings, sentence by sentence: the nearest pair of sentences of two descriptions."""
    from petoolkit.embedding import Encoder

    pairs = _descriptions(choices)
    sentences = {text: _SENTENCE_END.split(text) for own, called in pairs for text in [*own, *called]}
    distinct = list(dict.fromkeys(sentence for found in sentences.values() for sentence in found))
    vectors = dict(zip(distinct, Encoder().encode(distinct, "sentences of descriptions"), strict=True))
    stacked = {text: np.stack([vectors[sentence] for sentence in found]) for text, found in sentences.items()}
    nearest: dict[tuple[str, str], float] = {}

    def similarity(left: str, right: str) -> float:
        if (left, right) not in nearest:
            nearest[left, right] = float((stacked[left] @ stacked[right].T).max())
        return nearest[left, right]

    return [
        np.array([[similarity(o, c) for c in called] for o in own]).reshape(len(own), len(called))
        for own, called in pairs
    ]


def _oracle(fitted: Choices, choices: Choices) -> list[np.ndarray]:
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
        ("attribute-words", "words", word_similarities),
        ("attribute-embedding", "embeddings of sentences", embedding_similarities),
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
