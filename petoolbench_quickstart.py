"""The quick start after its build: rules scored, a row shown, the training path tried, and what to do next."""

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from shutil import rmtree
from typing import TYPE_CHECKING

from petoolbench import InputError
from petoolkit.extras import install_command
from petoolkit.shipped import ROOT

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

RESULTS = Path("results/quickstart")
TINY = Path("runs/tiny")
LOG = TINY / "log.txt"
_LAUNCH = ["--num_processes=1", "--num_machines=1", "--mixed_precision=no", "--dynamo_backend=no"]


def score_rules(dataset: str, console: "Console") -> list[Path]:
    """Evaluate the rules anew, in `results/quickstart/`; show the dataset's sizes, a row, and the scores.

    Returns:
        The evaluations' folders.
    """
    from petoolkit.evaluator.dataset_rows import dataset_sizes, find_rows
    from petoolkit.evaluator.evaluate import evaluate
    from petoolkit.evaluator.models.baselines import BASELINES
    from petoolkit.evaluator.row_view import row_view
    from petoolkit.evaluator.score_tables import scores_table, sizes_table

    console.print(sizes_table(dataset_sizes(dataset)))
    rmtree(RESULTS, ignore_errors=True)
    folders = {name: RESULTS / name for name in BASELINES}
    scored = [
        evaluate(dataset, "all", f"baseline:{name}", folder, counterfactuals="all") for name, folder in folders.items()
    ]
    console.print(row_view(find_rows(dataset, "rating_integrated", None)[0], brief=True))
    console.print(scores_table([scores for scores in scored if scores]))
    return list(folders.values())


def train_tiny(console: "Console") -> None:
    """Make a tiny base model, its SFT adapter, pairs and DPO adapter anew, in `runs/tiny/`, and show their losses.

    They are made in a process of their own, as a user would start it.

    Raises:
        InputError: if training fails; names the log.
    """
    if find_spec("trl") is None:
        console.print(
            f"Training was not tried, since it needs more packages: {install_command('train')}",
            markup=False,
            highlight=False,
            soft_wrap=True,
        )
        return
    rmtree(TINY, ignore_errors=True)
    TINY.mkdir(parents=True)
    script = str(ROOT / "trainer" / "dpo.py")
    with (
        open(LOG, "w", encoding="utf-8") as log,
        console.status("Training a tiny model: random weights, SFT, pairs, DPO (a minute or two) ..."),
    ):
        command = [sys.executable, "-m", "accelerate.commands.launch", *_LAUNCH, script]
        failed = subprocess.run(command, stdout=log, stderr=subprocess.STDOUT).returncode
    if failed:
        raise InputError(f"the training path failed; see {LOG}.")
    console.print(_losses())


def _losses() -> "Table":
    from rich.table import Column, Table

    from petoolkit.decoding import read_json

    table = Table(
        "stage",
        *(Column(name, justify="right") for name in ("rows", "steps", "first loss", "last loss")),
        "adapter",
        title="A few training steps on a CPU, with the loss on rows kept out: shows the path, not a result",
        title_justify="left",
    )
    for stage in ("sft", "dpo"):
        facts = read_json(TINY / stage / "training.json")
        losses = [f"{facts['numbers'][f'eval_loss, {when} logged']:.3f}" for when in ("first", "last")]
        rows = str(facts["counts"]["rows to train on"])
        table.add_row(stage.upper(), rows, str(facts["steps"]), *losses, f"{TINY / stage}/")
    return table


def what_was_made(dataset: Path) -> str:
    """What the quick start left behind, and the next commands, a line each."""
    lines = {
        "The benchmark": f'{dataset}/, for load_dataset("{dataset}", "chronological")',
        "The report": f"{RESULTS / 'report' / 'report.html'}",
        "Look at rows": f"petoolbench explore --results {RESULTS}",
        "Ask a model": "OPENAI_API_KEY=... petoolbench evaluate --model openai:gpt-4o-mini --out results/gpt-4o-mini",
        "Your own tools": "petoolbench catalogue my_tools/",
    }
    return "\n".join(["", *(f"{what + ':':<16}{where}" for what, where in lines.items())])
