"""What the rule models score on a dataset, for its card."""

import tempfile
from pathlib import Path

from rich.console import Console

from petoolbench import SETTINGS, InputError
from petoolkit.evaluator.dataset_rows import load_rows, settings_of
from petoolkit.evaluator.evaluate import SPLIT
from petoolkit.evaluator.evaluate import evaluate as run_evaluation
from petoolkit.evaluator.models.baselines import BASELINES
from petoolkit.evaluator.report.score_files import Result, Score, read_scores
from petoolkit.evaluator.results_folder import fingerprint
from petoolkit.publisher.local_paths import told
from petoolkit.publisher.row_checks import Checked
from petoolkit.text import ALL


def score_rules(folder: Path, checked: Checked, console: Console) -> list[Result]:
    """Evaluate the rule models on a dataset folder's test split; those that can't be run here are left out, and named.

    Returns:
        None for a dataset without test rows, or with two of the three settings.
    """
    setting = _setting(checked)
    if setting is None:
        return []
    with tempfile.TemporaryDirectory() as place:
        done = []
        for name in BASELINES:
            out = Path(place, name)
            try:
                run_evaluation(str(folder), setting, f"baseline:{name}", out, console=console)
            except InputError as error:
                console.print(f"baseline:{name} is left out of the card: {error}", markup=False, highlight=False)
            else:
                done.append(out)
        return read_scores(done) if done else []


def read_given_scores(folders: list[Path], dataset: Path, checked: Checked) -> list[Result]:
    """Evaluations of this dataset's test rows by others.

    Raises:
        InputError: if one is of other rows.
    """
    setting = _setting(checked)
    if setting is None:
        raise InputError(f"{dataset} has no test rows of all settings to hold --scores against; leave them out.")
    rows = [row for name in settings_of(setting) for row in load_rows(str(dataset), name, SPLIT)]
    results, expected = read_scores(folders), fingerprint(rows)
    for folder, result in zip(folders, results, strict=True):
        if result.fingerprint != expected:
            raise InputError(f"{folder} holds scores of other rows than {dataset}'s; evaluate on it, or leave it out.")
    return results


def _setting(checked: Checked) -> str | None:
    settings = [setting for setting, splits in checked.rows.items() if splits.get(SPLIT)]
    if set(settings) == set(SETTINGS):
        return ALL
    return settings[0] if len(settings) == 1 else None


def scores_section(results: list[Result]) -> str:
    """A table of Tool Acc by setting, with chance; empty without results."""
    if not results:
        return ""
    places = list(results[0].rows)
    lines = [
        f"| model | {' | '.join(place.replace('_', ' ') for place in places)} |",
        "| --- |" + " --- |" * len(places),
    ]
    for result in sorted(results, key=lambda result: result.score(ALL, "tool_acc").value or 0):
        name = told(result.model).replace("|", "\\|")
        lines.append(f"| {name} | {' | '.join(_share(result.score(place, 'tool_acc')) for place in places)} |")
    chance = [results[0].chance[place]["tool_acc"] for place in places]
    lines.append(f"| chance | {' | '.join('' if share is None else f'{100 * share:.1f}' for share in chance)} |")
    number = results[0].rows[ALL]
    return (
        f"## Scores\n\nTool Acc in % on the {number:,} rows of the test split (95 % intervals, by function groups; "
        "the robust reader). The `baseline:` models are rules without a language model: they score what the rows give "
        "away.\n\n" + "\n".join(lines)
    )


def _share(score: Score) -> str:
    if score.value is None:
        return ""
    interval = "" if score.low is None or score.high is None else f" ({100 * score.low:.1f} to {100 * score.high:.1f})"
    return f"{100 * score.value:.1f}{interval}"
