"""Evidence that a candidate does the job: documents beside the request, by vectors, words and values; and beside each
other."""

from collections.abc import Mapping

import numpy as np

from petoolbench import PARAMETER_KINDS
from petoolkit.attribute_reading import word_similarities
from petoolkit.selector.row_reading import RowReading, words_of_name
from petoolkit.selector.spoken_values import value_shares

_COMPARED = ("document", "description", "name")
PARAMETERS_COLUMN = len(_COMPARED)  # of a pair, behind the cosines
REQUEST_COLUMNS, PAIR_COLUMNS = 26, PARAMETERS_COLUMN + 1
_ALIKE = 0.8  # cosine of documents from which two tools do the same job


def request_evidence(row: RowReading, vectors: Mapping[str, np.ndarray]) -> np.ndarray:
    """(candidates, REQUEST_COLUMNS): how a candidate's document fits the request."""
    parts = [kind(row, vectors) for kind in (similarity_evidence, word_evidence, value_evidence)]
    return np.concatenate(parts, axis=1, dtype=np.float64)


def pair_evidence(row: RowReading, vectors: Mapping[str, np.ndarray]) -> np.ndarray:
    """(candidates, candidates, PAIR_COLUMNS): cosines of two candidates' documents, descriptions and names; and, as
    far as the descriptions are alike, the share of parameters' names in common: tools of many jobs take a `city`."""
    texts = [[getattr(one, part) for one in row.candidates] for part in _COMPARED]
    matrices = [np.stack([vectors[text] for text in of_part]) for of_part in texts]
    named = [
        {words_of_name(parameter["name"]) for kind in PARAMETER_KINDS for parameter in one.tool[kind]}
        for one in row.candidates
    ]
    common = np.array([[len(left & right) / max(len(left | right), 1) for right in named] for left in named])
    cosines = [matrix @ matrix.T for matrix in matrices]
    return np.stack([*cosines, common * cosines[_COMPARED.index("description")]], axis=2)


def similarity_evidence(row: RowReading, vectors: Mapping[str, np.ndarray]) -> np.ndarray:
    """(candidates, 15): cosines of the request with documents, descriptions and names, and of documents with the
    request without its values and with its nearest sentence; each also beside the row's best and mean."""
    documents = np.stack([vectors[one.document] for one in row.candidates])
    descriptions = np.stack([vectors[one.description] for one in row.candidates])
    names = np.stack([vectors[one.name] for one in row.candidates])
    request = vectors[row.instruction]
    sentences = np.stack([vectors[text] for text in row.instruction_sentences])
    nearest = (documents @ sentences.T).max(axis=1)
    plain = vectors[row.plain_instruction]
    return _beside_the_others(
        [documents @ request, descriptions @ request, names @ request, documents @ plain, nearest]
    )


def word_evidence(row: RowReading, vectors: Mapping[str, np.ndarray]) -> np.ndarray:
    """(candidates, 6): the same by words (TF-IDF within the row): documents and the request, and descriptions and the
    request without its values."""
    documents = [one.document for one in row.candidates]
    descriptions = [one.description for one in row.candidates]
    return _beside_the_others(
        [
            word_similarities(documents, [row.instruction])[:, 0],
            word_similarities(descriptions, [row.plain_instruction])[:, 0],
        ]
    )


def value_evidence(row: RowReading, vectors: Mapping[str, np.ndarray]) -> np.ndarray:
    """(candidates, 5): shares of the required parameters whose default, whose documented values, and whose kind of
    value stand in the request; numbers, and quoted texts in the request that no parameter takes."""
    return np.array([value_shares(one.tool, row.instruction) for one in row.candidates])


def alike_evidence(row: RowReading, vectors: Mapping[str, np.ndarray]) -> np.ndarray:
    """(candidates, 3): the best of the first columns of the other kinds among the tools that do the same job."""
    documents = np.stack([vectors[one.document] for one in row.candidates])
    alike = documents @ documents.T >= _ALIKE
    np.fill_diagonal(alike, True)
    first = np.stack(
        [
            similarity_evidence(row, vectors)[:, 0],
            word_evidence(row, vectors)[:, 0],
            value_evidence(row, vectors)[:, 0],
        ]
    )
    best = np.where(alike[None], first[:, None, :], -np.inf).max(axis=2)
    return (best - best.max(axis=1, keepdims=True)).T


def _beside_the_others(columns: list[np.ndarray]) -> np.ndarray:
    return np.stack(
        [part for column in columns for part in (column, column - column.max(), column - column.mean())], axis=1
    )
