"""Measure a build: time by stage, CPU, memory, what was kept.

    python benchmarks/build_rapidapi.py
    python benchmarks/build_rapidapi.py rapidapi --cache CACHE --workers 2
    python benchmarks/build_rapidapi.py embedded --users 20000

Starts with an empty embedding cache, so that embedding is measured too (about six minutes on two cores), unless it is
given one.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from machine import heading, shared_file
from petoolkit.builder.designs import DESIGNS
from petoolkit.builder.recipe import load_recipe

from petoolkit.shipped import recipe_path
from petoolkit.text import markdown_table

ROOT = Path(__file__).parent.parent


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure a build.")
    parser.add_argument("recipe", nargs="?", default="rapidapi", help="a shipped recipe's name")
    parser.add_argument("--users", type=int, help="instead of the recipe's")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--cache", help="a folder with the vectors of the texts")
    given = parser.parse_args()
    name = given.recipe
    if name.startswith("rapidapi"):
        shared_file("rapidapi_tools.jsonl.gz")
    recipe = load_recipe(recipe_path("build", name), users=given.users)
    title = f"{name}, {recipe.users:,} users, {given.workers} processes"
    print(heading(title, "sentence-transformers", "scikit-learn", "torch", "pyarrow"))
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "petoolbench_cli", "build", "--recipe", name]
        command += ["--run", f"{folder}/run", "--dataset", f"{folder}/dataset", "--workers", str(given.workers)]
        command += ["--users", str(recipe.users)]
        started = time.perf_counter()
        cache = given.cache or f"{folder}/cache"
        before_audit = run(command, {**os.environ, "PETOOLBENCH_CACHE": cache})
        seconds = time.perf_counter() - started
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        manifests = {
            stage: json.loads(next(Path(folder, "run").glob(f"*{stage}.manifest.json")).read_text())
            for stage in DESIGNS[recipe.design].stages
        }
        # Encoders count from the build's start, so the last stage that has one knows all.
        last = [one["extra"] for one in manifests.values() if "texts embedded" in one["extra"]][-1]
        embedding, texts = last["seconds embedding"], last["texts embedded"]
        rows = [[stage, f"{m['rows']:,}", m["seconds"]] for stage, m in manifests.items()]
        print(markdown_table(["stage (its last round)", "rows", "seconds"], rows), "\n")
        figures = [
            ["the whole command", f"{seconds:.0f} s"],
            ["CPU", f"{used.ru_utime + used.ru_stime:.0f} s"],
            ["embedding (distinct texts)", f"{embedding:.0f} s ({texts:,})"],
            ["everything but embedding", f"{seconds - embedding:.0f} s"],
            ["largest memory of a process, audit included", f"{used.ru_maxrss / 2**20:.2f} GB"],
            ["... of the build's own, before the audit", f"{before_audit / 2**20:.2f} GB"],
        ]
        print(markdown_table(["figure", "measured"], figures), "\n")
        print(Path(folder, "run", "report.md").read_text())


def run(command: list[str], environment: dict[str, str]) -> int:
    """Run a build, show what it says, and return its memory (kB) when the dataset is written and not yet audited."""
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    memory = 0
    for line in process.stderr:
        print(line, end="", file=sys.stderr)
        if line.startswith("Wrote"):
            status = Path(f"/proc/{process.pid}/status").read_text()
            memory = int(status.split("VmHWM:")[1].split()[0])
    if process.wait():
        sys.exit(f"the build ended with {process.returncode}")
    return memory


if __name__ == "__main__":
    main()
