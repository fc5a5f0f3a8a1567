"""Builds of several sizes out of the embedded catalogue, each with its audit: time, CPU time and most memory.

    python benchmarks/build_size.py 20000 50000
    python benchmarks/build_size.py 20000 --recipe rapidapi --workers 2 --cache CACHE

Texts are embedded anew in the first build, unless a cache with their vectors is given. This process stays small, as a
started command counts what its parent holds. With more than one worker, the memory is that of the largest process.
A thousand users take 0.1 GB of disk while they are built, half of it in `$HF_DATASETS_CACHE` if that is set.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from machine import heading

from petoolkit.text import markdown_table


def measured(command: list[str], environment: dict[str, str]) -> tuple[float, float, float, float]:
    """Seconds, seconds of CPU with all that it starts; the most memory of a process in GB, and before the audit."""
    started = time.perf_counter()
    process = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    before_audit = 0
    for line in process.stderr:
        print(f"{time.perf_counter() - started:7.1f} s  {line}", end="", file=sys.stderr)
        if line.startswith("Wrote"):
            status = Path(f"/proc/{process.pid}/status").read_text()
            before_audit = int(status.split("VmHWM:")[1].split()[0])
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        sys.exit("the build failed")
    return (
        time.perf_counter() - started,
        usage.ru_utime + usage.ru_stime,
        usage.ru_maxrss / 1e6,
        before_audit / 1e6,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure builds of several sizes.")
    parser.add_argument("users", nargs="+", type=int)
    parser.add_argument("--recipe", default="embedded", help="a shipped recipe's name")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--cache", help="a folder with the vectors of the texts")
    given = parser.parse_args()
    print(heading(f"{given.recipe}, {given.workers} processes", "pyarrow", "datasets", "numpy"))
    lines = []
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "PETOOLBENCH_CACHE": given.cache or f"{folder}/cache"}
        for users in given.users:
            with tempfile.TemporaryDirectory() as made:
                command = [sys.executable, "-m", "petoolbench_cli", "build", "--recipe", given.recipe]
                command += ["--users", str(users), "--workers", str(given.workers)]
                command += ["--run", f"{made}/run", "--dataset", f"{made}/dataset"]
                read = {"HF_DATASETS_CACHE": f"{made}/read"}  # removed with the rest
                seconds, cpu, memory, before_audit = measured(command, {**read, **environment})
            figures = [f"{seconds:.0f} s", f"{cpu:.0f} s", f"{memory:.2f} GB", f"{before_audit:.2f} GB"]
            lines.append([f"{users:,}", *figures])
            print(f"{users:,}: {', '.join(figures)}", file=sys.stderr)
    print(markdown_table(["users", "time", "CPU", "most memory", "of it before the audit"], lines))


if __name__ == "__main__":
    main()
