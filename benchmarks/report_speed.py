"""Measure the report of 10 models x 3,000 rows in all its forms, and in the default ones: time, CPU and memory.

Each runs in a process of its own, as the command does.

    python benchmarks/report_speed.py

Rows and replies are invented; differences between models are tested on them. The time to make their
scores is not measured.
"""

import random
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from machine import heading
from petoolkit.builder.dataset_folder import write_dataset

from petoolbench import SETTINGS, to_json_text
from petoolkit.dataset_record import DatasetRecord
from petoolkit.evaluator.counterfactuals.counterfactual_table import COUNTERFACTUALS
from petoolkit.evaluator.dataset_rows import load_split
from petoolkit.evaluator.records import AskedOptions, Manifest, ReplyUsage, Scores
from petoolkit.evaluator.report.report_forms import DEFAULT_FORMS, FORMS
from petoolkit.evaluator.results_folder import PREDICTIONS
from petoolkit.evaluator.row_fingerprint import fingerprint
from petoolkit.evaluator.scores.score import score
from petoolkit.files import write_json_lines
from petoolkit.text import ALL, markdown_table

MODELS, USERS, CANDIDATES, CATEGORIES = 10, 1_000, 10, 46  # 46 categories: as many as the paper's dataset has
FACTS = DatasetRecord(origin="build", author="offline")
SHARE = {"value": 0.4, "low": 0.35, "high": 0.45}


def invented_rows() -> list[dict]:
    """A row for each user and setting, with ten candidates, of which the first five do the same job."""
    rows = []
    for user in range(USERS):
        drawn = random.Random(user)
        category = f"Category_{drawn.randrange(CATEGORIES)}"
        names = [f"<{category}>.<Provider {drawn.randrange(500)}>.<api {number}>" for number in range(CANDIDATES)]
        tools = [
            {
                "tool_name": name,
                "tool_description": "Finds it.",
                "provider_description": "Free.",
                "required_parameters": [],
                "optional_parameters": [],
            }
            for name in names
        ]
        call = {
            "instruction": "find it",
            "tool_name": names[0],
            "provider_description": "Free.",
            "parameters": "{}",
            "rating": None,
        }
        for setting in SETTINGS:
            history = [call | {"rating": 1 if SETTINGS[setting].is_rated else None}] * drawn.randrange(1, 21)
            rows.append(
                {
                    "id": f"u{user:06d}/{setting}",
                    "user_id": f"u{user:06d}",
                    "block_id": "",
                    "kind": "preference",
                    "taste": "",
                    "group_id": f"g{user % 200}",
                    "category": category,
                    "instruction": "find it",
                    "history": history,
                    "history_length": len(history),
                    "candidate_tools": drawn.sample(tools, k=CANDIDATES),
                    "tool_call": {"tool_name": names[0], "parameters": "{}"},
                    "acceptable_tools": names[:1],
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


def invented_preference() -> dict:
    """The same scores of pairs and of every counterfactual for each model: their tables and figures are to be made."""
    settings = [*SETTINGS, ALL]
    pairs = {"pairs": 2_000, "counted": 1_500, "score": SHARE, "gain": SHARE}
    changed = {"rows": 3 * USERS, "own": SHARE, "expected": 1.0, "other": SHARE, "expected_other": 0.0}
    return {
        "pairs": dict.fromkeys(settings, pairs),
        "history_gain": dict.fromkeys(settings, SHARE),
        "counterfactual_scores": {name: dict.fromkeys(settings, changed) for name in COUNTERFACTUALS},
    }


def write_folders(folder: Path) -> list[str]:
    """Write a dataset, and evaluations of each model with and without history, so that all figures are drawn.

    Returns:
        The evaluations' folders.
    """
    dataset, names = str(folder / "invented"), []
    write_dataset(Path(dataset), (("test", one) for one in invented_rows()), lambda: FACTS)
    rows = load_split(dataset, ALL, "test", None)
    digest = fingerprint(rows)
    for number in range(MODELS):
        model, history = divmod(number, 2)
        replies = [
            {"id": row["id"], "repeat": 0, "reply": reply(row, model, bool(history)), "error": None} for row in rows
        ]
        manifest = Manifest(
            model=f"hf:organisation/model-{model}-instruct",
            dataset=dataset,
            fingerprint=digest,
            split="test",
            setting=ALL,
            options=AskedOptions(history=bool(history)),
        )
        evaluation = folder / str(number)
        manifest.write(evaluation)
        write_json_lines(evaluation / PREDICTIONS, replies)
        scored = score(rows, replies) | invented_preference()
        for tests in scored["dependence"].values():  # so that the figures of dependence are drawn
            tests |= {setting: {"bands": 5, "p_value": 0.0001} for setting in tests}
        usage = ReplyUsage(prompt_tokens=9_000_000, completion_tokens=100_000 * (number + 1))
        Scores(**manifest.model_dump(), **scored, usage=usage).write(evaluation)
        names.append(str(evaluation))
    return names


def measured(names: list[str], out: Path, forms: tuple[str, ...]) -> list[str]:
    """Time, CPU and memory of a report in these forms, and the size of its folder."""
    command = [
        sys.executable,
        "-m",
        "petoolbench_cli",
        "report",
        *names,
        "--out",
        str(out),
        "--format",
        ",".join(forms),
    ]
    started, cpu = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    seconds, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - cpu.ru_utime - cpu.ru_stime
    files = [path for path in out.rglob("*") if path.is_file()]
    size = sum(path.stat().st_size for path in files) / 1e6
    figures = [
        f"{seconds:.1f} s",
        f"{used:.1f} s",
        f"{after.ru_maxrss / 1024:.0f} MB",
        f"{len(files)}",
        f"{size:.1f} MB",
    ]
    return [",".join(forms), *figures]


def main() -> None:
    print(heading(f"A report of {MODELS} models x {3 * USERS:,} rows", "matplotlib", "jinja2"))
    with tempfile.TemporaryDirectory() as folder:
        names = write_folders(Path(folder))
        chosen = (DEFAULT_FORMS, tuple(FORMS))
        rows = [measured(names, Path(folder, f"{len(forms)} forms"), forms) for forms in chosen]
    columns = ["forms", "time, with starting Python", "CPU", "largest memory up to here", "files", "size"]
    print(markdown_table(columns, rows))


if __name__ == "__main__":
    main()
