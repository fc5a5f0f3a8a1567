"""Evidence of whom the user prefers by name: the exact tool, its provider, its category, and names like it."""

from collections.abc import Callable, Mapping

import numpy as np

from petoolkit.selector.row_reading import LIKINGS, Candidate, PastCall, RowReading


def _counted(row: RowReading, is_same: Callable[[Candidate, PastCall], bool]) -> np.ndarray:
    """(candidates, 4 + 2): for each of `LIKINGS`, how many past calls are of the same one, as log(1 + number); then
    1 for liked or -1 for disliked by the newest of them, and whether there is any."""
    columns = np.zeros((len(row.candidates), len(LIKINGS) + 2))
    for number, one in enumerate(row.candidates):
        for call in row.calls:
            if is_same(one, call):
                columns[number, call.liking] += 1
                columns[number, -2] = 1 if LIKINGS[call.liking] in ("liked", "middle") else -1
                columns[number, -1] = 1
    columns[:, : len(LIKINGS)] = np.log1p(columns[:, : len(LIKINGS)])
    return columns


def tool_evidence(row: RowReading, vectors: Mapping[str, np.ndarray]) -> np.ndarray:
    """(candidates, 6): past calls of the tool itself."""
    return _counted(row, lambda one, call: one.tool["tool_name"] == call.tool_name)


def provider_evidence(row: RowReading, vectors: Mapping[str, np.ndarray]) -> np.ndarray:
    """(candidates, 6): past calls of tools of the same provider."""
    return _counted(row, lambda one, call: bool(one.provider) and one.provider == call.provider)


def category_evidence(row: RowReading, vectors: Mapping[str, np.ndarray]) -> np.ndarray:
    """(candidates, 6): past calls of tools of the same category."""
    return _counted(row, lambda one, call: bool(one.category) and one.category == call.category)


def habit_evidence(row: RowReading, vectors: Mapping[str, np.ndarray]) -> np.ndarray:
    """(candidates, 10): for each of `LIKINGS`, the cosine of the tool's name with the nearest name of a past call, and
    the same weighted by how like the request the past call's was; then, over all past calls, requests like this one
    that called the tool itself, and that called one with a name like it."""
    columns = np.zeros((len(row.candidates), 2 * len(LIKINGS) + 2))
    if not row.calls:
        return columns
    names = np.stack([vectors[one.name] for one in row.candidates])
    alike = names @ np.stack([vectors[call.name] for call in row.calls]).T
    asked = np.array([_common_share(row.words, call.words) for call in row.calls])
    same = np.array([[one.tool["tool_name"] == call.tool_name for call in row.calls] for one in row.candidates])
    weighted = alike * asked
    likings = np.array([call.liking for call in row.calls])
    for liking in range(len(LIKINGS)):
        if (of_kind := likings == liking).any():
            columns[:, liking] = alike[:, of_kind].max(axis=1)
            columns[:, len(LIKINGS) + liking] = weighted[:, of_kind].max(axis=1)
    columns[:, -2] = (same * asked).max(axis=1)
    columns[:, -1] = weighted.max(axis=1)
    return columns


def _common_share(left: frozenset[str], right: frozenset[str]) -> float:
    return len(left & right) / ((len(left) * len(right)) ** 0.5 or 1.0)
