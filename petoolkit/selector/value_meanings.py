"""How near a value, and what stands around it, is to a parameter's document and default in what it means."""

from collections.abc import Sequence

import numpy as np

from petoolkit.selector.parameter_reading import ParameterReading
from petoolkit.selector.request_reading import RequestReading, least

_BEFORE, _BEHIND = 5, 4  # words around a value


def meanings(
    parameters: Sequence[ParameterReading],
    reading: RequestReading,
    number: np.ndarray,
    first: np.ndarray,
    last: np.ndarray,
) -> np.ndarray:
    """(values, columns) cosines: of a value with the default, the name and the document, and those of the other
    parameters; of the words around it; of the run of words that it is in, and of single words of both.

    Args:
        number: (values,) the number of the parameter that each may be a value of.
        first, last: (values,) the numbers of the first word of each, and of the one behind its last.
    """
    total, rows = len(reading.words), np.arange(len(number))
    documents = np.stack([one.of_document for one in parameters], axis=1)
    defaults = np.stack([one.of_default for one in parameters], axis=1)
    of_document, of_default = documents.T[number], defaults.T[number]

    own = reading.meanings(first, last)
    near_defaults, near_documents = own @ defaults, own @ documents
    default, document = near_defaults[rows, number], near_documents[rows, number]
    near_defaults[rows, number] = near_documents[rows, number] = -1.0
    is_alone = len(parameters) == 1
    other_default = np.zeros(len(rows)) if is_alone else near_defaults.max(axis=1)
    other_document = np.zeros(len(rows)) if is_alone else near_documents.max(axis=1)
    best = np.full(len(parameters), -1.0)
    np.maximum.at(best, number, default)

    begins, ends = reading.chunk[first, 0], reading.chunk[last - 1, 1]
    whole = reading.meanings(begins, ends)
    before = reading.meanings(np.maximum(first - _BEFORE, 0), first)
    behind = reading.meanings(last, np.minimum(last + _BEHIND, total))

    words = reading.meanings(np.arange(total), np.arange(1, total + 1))  # each alone
    heads = np.stack([one.of_head for one in parameters], axis=1)
    to_default, to_document, to_head = (one.T for one in (words @ defaults, words @ documents, words @ heads))
    final, left, right = last - 1, np.maximum(first - 1, 0), np.minimum(last, total - 1)
    has_before = (reading.before[first] == 0) & (first > 0)
    has_after = (reading.after[final] == 0) & (last < total)
    offset = number * total
    flat = to_default.ravel()
    return np.column_stack(
        [
            default,
            _products(own, np.stack([one.of_name for one in parameters])[number]),
            document,
            other_default,
            ~own.any(axis=1),
            _products(before, of_document),
            _products(behind, of_document),
            default - best[number],
            default - other_default,
            document - other_document,
            _products(whole, of_default),
            default - _products(whole, of_default),
            document - _products(whole, of_document),
            to_head[number, final],
            to_document[number, final],
            to_default[number, first],
            to_head[number, right] * has_after,
            to_document[number, right] * has_after,
            to_default[number, left] * has_before,
            to_document[number, left] * has_before,
            -least(-flat, first + offset, last + offset),
            least(flat, first + offset, last + offset),
            -least(-flat, begins + offset, ends + offset),
        ]
    )


def _products(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """(values,) of each row with the other's."""
    return np.einsum("vw,vw->v", left, right)
