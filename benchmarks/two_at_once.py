"""Two commands at once on one folder: each ends well or is refused in one sentence, and nothing is mixed or lost.

    python benchmarks/two_at_once.py
    python benchmarks/two_at_once.py --offsets 2 --only build "push dataset"

Every ordered pair of the commands, each with itself too, starts in a fresh copy of a folder with a dataset, its run
folder and a half finished evaluation (a whole one for a report and for a push of results). The second command starts
0 % to 80 % of the first one's time after it. Pushes go to a stand-in for the Hub on loopback. Afterwards, the dataset,
the evaluation, the report and what was pushed must each be, to the byte, what one of the commands writes alone. The
exit code is 1 if one is not, or if there is a traceback.
"""

import argparse
import os
import re
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path

from machine import heading
from rich.console import Console
from small_runs import CLI, LAST_WORDS, Started, build_words, files_in, run, write_recipe

from petoolkit.text import markdown_table

from hub_stand_in import HubStandIn  # isort: skip  # in tests/, which small_runs puts on the path

USERS = 40
_EVALUATE = [CLI, "evaluate", "--dataset", "data", "--model", "baseline:random", "--out", "results"]
_REPORT = [CLI, "report", "results", "--out", "report"]
_LEFT_BEHIND = re.compile(r"\.(tmp|old|lock)$")
COMMANDS = ("build", "evaluate", "report", "push dataset", "push results")


def words_of(command: str, is_second: bool, hub_name: str) -> list[str]:
    """The command line; of two builds, each has a seed of its own."""
    return {
        "build": build_words(seed=3 if is_second else 2),
        "evaluate": _EVALUATE,
        "report": _REPORT,
        "push dataset": [CLI, "push", "dataset", "data", f"me/{hub_name}", "--no-rules"],
        "push results": [CLI, "push", "results", "results", f"me/{hub_name}-results", "--predictions"],
    }[command]


@dataclass
class References:
    """What the commands write alone.

    Args:
        start: the folder that each trial begins with.
        seconds: time of each command.
        datasets: of each seed.
        pushed: of each dataset, by seed.
        replies: lines of the whole evaluation.
        half: the first of them.
        scores: of the whole evaluation, its file.
        report: its files.
        pushed_results: the files.
    """

    start: Path
    seconds: dict[str, float] = field(default_factory=dict)
    datasets: dict[int, dict[str, bytes]] = field(default_factory=dict)
    pushed: dict[int, dict[str, bytes]] = field(default_factory=dict)
    replies: list[str] = field(default_factory=list)
    half: list[str] = field(default_factory=list)
    scores: bytes = b""
    report: dict[str, bytes] = field(default_factory=dict)
    pushed_results: dict[str, bytes] = field(default_factory=dict)


def pushed_files(hub: HubStandIn, hub_name: str) -> dict[str, bytes]:
    """What a repository of datasets holds, under a name that all have."""
    files = hub.repositories["dataset", f"me/{hub_name}"].branches["main"][-1].files
    return {path: content.replace(f"me/{hub_name}".encode(), b"me/x") for path, content in files.items()}


def make_references(folder: Path, hub: HubStandIn) -> References:
    """Run each command alone."""
    made = References(folder / "start")
    made.start.mkdir()
    write_recipe(made.start, USERS)

    def timed(command: str, where: Path, hub_name: str = "", is_second: bool = False) -> None:
        began = time.perf_counter()
        run(words_of(command, is_second, hub_name), where)
        made.seconds[command] = time.perf_counter() - began

    run(build_words(seed=1), made.start)
    for seed in (2, 3):
        other = folder / f"seed{seed}"
        shutil.copytree(made.start, other)
        run(build_words(seed=seed), other)
        shutil.copy(other / "cache" / "embeddings.sqlite", made.start / "cache" / "embeddings.sqlite")
        made.datasets[seed] = files_in(other / "data")
        timed("push dataset", other, f"seed{seed}")
        made.pushed[seed] = pushed_files(hub, f"seed{seed}")
    made.datasets[1] = files_in(made.start / "data")
    timed("push dataset", made.start, "seed1")
    made.pushed[1] = pushed_files(hub, "seed1")
    timed("evaluate", made.start)
    again = folder / "again"
    shutil.copytree(made.start, again)
    timed("build", again)
    timed("report", made.start)
    timed("push results", made.start, "seed1")
    results = made.start / "results"
    made.replies = (results / "predictions.jsonl").read_text().splitlines()
    made.half = made.replies[: len(made.replies) // 2]
    made.scores = (results / "scores.json").read_bytes()
    made.report = files_in(made.start / "report")
    made.pushed_results = pushed_files(hub, "seed1-results")
    shutil.rmtree(made.start / "report")
    return made


@dataclass
class Counted:
    """How the trials of a pair ended."""

    ends: Counter = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)


def trial(pair: tuple[str, str], offset: float, folder: Path, hub: HubStandIn, made: References) -> Iterable[str]:
    """Start two commands in a copy of the folder.

    Yields:
        How they ended, one of the columns of the table, then what is wrong, if anything.
    """
    hub_name = folder.name
    shutil.copytree(made.start, folder)
    is_half = "evaluate" in pair
    if is_half:
        (folder / "results" / "predictions.jsonl").write_text("".join(f"{line}\n" for line in made.half))
        (folder / "results" / "scores.json").unlink()
    processes = []
    for is_second, command in enumerate(pair):
        if is_second:
            time.sleep(offset * made.seconds[pair[0]])
        processes.append(Started(words_of(command, bool(is_second), hub_name), folder))
    said = [process.end() for process in processes]
    codes = [process.exit_code for process in processes]
    refused = [code == 2 and words.count("Error: ") == 1 for code, words in zip(codes, said, strict=True)]
    yield "both ended well" if codes == [0, 0] else "one refused" if sum(refused) == 1 else "both refused"
    for command, code, words, is_refused in zip(pair, codes, said, refused, strict=True):
        if "Traceback" in words or (code and not is_refused):
            yield f"{command} ended with {code}: {' '.join(words[-LAST_WORDS:].split())}"
    ended_well = [
        (command, number + 2) for number, (command, code) in enumerate(zip(pair, codes, strict=True)) if not code
    ]
    yield from wrong_in(folder, hub, hub_name, ended_well, is_half, made)


def wrong_in(
    folder: Path, hub: HubStandIn, hub_name: str, ended_well: list[tuple[str, int]], is_half: bool, made: References
) -> Iterable[str]:
    """What is lost, mixed or left behind, given the commands that ended well, each with its seed."""
    done = {command for command, _ in ended_well}
    seeds = {seed for command, seed in ended_well if command == "build"} or {1}
    if files_in(folder / "data") not in [made.datasets[seed] for seed in seeds]:
        yield "the dataset is none of those that were built"
    replies = (folder / "results" / "predictions.jsonl").read_text().splitlines()
    if "evaluate" in done or not is_half:
        if replies != made.replies or (folder / "results" / "scores.json").read_bytes() != made.scores:
            yield "the evaluation is not the whole one"
    elif not set(made.half) <= set(replies) <= set(made.replies) or len(set(replies)) < len(replies):
        yield "replies are lost, doubled or of another evaluation"
    if "report" in done and files_in(folder / "report") != made.report:
        yield "the report is not that of the whole evaluation"
    if "push dataset" in done and pushed_files(hub, hub_name) not in made.pushed.values():
        yield "the pushed dataset is none of those that were built"
    if "push results" in done and pushed_files(hub, f"{hub_name}-results") != made.pushed_results:
        yield "the pushed results are not those of the whole evaluation"
    if left := [
        path.name for path in folder.rglob("*") if _LEFT_BEHIND.search(path.name) and "cache" not in path.parts
    ]:
        yield f"left behind: {', '.join(left)}"


def main() -> int:
    """Run all pairs, and print a table; returns 1 if anything is wrong."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--offsets", type=int, default=4, help="starts of the second command for each pair (4)")
    parser.add_argument("--only", nargs="+", choices=COMMANDS, default=COMMANDS, help="commands to pair")
    options = parser.parse_args()
    console = Console(stderr=True)
    lines, problems, number = [], [], 0
    with tempfile.TemporaryDirectory() as temporary, HubStandIn() as hub:
        home = Path(temporary, "home")
        os.environ.update(hub.environment(home))
        os.environ.pop("HF_HUB_OFFLINE", None)
        made = make_references(Path(temporary), hub)
        pairs: dict[tuple[str, ...], Counted] = {}
        for pair in product(options.only, repeat=2):
            counted = pairs.setdefault(tuple(sorted(pair, key=COMMANDS.index)), Counted())
            for step in range(options.offsets):
                number += 1
                offset = 0.8 * step / max(options.offsets - 1, 1)
                folder = Path(temporary, f"trial{number}")
                end, *wrong = trial(pair, offset, folder, hub, made)
                counted.ends[end] += 1
                counted.problems += wrong
                problems += [f"{pair[0]}, then {pair[1]} after {offset:.0%}: {what}" for what in wrong]
                console.print(f"  {' + '.join(pair)}, {offset:.0%}: {end}; {'; '.join(wrong)}", markup=False)
                shutil.rmtree(folder)
    for pair, counted in pairs.items():
        mixed = sum("Traceback" not in what and "ended with" not in what for what in counted.problems)
        ends = [counted.ends[end] for end in ("both ended well", "one refused", "both refused")]
        lines.append([" + ".join(pair), sum(ends), *ends, mixed, len(counted.problems) - mixed])
    print(heading(f"Two commands at once, {number} trials", "datasets", "filelock"))
    columns = ["pair", "trials", "both ended well", "one refused", "both refused", "mixture or loss", "traceback"]
    print(markdown_table(columns, lines))
    print("\n".join(problems))
    return bool(problems)


if __name__ == "__main__":
    sys.exit(main())
