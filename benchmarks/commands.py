"""Commands of a benchmark that takes long: what they made already is not made again."""

import os
import subprocess
import sys
import time
from pathlib import Path

# Processes are side by side, so each has one thread.
ENVIRONMENT = {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}


def run(log: Path, made: Path, *command: str | Path) -> None:
    """Run a Python command, unless the file that it makes exists.

    Args:
        log: gets what the command writes, and its seconds.
        made: the last file that the command writes.
        command: words behind `python`.

    Raises:
        RuntimeError: if the command fails.
    """
    if made.exists():
        return
    arguments = [str(part) for part in command]
    started = time.perf_counter()
    with open(log, "a", encoding="utf-8") as output:
        failed = subprocess.run(
            [sys.executable, *arguments], stdout=output, stderr=subprocess.STDOUT, env={**os.environ, **ENVIRONMENT}
        ).returncode
        took = f"{time.perf_counter() - started:.0f} s"
        output.write(f"\n[{took}] {' '.join(arguments)}\n")
    if failed:
        raise RuntimeError(f"{' '.join(arguments)} failed; see {log}")
    print(f"  {took:>6}  {made}", flush=True)
