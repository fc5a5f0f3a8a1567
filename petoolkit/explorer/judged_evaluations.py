"""Evaluations on the rows that the explorer shows: scores, replies, and a judgement of each reply."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from petoolbench import SETTINGS, InputError
from petoolkit.evaluator.report.run_groups import RunGroup, group_runs
from petoolkit.evaluator.report.score_files import read_scores
from petoolkit.evaluator.results_folder import fingerprint, read_results
from petoolkit.evaluator.scores.judgements import judge
from petoolkit.explorer.index import Index
from petoolkit.replies import READERS
from petoolkit.scoring import ERROR_TYPES
from petoolkit.text import ALL

READER = READERS[0]
RIGHT, HALF_RIGHT, WRONG, MISSING = "right", "half", "wrong", "missing"
RIGHT_TOOL, RIGHT_PARAMETERS = "right_tool", "right_parameters"
OUTCOMES = {
    RIGHT: "right tool and parameters",
    RIGHT_TOOL: "right tool",
    RIGHT_PARAMETERS: "right parameters",
    WRONG: "anything wrong",
    **{error.name: f"{error.name}: {error.label}" for error in ERROR_TYPES.values()},
    MISSING: "no reply",
}


@dataclass(frozen=True)
class JudgedEvaluation:
    """One evaluation. Arrays hold a value for each row of the index, for rows that were not asked about too."""

    name: str  # no other evaluation has it
    repeats: int  # how often each row was asked
    marks: np.ndarray  # RIGHT, HALF_RIGHT (in some repeats, or the tool only) or WRONG; empty where not asked
    outcomes: dict[str, np.ndarray]  # booleans by one of `OUTCOMES`: whether any repeat has this outcome
    replies: dict[tuple[str, int], dict]  # lines of `predictions.jsonl`, by the row's id and the repeat


@dataclass(frozen=True)
class Evaluations:
    """All evaluations, and their scores grouped by rows."""

    by_name: dict[str, JudgedEvaluation]  # the highest Tool Acc first
    groups: list[RunGroup]
    names: dict[str, str]  # of the evaluations, by the folder in the groups' scores


@dataclass(frozen=True)
class _AskedRows:
    """The rows of one split and setting, or all settings, in the order of an evaluation."""

    rows: list[dict]
    numbers: np.ndarray  # of the rows, in the index
    fingerprint: str


def read_evaluations(folders: Sequence[Path], index: Index) -> Evaluations:
    """Read evaluations, and judge every reply with the robust reader.

    Args:
        folders: that `petoolbench evaluate --out` wrote; may be empty.
        index: of the dataset that they are about.

    Raises:
        InputError: if an evaluation has no scores, or is about other rows.
    """
    if not folders:
        return Evaluations({}, [], {})
    found = list(dict.fromkeys(folder.resolve() for folder in folders))
    results = read_scores(found)
    paths = {scores.folder: path for scores, path in zip(results, found, strict=True)}
    asked = {key: _asked_rows(index, *key) for key in {(scores.split, scores.setting) for scores in results}}
    for scores in results:
        if asked[scores.split, scores.setting].fingerprint != scores.fingerprint:
            raise InputError(
                f"{paths[scores.folder]} is about other rows than this dataset's; give the --dataset (and --revision) "
                f"that it was made with: {scores.dataset}."
            )
    groups = group_runs(results)
    runs = [run for group in groups for run in group.runs]
    labels = [run.label for run in runs]
    names, by_name = {}, {}
    for run in runs:
        scores = run.result
        name = run.label if labels.count(run.label) == 1 else f"{run.label} [{scores.folder}]"
        names[scores.folder] = name
        by_name[name] = _judged(name, paths[scores.folder], asked[scores.split, scores.setting], len(index))
    return Evaluations(by_name, groups, names)


def _asked_rows(index: Index, split: str, setting: str) -> _AskedRows:
    """The rows of an evaluation; none of a setting or split that the dataset does not have."""
    by_key = {(part.split, part.config): part for part in index.parts}
    settings = SETTINGS if setting == ALL else [setting]
    parts = [by_key[split, name] for name in settings if (split, name) in by_key]
    rows = [row for part in parts for row in part.rows.to_list()]
    numbers = [np.arange(part.start, part.start + len(part.rows)) for part in parts]
    return _AskedRows(rows, np.concatenate([*numbers, np.array([], int)]), fingerprint(rows))


def _judged(name: str, folder: Path, asked: _AskedRows, number_of_rows: int) -> JudgedEvaluation:
    predictions = read_results(folder).predictions
    judged = judge(asked.rows, predictions)
    call = judged.outcome(READER)
    right_call = call.right_tool & call.right_parameters
    marks = np.full(number_of_rows, "", object)
    marks[asked.numbers] = np.where(
        right_call.all(axis=1), RIGHT, np.where(call.right_tool.any(axis=1), HALF_RIGHT, WRONG)
    )
    by_outcome = {
        RIGHT: right_call,
        RIGHT_TOOL: call.right_tool,
        RIGHT_PARAMETERS: call.right_parameters,
        WRONG: ~right_call,
        **judged.errors(READER),
        MISSING: judged.missing,
    }
    outcomes = {}
    for outcome in OUTCOMES:
        outcomes[outcome] = np.zeros(number_of_rows, bool)
        outcomes[outcome][asked.numbers] = by_outcome[outcome].any(axis=1)
    replies = {(line["id"], line["repeat"]): line for line in predictions}
    return JudgedEvaluation(name, judged.repeats, marks, outcomes, replies)
