"""The functions of `import petoolbench`: load rows, evaluate a model, score stored replies, audit a dataset."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from typing_extensions import Unpack

from petoolbench import InputError, all_configs, check_choice
from petoolkit.text import ALL

if TYPE_CHECKING:
    from petoolkit.api.ask_options import AskOptions
    from petoolkit.api.notebook_objects import Audit, Evaluation, Rows
    from petoolkit.evaluator.stored_predictions import StoredPredictions

_DATASET = "petoolbench"  # the folder that a build writes


def load(
    dataset: str | Path = _DATASET, setting: str = ALL, split: str = "test", revision: str | None = None
) -> "Rows":
    """Load rows of a dataset.

    Args:
        dataset: a folder or a Hub id.
        setting: one of the settings, `selectivity`, or `all`: the rows of all settings that the dataset has.
        split: `test` or `train`.
        revision: branch, tag or commit of a dataset on the Hub.

    Raises:
        InputError: if there is no such dataset, setting or split, or the dataset cannot be read.
    """
    from petoolkit.api.notebook_objects import Rows
    from petoolkit.evaluator.dataset_rows import load_rows, load_split, resolved_revision

    name = str(dataset)
    check_choice(setting, [ALL, *all_configs()], "setting")
    commit = resolved_revision(name, revision) if revision else None
    rows = load_split(name, ALL, split, commit) if setting == ALL else load_rows(name, setting, split, commit)
    return Rows(rows, f"{name}, {setting}, {split} split")


def evaluate(
    model: str | Callable[..., str],
    dataset: str | Path = _DATASET,
    setting: str = ALL,
    *,
    out: str | Path | None = None,
    revision: str | None = None,
    counterfactuals: str | Sequence[str] = (),
    **options: "Unpack[AskOptions]",
) -> "Evaluation":
    """Ask a model about the test split, and score its replies, as the command `petoolbench evaluate` does.

    Args:
        model: a spec, such as `openai:gpt-4o-mini` or `python:my_model.py:answer`; or a function that returns the
            reply as text. The name of the function's first parameter says what it gets: `row`, or `messages`.
        dataset: a folder or a Hub id.
        setting: one of the settings, or `all`.
        out: folder for replies and scores, where an evaluation that was stopped continues. Without it nothing is
            stored, and what was answered is lost if the evaluation is stopped.
        revision: branch, tag or commit of a dataset on the Hub.
        counterfactuals: names of counterfactuals, or `all`, whose rows are asked and scored too.
        options: options of the command by their names, such as `temperature=0` or `history="last:5"`.

    Raises:
        InputError: for an unknown model, dataset or option, a folder that holds another evaluation, or an endpoint
            that refuses. What a function raises is the error of its row, and the evaluation goes on.
    """
    from petoolkit.api.ask_options import split_options
    from petoolkit.api.notebook_objects import Evaluation
    from petoolkit.console import make_console
    from petoolkit.evaluator.evaluate import evaluate as run_evaluation
    from petoolkit.evaluator.models.processes import started_processes
    from petoolkit.evaluator.models.python_function import offered

    asked, connection = split_options(options)
    if started_processes() > 1:
        raise InputError(
            "petoolbench.evaluate asks from one process, and several were started; use the command: accelerate launch "
            "-m petoolbench_cli evaluate."
        )
    if not isinstance(model, str) and not callable(model):
        raise InputError(
            f"the model is of the type {type(model).__name__}; give a spec, such as openai:gpt-4o-mini, or a function."
        )
    names = counterfactuals if isinstance(counterfactuals, str) else ",".join(counterfactuals)
    with ExitStack() as stack:
        spec = model if isinstance(model, str) else f"python:{stack.enter_context(offered(model))}"
        folder = Path(out or Path(stack.enter_context(TemporaryDirectory(prefix="petoolbench-")), "evaluation"))
        scores = run_evaluation(
            str(dataset), setting, spec, folder, asked, connection, revision, make_console(stderr=True), options, names
        )
        assert scores is not None  # this is the only process
        rows, stored = _asked(folder)
        predictions = stored if out else list(stored)  # a temporary folder goes
    return Evaluation(scores, Path(out) if out else None, rows, predictions)


def score(results: str | Path) -> "Evaluation":
    """Score the stored replies of an evaluation again, as the command `petoolbench score` does; no model runs.

    Args:
        results: a folder that `evaluate` wrote, here or on the command line; its `scores.json` is written anew.

    Raises:
        InputError: if the folder does not hold an evaluation, or the dataset holds other rows by now.
    """
    from petoolkit.api.notebook_objects import Evaluation
    from petoolkit.console import make_console
    from petoolkit.evaluator.records import Manifest
    from petoolkit.evaluator.scores.rescore import score_folder
    from petoolkit.folder_lock import locked

    folder = Path(results)
    Manifest.read(folder)  # before a lock is made beside what is not an evaluation
    with locked(folder):
        rows, predictions = _asked(folder)
        scores = score_folder(folder, make_console(stderr=True), rows)
    return Evaluation(scores, folder, rows, predictions)


def audit(dataset: str | Path = _DATASET, revision: str | None = None, *, allow: Sequence[str] = ()) -> "Audit":
    """Audit a dataset, as the command `petoolbench audit` does: which rules score well that know no preference.

    Args:
        dataset: a folder or a Hub id. Nothing is written.
        revision: branch, tag or commit of a dataset on the Hub.
        allow: names of gates that may fail.

    Raises:
        InputError: if the dataset cannot be read, has no row to ask, or there is no such gate.
    """
    from petoolkit.api.notebook_objects import Audit
    from petoolkit.audit.audit import audit as run_audit
    from petoolkit.audit.gates import check_gate_names
    from petoolkit.console import make_console

    check_gate_names(tuple(allow))
    return Audit(run_audit(str(dataset), revision, make_console(stderr=True), tuple(allow)), str(dataset))


def _asked(folder: Path) -> "tuple[Sequence[dict[str, Any]], StoredPredictions]":
    """The rows that a stored evaluation asked, and its predictions about them."""
    from petoolkit.evaluator.results_folder import read_results, rows_of

    results = read_results(folder)
    return rows_of(results.manifest), results.predictions
