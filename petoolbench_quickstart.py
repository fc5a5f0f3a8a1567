"""What `petoolbench quickstart` does with the dataset it built: rule models, and a smoke of the training path."""

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from shutil import rmtree

from rich.console import Console
from rich.table import Table

from petoolbench import InputError
from petoolkit.files import read_json

RESULTS = Path("results/quickstart")
TINY = Path("runs/tiny")
LOG = TINY / "log.txt"
_LAUNCH = ["--num_processes=1", "--num_machines=1", "--mixed_precision=no", "--dynamo_backend=no"]


def score_rules(dataset: str, console: Console) -> list[Path]:
    """Evaluate the rule models anew, in `results/quickstart/`; show sizes, a row and scores.

    Returns:
        The evaluations' folders.
    """
    from petoolkit.evaluator.dataset_rows import dataset_sizes, find_row
    from petoolkit.evaluator.evaluate import evaluate
    from petoolkit.evaluator.models.baselines import BASELINES
    from petoolkit.evaluator.row_view import row_view
    from petoolkit.evaluator.score_tables import scores_table, sizes_table

    console.print(sizes_table(dataset_sizes(dataset)))
    rmtree(RESULTS, ignore_errors=True)
    folders = {name: RESULTS / name for name in BASELINES}
    results = [evaluate(dataset, "all", f"baseline:{name}", folder) for name, folder in folders.items()]
    console.print(row_view(find_row(dataset, "rating_integrated", None)))
    console.print(scores_table(results))
    return list(folders.values())


def train_tiny(console: Console) -> None:
    """Make a tiny base model, its SFT adapter, pairs and DPO adapter anew, in `runs/tiny/`, and show their losses.

    They are made in processes of their own, as a user would start them.

    Raises:
        InputError: if training fails; names the log.
    """
    if find_spec("trl") is None:
        console.print("Training was not tried, it needs more packages: pip install 'petoolbench\\[train]'")
        return
    rmtree(TINY, ignore_errors=True)
    TINY.mkdir(parents=True)
    command = [sys.executable, "-m", "accelerate.commands.launch", *_LAUNCH, "trainer/dpo.py"]
    with (
        open(LOG, "w", encoding="utf-8") as log,
        console.status("Training a tiny model: from nothing, SFT, pairs, DPO (two minutes) ..."),
    ):
        failed = subprocess.run(command, stdout=log, stderr=subprocess.STDOUT).returncode
    if failed:
        raise InputError(f"the training path failed; see {LOG}.")
    console.print(_losses())


def _losses() -> Table:
    table = Table(
        title="accelerate launch trainer/dpo.py: a few steps on a CPU, to show the path; the model can't do the task",
        title_justify="left",
    )
    for column in ("stage", "rows", "steps", "validation loss, first", "last", "adapter, card and curves"):
        table.add_column(column)
    for stage in ("sft", "dpo"):
        facts = read_json(TINY / stage / "training.json")
        losses = [f"{facts['numbers'][f'eval_loss, {place} logged']:.3f}" for place in ("first", "last")]
        table.add_row(
            stage.upper(), str(facts["counts"]["rows to train on"]), str(facts["steps"]), *losses, f"{TINY / stage}/"
        )
    return table
