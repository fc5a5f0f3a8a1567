"""A build that a signal ends behind a finished part of its export, and that is begun again.

For a benchmark and a test, which run it in a network namespace of its own: there, all other processes are the build's.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

_PARTS = 2  # of the export, behind which the build is ended
_IN_TIME = 600  # seconds


@dataclass(frozen=True)
class BegunAgain:
    """What came of a build.

    Args:
        code: with which it ended first.
        seconds: from the signal to its end.
        parts: of the export that were finished then.
        code_again: with which it ended when it was begun again.
        keeps_parts: whether the journal kept the lines of these parts all the time.
    """

    code: int
    seconds: float
    parts: int
    code_again: int
    keeps_parts: bool


def begun_again(begin: Callable[[], "subprocess.Popen[bytes]"], run: Path, sent: signal.Signals) -> BegunAgain:
    """Begin a build, end it by a signal, and begin it again when nothing is left of it.

    Args:
        begin: starts the command.
        run: the folder of its run.
        sent: the signal.
    """
    process = begin()
    wait_for_parts(run, process)
    process.send_signal(sent)
    signalled = time.perf_counter()
    code = process.wait(timeout=60)
    seconds = time.perf_counter() - signalled
    wait_until(lambda: len(processes()) == 1, 120)
    parts, finished = parts_done(run), finished_lines(run)
    again = begin()
    keeps_parts = True
    while again.poll() is None:
        found = finished_lines(run)
        keeps_parts &= not found or found.startswith(finished)
        time.sleep(0.02)
    return BegunAgain(code, seconds, parts, again.returncode, keeps_parts)


def wait_for_parts(run: Path, process: "subprocess.Popen[bytes]") -> int:
    """Wait until the export of a build has some parts, and return their number."""
    wait_until(lambda: parts_done(run) >= _PARTS or process.poll() is not None, _IN_TIME)
    if process.poll() is not None:
        sys.exit(f"the build into {run} ended too early; take more users")
    return parts_done(run)


def finished_lines(run: Path) -> bytes:
    """The whole lines of the export's journal: its key, and each finished part; empty if there is none."""
    try:
        lines = (run / ".export.jsonl.parts").read_bytes().splitlines(keepends=True)
    except FileNotFoundError:  # not begun, or complete
        return b""
    return b"".join(line for line in lines if line.endswith(b"\n"))


def parts_done(run: Path) -> int:
    """How many parts of the export are finished."""
    return max(0, finished_lines(run).count(b"\n") - 1)


def processes() -> list[int]:
    """Ids of all processes in this network namespace."""
    own = os.readlink("/proc/self/ns/net")
    found = []
    for folder in Path("/proc").iterdir():
        try:
            if folder.name.isdigit() and os.readlink(folder / "ns" / "net") == own:
                found.append(int(folder.name))
        except OSError:
            continue
    return found


def wait_until(is_so: Callable[[], bool], seconds: float) -> None:
    """Wait until something is so; end this process if it takes too long."""
    deadline = time.monotonic() + seconds
    while not is_so():
        if time.monotonic() > deadline:
            sys.exit("waited too long")
        time.sleep(0.02)
