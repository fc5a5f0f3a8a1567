"""Fitting the attribute reader: a projection by what users chose, beside the head on trait labels."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from petoolkit.selector.attribute_reader import AttributeReader
from petoolkit.selector.fit_trait_head import BATCH, MOST_SENTENCES, Providers, fit_trait_head, padded, step, to_numpy
from petoolkit.selector.row_reading import LIKINGS, RowReading
from petoolkit.selector.single_threaded import single_threaded

_WIDTH = 64
_STEPS_OF_PROJECTION = 300
_MOST_TOOLS = 6
_MOST_CALLS = 24
_DROPPED = 0.15


@single_threaded()
def fit_attribute_reader(
    rows: Sequence[dict[str, Any]],
    readings: Sequence[RowReading],
    requests: Sequence[dict[str, Any]],
    vectors: Mapping[str, np.ndarray],
    without: Providers = frozenset(),
    seed: int = 0,
) -> AttributeReader | None:
    """Fit a reader; `None` if no provider is described.

    Args:
        rows, readings: of training; the same rows.
        requests: more rows, whose requests and labels are read, and not what was chosen.
        vectors: by text.
        without: providers that are not looked at, so that the reader can be tested on what it has not seen.
        seed: of the starting values and the order.
    """
    texts = sorted({text for one in readings for text in one.provider_sentences()})
    if not texts:
        return None
    matrix = np.stack([vectors[text] for text in texts])
    numbers = {text: number for number, text in enumerate(texts)}
    projection = _fit_projection(rows, readings, matrix, numbers, without, seed)
    traits, head, bias = fit_trait_head([*rows, *requests], vectors, without, seed)
    return AttributeReader(projection, head, bias, traits)


def _fit_projection(
    rows: Sequence[dict[str, Any]],
    readings: Sequence[RowReading],
    matrix: np.ndarray,
    numbers: Mapping[str, int],
    without: Providers,
    seed: int,
) -> np.ndarray:
    """A projection in which sentences of the chosen tool's provider are near those of liked calls' providers, and its
    rivals' near those of disliked ones; it begins with the directions in which the sentences differ most."""
    import torch

    generator = torch.Generator().manual_seed(seed)
    centred = matrix - matrix.mean(axis=0)
    directions = np.linalg.svd(centred.T @ centred)[0][:, :_WIDTH]
    start = np.zeros((matrix.shape[1], _WIDTH))
    start[:, : directions.shape[1]] = directions
    cases = _cases(rows, readings, numbers, without)
    if not cases:
        return start
    own, own_there, called, called_there, likings, right = _tensors(cases)
    projection = torch.tensor(start, dtype=torch.float32, requires_grad=True)
    worth = torch.tensor([1.0, -1.0, -1.0, -0.3], requires_grad=True)  # of a past call, by LIKINGS
    sharpness = torch.tensor([2.0, 2.0], requires_grad=True)  # logarithms: of nearness, and of its worth
    values = torch.from_numpy(matrix)
    optimiser = torch.optim.AdamW(
        [{"params": [projection], "lr": 4e-3, "weight_decay": 1e-3}, {"params": [worth, sharpness], "lr": 2e-2}]
    )
    for _ in range(_STEPS_OF_PROJECTION):
        chosen = torch.randint(len(cases), (BATCH,), generator=generator)
        part = values * (torch.rand(values.shape, generator=generator) >= _DROPPED)
        projected = torch.nn.functional.normalize(part @ projection, dim=1)
        near = torch.einsum("rcsd,rhtd->rchst", projected[own[chosen]], projected[called[chosen]])
        allowed = own_there[chosen][:, :, None, :, None] & called_there[chosen][:, None, :, None, :]
        near = near.masked_fill(~allowed, -1.0).amax((3, 4))
        spoken = torch.exp(torch.exp(sharpness[0]) * (near - 1)) * allowed.any(4).any(3)
        utilities = torch.exp(sharpness[1]) * (spoken * worth[likings[chosen]][:, None]).sum(2)
        utilities = utilities.masked_fill(~own_there[chosen].any(2), -1e9)
        correct = torch.logsumexp(utilities.masked_fill(~right[chosen], -1e9), 1)
        step((torch.logsumexp(utilities, 1) - correct).mean(), optimiser)
    return to_numpy(projection)


def _cases(
    rows: Sequence[dict[str, Any]], readings: Sequence[RowReading], numbers: Mapping[str, int], without: Providers
) -> list[tuple[list[list[int]], list[list[int]], list[int], list[bool]]]:
    """Numbers of the sentences of tools that do the job, and of past calls; how these were liked; which are right."""
    cases = []
    for row, reading in zip(rows, readings, strict=True):
        own = [
            one
            for one in reading.candidates
            if one.tool["tool_name"] in row["same_function_tools"] and one.sentences and one.provider not in without
        ][:_MOST_TOOLS]
        called = [call for call in reading.calls if call.sentences and call.provider not in without][-_MOST_CALLS:]
        right = [one.tool["tool_name"] in row["acceptable_tools"] for one in own]
        if called and any(right) and not all(right):
            cases.append(
                (
                    [[numbers[text] for text in one.sentences] for one in own],
                    [[numbers[text] for text in call.sentences] for call in called],
                    [call.liking for call in called],
                    right,
                )
            )
    return cases


def _tensors(cases: Sequence[tuple[list[list[int]], list[list[int]], list[int], list[bool]]]) -> tuple[Any, ...]:
    """Numbers and masks of own and of called sentences, (cases, tools or calls, sentences); likings; what is right."""
    import torch

    most_own, most_called = max(len(case[0]) for case in cases), max(len(case[1]) for case in cases)
    own, called = (
        padded([one for case in cases for one in [*case[part], *[[]] * (most - len(case[part]))]], MOST_SENTENCES)
        for part, most in ((0, most_own), (1, most_called))
    )
    likings = torch.tensor([case[2] + [0] * (most_called - len(case[2])) for case in cases])
    right = torch.tensor([case[3] + [False] * (most_own - len(case[3])) for case in cases])
    shapes = ((own, most_own), (called, most_called))
    return (*(one.reshape(len(cases), most, -1) for pair, most in shapes for one in pair), likings, right)


assert len(LIKINGS) == 4  # of the starting values above
