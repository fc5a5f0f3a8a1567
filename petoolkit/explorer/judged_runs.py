"""Evaluations of models on the rows that are shown: their scores, their replies, and what each was judged to be."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from petoolbench import InputError
from petoolkit.evaluator.dataset_rows import settings_of
from petoolkit.evaluator.report.run_groups import Part, report_parts
from petoolkit.evaluator.report.score_files import ERRORS, read_scores
from petoolkit.evaluator.results_folder import fingerprint, read_results
from petoolkit.evaluator.scores.judgements import judge
from petoolkit.explorer.index import Index
from petoolkit.replies import READERS

READER = READERS[0]
RIGHT, HALF_RIGHT, WRONG, MISSING = "right", "half", "wrong", "missing"
RIGHT_TOOL, RIGHT_PARAMETERS = "right_tool", "right_parameters"
OUTCOMES = {
    RIGHT: "right tool and parameters",
    RIGHT_TOOL: "right tool",
    RIGHT_PARAMETERS: "right parameters",
    WRONG: "anything wrong",
    **{error: f"{error}: {meaning}" for error, meaning in ERRORS.items()},
    MISSING: "no reply",
}


@dataclass(frozen=True)
class Run:
    """One evaluation. Arrays hold a value for each row of the index, also where the row was not asked about."""

    name: str  # no other run has it
    repeats: int  # how often each row was asked
    marks: np.ndarray  # RIGHT, HALF_RIGHT (some repeats, or the tool alone) or WRONG; empty where not asked
    outcomes: dict[str, np.ndarray]  # by one of `OUTCOMES`, booleans: whether any repeat came out so
    replies: dict[tuple[str, int], dict]  # by the row's id and the repeat, lines of `predictions.jsonl`


@dataclass(frozen=True)
class Evaluations:
    """All evaluations, and their scores by the rows they are about."""

    runs: dict[str, Run]  # by name, those of the highest Tool Acc first
    parts: list[Part]
    names: dict[str, str]  # of the runs, by the folder in the parts' results


@dataclass(frozen=True)
class _Asked:
    """The rows of one split and setting, or all settings, in the order of an evaluation."""

    rows: list[dict]
    numbers: np.ndarray  # of the rows, in the index
    fingerprint: str


def read_runs(folders: list[Path], index: Index) -> Evaluations:
    """Read evaluation folders and judge every reply (robust reader).

    Args:
        folders: what `petoolbench evaluate --out` wrote; may be none.
        index: of the dataset they are about.

    Raises:
        InputError: if a folder holds no finished evaluation, or one of other rows.
    """
    if not folders:
        return Evaluations({}, [], {})
    found = list(dict.fromkeys(folder.resolve() for folder in folders))
    results = read_scores(found)
    paths = {result.folder: path for result, path in zip(results, found, strict=True)}
    asked = {key: _asked(index, *key) for key in {(result.split, result.setting) for result in results}}
    for result in results:
        if asked[result.split, result.setting].fingerprint != result.fingerprint:
            raise InputError(
                f"{paths[result.folder]} is about other rows than this dataset's; give the --dataset (and --revision) "
                f"that it was made with: {result.dataset}."
            )
    parts = report_parts(results)
    labelled = [run for part in parts for run in part.runs]
    labels = [run.label for run in labelled]
    names, runs = {}, {}
    for label, result in ((run.label, run.result) for run in labelled):
        name = label if labels.count(label) == 1 else f"{label} [{result.folder}]"
        names[result.folder] = name
        runs[name] = _judged(name, paths[result.folder], asked[result.split, result.setting], len(index))
    return Evaluations(runs, parts, names)


def _asked(index: Index, split: str, setting: str) -> _Asked:
    there = {(part.split, part.setting): part for part in index.parts}
    parts = [there[split, name] for name in settings_of(setting) if (split, name) in there]
    rows = [row for part in parts for row in part.rows.to_list()]
    numbers = [np.arange(part.start, part.start + len(part.rows)) for part in parts]
    return _Asked(rows, np.concatenate([*numbers, np.array([], int)]), fingerprint(rows))


def _judged(name: str, folder: Path, asked: _Asked, rows: int) -> Run:
    predictions = read_results(folder).predictions
    judged = judge(asked.rows, predictions)
    right = judged.accuracies(READER)

    def spread(values: np.ndarray) -> np.ndarray:
        whole = np.zeros(rows, bool)
        whole[asked.numbers] = values
        return whole

    marks = np.full(rows, "", object)
    marks[asked.numbers] = np.where(
        right["joint_acc"].all(axis=1), RIGHT, np.where(right["tool_acc"].any(axis=1), HALF_RIGHT, WRONG)
    )
    found = {
        RIGHT: right["joint_acc"],
        RIGHT_TOOL: right["tool_acc"],
        RIGHT_PARAMETERS: right["param_acc"],
        WRONG: ~right["joint_acc"],
        **judged.errors(READER),
        MISSING: judged.missing,
    }
    outcomes = {outcome: spread(np.any(found[outcome], axis=1)) for outcome in OUTCOMES}
    replies = {(line["id"], line["repeat"]): line for line in predictions}
    return Run(name, judged.repeats, marks, outcomes, replies)
