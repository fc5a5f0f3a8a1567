"""Why a selector ranks a candidate as it does: kinds of evidence, and the past calls behind them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from petoolkit.selector.attribute_evidence import nearest_sentences
from petoolkit.selector.evidence import EVIDENCE, slices
from petoolkit.selector.row_reading import LIKINGS, RowReading
from petoolkit.selector.selector_files import FittedSelector

_MOST_REASONS = 3
_MOST_CALLS = 3
_LEAST_SHARE = 0.3  # of a provider's probability to have a trait, to be named


@dataclass(frozen=True)
class Reason:
    """A kind of evidence that spoke for a candidate.

    Args:
        evidence: its name in `petoolkit.selector.evidence.EVIDENCE`.
        text: what it says, in words.
        weight: how much it adds to the candidate's utility, beside the mean of the row.
        calls: numbers of the past calls behind it, the strongest first.
        traits: what the candidate's provider has in common with these calls', or with what the request asks for, as
            far as labels are known.
        sentences: of the candidate's provider that are near to those calls'.
    """

    evidence: str
    text: str
    weight: float
    calls: tuple[int, ...] = ()
    traits: tuple[str, ...] = ()
    sentences: tuple[str, ...] = ()


class _Traits(NamedTuple):
    """Probabilities of each trait: (candidates, traits), (calls, traits) and, of what is asked for, (traits,)."""

    own: np.ndarray
    called: np.ndarray
    asked: np.ndarray


def reasons_of(
    reading: RowReading, vectors: Mapping[str, np.ndarray], evidence: np.ndarray, fitted: FittedSelector
) -> list[tuple[Reason, ...]]:
    """The strongest reasons for each candidate.

    A kind's weight is how far the utility falls if the candidate's columns of that kind are those of the row's mean.
    """
    kinds = slices(fitted.evidence)
    mean = evidence.mean(axis=0)
    without = np.repeat(evidence[None], len(kinds), axis=0)
    for of_kind, columns in zip(without, kinds.values(), strict=True):
        of_kind[:, columns] = mean[columns]
    # One call for all kinds takes less time than one for each.
    utilities = fitted.choice.utilities(np.concatenate([evidence, *without])).reshape(1 + len(kinds), -1)
    weights = dict(zip(kinds, utilities[0] - utilities[1:], strict=True))
    reads = any(EVIDENCE[name].with_descriptions for name in fitted.evidence)
    near = nearest_sentences(reading, vectors) if reads else None
    reader = fitted.reader
    said = None
    if reader and reader.traits:
        asked = reader.traits_of(reading.instruction_sentences, vectors)
        said = _Traits(*reader.sayings(reading, vectors), asked)
    found = []
    for number in range(len(reading.candidates)):
        strongest = sorted(weights, key=lambda name: -weights[name][number])[:_MOST_REASONS]
        found.append(
            tuple(
                _reason(name, float(weights[name][number]), number, reading, near, said, fitted)
                for name in strongest
                if weights[name][number] > 0
            )
        )
    return found


def _reason(
    name: str,
    weight: float,
    number: int,
    reading: RowReading,
    near: np.ndarray | None,
    said: _Traits | None,
    fitted: FittedSelector,
) -> Reason:
    one = reading.candidates[number]
    liked = [call for call in reading.calls if LIKINGS[call.liking] in ("liked", "middle")]
    calls: list[int] = []
    shared = np.zeros(0)  # probabilities of traits that spoke for it
    sentences: tuple[str, ...] = ()
    if name == "tool":
        calls = [call.number for call in liked if call.tool_name == one.tool["tool_name"]]
    elif name == "provider":
        calls = [call.number for call in liked if one.provider and call.provider == one.provider]
    elif name == "category":
        calls = [call.number for call in liked if one.category and call.category == one.category]
    elif name in ("traits", "projection", "sentences", "attribute words"):
        likeness = near[number] if near is not None else np.zeros(len(reading.calls))
        if name == "traits" and said is not None:
            likeness = (said.own[number] * said.called).sum(axis=1)
        calls = sorted((call.number for call in liked), key=lambda index: -likeness[index])
        calls = [index for index in calls if likeness[index] > _LEAST_SHARE]
        if said is not None and calls:
            shared = (said.own[number] * said.called[calls]).max(axis=0)
        sentences = one.sentences
    elif name == "needed traits" and said is not None:
        shared = said.own[number] * said.asked
        sentences = one.sentences
    known = fitted.reader.traits if fitted.reader else ()
    traits = tuple(known[trait] for trait in np.argsort(-shared) if shared[trait] > _LEAST_SHARE)
    return Reason(name, EVIDENCE[name].description, weight, tuple(calls[:_MOST_CALLS]), traits, sentences)
