"""What `accelerate launch trainer/dpo.py` without options needs: its model and pairs, made if missing."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from petoolbench import InputError
from petoolkit.training.training_run import say

_SCRIPTS = Path(__file__).parent
RECIPES = _SCRIPTS.parent / "recipes"
# What each script makes with its tiny recipe, in order: the file that it writes last.
_STAGES = {
    "base": Path("runs/tiny/base/tokenizer_config.json"),
    "sft": Path("runs/tiny/sft/README.md"),
    "pairs": Path("runs/tiny/pairs/README.md"),
}


def tiny_options() -> list[str]:
    """The command line in place of none; nothing is kept to go on from, so that the command can be given again."""
    return ["--config", str(RECIPES / "dpo" / "tiny.yaml"), "--save_strategy", "no"]


def make_what_is_missing() -> None:
    """Make the tiny base model, its SFT adapter and pairs, each in this folder's `runs/tiny/`, unless it is there.

    Raises:
        InputError: if there is no dataset, or a script fails.
    """
    from accelerate import PartialState

    say("No options were given: this is the tiny recipe, which shows the path and learns next to nothing.")
    with PartialState().main_process_first():
        if not Path("petoolbench").is_dir():
            raise InputError("there is no dataset folder petoolbench/ here; run `petoolbench quickstart` first.")
        for stage, made in _STAGES.items():
            if made.exists():
                say(f"Taking {made.parent} as it is.")
                continue
            say(f"{made.parent} is missing: making it with trainer/{stage}.py.")
            shutil.rmtree(made.parent, ignore_errors=True)  # half of it may be there
            script = _SCRIPTS / f"{stage}.py"
            command = [sys.executable, str(script), "--config", str(RECIPES / stage / "tiny.yaml")]
            if subprocess.run(command, env=_environment()).returncode:
                raise InputError(f"{script.name} failed, see above; {made.parent} was not made.")


def _environment() -> dict[str, str]:
    """This process's, without what tells a script that it is one of several."""
    ranks = ("RANK", "LOCAL_RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE", "GROUP_RANK", "MASTER_ADDR", "MASTER_PORT")
    return {name: value for name, value in os.environ.items() if name not in ranks}
