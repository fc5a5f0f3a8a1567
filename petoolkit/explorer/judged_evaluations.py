"""Evaluations on the rows that the explorer shows: scores, replies, and a judgement of each reply."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from pathlib import Path

import numpy as np

from petoolbench import KINDS, SETTINGS, InputError
from petoolkit.evaluator.counterfactuals.counterfactual import changed_id, counterfactual_of
from petoolkit.evaluator.counterfactuals.counterfactual_table import COUNTERFACTUALS
from petoolkit.evaluator.history_methods.memories import Memory, read_memories
from petoolkit.evaluator.records import Manifest, Scores
from petoolkit.evaluator.report.run_groups import RunGroup, group_runs
from petoolkit.evaluator.report.score_files import read_scores
from petoolkit.evaluator.results_folder import Results, read_results
from petoolkit.evaluator.row_fingerprint import fingerprint
from petoolkit.evaluator.scores.judgements import Judgements, judge
from petoolkit.evaluator.stored_predictions import Prediction, PredictionsInMemory
from petoolkit.evaluator.table_rows import table_rows
from petoolkit.explorer.index import Index
from petoolkit.explorer.outcomes import (
    HALF_RIGHT,
    MISSING,
    OUTCOMES,
    RIGHT,
    RIGHT_PARAMETERS,
    RIGHT_TOOL,
    WRONG,
    WRONG_TOOL,
)
from petoolkit.progress_bars import Bars
from petoolkit.replies import READERS, parse_reply
from petoolkit.text import ALL, counted, listing

READER = READERS[0]
# The counterfactuals that ask rows of other kinds as they are, by kind.
ASKED_AS = {one.kind: one.name for one in COUNTERFACTUALS.values() if one.kind != KINDS[0]}


def asked_id(row: dict) -> str:
    """The id under which replies to a row are kept: rows of other kinds are asked as counterfactuals."""
    return changed_id(row["id"], ASKED_AS[row["kind"]]) if row["kind"] in ASKED_AS else row["id"]


@dataclass(frozen=True)
class JudgedEvaluation:
    """One evaluation. Arrays hold a value for each row of the index, for rows that were not asked about too."""

    name: str  # no other evaluation has it
    manifest: Manifest
    repeats: int  # how often each row was asked
    marks: np.ndarray  # RIGHT, HALF_RIGHT (in some repeats, or the tool only) or WRONG; empty where not asked
    is_right: np.ndarray  # whether a right tool was called in every repeat
    called: np.ndarray  # name of the tool that the first reply calls; empty without a call
    outcomes: dict[str, np.ndarray]  # booleans by one of `OUTCOMES`: whether any repeat has this outcome
    replies: dict[tuple[str, int], dict]  # lines of `predictions.jsonl`, by the row's id and the repeat
    memories: dict[str, Memory]  # what was made of histories, by key

    @property
    def is_asked(self) -> np.ndarray:
        """Whether the rows were asked about."""
        return self.marks != ""


@dataclass(frozen=True)
class Evaluations:
    """All evaluations, and their scores grouped by rows."""

    by_name: dict[str, JudgedEvaluation]  # the highest Tool Acc first, oracles last
    groups: list[RunGroup]
    names: dict[str, str]  # of the evaluations, by the folder in the groups' scores

    @cached_property
    def difficulty(self) -> np.ndarray:
        """The share of models (oracles left out) that are right, for each row; not a number where none was asked."""
        judged = [one for one in self.by_name.values() if not one.manifest.is_oracle] or list(self.by_name.values())
        asked = np.sum([one.is_asked for one in judged], axis=0)
        right = np.sum([one.is_right for one in judged], axis=0)
        return np.where(asked, right / np.maximum(asked, 1), np.nan)


@dataclass(frozen=True)
class _Stored:
    """What an evaluation's folder holds."""

    results: Results
    memories: dict[str, Memory]


@dataclass(frozen=True)
class _AskedRows:
    """The rows of one split and setting, or all settings, in the order of an evaluation."""

    rows: list[dict]
    numbers: np.ndarray  # of the rows, in the index
    fingerprint: str
    of_other_kinds: list[dict]
    other_numbers: np.ndarray


def read_evaluations(
    folders: Sequence[Path], index: Index, bars: Bars | None = None, skip: Callable[[str], None] | None = None
) -> Evaluations:
    """Read evaluations, and judge every reply with the robust reader.

    Args:
        folders: that `petoolbench evaluate --out` wrote; may be empty.
        index: of the dataset that they are about.
        bars: show how far it is.
        skip: for folders that nobody named: gets a sentence on how many cannot be shown, and why.

    Raises:
        InputError: without `skip`, if an evaluation cannot be read, has no scores, or is about other rows.
    """
    asked: dict[tuple[str, str], _AskedRows] = {}
    stored: dict[Path, _Stored] = {}
    others, problems = [], []
    task = bars.add_task("Reading replies", total=len(folders)) if bars else None
    for folder in dict.fromkeys(folder.resolve() for folder in folders):
        try:
            scores = Scores.read(folder)
            key = scores.split, scores.setting
            if key not in asked:
                asked[key] = _asked_rows(index, *key)
            if asked[key].fingerprint == scores.fingerprint:
                stored[folder] = _Stored(read_results(folder), read_memories(folder))
            elif skip:
                others.append(folder.name)
            else:
                raise InputError(
                    f"{folder} is about other rows than this dataset's; give the --dataset (and --revision) that it "
                    f"was made with: {scores.dataset}."
                )
        except InputError as error:
            if skip is None:
                raise
            problems.append(str(error))
        if bars:
            bars.advance(task)
    if skip and others:
        skip(f"Skipped {counted(len(others), 'evaluation')} of other rows: {listing(others)}.")
    if skip and problems:
        skip(f"Skipped {counted(len(problems), 'evaluation')} that cannot be read: {' '.join(problems)}")
    return _evaluations(stored, asked, index, bars) if stored else Evaluations({}, [], {})


def _evaluations(
    stored: dict[Path, _Stored], asked: dict[tuple[str, str], _AskedRows], index: Index, bars: Bars | None
) -> Evaluations:
    scores = read_scores(list(stored))
    paths = {one.folder: path for one, path in zip(scores, stored, strict=True)}
    groups = group_runs(scores)
    runs = [run for group in groups for run in group.runs]
    labels = [run.label for run in runs]
    names = {
        run.result.folder: run.label if labels.count(run.label) == 1 else f"{run.label} [{run.result.folder}]"
        for run in runs
    }
    by_name: dict[str, JudgedEvaluation] = {}
    task = bars.add_task("Judging replies", total=sum(len(rows.rows) for rows in asked.values())) if bars else None
    for key, rows in asked.items():
        of_rows = [run.result.folder for run in runs if (run.result.split, run.result.setting) == key]
        of_results = {names[folder]: stored[paths[folder]] for folder in of_rows}
        by_name |= _judged(of_results, rows, len(index), lambda: bars.advance(task) if bars else None)
    return Evaluations({name: by_name[name] for name in names.values()}, groups, names)


def _rows_asked(index: Index, split: str, setting: str) -> tuple[list[dict], np.ndarray]:
    """The rows of an evaluation with their numbers; none of a setting or split that the dataset does not have."""
    by_key = {(part.split, part.config): part for part in index.parts}
    settings = SETTINGS if setting == ALL else [setting]
    parts = [by_key[split, name] for name in settings if (split, name) in by_key]
    rows = [row for part in parts for row in table_rows(part.rows.data.table)]
    return rows, np.concatenate(
        [*(np.arange(part.start, part.start + len(part.rows)) for part in parts), np.array([], int)]
    )


def _asked_rows(index: Index, split: str, setting: str) -> _AskedRows:
    rows, numbers = _rows_asked(index, split, setting)
    settings = SETTINGS if setting == ALL else [setting]
    others = np.flatnonzero((index.kind != KINDS[0]) & (index.split == split) & np.isin(index.setting, list(settings)))
    other_rows = [index.row(number) for number in others.tolist()]
    return _AskedRows(rows, numbers, fingerprint(rows), other_rows, others)


class _Watched(PredictionsInMemory):
    """Predictions that say when those of the next row are asked for."""

    def __init__(self, predictions: Iterable[Prediction], next_row: Callable[[], None]):
        super().__init__(predictions)
        self._next_row = next_row

    def of_rows(self, row_ids: Iterable[str]) -> Iterator[list[Prediction]]:
        """See `StoredPredictions`."""
        for lines in super().of_rows(row_ids):
            self._next_row()
            yield lines


def _judged(
    stored: dict[str, _Stored], asked: _AskedRows, number_of_rows: int, next_row: Callable[[], None]
) -> dict[str, JudgedEvaluation]:
    """Evaluations of the same rows by name, judged in one go: what judging needs of a row is made once."""
    repeats = [one.results.manifest.options.repeat for one in stored.values()]
    starts = [0, *accumulate(repeats)]
    replies = {
        name: {(line["id"], line["repeat"]): line for line in one.results.all_predictions}
        for name, one in stored.items()
    }
    lines = (
        {**line, "repeat": start + repeat}
        for start, of_model in zip(starts, replies.values(), strict=False)
        for (row_id, repeat), line in of_model.items()
        if not counterfactual_of(row_id)
    )
    judged = judge(asked.rows, _Watched(lines, next_row), sum(repeats))
    found = {}
    for (name, one), start, number in zip(stored.items(), starts, repeats, strict=False):
        evaluation = JudgedEvaluation(
            name=name,
            manifest=one.results.manifest,
            repeats=number,
            marks=np.full(number_of_rows, "", object),
            is_right=np.zeros(number_of_rows, bool),
            called=np.full(number_of_rows, "", object),
            outcomes={outcome: np.zeros(number_of_rows, bool) for outcome in OUTCOMES},
            replies=replies[name],
            memories=one.memories,
        )
        _fill(evaluation, asked.rows, asked.numbers, judged, slice(start, start + number))
        _fill_other_kinds(evaluation, asked)
        found[name] = evaluation
    return found


def _fill_other_kinds(evaluation: JudgedEvaluation, asked: _AskedRows) -> None:
    """Judge the replies to rows of other kinds, which are kept as those of counterfactuals."""
    of_kinds = [
        number
        for number, row in enumerate(asked.of_other_kinds)
        if ASKED_AS[row["kind"]] in evaluation.manifest.counterfactuals
    ]
    if of_kinds:
        rows = [asked.of_other_kinds[number] for number in of_kinds]
        own = {asked_id(row): row["id"] for row in rows}
        lines = [{**line, "id": own[row_id]} for (row_id, _), line in evaluation.replies.items() if row_id in own]
        judged = judge(rows, lines, evaluation.repeats)
        _fill(evaluation, rows, asked.other_numbers[of_kinds], judged, slice(evaluation.repeats))


def _fill(
    evaluation: JudgedEvaluation, rows: list[dict], numbers: np.ndarray, judged: Judgements, repeats: slice
) -> None:
    """Write judgements of some rows into the arrays of an evaluation.

    Args:
        evaluation: whose arrays are filled.
        rows: that were judged.
        numbers: of these rows in the index.
        judged: judgements of these rows.
        repeats: the evaluation's columns of the judgements.
    """
    call = judged.outcome(READER)
    right_tool, right_parameters = call.right_tool[:, repeats], call.right_parameters[:, repeats]
    right_call = right_tool & right_parameters
    evaluation.marks[numbers] = np.where(
        right_call.all(axis=1), RIGHT, np.where(right_tool.any(axis=1), HALF_RIGHT, WRONG)
    )
    evaluation.is_right[numbers] = right_tool.all(axis=1)
    by_outcome = {
        RIGHT: right_call,
        RIGHT_TOOL: right_tool,
        WRONG_TOOL: ~right_tool,
        RIGHT_PARAMETERS: right_parameters,
        WRONG: ~right_call,
        **{error: is_it[:, repeats] for error, is_it in judged.errors(READER).items()},
        MISSING: judged.missing[:, repeats],
    }
    for outcome, is_it in by_outcome.items():
        evaluation.outcomes[outcome][numbers] = is_it.any(axis=1)
    for number, row in zip(numbers.tolist(), rows, strict=True):
        line = evaluation.replies.get((asked_id(row), 0))
        if line and (found := parse_reply(line["reply"], READER, _names(row))):
            evaluation.called[number] = found.tool_name


def _names(row: dict) -> list[str]:
    return [tool["tool_name"] for tool in row["candidate_tools"]]


def was_asked(evaluation: JudgedEvaluation, row_id: str) -> bool:
    """Whether a row of a counterfactual was asked, by the id that it has there."""
    return any((row_id, repeat) in evaluation.replies for repeat in range(evaluation.repeats))
