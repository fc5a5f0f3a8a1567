"""Fitting a selector on training rows, with what it scores on functions and providers that it has not seen."""

import random
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np

from petoolbench import InputError, setting_of
from petoolkit.selector.asked_before import with_rivals_asked
from petoolkit.selector.attribute_reader import AttributeReader
from petoolkit.selector.evidence import chosen_evidence, evidence_of, in_networks, slices
from petoolkit.selector.fit_attribute_reader import fit_attribute_reader
from petoolkit.selector.fit_choice_ensemble import fit_choice_ensemble
from petoolkit.selector.fit_filler import fit_filler
from petoolkit.selector.fit_job_reader import fit_job_reader, job_case
from petoolkit.selector.row_reading import RowReading, provider_key, read_row
from petoolkit.selector.row_vectors import RowVectors
from petoolkit.selector.selector_files import FittedSelector
from petoolkit.selector.single_threaded import single_threaded

_MOST_ROWS = 4_000
_MOST_REQUESTS = 1_000  # of which it learns which tools do a job, and which sentences state a need
_FOLDS = 4
# Names decide alike however a request is worded, which short fits keep; what is read of sentences takes longer ones.
_SHORT: dict[str, Any] = {"epochs": 8, "dropped": 0.3}
_LONG: dict[str, Any] = {"epochs": 12, "dropped": 0.2, "width": 16}
# What a ladder adds step by step.
LADDER = (
    ("the request and the document", ("similarity", "words", "job")),
    ("values in the request", ("values", "alike")),
    ("requests like this one", ("habit",)),
    ("the exact tool", ("tool",)),
    ("the provider", ("provider",)),
    ("the category", ("category",)),
    ("sentences on providers", ("attribute words", "sentences", "need")),
    ("learned: a projection", ("projection",)),
    ("learned: traits", ("traits", "needed traits")),
    ("construction of the benchmark", ("twins",)),
)


@dataclass(frozen=True)
class Judged:
    """What a selector chose for a training row whose function and providers it was not fitted on."""

    row: dict[str, Any]
    is_right: bool
    is_right_given_function: bool
    probability: float  # of the right tools


@dataclass(frozen=True)
class Fit:
    """A fitted selector, what it chose for held-out rows, and the same of each step of the ladder."""

    fitted: FittedSelector
    judged: list[Judged]
    ladder: list[tuple[str, list[Judged]]]
    rows_left_out: int


@dataclass(frozen=True)
class FitOptions:
    """How a selector is fitted.

    Args:
        embedding_model: any sentence-transformers model.
        construction: whether it weighs what is true of how benchmarks are made only.
        descriptions: whether it reads what providers are like; not for data that do not say it.
        asked_before: in which share of the rows with dislikes a past call is added in which the user asked the same of
            a rival and disliked it.
        seed: of the folds, the starting values and the order.
        ladder: whether the ladder is climbed.
    """

    embedding_model: str
    construction: bool = False
    descriptions: bool = True
    asked_before: float = 0.0
    seed: int = 0
    ladder: bool = True


def fit_selector(
    rows: Sequence[dict[str, Any]],
    options: FitOptions,
    vectors: RowVectors | None = None,
    step: Callable[[str], AbstractContextManager] = lambda text: nullcontext(),
) -> Fit:
    """Fit a selector.

    Args:
        rows: training rows of one or more datasets.
        options: how.
        vectors: a cache to share between several fits.
        step: called with what is done next; a context for a progress message.

    Raises:
        InputError: if there are too few rows, or all of one function.
    """
    chosen = _sample(rows, options.seed)
    _check(chosen)
    shown = with_rivals_asked(chosen, options.asked_before, options.seed)
    vectors = vectors or RowVectors(options.embedding_model)
    readings = [read_row(row) for row in shown]
    is_described = options.descriptions and any(reading.provider_sentences() for reading in readings)
    requests = _distinct_requests(rows, options.seed) if is_described else []
    read_requests = [read_row(row) for row in requests]
    with step(f"Reading {len(shown):,} rows"):
        texts = {text for reading in readings for text in reading.texts(options.descriptions)}
        texts |= {text for reading in read_requests for text in reading.texts()}
        known = vectors.of(texts, "texts of rows")
        with single_threaded():
            cases = [job_case(row, reading, known) for row, reading in zip(requests, read_requests, strict=True)]
    right = [
        np.array([one.tool["tool_name"] in row["acceptable_tools"] for one in reading.candidates])
        for row, reading in zip(shown, readings, strict=True)
    ]
    fold_of = _folds(rows, options.seed)
    folds = np.array([fold_of(row) for row in shown])
    evidence: list[np.ndarray] = [np.zeros(0)] * len(shown)
    names = chosen_evidence(construction=True, descriptions=is_described)
    for fold in range(_FOLDS):
        with step(f"Learning to read providers, part {fold + 1} of {_FOLDS + 1}"), single_threaded():
            inner = np.flatnonzero(folds == fold).tolist()
            outer = np.flatnonzero(folds != fold).tolist()
            held = {
                provider_key(tool)
                for number in inner
                for tool in shown[number]["candidate_tools"]
                if tool["tool_name"] in shown[number]["same_function_tools"]
            }
            asked = [number for number, row in enumerate(requests) if fold_of(row) != fold]
            jobs = fit_job_reader([cases[number] for number in asked], options.seed)
            reader = _reader(shown, readings, outer, [requests[number] for number in asked], known, held, options)
            for number in inner:
                evidence[number] = evidence_of(readings[number], known, names, jobs, reader)
    with step(f"Learning to read providers, part {_FOLDS + 1} of {_FOLDS + 1}"):
        jobs = fit_job_reader(cases, options.seed)
        reader = _reader(shown, readings, range(len(shown)), requests, known, frozenset(), options)
    columns = slices(names)
    weighed = chosen_evidence(options.construction, is_described)

    def part(kept: Collection[str]) -> list[np.ndarray]:
        index = np.concatenate([np.arange(one.start, one.stop) for name, one in columns.items() if name in kept])
        return [one[:, index] for one in evidence]

    how = _LONG if reader else _SHORT

    def seen(kept: Collection[str]) -> np.ndarray | None:
        return None if reader else in_networks(kept)

    with step("Weighing the evidence"), single_threaded():
        judged = list(_held_out(part(weighed), right, folds, shown, readings, options.seed, seen(weighed), how))
        choice = fit_choice_ensemble(part(weighed), right, options.seed, seen(weighed), **how)
    with step("Learning to fill parameters"):
        filler = fit_filler(rows, options.seed)
    ladder = []
    if options.ladder:
        kept: list[str] = []
        for title, of_step in LADDER:
            added = [name for name in of_step if name in names]
            is_used = any(evidence_part.any() for name in added for evidence_part in part([name]))
            if not is_used:
                continue
            kept += added
            with step(f"The ladder: {title}"), single_threaded():
                rung = _held_out(part(kept), right, folds, shown, readings, options.seed, seen(kept), how, quick=True)
                ladder.append((title, list(rung)))
    fitted = FittedSelector(weighed, options.embedding_model, vectors.fingerprint, choice, jobs, reader, filler or {})
    return Fit(fitted, judged, ladder, len(rows) - len(chosen))


def _reader(
    rows: Sequence[dict[str, Any]],
    readings: Sequence[RowReading],
    numbers: Sequence[int],
    requests: Sequence[dict[str, Any]],
    vectors: dict[str, np.ndarray],
    without: Collection[tuple[str, ...]],
    options: FitOptions,
) -> AttributeReader | None:
    if not options.descriptions:
        return None
    of_rows, of_readings = [rows[n] for n in numbers], [readings[n] for n in numbers]
    return fit_attribute_reader(of_rows, of_readings, requests, vectors, without, options.seed)


def _sample(rows: Sequence[dict[str, Any]], seed: int) -> list[dict[str, Any]]:
    """Rows of users and blocks drawn whole, at most `_MOST_ROWS`, in their order."""
    units = sorted({row["block_id"] or row["user_id"] for row in rows})
    random.Random(f"{seed}:rows").shuffle(units)
    sizes: dict[str, int] = {}
    for row in rows:
        unit = row["block_id"] or row["user_id"]
        sizes[unit] = sizes.get(unit, 0) + 1
    chosen, total = set(), 0
    for unit in units:
        if total + sizes[unit] > _MOST_ROWS:
            break
        chosen.add(unit)
        total += sizes[unit]
    return [row for row in rows if (row["block_id"] or row["user_id"]) in chosen]


def _distinct_requests(rows: Sequence[dict[str, Any]], seed: int) -> list[dict[str, Any]]:
    """A row for each request with its candidates, at most `_MOST_REQUESTS`, drawn from all rows."""
    found: dict[tuple[str, ...], dict[str, Any]] = {}
    for row in rows:
        key = row["instruction"], *sorted(tool["tool_name"] for tool in row["candidate_tools"])
        found.setdefault(key, row)
    keys = sorted(found)
    random.Random(f"{seed}:requests").shuffle(keys)
    return [found[key] for key in keys[:_MOST_REQUESTS]]


def _check(rows: Sequence[dict[str, Any]]) -> None:
    groups = {row["group_id"] for row in rows}
    if len(groups) < 2:
        raise InputError(
            f"a selector is fitted on rows of several functions, and the {len(rows):,} training rows are of "
            f"{len(groups)}; give a larger dataset, or several."
        )


def _folds(rows: Sequence[dict[str, Any]], seed: int) -> Callable[[dict[str, Any]], int]:
    """The part in which a row is held out: whole categories where there are enough, else functions."""
    categories = {row["category"] for row in rows}
    by = "category" if len(categories) >= 2 * _FOLDS else "group_id"
    units = sorted({row[by] for row in rows})
    random.Random(f"{seed}:folds").shuffle(units)
    number = {unit: position % _FOLDS for position, unit in enumerate(units)}
    return lambda row: number[row[by]]


def _held_out(
    evidence: list[np.ndarray],
    right: list[np.ndarray],
    folds: np.ndarray,
    rows: Sequence[dict[str, Any]],
    readings: Sequence[RowReading],
    seed: int,
    seen: np.ndarray | None,
    how: dict[str, Any],
    quick: bool = False,
) -> Iterator[Judged]:
    """What is chosen for each row by a model that was fitted on the other parts; if it is to be quick, for those of
    the first part."""
    for fold in sorted(set(folds.tolist()))[: 1 if quick else None]:
        inner, outer = np.flatnonzero(folds == fold), np.flatnonzero(folds != fold)
        if not len(outer):
            continue
        model = fit_choice_ensemble([evidence[n] for n in outer], [right[n] for n in outer], seed, seen, **how)
        probabilities = model.probabilities_of_rows([evidence[n] for n in inner])
        for number, of_row in zip(inner.tolist(), probabilities, strict=True):
            yield judge(of_row, rows[number], readings[number])


def judge(probabilities: np.ndarray, row: dict[str, Any], reading: RowReading) -> Judged:
    """What is chosen for a row, by the probability of each of its candidates."""
    names = [one.tool["tool_name"] for one in reading.candidates]
    doing = [number for number, name in enumerate(names) if name in row["same_function_tools"]]
    best_of_function = max(doing, key=lambda number: probabilities[number]) if doing else int(probabilities.argmax())
    accepted = [number for number, name in enumerate(names) if name in row["acceptable_tools"]]
    return Judged(
        row,
        int(probabilities.argmax()) in accepted,
        best_of_function in accepted,
        float(probabilities[accepted].sum()),
    )


def settings_of(judged: Sequence[Judged]) -> dict[str, list[Judged]]:
    """Judged rows by setting, and rows of other kinds by kind."""
    found: dict[str, list[Judged]] = {}
    for one in judged:
        name = setting_of(one.row) if one.row["kind"] == "preference" else one.row["kind"]
        found.setdefault(name, []).append(one)
    return found
