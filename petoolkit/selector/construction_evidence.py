"""Evidence that is true of how benchmarks are made, not of people: how many tools of a row do the same job."""

from collections.abc import Mapping

import numpy as np

from petoolkit.selector.row_reading import LIKINGS, RowReading

_NEAR = (0.7, 0.85)  # cosines of documents from which two tools count as twins


def twin_evidence(row: RowReading, vectors: Mapping[str, np.ndarray]) -> np.ndarray:
    """(candidates, 2 + 3 + 8): twins in the row by nearness; those with the same parameters, whether there is one, and
    the nearest one's cosine; then past calls of twins, and of their providers, by liking."""
    documents = np.stack([vectors[one.document] for one in row.candidates])
    alike = documents @ documents.T
    np.fill_diagonal(alike, -1.0)
    required = [frozenset(p["name"] for p in one.tool["required_parameters"]) for one in row.candidates]
    same = np.array([[left == right for right in required] for left in required]) & (alike >= _NEAR[0])
    columns = [np.log1p((alike >= near).sum(axis=1)) for near in _NEAR]
    columns += [np.log1p(same.sum(axis=1)), same.any(axis=1), alike.max(axis=1, initial=-1.0)]
    tools, providers = np.zeros((2, len(row.candidates), len(LIKINGS)))
    for number, one in enumerate(row.candidates):
        for call in row.calls:
            tools[number, call.liking] += one.tool["tool_name"] == call.tool_name
            providers[number, call.liking] += bool(one.provider) and one.provider == call.provider
    twins = alike >= _NEAR[0]
    return np.column_stack([*columns, np.log1p(twins @ tools), np.log1p(twins @ providers)])
