"""The tiny run: `accelerate launch trainer/dpo.py` without options, which makes its own model, adapter and pairs."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from accelerate import PartialState

from petoolbench import SETTINGS, InputError, render_messages
from petoolkit.evaluator.dataset_rows import load_rows
from petoolkit.evaluator.models.processes import Rank
from petoolkit.evaluator.results_folder import writing
from petoolkit.folder_lock import locked
from petoolkit.shipped import ROOT
from petoolkit.training.random_model import make_random_model
from petoolkit.training.script import say

DATASET = Path("petoolbench")
_BASE_FILE = Path("runs/tiny/base/tokenizer_config.json")  # the last file of its folder, as the other two
_STAGES = {"sft": Path("runs/tiny/sft/README.md"), "pairs": Path("runs/tiny/pairs/README.md")}
_TOKENIZER_ROWS = 100  # of each setting
_VOCABULARY = 4_000  # with it, prompts have about 3,300 tokens
_RANKS = ("RANK", "LOCAL_RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE", "GROUP_RANK", "MASTER_ADDR", "MASTER_PORT")


def prepare_tiny_run() -> list[str]:
    """Make a base model of random weights, its SFT adapter and pairs in `runs/tiny/`, each unless it is there.

    Returns:
        Options of trainer/dpo.py. They save no checkpoints, so that the command can be repeated.

    Raises:
        InputError: if there is no dataset folder `petoolbench/`, a script fails, or another process writes one of the
            folders.
    """
    say("No options were given: this is the tiny recipe, which shows the path; its model learns next to nothing.")
    if not DATASET.is_dir():
        raise InputError(f"there is no dataset folder {DATASET}/ here; run `petoolbench quickstart` first.")
    state = PartialState()
    with state.main_process_first(), writing(_BASE_FILE.parent.parent, Rank(state.process_index)):
        if _is_missing(_BASE_FILE, "a model of random weights"):
            rows = [row for setting in SETTINGS for row in load_rows(str(DATASET), setting, "train")[:_TOKENIZER_ROWS]]
            texts = [message["content"] for row in rows for message in render_messages(row)]
            make_random_model(_BASE_FILE.parent, texts, _VOCABULARY)
        for stage, last_file in _STAGES.items():
            if _is_missing(last_file, f"it with trainer/{stage}.py"):
                _run_script(stage)
    return ["--config", "tiny", "--save_strategy", "no"]


def _is_missing(last_file: Path, what: str) -> bool:
    """Whether a folder must be made, since its last file is missing. What is there of it is removed."""
    folder = last_file.parent
    if last_file.exists():
        say(f"Taking {folder} as it is.")
        return False
    say(f"{folder} is missing: making {what}.")
    with locked(folder):  # a training may be under way in it
        shutil.rmtree(folder, ignore_errors=True)
    return True


def _run_script(stage: str) -> None:
    """Run a training script with its tiny recipe, in one process."""
    command = [sys.executable, str(ROOT / "trainer" / f"{stage}.py"), "--config", "tiny"]
    environment = {name: value for name, value in os.environ.items() if name not in _RANKS}
    if subprocess.run(command, env=environment).returncode:
        raise InputError(f"trainer/{stage}.py failed, see above; {_STAGES[stage].parent} was not made.")
