"""Why a selector ranks a candidate as it does: kinds of evidence, and the past calls behind them."""

from collections.abc import Mapping
from dataclasses import dataclass

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
        traits: what the candidate's provider and these calls' have in common, as far as labels are known.
        sentences: of the candidate's provider that are near to those calls'.
    """

    evidence: str
    text: str
    weight: float
    calls: tuple[int, ...] = ()
    traits: tuple[str, ...] = ()
    sentences: tuple[str, ...] = ()


def reasons_of(
    reading: RowReading, vectors: Mapping[str, np.ndarray], evidence: np.ndarray, fitted: FittedSelector
) -> list[tuple[Reason, ...]]:
    """The strongest reasons for each candidate.

    A kind's weight is how far the utility falls if the candidate's columns of that kind are those of the row's mean.
    """
    choice = fitted.choice
    utilities = choice.utilities(evidence).mean(axis=0)
    mean = evidence.mean(axis=0)
    weights = {}
    for name, columns in slices(fitted.evidence).items():
        without = evidence.copy()
        without[:, columns] = mean[columns]
        weights[name] = utilities - choice.utilities(without).mean(axis=0)
    reads = any(EVIDENCE[name].with_descriptions for name in fitted.evidence)
    near = nearest_sentences(reading, vectors) if reads else None
    said = fitted.reader.sayings(reading, vectors) if fitted.reader and fitted.reader.traits else None
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
    said: tuple[np.ndarray, np.ndarray] | None,
    fitted: FittedSelector,
) -> Reason:
    one = reading.candidates[number]
    liked = [call for call in reading.calls if LIKINGS[call.liking] in ("liked", "middle")]
    traits: tuple[str, ...] = ()
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
            shared = said[0][number][None] * said[1]
            likeness = shared.sum(axis=1)
        calls = sorted((call.number for call in liked), key=lambda index: -likeness[index])
        calls = [index for index in calls if likeness[index] > _LEAST_SHARE]
        if said is not None and fitted.reader and calls:
            together = (said[0][number][None] * said[1][calls]).max(axis=0)
            traits = tuple(fitted.reader.traits[t] for t in np.argsort(-together) if together[t] > _LEAST_SHARE)
        sentences = one.sentences
    else:
        calls = []
    return Reason(name, EVIDENCE[name].description, weight, tuple(calls[:_MOST_CALLS]), traits, sentences)
