"""Evidence that a candidate does the job: its document beside the request, by vectors, words and values."""

from collections.abc import Mapping

import numpy as np

from petoolkit.selector.row_reading import RowReading
from petoolkit.selector.spoken_values import value_shares

_ALIKE = 0.8  # cosine of documents from which two tools do the same job


def similarity_evidence(row: RowReading, vectors: Mapping[str, np.ndarray]) -> np.ndarray:
    """(candidates, 6): cosines of the request with documents and with names; each also beside the row's best and
    mean."""
    request = vectors[row.instruction]
    columns = [
        np.array([float(vectors[getattr(one, part)] @ request) for one in row.candidates])
        for part in ("document", "name")
    ]
    return _beside_the_others(columns)


def word_evidence(row: RowReading, vectors: Mapping[str, np.ndarray]) -> np.ndarray:
    """(candidates, 9): shares of the request's words in descriptions, names and parameters, rare words counting more;
    each also beside the row's best and mean."""
    columns = []
    for part in range(3):
        found = [one.words[part] & row.words for one in row.candidates]
        weights = {
            word: np.log((len(found) + 1) / (sum(word in words for words in found) + 0.5))
            for word in frozenset().union(*found)
        }
        total = sum(weights.values()) + 0.5 * np.log(len(found) + 1) * (len(row.words) - len(weights)) + 1e-6
        columns.append(np.array([sum(weights[word] for word in words) / total for words in found]))
    return _beside_the_others(columns)


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
