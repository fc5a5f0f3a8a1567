"""Measure an evaluation over the network: the official part, 64 in flight, a loopback server with 200 ms latency.

    python benchmarks/evaluate_openai.py

The server is a process of its own on the same machine. What is timed is all between the prompts and the kept replies.
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from machine import heading, shared_file

from petoolkit.endpoint.usage import Usage
from petoolkit.evaluator.evaluate import prediction_line
from petoolkit.evaluator.history_methods.shown_rows import ShownRow
from petoolkit.evaluator.models.model_kinds import make_model
from petoolkit.evaluator.models.processes import Rank
from petoolkit.evaluator.options import Connection, Options
from petoolkit.evaluator.prompts.row_prompts import make_prompts
from petoolkit.evaluator.results_folder import PREDICTIONS, appending
from petoolkit.released import read_released
from petoolkit.text import markdown_table

REPEATS = 4
IN_FLIGHT = 64
SERVER = Path(__file__).parent.parent / "tests" / "scripted_server.py"


def main() -> None:
    rows = [row for row, _ in read_released(shared_file("official_test_dev.json.gz"))]
    options, connection = Options(repeat=REPEATS), Connection(concurrency=IN_FLIGHT)
    print(heading(f"{REPEATS * len(rows):,} rows asked, {IN_FLIGHT} in flight, 200 ms latency", "openai", "httpx2"))
    command = [sys.executable, str(SERVER), "--latency", "0.2", "--answer", "echo"]
    server = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    os.environ |= {"OPENAI_API_KEY": "none", "OPENAI_BASE_URL": server.stdout.readline().strip()}
    try:
        with tempfile.TemporaryDirectory() as folder:
            model = make_model("openai:any", options, connection, Usage(None), lambda counterfactual: rows, list)
            started = time.perf_counter()
            asked = [(ShownRow(row), repeat) for repeat in range(REPEATS) for row in rows]
            prompts = list(make_prompts(asked, model, options, {}))
            prepared = time.perf_counter() - started
            with appending(Path(folder), Rank()) as keep:
                for answer in model.answer_all(prompts):
                    assert answer.reply
                    keep(prediction_line(answer))
            seconds = time.perf_counter() - started - prepared
            with open(Path(folder, PREDICTIONS)) as lines:
                assert sum(1 for _ in lines) == len(prompts)
    finally:
        server.communicate()
    table = [[f"{len(prompts):,}", f"{prepared:.1f} s", f"{seconds:.1f} s", f"{len(prompts) / seconds:.0f}"]]
    print(markdown_table(["rows", "preparing prompts", "asking", "rows a second"], table))


if __name__ == "__main__":
    main()
