"""How near a value, and what stands around it, is to a parameter's document and default in what it means."""

from collections.abc import Sequence

import numpy as np

from petoolkit.selector.request_words import request_words, words_within
from petoolkit.selector.row_reading import words_of_name
from petoolkit.selector.value_candidates import LEFT_OUT, Asked, Candidate
from petoolkit.selector.value_surroundings import is_whole
from petoolkit.selector.word_vectors import meaning, nearness

_WORDS_BEFORE, _WORDS_BEHIND = 5, 4
_COLUMNS = 16


def meanings(
    one: Asked,
    candidates: Sequence[Candidate],
    request: str,
    sentences: Sequence[tuple[int, str]],
    siblings: Sequence[Asked],
) -> np.ndarray:
    """(candidates, 16) cosines.

    Of a value: with the default, the name, the document, and the nearest default of another parameter; whether its
    meaning is not known; of the words before and behind it and of its sentence with the document; and how its nearness
    to the default is beside that of the best value, and of the other defaults. Of leaving out, and of true and false:
    the nearest sentence with the document, and the nearest one but the first.
    """
    name = words_of_name(one.parameter["name"])
    default = meaning(one.default) if isinstance(one.default, str) else None
    document = meaning(f"{name} {one.parameter['description'] or ''}")
    others = [meaning(other.default) for other in siblings if other is not one and isinstance(other.default, str)]
    spoken = [nearness(meaning(text), document) for _, text in sentences]
    nearest = [max(spoken, default=0.0), max(spoken[1:], default=0.0)]
    found = np.zeros((len(candidates), _COLUMNS))
    for number, candidate in enumerate(candidates):
        columns = found[number]
        if candidate.value is LEFT_OUT:
            columns[6:8] = nearest
        elif candidate.kind == "truth":
            columns[8:10] = nearest if candidate.value else [-one for one in nearest]
        else:
            own = meaning(candidate.value) if isinstance(candidate.value, str) else None
            columns[:4] = [
                nearness(own, default),
                nearness(own, meaning(name)),
                nearness(own, document),
                max((nearness(own, other) for other in others), default=0.0),
            ]
            columns[4] = own is None
        if candidate.start >= 0:
            columns[5], columns[10] = _around(candidate, request, document)
            within = (
                near
                for (start, _), near in zip(reversed(sentences), reversed(spoken), strict=True)
                if start <= candidate.start
            )
            columns[11] = next(within, 0.0)
            if is_whole(candidate, request):
                columns[14:] = 1.0, columns[0]
    stands = np.array([candidate.start >= 0 for candidate in candidates])
    if stands.any():
        best = found[stands, 0].max()
        found[stands, 12] = found[stands, 0] - best
        found[stands, 13] = found[stands, 0] - found[stands, 3]
        found[[candidate.value is LEFT_OUT for candidate in candidates], 12] = best
    return found


def _around(candidate: Candidate, request: str, document: np.ndarray | None) -> tuple[float, float]:
    """Of the words before a value and behind it with the document."""
    words = request_words(request)
    first, last = words_within(request, candidate.start, candidate.end)
    before = " ".join(word.text for word in words[max(0, first - _WORDS_BEFORE) : first])
    behind = " ".join(word.text for word in words[last : last + _WORDS_BEHIND])
    return nearness(meaning(before), document), nearness(meaning(behind), document)
