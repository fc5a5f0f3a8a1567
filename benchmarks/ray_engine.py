"""Measure the engine on Ray: bytes, CPU, a node that is killed, a command that is stopped or killed.

    python benchmarks/ray_engine.py --users 2000 --cache CACHE
    python benchmarks/ray_engine.py --users 600 --cache CACHE --trials command

All of it runs in a network namespace of its own that has loopback only (Linux, and rights to make one), for Ray
listens at the machine's own address. The CPU is that of all processes in the namespace, Ray's own among them, read ten
times a second.
"""

import argparse
import hashlib
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from begun_again import begun_again, processes, wait_for_parts
from machine import heading

from petoolkit.text import markdown_table

ROOT = Path(__file__).parent.parent
TRIALS = 3
SIGNALS = {"Ctrl-C": signal.SIGINT, "SIGKILL": signal.SIGKILL}  # to a command, whose cluster ends with it
_INSIDE = "PETOOLBENCH_IN_LOOPBACK"
_KEPT = (".jsonl", ".parquet", ".arrow", ".npy")
_TICKS = os.sysconf("SC_CLK_TCK")


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure the engine on Ray.")
    parser.add_argument("--users", type=int, default=2_000)
    parser.add_argument("--cache", help="a folder with the vectors of the texts")
    parser.add_argument("--trials", nargs="+", choices=KINDS_OF_TRIALS, default=list(KINDS_OF_TRIALS))
    given = parser.parse_args()
    if not os.environ.get(_INSIDE):
        inside = {**os.environ, _INSIDE: "1", "RAY_USAGE_STATS_ENABLED": "0"}
        command = ["unshare", "-n", "sh", "-c", 'ip link set lo up && exec "$@"', "sh", sys.executable, *sys.argv]
        os.execvpe(command[0], command, inside)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # else commands ignore it where this one does
    with tempfile.TemporaryDirectory() as folder:
        if given.cache:
            os.environ["PETOOLBENCH_CACHE"] = given.cache
        print(heading(f"embedded, {given.users:,} users", "ray", "pyarrow"), flush=True)
        trials = Trials(Path(folder), given.users)
        trials.build("vectors")  # fills the cache
        rows = [trials.here(), *(row for kind in given.trials for row in KINDS_OF_TRIALS[kind](trials))]
    print(markdown_table(["what", "wall, s", "CPU, s", "bytes", "note"], rows))


class Trials:
    """Builds of one recipe into folders of their own.

    Args:
        folder: for all of them.
        users: of each build.
    """

    def __init__(self, folder: Path, users: int):
        self._folder, self._users = folder, users
        self._expected: dict[str, str] = {}

    def command(self, name: str, *options: str) -> list[str]:
        folder = self._folder / name
        return [
            *(sys.executable, "-m", "petoolbench_cli", "build", "--recipe", "embedded", "--users", str(self._users)),
            *("--run", f"{folder}/run", "--dataset", f"{folder}/dataset", *options),
        ]

    def build(self, name: str, *options: str) -> tuple[float, float]:
        """Build, and return the wall and CPU seconds."""
        started = time.perf_counter()
        with Cpu() as cpu:
            done = subprocess.run(self.command(name, *options), cwd=ROOT, capture_output=True, text=True)
            seconds = time.perf_counter() - started
        if done.returncode:
            sys.exit(f"{name} ended with {done.returncode}: {done.stderr[-2000:]}")
        return seconds, cpu.seconds

    def line(self, name: str, wall: float, cpu: float, note: str = "") -> list[Any]:
        found = hashes(self._folder / name)
        same = "equal" if found == self._expected else "DIFFERENT"
        print(f"{name}: {wall:.0f} s, {cpu:.0f} s CPU, {same} {note}", file=sys.stderr, flush=True)
        return [name, f"{wall:.0f}", f"{cpu:.0f}", same, note]

    def here(self) -> list[Any]:
        measured = self.build("one process")
        self._expected = hashes(self._folder / "one process")
        return self.line("one process", *measured)

    def engines(self) -> list[list[Any]]:
        lines = []
        for number in range(1, TRIALS + 1):
            for name, options in (
                ("two processes", ("--workers", "2")),
                ("Ray, two workers", ("--engine", "ray", "--workers", "2")),
            ):
                measured = self.build(f"{name}, {number}", *options)
                lines.append(self.line(f"{name}, {number}", *measured))
        return lines

    def node_killed(self) -> list[list[Any]]:
        """A cluster of two nodes, of which the one without the command is killed during the export."""
        from ray.cluster_utils import Cluster

        lines = []
        for number in range(1, TRIALS + 1):
            name = f"a node of two killed, {number}"
            started = time.perf_counter()
            with Cpu() as cpu:
                cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
                other = cluster.add_node(num_cpus=1)
                process = self.begin(name, "--engine", "ray", "--address", cluster.address)
                parts = wait_for_parts(self._run(name), process)
                raylet = other.all_processes["raylet"][0].process.pid
                killed = kill([raylet, *children(raylet)])
                code = process.wait(timeout=600)
                seconds = time.perf_counter() - started
                cluster.shutdown()
            note = f"killed behind part {parts} of the export ({killed} processes); ended with {code}"
            lines.append(self.line(name, seconds, cpu.seconds, note))
        return lines

    def command_ended(self) -> list[list[Any]]:
        """The command gets a signal during the export, with a local cluster, and is begun again."""
        return [
            self._ended_by(sent, f"the command ended by {name}, {number}")
            for name, sent in SIGNALS.items()
            for number in range(1, TRIALS + 1)
        ]

    def _ended_by(self, sent: signal.Signals, name: str) -> list[Any]:
        started = time.perf_counter()
        with Cpu() as cpu:
            ended = begun_again(lambda: self.begin(name, "--engine", "ray", "--workers", "2"), self._run(name), sent)
        note = (
            f"ended with {ended.code} after {ended.seconds:.1f} s, behind part {ended.parts} of the export; begun "
            f"again, it ended with {ended.code_again} and {'kept' if ended.keeps_parts else 'LOST'} these parts"
        )
        return self.line(name, time.perf_counter() - started, cpu.seconds, note)

    def _run(self, name: str) -> Path:
        return self._folder / name / "run"

    def begin(self, name: str, *options: str) -> "subprocess.Popen[bytes]":
        return subprocess.Popen(self.command(name, *options), cwd=ROOT, stderr=subprocess.DEVNULL)


KINDS_OF_TRIALS = {"engines": Trials.engines, "node": Trials.node_killed, "command": Trials.command_ended}


class Cpu:
    """CPU seconds of the processes that run in this network namespace while it is open, but for this one."""

    def __enter__(self) -> "Cpu":
        self._by_process: dict[tuple[int, str], float] = {}
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._ended.set()
        self._thread.join()

    @property
    def seconds(self) -> float:
        return sum(self._by_process.values())

    def _watch(self) -> None:
        while not self._ended.wait(0.1):
            for process in processes():
                try:
                    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
                except OSError:
                    continue
                if process != os.getpid():
                    self._by_process[process, fields[19]] = (int(fields[11]) + int(fields[12])) / _TICKS


def children(process: int) -> list[int]:
    listed = subprocess.run(["ps", "-o", "pid=", "--ppid", str(process)], capture_output=True, text=True).stdout
    return [int(one) for one in listed.split()]


def kill(ids: list[int]) -> int:
    """Kill processes with SIGKILL, and return how many."""
    for one in ids:
        os.kill(one, signal.SIGKILL)
    return len(ids)


def hashes(folder: Path) -> dict[str, str]:
    """The hash of each file whose bytes are promised."""
    return {
        str(file.relative_to(folder)): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in sorted(folder.rglob("*"))
        if file.suffix in _KEPT
    }


if __name__ == "__main__":
    main()
