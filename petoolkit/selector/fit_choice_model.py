"""Fitting the choice model: a conditional logit, with networks beside it, on rows whose right tools are known."""

from collections.abc import Sequence

import numpy as np

from petoolkit.selector.choice_model import ChoiceModel
from petoolkit.selector.single_threaded import single_threaded

_MEMBERS = 4
_WIDTH = 8
_EPOCHS = 8
_FEWEST_STEPS = 300
_BATCH = 128  # rows
_RATE = 6e-3
_DECAY = 0.1
_DROPPED = 0.3  # share of the evidence's columns that a row does not show in training, so that none is relied on alone


@single_threaded()
def fit_choice_model(
    evidence: Sequence[np.ndarray],
    right: Sequence[np.ndarray],
    seed: int = 0,
    in_networks: np.ndarray | None = None,
    epochs: int = _EPOCHS,
    dropped: float = _DROPPED,
    width: int = _WIDTH,
    members: int = _MEMBERS,
) -> ChoiceModel:
    """Fit a model.

    Args:
        evidence: for each row, (candidates, columns).
        right: for each row, (candidates,) bool: the tools that count as right.
        seed: of the starting values and the order.
        epochs: passes over the rows, at least.
        dropped: share of the columns that a row does not show in training, so that none is relied on alone.
        width: of each network.
        members: how many linear utilities with networks, whose probabilities are averaged.
        in_networks: (columns,) bool: which columns the networks see beside the linear utilities; all, if null.
    """
    import torch

    everything = np.concatenate(evidence)
    mean, scale = everything.mean(axis=0), everything.std(axis=0)
    scale = np.where(scale < 1e-6, 1.0, scale)
    columns = everything.shape[1]
    del everything
    most = max(len(one) for one in evidence)
    values = np.zeros((len(evidence), most, columns), dtype=np.float32)
    there, target = np.zeros((2, len(evidence), most), dtype=bool)
    for number, (one, correct) in enumerate(zip(evidence, right, strict=True)):
        values[number, : len(one)] = np.clip((one - mean) / scale, -6, 6)
        there[number, : len(one)] = True
        target[number, : len(one)] = correct
    x, mask, y = torch.from_numpy(values), torch.from_numpy(there), torch.from_numpy(target)
    seen = torch.ones(columns) if in_networks is None else torch.from_numpy(in_networks.astype(np.float32))
    generator = torch.Generator().manual_seed(seed)
    linear = torch.zeros(members, columns, requires_grad=True)
    inner = (torch.randn(members, columns, width, generator=generator) / columns**0.5).requires_grad_()
    bias = torch.zeros(members, width, requires_grad=True)
    outer = (torch.randn(members, width, generator=generator) * 0.1).requires_grad_()
    parameters = [linear, inner, bias, outer]
    optimiser = torch.optim.AdamW(parameters, lr=_RATE, weight_decay=_DECAY)
    epochs = max(epochs, -(-_FEWEST_STEPS // -(-len(evidence) // _BATCH)))
    steps = epochs * -(-len(evidence) // _BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, _RATE, total_steps=steps + 1, pct_start=0.2)
    for _ in range(epochs):
        order = torch.randperm(len(evidence), generator=generator)
        for start in range(0, len(evidence), _BATCH):
            chosen = order[start : start + _BATCH]
            kept = (torch.rand(len(chosen), 1, columns, generator=generator) >= dropped).float()
            part = x[chosen] * kept
            hidden = torch.tanh(torch.einsum("rcf,mfw->mrcw", part * seen, inner) + bias[:, None, None])
            utilities = torch.einsum("rcf,mf->mrc", part, linear) + torch.einsum("mrcw,mw->mrc", hidden, outer)
            utilities = utilities.masked_fill(~mask[chosen], -1e9)
            likely = torch.logsumexp(utilities.masked_fill(~y[chosen], -1e9), 2) - torch.logsumexp(utilities, 2)
            loss = -likely.mean()
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
    with torch.no_grad():
        inner *= seen[None, :, None]
    found = [one.detach().numpy().astype(np.float64) for one in parameters]
    return ChoiceModel(mean, scale, *found)
