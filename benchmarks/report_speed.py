"""Measure the report of 10 models x 3,000 rows: time and memory, in a process of its own as the command has it.

    python benchmarks/report_speed.py

The scores are those of invented rows and replies. The time to make them is not measured.
"""

import random
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from machine import heading

from petoolbench import SETTINGS, to_json_text
from petoolkit.evaluator.records import AskedOptions, Manifest, ReplyUsage, Scores
from petoolkit.evaluator.scores.score import score
from petoolkit.text import ALL, markdown_table

MODELS, USERS, CANDIDATES, CATEGORIES = 10, 1_000, 10, 46  # 46 categories: as many as the paper's dataset has
REPORT = (
    "import sys; from pathlib import Path; from petoolkit.evaluator.report import write_report; "
    "write_report([Path(name) for name in sys.argv[2:]], Path(sys.argv[1]))"
)


def invented_rows() -> list[dict]:
    """A row for each user and setting, with ten candidates, of which the first five do the same job."""
    rows = []
    for user in range(USERS):
        drawn = random.Random(user)
        category = f"Category_{drawn.randrange(CATEGORIES)}"
        names = [f"<{category}>.<Provider {drawn.randrange(500)}>.<api {number}>" for number in range(CANDIDATES)]
        tools = [{"tool_name": name, "required_parameters": [], "optional_parameters": []} for name in names]
        for setting in SETTINGS:
            rows.append(
                {
                    "id": f"u{user:06d}/{setting}",
                    "group_id": f"g{user % 200}",
                    "category": category,
                    "instruction": "find it",
                    "history_length": drawn.randrange(1, 21),
                    "candidate_tools": drawn.sample(tools, k=CANDIDATES),
                    "tool_call": {"tool_name": names[0], "parameters": "{}"},
                    "same_function_tools": names[: CANDIDATES // 2],
                }
            )
    return rows


def reply(row: dict, model: int, history: bool) -> str:
    """A call of the gold tool or of any candidate; the higher the model's number, the more often the gold tool."""
    drawn = random.Random(f"{row['id']} {model} {history}")
    gold = drawn.random() < 0.2 + 0.05 * model + 0.1 * history
    tool = row["tool_call"]["tool_name"] if gold else drawn.choice(row["candidate_tools"])["tool_name"]
    return to_json_text({"tool_name": tool, "parameters": {} if drawn.random() < 0.8 else {"q": 1}})


def write_folders(folder: Path) -> list[str]:
    """Write evaluations of each model with and without history, so that all figures are drawn; gives their folders."""
    rows, names = invented_rows(), []
    for number in range(MODELS):
        model, history = divmod(number, 2)
        replies = (
            {"id": row["id"], "repeat": 0, "reply": reply(row, model, bool(history)), "error": None} for row in rows
        )
        manifest = Manifest(
            model=f"hf:organisation/model-{model}-instruct",
            dataset="invented",
            fingerprint="0123456789abcdef",
            split="test",
            setting=ALL,
            options=AskedOptions(history=bool(history)),
        )
        usage = ReplyUsage(prompt_tokens=9_000_000, completion_tokens=100_000)
        manifest.write(folder / str(number))
        Scores(**manifest.model_dump(), **score(rows, replies), usage=usage).write(folder / str(number))
        names.append(str(folder / str(number)))
    return names


def main() -> None:
    print(heading(f"A report of {MODELS} models x {3 * USERS:,} rows", "matplotlib", "jinja2"))
    with tempfile.TemporaryDirectory() as folder:
        names, out = write_folders(Path(folder)), Path(folder, "report")
        started = time.perf_counter()
        subprocess.run([sys.executable, "-c", REPORT, str(out), *names], check=True)
        seconds = time.perf_counter() - started
        megabytes = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
        figures = [["time, with starting Python", f"{seconds:.1f} s"], ["largest memory", f"{megabytes:.0f} MB"]]
        figures += [[file, f"{(out / file).stat().st_size:,} bytes"] for file in ("report.html", "report.json")]
        print(markdown_table(["figure", "measured"], figures))


if __name__ == "__main__":
    main()
