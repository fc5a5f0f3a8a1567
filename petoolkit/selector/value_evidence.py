"""What speaks for a value of a parameter: its kind and form beside the default's, and the words around it."""

from collections.abc import Sequence
from math import log
from typing import Any

import numpy as np

from petoolkit.selector.parameter_reading import DIRECTIONS, ParameterReading, form_of, read_parameter
from petoolkit.selector.request_reading import RequestReading, read_request, worths_of
from petoolkit.selector.request_words import PREPOSITIONS, WordMemory
from petoolkit.selector.spoken_parameters import SpokenParameters
from petoolkit.selector.value_candidates import KINDS, LEFT_OUT, Asked, Candidate, does_words
from petoolkit.selector.value_meanings import meanings
from petoolkit.selector.value_surroundings import surroundings

_NEAR, _NEXT = 4, 3  # words before and behind a value
_LONGEST_NAMES = ("name", "code", "date", "quoted")  # kinds of values of which pieces are seldom values
_KIND = {kind: number for number, kind in enumerate(KINDS)}
_WANTED = tuple(PREPOSITIONS.index(one) for one in DIRECTIONS)


def value_evidence_of(
    asked: Sequence[Asked],
    candidates: Sequence[Sequence[Candidate]],
    request: str,
    tool: dict[str, Any],
    memory: WordMemory,
) -> list[np.ndarray]:
    """For each parameter of a tool, (candidates, columns) of the values that a request may give for it.

    Args:
        asked: all parameters of the tool.
        candidates: of each.
        memory: of the words of requests.
    """
    reading, does = read_request(request), does_words(tool)
    parameters = [read_parameter(one) for one in asked]
    spoken = SpokenParameters(reading, parameters, does)
    values = [candidate for some in candidates for candidate in some]
    numbers = np.repeat(np.arange(len(asked)), [len(some) for some in candidates])

    rows = [n for n, value in enumerate(values) if value.start >= 0 and reading.words]
    standing, of = [values[row] for row in rows], numbers[rows]
    spans = [reading.span(value.start, value.end) for value in standing]
    first, last = np.array(spans, dtype=int).reshape(-1, 2).T
    meant = meanings(parameters, reading, of, first, last)
    found = [
        _beside(parameters, reading, does, of, standing, first, last),
        _in_sentence(asked, reading, spoken, of, first, last),
        surroundings(reading, worths_of(reading, memory), first, last),
        meant,
    ]
    in_request = np.zeros((len(values), sum(part.shape[1] for part in found)))
    in_request[rows] = np.concatenate(found, axis=1)

    nearest = np.zeros(len(asked))  # of a parameter's values, to its default
    np.maximum.at(nearest, of, meant[:, 0])
    each = list(zip(asked, parameters, candidates, strict=True))
    of_any = [_of_any(one, parameter, some, asked) for one, parameter, some in each]
    unsaid = [_unsaid(n, asked, parameters[n], candidates[n], spoken, nearest[n]) for n in range(len(asked))]
    everything = np.concatenate([np.concatenate(of_any), np.concatenate(unsaid), in_request], axis=1)
    return np.split(everything, np.cumsum([len(some) for some in candidates])[:-1])


def _of_any(
    one: Asked, parameter: ParameterReading, candidates: Sequence[Candidate], asked: Sequence[Asked]
) -> np.ndarray:
    """Of any value: how it was found, and its form beside that of the default."""
    numbers = sum(candidate.kind == "number" for candidate in candidates)
    numbers -= sum(other.is_number and not other.is_optional for other in asked if other is not one)
    is_enumeration, has_default = one.kind == "ENUM", parameter.form is not None
    article, length = _has_article(parameter.default), len(parameter.default) + 1
    form, sort = parameter.form or ("", "")
    rows = []
    for candidate in candidates:
        value, stands = candidate.value, candidate.start >= 0
        is_left_out = value is LEFT_OUT
        text = value if isinstance(value, str) else "" if is_left_out else str(value)
        is_default = not is_left_out and value == one.default
        own_form, own_sort = form_of(text)
        has_article = stands and _has_article(text)
        is_number = candidate.kind == "number"
        kinds = [0.0] * len(KINDS)
        kinds[_KIND[candidate.kind]] = 1.0
        rows.append(
            (
                *kinds,
                stands,
                is_default,
                is_default and stands,
                is_default and not stands,
                is_default and not stands and one.is_optional,
                has_default and not is_left_out and own_form == form,
                has_default and not is_left_out and own_sort == sort,
                -abs(log((len(text) + 1) / length)) if has_default else -0.5,
                candidate.kind == parameter.kind,
                numbers if is_number or (one.is_number and is_left_out) else 0,
                _logarithms_apart(value, one.default),
                stands and one.is_number == is_number,
                stands and is_enumeration,
                has_article,
                stands and has_article == article,
                has_article and not article,
                stands and min(len(text), 120) / 40,
                stands and (text.count(" ") + 1) / 4,
                stands and one.is_optional,
            )
        )
    return np.array(rows, dtype=float)


def _unsaid(
    number: int,
    asked: Sequence[Asked],
    parameter: ParameterReading,
    candidates: Sequence[Candidate],
    spoken: SpokenParameters,
    nearest: float,
) -> np.ndarray:
    """Of leaving out, of true and of false: how far the request speaks of the parameter."""
    one = asked[number]
    optional = sum(other.is_optional for other in asked)
    says_allowed = any(c.kind == "allowed" and c.start >= 0 and c.value != one.default for c in candidates)
    asks, negated = spoken.asks(number), spoken.negated(number)
    of_leaving_out = [
        *asks,
        bool(parameter.name & spoken.said),
        len(spoken.lengths),
        says_allowed,
        nearest,
        optional,
        len(asked) - optional,
    ]
    no_truth = [0.0] * (2 * (len(asks) + len(negated)) + 2)
    rows = []
    for candidate in candidates:
        left_out, truth = [0.0] * len(of_leaving_out), no_truth
        if candidate.value is LEFT_OUT:
            left_out = of_leaving_out
        elif candidate.kind == "truth":
            sign, changed = (1.0 if candidate.value else -1.0), (1.0 if candidate.value != one.default else -1.0)
            signed = [sign * value for value in (*asks, *negated)]
            truth = [*signed, *(changed * value for value in (*asks, *negated)), sign, changed]
        rows.append([*left_out, *truth])
    return np.array(rows, dtype=float)


def _beside(
    parameters: Sequence[ParameterReading],
    reading: RequestReading,
    does: frozenset[str],
    of: np.ndarray,
    values: Sequence[Candidate],
    first: np.ndarray,
    last: np.ndarray,
) -> np.ndarray:
    """Of values in the request: which words of the documents they have, and stand beside them."""
    total = len(reading.words)
    names = [one.name for one in parameters]
    others = [frozenset().union(*names[:n], *names[n + 1 :]) - name for n, name in enumerate(names)]
    of_words = {
        "name": _shared(reading, names),
        "described": _shared(reading, [one.described for one in parameters]),
        "others": _shared(reading, others),
        "document": _shared(reading, [one.stems for one in parameters]),
        "does": _shared(reading, [does] * len(names)),
        "any": _shared(reading, None, len(names)),
    }
    up_to = {name: np.pad(np.cumsum(flags, axis=1), ((0, 0), (1, 0))) for name, flags in of_words.items()}

    def within(name: str, begin: np.ndarray, end: np.ndarray) -> np.ndarray:
        return up_to[name][of, end] - up_to[name][of, begin]

    near, behind = np.maximum(first - _NEAR, 0), np.minimum(last + _NEXT, total)
    before, after = np.maximum(first - 1, 0), np.minimum(last + 1, total)
    own = np.maximum(within("any", first, last), 1)
    preposition = np.where(first > 0, reading.preposition[before], -1)
    wanted = np.array([-1 if one.direction is None else _WANTED[one.direction] for one in parameters])[of]
    direction = np.where(preposition == wanted, 1, np.where(np.isin(preposition, _WANTED), -1, 0)) * (wanted >= 0)
    starts, ends = np.array([(one.start, one.end) for one in values], dtype=int).reshape(-1, 2).T
    request = reading.request
    named_before = [one.ends_of_name(request) for one in parameters]
    named_behind = [one.starts_of_name(request) for one in parameters]
    defaults = [one.default.split() for one in parameters]
    capitals = np.array([sum(w[0].isupper() for w in words) / len(words) if words else 0.5 for words in defaults])[of]
    lengths = np.array([len(words) for words in defaults])[of]
    length = last - first
    up_to_capitals = np.append(0, np.cumsum(reading.is_capital))
    return np.column_stack(
        [
            preposition[:, None] == np.arange(len(PREPOSITIONS)),
            within("name", near, first) > 0,
            within("name", before, first),
            within("described", near, first) > 0,
            within("others", before, first),
            within("name", last, behind) > 0,
            within("described", last, behind) > 0,
            within("others", last, after),
            within("does", first, last) / own,
            within("document", first, last) / own,
            within("others", first, last) / own,
            direction,
            _are_pieces(of, values, starts, ends),
            _ends_alone(request, starts.tolist(), ends.tolist()),
            [one.start in named_before[n] for one, n in zip(values, of.tolist(), strict=True)],
            [one.end in named_behind[n] for one, n in zip(values, of.tolist(), strict=True)],
            reading.is_negation[before] & (first > 0),
            np.abs((up_to_capitals[last] - up_to_capitals[first]) / length - capitals),
            np.where(lengths > 0, np.minimum(np.abs(length - lengths), 5), 0),
        ]
    )


def _in_sentence(
    asked: Sequence[Asked],
    reading: RequestReading,
    spoken: SpokenParameters,
    of: np.ndarray,
    first: np.ndarray,
    last: np.ndarray,
) -> np.ndarray:
    """Of values in the request: whether their sentence speaks of the parameter, and of no other one more."""
    sentence = reading.sentence[first]
    optional = np.array([one.is_optional for one in asked])[of]
    margin = spoken.margin[sentence, of]
    return np.column_stack(
        [
            spoken.words[sentence, of],
            (spoken.words.argmax(axis=0)[of] == sentence) & (spoken.words.max(axis=0)[of] > 0),
            spoken.near[sentence, of],
            margin,
            spoken.speaks[sentence, of],
            margin >= 0,
            (margin >= 0) & optional,
            (sentence > 0) & optional,
            (last - first) / np.maximum(spoken.lengths[sentence], 1),
        ]
    )


def _shared(reading: RequestReading, texts: Sequence[frozenset[str]] | None, number: int = 0) -> np.ndarray:
    """(parameters, words): whether each word is one of a parameter's; without texts, whether it has a stem."""
    if texts is None:
        return np.tile([bool(one) for one in reading.stems], (number, 1)).astype(float)
    return np.array([[not one.isdisjoint(stems) for stems in reading.stems] for one in texts], dtype=float)


def _are_pieces(of: np.ndarray, values: Sequence[Candidate], starts: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """Whether each value is a piece of a longer name, code, date or quotation that the same parameter may take."""
    longer = np.flatnonzero([one.kind in _LONGEST_NAMES for one in values])
    return (
        (of[longer] == of[:, None])
        & (starts[longer] <= starts[:, None])
        & (ends[:, None] <= ends[longer])
        & ((ends - starts)[longer] > (ends - starts)[:, None])
    ).any(axis=1)


def _logarithms_apart(value: Any, default: Any) -> float:
    """How far two numbers are apart, as logarithms."""
    if any(isinstance(one, bool) or not isinstance(one, int | float) for one in (value, default)):
        return 0.0
    return min(abs(float(np.log(abs(value) + 1) - np.log(abs(default) + 1))), 5.0)


def _ends_alone(request: str, starts: Sequence[int], ends: Sequence[int]) -> list[float]:
    """Whether each part is not cut out of a name or number that goes on."""
    found = []
    for start, end in zip(starts, ends, strict=True):
        behind = request[end : end + 2].strip(" ")[:1]
        before = request[max(0, start - 2) : start].strip(" ")[-1:]
        found.append(float(before.isupper() or before.isdigit()) + float(behind.isupper() or behind.isdigit()))
    return found


def _has_article(text: str) -> bool:
    return text.lower().startswith(("a ", "an ", "the "))
