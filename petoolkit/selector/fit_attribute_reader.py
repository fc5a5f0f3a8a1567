"""Fitting the attribute reader: a projection by what users chose, and a head by the traits that builds are labelled
with."""

import json
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np

from petoolbench import KINDS
from petoolkit.selector.attribute_reader import WORDS, AttributeReader, words_of
from petoolkit.selector.row_reading import LIKINGS, RowReading, sentences_of

_WIDTH = 64
_STEPS_OF_HEAD = 300
_RATE_OF_HEAD = 0.1
_STEPS_OF_PROJECTION = 300
_BATCH = 64  # rows
_MOST_SENTENCES = 6
_MOST_TOOLS = 6
_MOST_CALLS = 24
_DROPPED = 0.15

Providers = Collection[tuple[str, ...]]


def fit_attribute_reader(
    rows: Sequence[dict[str, Any]],
    readings: Sequence[RowReading],
    vectors: Mapping[str, np.ndarray],
    without: Providers = frozenset(),
    seed: int = 0,
) -> AttributeReader | None:
    """Fit a reader; `None` if no provider is described.

    Args:
        rows, readings: of training; the same rows.
        vectors: by text.
        without: providers that are not looked at, so that the reader can be tested on what it has not seen.
        seed: of the starting values and the order.
    """
    texts = sorted({text for one in readings for text in (*one.provider_sentences(), *one.instruction_sentences)})
    if not any(one.provider_sentences() for one in readings):
        return None
    matrix = np.stack([vectors[text] for text in texts])
    numbers = {text: number for number, text in enumerate(texts)}
    projection = _fit_projection(rows, readings, matrix, numbers, without, seed)
    traits, head, bias = _fit_head(rows, matrix, numbers, without, seed)
    return AttributeReader(projection, head, bias, traits)


def _labelled(rows: Sequence[dict[str, Any]], without: Providers) -> dict[str, frozenset[str]]:
    """The traits of each description of a provider, of rows that say them."""
    from petoolkit.selector.row_reading import provider_key

    found: dict[str, set[str]] = {}
    for row in rows:
        if not row["taste"]:
            continue
        taste = json.loads(row["taste"])
        shown = [(one, taste.get("tool_traits", {}).get(one["tool_name"])) for one in row["candidate_tools"]]
        shown += zip(row["history"], taste.get("call_traits", []), strict=False)
        for one, traits in shown:
            if traits is not None and one["provider_description"] and provider_key(one) not in without:
                found.setdefault(one["provider_description"], set()).update(traits)
    return {text: frozenset(traits) for text, traits in found.items()}


def _needs(rows: Sequence[dict[str, Any]]) -> dict[str, frozenset[str]]:
    """The traits, one of which requests state a need for in their last sentence: the right tool of each row has it,
    and no rival."""
    found: dict[str, frozenset[str]] = {}
    for row in rows:
        sentences = sentences_of(row["instruction"])
        if row["kind"] != KINDS[1] or not row["taste"] or len(sentences) < 2:
            continue
        shown = json.loads(row["taste"]).get("tool_traits", {})
        right = {trait for name in row["acceptable_tools"] for trait in shown.get(name, ())}
        rivals = set(row["same_function_tools"]) - set(row["acceptable_tools"])
        own = frozenset(right - {trait for name in rivals for trait in shown.get(name, ())})
        found[sentences[-1]] = found.get(sentences[-1], own) & own
    return {text: traits for text, traits in found.items() if traits}


def _fit_head(
    rows: Sequence[dict[str, Any]], matrix: np.ndarray, numbers: Mapping[str, int], without: Providers, seed: int
) -> tuple[tuple[str, ...], np.ndarray, np.ndarray]:
    """The traits, and the weights of a softmax regression on sentences: each says one trait, or none, a description
    says what its sentences say together, and a need is one of the traits that it can be.

    Half of a sentence's numbers are left out at each step: there are few descriptions for each trait.
    """
    import torch

    labelled, needs = _labelled(rows, without), _needs(rows)
    traits = tuple(sorted({trait for found in labelled.values() for trait in found}))
    described = [(text, labelled[text], False) for text in sorted(labelled) if sentences_of(text)]
    described += [(text, needs[text], True) for text in sorted(needs)]
    texts = sorted({sentence for text, _, _ in described for sentence in sentences_of(text)})
    if not traits:
        return traits, np.zeros((matrix.shape[1] + WORDS, 0)), np.zeros(0)
    values = np.stack([np.concatenate([matrix[numbers[text]], words_of(text)]) for text in texts]).astype(np.float32)
    mean = values.mean(axis=0)
    head = torch.zeros(values.shape[1], len(traits), requires_grad=True)
    bias = torch.full((len(traits),), -3.0, requires_grad=True)
    generator = torch.Generator().manual_seed(seed)
    number_of = {text: number for number, text in enumerate(texts)}
    lists = [[number_of[one] for one in sentences_of(text)] for text, _, _ in described]
    index, is_there = _padded(lists, _MOST_SENTENCES)
    target = torch.tensor([[trait in own for trait in traits] for _, own, _ in described]).float()
    is_need = torch.tensor([is_of_need for _, _, is_of_need in described])
    centred = torch.from_numpy(values - mean)
    optimiser = torch.optim.AdamW([head, bias], lr=_RATE_OF_HEAD, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, _RATE_OF_HEAD, total_steps=_STEPS_OF_HEAD + 1)
    for _ in range(_STEPS_OF_HEAD):
        chosen = torch.randint(len(described), (_BATCH,), generator=generator)
        part = centred[index[chosen]]
        part = part * (torch.rand(part.shape, generator=generator) >= 0.5) * 2
        scores = part @ head + bias
        of_sentences = torch.softmax(torch.nn.functional.pad(scores, (1, 0)), 2)[:, :, 1:]
        of_sentences = of_sentences * is_there[chosen][:, :, None]
        said = _said_together(of_sentences)
        wrong = torch.nn.functional.binary_cross_entropy(said, target[chosen], reduction="none").sum(1)
        of_need = -torch.log(_said_together((of_sentences * target[chosen][:, None]).sum(2)))
        _step(torch.where(is_need[chosen], of_need, wrong).mean(), optimiser)
        schedule.step()
    weights = _array(head)
    return traits, weights, _array(bias) - mean @ weights


def _said_together(of_sentences: Any) -> Any:
    """Probabilities that one of the sentences of each description, its second dimension, says something."""
    import torch

    unsaid = torch.log1p(-of_sentences.clamp(max=1 - 1e-6)).sum(1)
    return (1 - torch.exp(unsaid)).clamp(1e-6, 1 - 1e-6)


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
        chosen = torch.randint(len(cases), (_BATCH,), generator=generator)
        part = values * (torch.rand(values.shape, generator=generator) >= _DROPPED)
        projected = torch.nn.functional.normalize(part @ projection, dim=1)
        near = torch.einsum("rcsd,rhtd->rchst", projected[own[chosen]], projected[called[chosen]])
        allowed = own_there[chosen][:, :, None, :, None] & called_there[chosen][:, None, :, None, :]
        near = near.masked_fill(~allowed, -1.0).amax((3, 4))
        spoken = torch.exp(torch.exp(sharpness[0]) * (near - 1)) * allowed.any(4).any(3)
        utilities = torch.exp(sharpness[1]) * (spoken * worth[likings[chosen]][:, None]).sum(2)
        utilities = utilities.masked_fill(~own_there[chosen].any(2), -1e9)
        correct = torch.logsumexp(utilities.masked_fill(~right[chosen], -1e9), 1)
        _step((torch.logsumexp(utilities, 1) - correct).mean(), optimiser)
    return _array(projection)


def _step(loss: Any, optimiser: Any) -> None:
    optimiser.zero_grad()
    loss.backward()
    optimiser.step()


def _array(tensor: Any) -> np.ndarray:
    return tensor.detach().numpy().astype(np.float64)


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
        _padded([one for case in cases for one in [*case[part], *[[]] * (most - len(case[part]))]], _MOST_SENTENCES)
        for part, most in ((0, most_own), (1, most_called))
    )
    likings = torch.tensor([case[2] + [0] * (most_called - len(case[2])) for case in cases])
    right = torch.tensor([case[3] + [False] * (most_own - len(case[3])) for case in cases])
    shapes = ((own, most_own), (called, most_called))
    return (*(one.reshape(len(cases), most, -1) for pair, most in shapes for one in pair), likings, right)


def _padded(lists: Sequence[Sequence[int]], most: int) -> tuple[Any, Any]:
    """Numbers, (lists, at most `most`), and which of them are there."""
    import torch

    width = min(most, max(map(len, lists)))
    index, there = torch.zeros(len(lists), width, dtype=torch.long), torch.zeros(len(lists), width, dtype=torch.bool)
    for number, one in enumerate(lists):
        index[number, : len(one[:most])] = torch.tensor(one[:most], dtype=torch.long)
        there[number, : len(one[:most])] = True
    return index, there


assert len(LIKINGS) == 4  # of the starting values above
