"""The kinds of evidence that a selector weighs; one entry each, all else loops over the table."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from petoolkit.selector import (
    attribute_evidence,
    construction_evidence,
    function_evidence,
    identity_evidence,
)
from petoolkit.selector.attribute_reader import AttributeReader
from petoolkit.selector.job_reader import JobReader
from petoolkit.selector.row_reading import RowReading

Columns = Callable[[RowReading, Mapping[str, np.ndarray]], np.ndarray]


@dataclass(frozen=True)
class Evidence:
    """A kind of evidence.

    Args:
        name: the key.
        description: what it says of a candidate, for cards.
        width: number of columns.
        columns: given a row and vectors by text, (candidates, width); `None` if a reader gives them.
        read_jobs: the same of a job reader, given it, a row and vectors.
        read: the same of an attribute reader.
        is_preference: whether it is weighed in networks too, where kinds can depend on each other, if no provider is
            described; what says that a tool does the job is not then, so that it holds for other ways to write than
            those of the training rows.
        with_descriptions: whether it is weighed where it is read what providers are like, or where it is not; in both,
            if null. Where that is not known, requests are of use that are written for one of the tools that do a job.
        is_construction: whether it is true of how benchmarks are made only; such is left out unless asked for.
    """

    name: str
    description: str
    width: int
    columns: Columns | None = None
    read_jobs: Callable[[JobReader, RowReading, Mapping[str, np.ndarray]], np.ndarray] | None = None
    read: Callable[[AttributeReader], Columns] | None = None
    is_preference: bool = False
    with_descriptions: bool | None = None
    is_construction: bool = False


def _of_documents(name: str, description: str, width: int, columns: Columns) -> Evidence:
    return Evidence(name, description, width, columns, with_descriptions=False)


def _read_of_descriptions(name: str, description: str, width: int, **how: Any) -> Evidence:
    return Evidence(name, description, width, is_preference=True, with_descriptions=True, **how)


EVIDENCE: dict[str, Evidence] = {
    one.name: one
    for one in (
        _of_documents("similarity", "the request is like its document", 15, function_evidence.similarity_evidence),
        _of_documents("words", "it has words of the request", 6, function_evidence.word_evidence),
        _of_documents("values", "the request has its documented values", 5, function_evidence.value_evidence),
        _of_documents(
            "alike", "another tool that does the same fits the request", 3, function_evidence.alike_evidence
        ),
        Evidence(
            "job",
            "it does the job that the request asks for",
            2,
            read_jobs=JobReader.job_evidence,
            with_descriptions=True,
        ),
        Evidence("habit", "such requests called it, or tools with such a name", 10, identity_evidence.habit_evidence),
        Evidence(
            "tool",
            "the user liked or disliked it before",
            6,
            identity_evidence.tool_evidence,
            is_preference=True,
        ),
        Evidence(
            "provider",
            "the user liked or disliked its provider",
            6,
            identity_evidence.provider_evidence,
            is_preference=True,
        ),
        Evidence(
            "category",
            "the user liked or disliked its category",
            6,
            identity_evidence.category_evidence,
            is_preference=True,
        ),
        _read_of_descriptions(
            "attribute words",
            "its provider is described in words of liked ones",
            12,
            columns=attribute_evidence.attribute_word_evidence,
        ),
        _read_of_descriptions(
            "sentences", "sentences on its provider are near", 12, columns=attribute_evidence.sentence_evidence
        ),
        _read_of_descriptions(
            "need", "the request states a need that its provider meets", 2, columns=attribute_evidence.need_evidence
        ),
        _read_of_descriptions(
            "projection", "learned: sentences say the same", 12, read=lambda reader: reader.projected_evidence
        ),
        _read_of_descriptions(
            "traits", "learned: it has traits of liked providers", 12, read=lambda reader: reader.trait_evidence
        ),
        _read_of_descriptions(
            "needed traits", "learned: it has what the request asks for", 2, read=lambda reader: reader.need_evidence
        ),
        Evidence(
            "twins",
            "how many tools of the row do its job, and what the user did with them",
            13,
            construction_evidence.twin_evidence,
            is_construction=True,
        ),
    )
}


def chosen_evidence(construction: bool = False, descriptions: bool = True) -> tuple[str, ...]:
    """The names of the kinds that a selector weighs.

    Args:
        construction: whether it weighs what is true of how benchmarks are made only.
        descriptions: whether it reads what providers are like.
    """
    return tuple(
        one.name
        for one in EVIDENCE.values()
        if (construction or not one.is_construction) and one.with_descriptions in (None, descriptions)
    )


def in_networks(names: Collection[str]) -> np.ndarray:
    """(columns,) bool: which columns of these kinds are weighed in networks too."""
    return np.concatenate([np.full(one.width, one.is_preference) for one in EVIDENCE.values() if one.name in names])


def evidence_of(
    row: RowReading,
    vectors: Mapping[str, np.ndarray],
    names: Collection[str],
    jobs: JobReader | None,
    reader: AttributeReader | None,
) -> np.ndarray:
    """(candidates, columns) of the kinds of these names, in the table's order."""
    parts = []
    for one in EVIDENCE.values():
        if one.name not in names:
            continue
        if one.columns is not None:
            parts.append(one.columns(row, vectors))
        elif one.read_jobs is not None and jobs is not None:
            parts.append(one.read_jobs(jobs, row, vectors))
        elif one.read is not None and reader is not None:
            parts.append(one.read(reader)(row, vectors))
        else:
            parts.append(np.zeros((len(row.candidates), one.width)))
    return np.concatenate(parts, axis=1)


def slices(names: Collection[str]) -> dict[str, slice]:
    """Which columns belong to which kind."""
    found, start = {}, 0
    for one in EVIDENCE.values():
        if one.name in names:
            found[one.name] = slice(start, start + one.width)
            start += one.width
    return found
