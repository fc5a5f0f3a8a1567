"""Processes whose Hub is the stand-in: the libraries read the Hub's address when they are imported."""

import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from conftest import ROOT
from hub_stand_in import TOKEN, HubStandIn

# Runs one command a line, so that imports happen once; the waits between tries are short.
_WORKER = """
import json, os, sys
from click.testing import CliRunner
import petoolkit.publisher.hub
from petoolbench_cli import main
petoolkit.publisher.hub.WAITS[:] = [0.01, 0.01, 0.01]
for line in sys.stdin:
    asked = json.loads(line)
    os.environ.pop("HF_TOKEN", None)
    os.environ.update(asked["environment"])
    done = CliRunner().invoke(main, asked["arguments"])
    crash = repr(done.exception) if done.exception and not isinstance(done.exception, SystemExit) else None
    print(json.dumps({"code": done.exit_code, "output": done.output, "crash": crash}), flush=True)
"""


class HubProcess:
    """`with HubProcess(hub, home) as petoolbench: petoolbench("push", ...)`; the command's exit code and output."""

    def __init__(self, hub: HubStandIn, home: Path):
        self._process = subprocess.Popen(
            [sys.executable, "-c", _WORKER],
            cwd=ROOT,
            env={**hub.environment(home), "COLUMNS": "300"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    def __enter__(self) -> "HubProcess":
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()

    def __call__(self, *arguments: object, token: str | None = TOKEN) -> SimpleNamespace:
        asked = {"arguments": [*map(str, arguments)], "environment": {"HF_TOKEN": token} if token else {}}
        assert self._process.stdin and self._process.stdout
        print(json.dumps(asked), file=self._process.stdin, flush=True)
        done = SimpleNamespace(**json.loads(self._process.stdout.readline()))
        assert done.crash is None, done.crash
        assert TOKEN not in done.output
        return done


def in_fresh_home(hub: HubStandIn, home: Path, code: str) -> Any:
    """The JSON that a Python program prints last; it runs with empty caches, outside this project's folder."""
    home.mkdir(parents=True)
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=home, env=hub.environment(home), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2_000:]
    return json.loads(done.stdout.splitlines()[-1])
