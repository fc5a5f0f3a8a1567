"""`make test-slow`: several processes evaluate one model, each its share, as one would."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from conftest import ROOT
from petoolkit.builder.dataset_folder import write_dataset
from rows import DATASET_FACTS, past_call, row
from tiny_model import make_tiny_model

pytestmark = pytest.mark.slow

ROWS = [row(f"u{n}", "chronological", "Aerwyn", [past_call("Aerwyn")] * (n % 3), group=f"g{n}") for n in range(12)]


def replies(out: Path) -> list[tuple[str, str]]:
    stored = [json.loads(line) for line in (out / "predictions.jsonl").read_text().splitlines()]
    return [(line["id"], line["reply"]) for line in stored]


def test_two_processes_give_the_replies_of_one_also_after_a_kill(tmp_path):
    model = make_tiny_model(tmp_path / "model", [(ROOT / "LICENSE").read_text()], vocabulary=1_000)
    write_dataset(tmp_path / "petoolbench", [("test", one) for one in ROWS], lambda: DATASET_FACTS)
    evaluate = ["-m", "petoolbench_cli", "evaluate", "--dataset", tmp_path / "petoolbench", "--model", f"hf:{model}"]
    evaluate += ["--setting", "chronological", "--temperature", "0", "--max-new-tokens", "8"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}

    def run(out: str, *launcher: str) -> subprocess.Popen:
        command = [sys.executable, *launcher, *evaluate, "--out", tmp_path / out]
        return subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)

    two = ("-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2")
    for process in (run("one"), run("two", *two)):
        _, said = process.communicate(timeout=120)
        assert process.returncode == 0, said
    assert [name for name, _ in replies(tmp_path / "one")] == [one["id"] for one in ROWS]
    assert replies(tmp_path / "two") == replies(tmp_path / "one")
    assert not list((tmp_path / "two").glob("predictions.rank*"))

    killed = run("killed", *two)
    deadline = time.monotonic() + 120
    while not list((tmp_path / "killed").glob("predictions.rank*")):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    launched = psutil.Process(killed.pid)
    for process in [launched, *launched.children(recursive=True)]:  # in sessions of their own
        process.kill()
    killed.wait()
    _, said = run("killed").communicate(timeout=120)
    assert replies(tmp_path / "killed") == replies(tmp_path / "one"), said
