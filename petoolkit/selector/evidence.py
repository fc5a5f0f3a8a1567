"""The kinds of evidence that a selector weighs; one entry each, all else loops over the table."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

import numpy as np

from petoolkit.selector import (
    attribute_evidence,
    construction_evidence,
    function_evidence,
    identity_evidence,
)
from petoolkit.selector.attribute_reader import AttributeReader
from petoolkit.selector.row_reading import RowReading

Columns = Callable[[RowReading, Mapping[str, np.ndarray]], np.ndarray]


@dataclass(frozen=True)
class Evidence:
    """A kind of evidence.

    Args:
        name: the key.
        description: what it says of a candidate, for cards.
        width: number of columns.
        columns: given a row and vectors by text, (candidates, width); `None` if the attribute reader gives them.
        read: the same of an attribute reader.
        is_construction: whether it is true of how benchmarks are made only; such is left out unless asked for.
    """

    name: str
    description: str
    width: int
    columns: Columns | None = None
    read: Callable[[AttributeReader], Columns] | None = None
    is_construction: bool = False


EVIDENCE: dict[str, Evidence] = {
    one.name: one
    for one in (
        Evidence("similarity", "the request is like its document", 6, function_evidence.similarity_evidence),
        Evidence("words", "it has words of the request", 9, function_evidence.word_evidence),
        Evidence("values", "the request has its documented values", 5, function_evidence.value_evidence),
        Evidence("alike", "another tool that does the same fits the request", 3, function_evidence.alike_evidence),
        Evidence(
            "habit", "it was called for such requests, or has a name like it", 10, identity_evidence.habit_evidence
        ),
        Evidence("tool", "the user liked or disliked it before", 6, identity_evidence.tool_evidence),
        Evidence("provider", "the user liked or disliked its provider", 6, identity_evidence.provider_evidence),
        Evidence("category", "the user liked or disliked its category", 6, identity_evidence.category_evidence),
        Evidence(
            "attribute words",
            "its provider is described in words of liked ones",
            12,
            attribute_evidence.attribute_word_evidence,
        ),
        Evidence("sentences", "sentences on its provider are near", 12, attribute_evidence.sentence_evidence),
        Evidence("need", "the request states a need that its provider meets", 2, attribute_evidence.need_evidence),
        Evidence("projection", "learned: sentences say the same", 12, read=lambda reader: reader.projected_evidence),
        Evidence("traits", "learned: it has traits of liked providers", 12, read=lambda reader: reader.trait_evidence),
        Evidence("needed traits", "learned: it has a needed trait", 2, read=lambda reader: reader.need_evidence),
        Evidence(
            "twins",
            "how many tools of the row do its job",
            13,
            construction_evidence.twin_evidence,
            is_construction=True,
        ),
    )
}


def chosen_evidence(construction: bool = False, reader: bool = True) -> tuple[str, ...]:
    """The names of the kinds that a selector weighs."""
    return tuple(
        one.name
        for one in EVIDENCE.values()
        if (construction or not one.is_construction) and (reader or one.read is None)
    )


def evidence_of(
    row: RowReading,
    vectors: Mapping[str, np.ndarray],
    names: Collection[str],
    reader: AttributeReader | None,
) -> np.ndarray:
    """(candidates, columns) of the kinds of these names, in the table's order."""
    parts = []
    for one in EVIDENCE.values():
        if one.name not in names:
            continue
        if one.read is None:
            assert one.columns is not None
            parts.append(one.columns(row, vectors))
        elif reader is None:
            parts.append(np.zeros((len(row.candidates), one.width)))
        else:
            parts.append(one.read(reader)(row, vectors))
    return np.concatenate(parts, axis=1)


def slices(names: Collection[str]) -> dict[str, slice]:
    """Which columns belong to which kind."""
    found, start = {}, 0
    for one in EVIDENCE.values():
        if one.name in names:
            found[one.name] = slice(start, start + one.width)
            start += one.width
    return found
