"""Measure the scoring of a million stored replies: reading the folder, and all scores with 1,000 bootstrap rounds.

python benchmarks/score_stored.py

The rows are the authors' released part, and each has many replies. All replies differ.
"""

import json
import resource
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from machine import heading, shared_file
from petoolkit.builder.released_import import import_released

from petoolbench import SETTINGS
from petoolkit.evaluator.dataset_rows import load_rows
from petoolkit.evaluator.records import AskedOptions, Manifest, Score
from petoolkit.evaluator.results_folder import PREDICTIONS, read_results
from petoolkit.evaluator.row_fingerprint import fingerprint
from petoolkit.evaluator.scores.score import score
from petoolkit.files import write_json_lines
from petoolkit.replies import READERS
from petoolkit.scoring import METRICS
from petoolkit.text import ALL, markdown_table, with_interval

REPLIES = 1_000_000
ROUNDS = 1000


def reply(row: dict, number: int) -> str:
    """A reply in one of the forms that models use; `number` makes it differ from all others."""
    tools = [row["tool_call"]["tool_name"], *(tool["tool_name"] for tool in row["candidate_tools"]), f"tool {number}"]
    parameters = json.loads(row["tool_call"]["parameters"]) | ({"number": number} if number // 4 % 2 else {})
    call = {"tool_name": tools[number // 4 % len(tools)], "parameters": parameters}
    forms = [
        f"{json.dumps(call)}\n(reply {number})",
        f"Reply {number}: I call this tool, as it is the one that you liked before.\n```json\n{json.dumps(call)}\n```",
        f"<think>{number} ways to do it, {{so}} I compare the providers.</think>{json.dumps(call, indent=2)}",
        f"Sorry, {number} times no.",
    ]
    return forms[number % 4]


def predictions(rows: list[dict]) -> Iterator[dict]:
    """Lines of `predictions.jsonl`."""
    for number in range(REPLIES):
        row = rows[number % len(rows)]
        yield {
            "id": row["id"],
            "repeat": number // len(rows),
            "reply": reply(row, number),
            "error": None,
            "prompt_tokens": 2_000 + number % 2_000,
            "completion_tokens": 40,
            "seconds": 0.5,
            "dropped_interactions": 0,
        }


def main() -> None:
    source = shared_file("official_test_dev.json.gz")
    print(heading(f"{REPLIES:,} stored replies, {ROUNDS:,} bootstrap rounds", "numpy", "datasets"))
    with tempfile.TemporaryDirectory() as folder:
        dataset, results = Path(folder, "official"), Path(folder, "results")
        import_released(source, dataset)
        rows = [row for setting in SETTINGS for row in load_rows(str(dataset), setting, "test")]
        manifest = Manifest(
            model="",
            dataset=str(dataset),
            split="test",
            setting=ALL,
            fingerprint=fingerprint(rows),
            options=AskedOptions(repeat=-(-REPLIES // len(rows))),
        )
        manifest.write(results)
        write_json_lines(results / PREDICTIONS, predictions(rows))
        started = time.perf_counter()
        stored = read_results(results).predictions
        read = time.perf_counter()
        scored = score(rows, stored, rounds=ROUNDS)
        ended = time.perf_counter()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    figures = [
        ["rows x repeats", f"{len(rows):,} x {len(scored['repeats'][ALL]['robust']['tool_acc']):,}"],
        ["reading them", f"{read - started:.1f} s"],
        ["all scores", f"{ended - read:.1f} s"],
        ["together", f"{ended - started:.1f} s"],
        ["peak memory", f"{peak:.0f} MB"],
    ]
    for reader in READERS:
        found = Score(**scored["scores"][ALL][reader]["tool_acc"])
        figures.append([f"{METRICS['tool_acc'].label} in %, {reader} reader", with_interval(found)])
    print(markdown_table(["what", "figure"], figures))


if __name__ == "__main__":
    main()
