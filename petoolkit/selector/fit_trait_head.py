"""Fitting what tells which trait a sentence says, by the traits that controlled builds are labelled with."""

import json
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np

from petoolbench import KINDS
from petoolkit.selector.attribute_reader import WORDS, words_of
from petoolkit.selector.row_reading import provider_key, sentences_of

MOST_SENTENCES = 6  # of a description
BATCH = 64  # rows or descriptions of a step
Providers = Collection[tuple[str, ...]]

_STEPS = 300
_RATE = 0.1


def fit_trait_head(
    rows: Sequence[dict[str, Any]],
    vectors: Mapping[str, np.ndarray],
    without: Providers = frozenset(),
    seed: int = 0,
) -> tuple[tuple[str, ...], np.ndarray, np.ndarray]:
    """The traits, and the weights and biases of a softmax regression on sentences.

    Each sentence says one trait, or none; a description says what its sentences say together; a need is one of the
    traits that it can be; and what else requests say is none, so that only a stated need counts as one.

    Half of a sentence's numbers are left out at each step: there are few descriptions for each trait.

    Args:
        rows: of training.
        vectors: by text.
        without: providers that are not looked at.
        seed: of the order.
    """
    import torch

    labelled, needs = _labelled(rows, without), _needs(rows)
    plain = _sentences_without_need(rows) - needs.keys()
    traits = tuple(sorted({trait for found in labelled.values() for trait in found}))
    described = [(text, labelled[text], False) for text in sorted(labelled) if sentences_of(text)]
    described += [(text, needs[text], True) for text in sorted(needs)]
    described += [(text, frozenset(), False) for text in sorted(plain)]
    if not traits:
        return traits, np.zeros((len(next(iter(vectors.values()))) + WORDS, 0)), np.zeros(0)
    texts = sorted({sentence for text, _, _ in described for sentence in sentences_of(text)})
    values = np.stack([np.concatenate([vectors[text], words_of(text)]) for text in texts]).astype(np.float32)
    mean = values.mean(axis=0)
    head = torch.zeros(values.shape[1], 1 + len(traits), requires_grad=True)  # the first column is of no trait
    bias = torch.zeros(1 + len(traits), requires_grad=True)
    generator = torch.Generator().manual_seed(seed)
    number_of = {text: number for number, text in enumerate(texts)}
    lists = [[number_of[one] for one in sentences_of(text)] for text, _, _ in described]
    index, is_there = padded(lists, MOST_SENTENCES)
    target = torch.tensor([[trait in own for trait in traits] for _, own, _ in described]).float()
    is_need = torch.tensor([is_of_need for _, _, is_of_need in described])
    centred = torch.from_numpy(values - mean)
    optimiser = torch.optim.AdamW([head, bias], lr=_RATE, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, _RATE, total_steps=_STEPS + 1)
    for _ in range(_STEPS):
        chosen = torch.randint(len(described), (BATCH,), generator=generator)
        part = centred[index[chosen]]
        part = part * (torch.rand(part.shape, generator=generator) >= 0.5) * 2
        of_sentences = torch.softmax(part @ head + bias, 2)[:, :, 1:] * is_there[chosen][:, :, None]
        said = _said_together(of_sentences)
        wrong = torch.nn.functional.binary_cross_entropy(said, target[chosen], reduction="none").sum(1)
        of_need = -torch.log(_said_together((of_sentences * target[chosen][:, None]).sum(2)))
        step(torch.where(is_need[chosen], of_need, wrong).mean(), optimiser)
        schedule.step()
    weights, biases = to_numpy(head[:, 1:] - head[:, :1]), to_numpy(bias[1:] - bias[0])
    return traits, weights, biases - mean @ weights


def _said_together(of_sentences: Any) -> Any:
    """Probabilities that one of the sentences of each description, its second dimension, says something."""
    import torch

    unsaid = torch.log1p(-of_sentences.clamp(max=1 - 1e-6)).sum(1)
    return (1 - torch.exp(unsaid)).clamp(1e-6, 1 - 1e-6)


def _labelled(rows: Sequence[dict[str, Any]], without: Providers) -> dict[str, frozenset[str]]:
    """The traits of each description of a provider, of rows that say them."""
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


def _sentences_without_need(rows: Sequence[dict[str, Any]]) -> set[str]:
    """The sentences of requests that state no need."""
    return {text for row in rows if row["kind"] != KINDS[1] for text in sentences_of(row["instruction"])}


def step(loss: Any, optimiser: Any) -> None:
    """One step of an optimiser."""
    optimiser.zero_grad()
    loss.backward()
    optimiser.step()


def to_numpy(tensor: Any) -> np.ndarray:
    """A tensor's numbers, float64."""
    return tensor.detach().numpy().astype(np.float64)


def padded(lists: Sequence[Sequence[int]], most: int) -> tuple[Any, Any]:
    """Numbers, (lists, at most `most`), and which of them are there."""
    import torch

    lengths = np.array([min(len(one), most) for one in lists])
    is_there = np.arange(lengths.max()) < lengths[:, None]
    index = np.zeros(is_there.shape, dtype=np.int64)
    index[is_there] = [number for one in lists for number in one[:most]]
    return torch.from_numpy(index), torch.from_numpy(is_there)
