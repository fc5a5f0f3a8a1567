"""Scores of the rule models, and of other evaluations, for a dataset's card."""

import tempfile
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from petoolbench import SETTINGS, InputError
from petoolkit.evaluator.dataset_rows import load_split
from petoolkit.evaluator.evaluate import SPLIT
from petoolkit.evaluator.evaluate import evaluate as run_evaluation
from petoolkit.evaluator.history_methods.method_table import FULL
from petoolkit.evaluator.models.baselines import BASELINES
from petoolkit.evaluator.records import Scores
from petoolkit.evaluator.report.score_files import read_scores, scored_evaluations_in
from petoolkit.evaluator.row_fingerprint import fingerprint
from petoolkit.publisher.local_paths import without_folders
from petoolkit.publisher.row_checks import CheckedDataset
from petoolkit.scoring import METRICS
from petoolkit.text import ALL, counted, markdown_table, percent, setting_label, with_interval

_METRIC = METRICS["tool_acc"]


def score_rules(folder: Path, checked: CheckedDataset, console: Console) -> list[Scores]:
    """Evaluate the rule models on a dataset folder's test split; a rule that cannot run here is left out by name.

    Returns:
        Nothing for a dataset without test rows, or with test rows in some of its settings only.
    """
    setting = _tested(checked)
    if setting is None:
        return []
    done = []
    with tempfile.TemporaryDirectory() as results:
        for name in BASELINES:
            spec = f"baseline:{name}"
            try:
                scores = run_evaluation(str(folder), setting, spec, Path(results, name), console=console)
            except InputError as error:
                console.print(f"{spec} is left out of the card: {error}", markup=False, highlight=False)
            else:
                done += [scores] if scores else []
    return done


def read_given_scores(
    folders: Sequence[Path], dataset: Path, checked: CheckedDataset, console: Console
) -> list[Scores]:
    """Scores of evaluations of this dataset's test rows.

    Args:
        folders: evaluations, or folders that hold some.
        dataset: the dataset's folder.
        checked: the dataset.
        console: for messages.

    Raises:
        InputError: if an evaluation is about other rows.
    """
    setting = _tested(checked)
    if setting is None:
        raise InputError(
            f"{dataset} does not have test rows in all its settings, so --scores cannot be compared with it; leave "
            "them out."
        )
    found = scored_evaluations_in(folders, lambda text: console.print(text, markup=False, highlight=False))
    expected = fingerprint(load_split(str(dataset), setting, SPLIT))
    results = read_scores(found)
    for folder, result in zip(found, results, strict=True):
        if result.fingerprint != expected:
            raise InputError(
                f"{folder} holds scores of other rows than {dataset} has; evaluate on this dataset, or leave it out."
            )
    return results


def _tested(checked: CheckedDataset) -> str | None:
    """The `--setting` that stands for all test rows of a dataset's settings; `None` if there is none."""
    present = [setting for setting in SETTINGS if setting in checked.rows]
    tested = [setting for setting in present if checked.rows[setting].get(SPLIT)]
    if len(tested) == 1:
        return tested[0]
    return ALL if tested and tested == present else None


def _name(result: Scores) -> str:
    history = result.options.history
    shown = "" if history == FULL else f", history {without_folders(history)}"
    return f"{without_folders(result.model)}{shown}{' (oracle)' if result.is_oracle else ''}"


def scores_section(results: list[Scores]) -> str:
    """A table of Tool Acc by setting, with chance, in Markdown; empty without results.

    Args:
        results: evaluations of the same rows.
    """
    if not results:
        return ""
    first = results[0]
    settings = list(first.rows)
    by_score = sorted(results, key=lambda result: result.score(ALL, _METRIC.name).value or 0)
    lines = [
        [_name(result), *(with_interval(result.score(name, _METRIC.name)) for name in settings)] for result in by_score
    ]
    lines.append(["chance", *(percent(first.chance[setting][_METRIC.name]) for setting in settings)])
    return (
        f"## Scores\n\n{_METRIC.label} in % on the {counted(first.rows[ALL], 'row')} of the test split, with 95 % "
        "intervals over blocks or function groups, read by the robust reader. The `baseline:` models are rules "
        "without a language model; they show what can be guessed from the rows. An oracle is told what decided.\n\n"
        + markdown_table(["model", *map(setting_label, settings)], lines)
    )
