"""Evidence of what providers are like, read sentence by sentence: candidates beside liked and disliked past calls."""

from collections.abc import Mapping, Sequence

import numpy as np

from petoolkit.attribute_reading import word_similarities
from petoolkit.selector.row_reading import LIKINGS, RowReading

_SHARP = 12.0  # of an exponential mean of cosines, in which near sentences count most
# Of one product. BLAS shares a larger one among threads, which then wait for each other longer than they compute.
_MOST_MULTIPLIED = 2**18


def sentence_evidence(row: RowReading, vectors: Mapping[str, np.ndarray]) -> np.ndarray:
    """(candidates, 12): cosines of the nearest sentences by liking, the largest, their mean, and a sharp sum."""
    return by_liking(row, nearest_sentences(row, vectors))


def attribute_word_evidence(row: RowReading, vectors: Mapping[str, np.ndarray]) -> np.ndarray:
    """(candidates, 12): the same by words."""
    own = [" ".join(one.sentences) for one in row.candidates]
    called = [" ".join(call.sentences) for call in row.calls]
    return by_liking(row, word_similarities(own, called) if any(own) and any(called) else None)


def need_evidence(row: RowReading, vectors: Mapping[str, np.ndarray]) -> np.ndarray:
    """(candidates, 2): the nearest of the request's sentences to one of the provider's, and beside the row's mean."""
    said = np.stack([vectors[text] for text in row.instruction_sentences])
    column = np.array(
        [
            float((np.stack([vectors[text] for text in one.sentences]) @ said.T).max()) if one.sentences else 0.0
            for one in row.candidates
        ]
    )
    is_described = np.array([bool(one.sentences) for one in row.candidates])
    column = filled(column[:, None], is_described)[:, 0]
    return np.stack([column, column - column.mean()], axis=1)


def nearest_sentences(row: RowReading, vectors: Mapping[str, np.ndarray]) -> np.ndarray | None:
    """(candidates, calls) cosines of the nearest sentences of two descriptions; `None` if there are none."""
    return nearest([one.sentences for one in row.candidates], [call.sentences for call in row.calls], vectors)


def nearest(
    own: Sequence[Sequence[str]], called: Sequence[Sequence[str]], vectors: Mapping[str, np.ndarray]
) -> np.ndarray | None:
    """(own, called) products of the nearest vectors of two lists of texts; 0 for a list that is empty."""
    texts, others = [t for one in own for t in one], [t for one in called for t in one]
    if not texts or not others:
        return None
    products = _products(np.stack([vectors[text] for text in texts]), np.stack([vectors[text] for text in others]))
    found = np.zeros((len(own), len(called)))
    rows, columns = [i for i, one in enumerate(own) if one], [j for j, one in enumerate(called) if one]
    by_row = np.maximum.reduceat(products, _starts([own[i] for i in rows]), axis=0)
    found[np.ix_(rows, columns)] = np.maximum.reduceat(by_row, _starts([called[j] for j in columns]), axis=1)
    return found


def _products(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """(left, right) products of rows, few rows at a time."""
    together = max(1, _MOST_MULTIPLIED // right.size)
    return np.concatenate([left[n : n + together] @ right.T for n in range(0, len(left), together)])


def _starts(lists: Sequence[Sequence[str]]) -> list[int]:
    return [0, *np.cumsum([len(one) for one in lists[:-1]]).tolist()]


def by_liking(row: RowReading, alike: np.ndarray | None) -> np.ndarray:
    """(candidates, 12): for each of `LIKINGS`, the largest, the mean and a sharp sum over its past calls.

    Args:
        alike: (candidates, calls), 0 where something is not described; `None` if nothing is.
    """
    columns = np.zeros((len(row.candidates), 3 * len(LIKINGS)))
    if alike is None:
        return columns
    likings = np.array([call.liking for call in row.calls])
    for liking in range(len(LIKINGS)):
        if (of_kind := likings == liking).any():
            part = alike[:, of_kind]
            columns[:, liking] = part.max(axis=1)
            columns[:, len(LIKINGS) + liking] = part.sum(axis=1) / len(row.calls)
            columns[:, 2 * len(LIKINGS) + liking] = np.exp(_SHARP * (part - 1)).sum(axis=1)
    return filled(columns, np.array([bool(one.sentences) for one in row.candidates]))


def filled(columns: np.ndarray, is_described: np.ndarray) -> np.ndarray:
    """Columns in which candidates without a description have the mean of the others: they count as none."""
    if is_described.any() and not is_described.all():
        columns[~is_described] = columns[is_described].mean(axis=0)
    return columns
