"""Commands that are killed at any moment and run again: the same bytes, no row lost, nothing paid for twice.

    python benchmarks/kills.py
    python benchmarks/kills.py --kills 5 --only "build, rules" "SFT"

Each trial starts a command in a fresh folder, kills it (SIGKILL) and runs it again to its end. The moments are spread
over the command's work, from 5 % to 95 % of the CPU time of an undisturbed run, since other processes may share the
machine. Imports are not part of it: the processes are forked from one that has done them. Only kills that hit a living
process count. The exit code is 1 if a trial ends otherwise than undisturbed.

Left out of the comparison, because they hold times: `seconds` of replies, `median_seconds` and `p95_seconds` of
scores, `training_args.bin`, and the manifests of a build's stages; and the versions that evaluations record, since the
checkout's commit is among them.
"""

import argparse
import json
import random
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil
from machine import heading
from rich.console import Console
from small_runs import CLI, LAST_WORDS, ROOT, Started, build_words, files_in, run, write_recipe

from petoolbench import render_messages
from petoolkit.evaluator.dataset_rows import load_split
from petoolkit.text import ALL, markdown_table
from petoolkit.training.random_model import make_random_model

from fake_model import good_answer  # isort: skip  # in tests/, which small_runs puts on the path
from scripted_server import ScriptedServer  # isort: skip

IN_FLIGHT = 8
USERS = 60
STEPS, STEPS_A_CHECKPOINT = 6, 1
_EMBEDDINGS = "cache/embeddings.sqlite"
_POLL = 0.002  # seconds


@dataclass
class Case:
    """A command that is killed.

    Args:
        name: in the table.
        words: the command, given its folder: a training that was killed goes on with other words.
        prepare: makes what the command needs, in an empty folder.
        result: what must be the same after a kill, by name.
        rows: identifies each row written, to find lost and doubled ones.
        server: the endpoint that it asks, if any.
    """

    name: str
    words: Callable[[Path], list[str]]
    prepare: Callable[[Path], None]
    result: Callable[[Path], dict[str, object]]
    rows: Callable[[Path], list[object]]
    server: ScriptedServer | None = None


@dataclass
class Counted:
    """What became of the trials of a case."""

    kills: int = 0
    seconds: float = 0.0  # CPU time of an undisturbed run
    same: int = 0
    lost: int = 0
    doubled: int = 0
    asked_again: list[int] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def measure(case: Case, folder: Path, kills: int, rng: random.Random, console: Console) -> Counted:
    """Run a case undisturbed, then once for each kill."""
    counted = Counted()
    embeddings = folder / "embeddings.sqlite"  # of a first run, since the model that makes them takes most of the time
    undisturbed = prepared(case, folder / "first", None)
    counted.seconds, _ = run_for(case, undisturbed, None)
    if (undisturbed / _EMBEDDINGS).exists():
        shutil.copy(undisturbed / _EMBEDDINGS, embeddings)
        undisturbed = prepared(case, folder / "undisturbed", embeddings)
        counted.seconds, _ = run_for(case, undisturbed, None)
    result, rows = case.result(undisturbed), Counter(case.rows(undisturbed))
    trial = 0
    while counted.kills < kills:
        share = 0.05 + 0.9 * (counted.kills + rng.random()) / kills
        for attempt in range(5):
            trial += 1
            killed = prepared(case, folder / f"trial{trial}", embeddings)
            at, was_alive = run_for(case, killed, share * counted.seconds * 0.93**attempt)
            if was_alive:
                break
        else:
            raise RuntimeError(f"{case.name}: five runs ended before {share:.0%} of the undisturbed run's time")
        counted.kills += 1
        where = f"{case.name}, killed at {at:.2f} s of {counted.seconds:.2f} s"
        try:
            run(case.words(killed), killed)
        except RuntimeError as error:
            counted.problems.append(f"{where}: {error}")
            continue
        found = case.result(killed)
        if different := sorted(name for name in {**result, **found} if result.get(name) != found.get(name)):
            counted.problems.append(f"{where}: other content in {', '.join(different)}")
        counted.same += not different
        numbers = Counter(case.rows(killed))
        counted.lost += (rows - numbers).total()
        counted.doubled += (numbers - rows).total()
        if case.server:
            prompts = [json.dumps([body["messages"], body.get("seed")]) for body in case.server.requests]
            counted.asked_again.append(len(prompts) - len(set(prompts)))
        console.print(f"  {where}: {'other' if different else 'same'} content", highlight=False)
        shutil.rmtree(killed)
    return counted


def prepared(case: Case, folder: Path, embeddings: Path | None) -> Path:
    """Make the folder of a trial, with a cache of embeddings; the server forgets what it was asked."""
    (folder / "cache").mkdir(parents=True)
    case.prepare(folder)
    if embeddings and embeddings.exists():
        shutil.copy(embeddings, folder / _EMBEDDINGS)
    if case.server:
        case.server.requests.clear()
    return folder


def run_for(case: Case, folder: Path, seconds: float | None) -> tuple[float, bool]:
    """Run a case, and kill it after so many seconds of CPU time (`None`: never).

    Returns:
        The CPU time used, and whether a living process was killed.
    """
    process = Started(case.words(folder), folder)
    watched, used = psutil.Process(process.pid), 0.0
    while process.exit_code is None:
        try:
            times = watched.cpu_times()
        except psutil.NoSuchProcess:
            break
        used = max(used, times.user + times.system)
        if seconds is not None and used >= seconds:
            process.kill()
            process.end()
            return used, process.exit_code == -signal.SIGKILL
        time.sleep(_POLL)
    said = process.end()
    if process.exit_code:
        raise RuntimeError(f"{case.name} failed: {said[-LAST_WORDS:]}")
    return used, False


def build_result(folder: Path) -> dict[str, object]:
    """The dataset, the rows of all stages, and the names of all files but the cache's."""
    return {
        **files_in(folder, "data/**/*", "run/*.jsonl"),
        "names of files": names_in(folder),
    }


def names_in(folder: Path) -> list[str]:
    """What a run leaves: a temporary file or a lock would be left behind."""
    paths = (path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    return sorted(path for path in paths if not path.startswith(("cache/", "adapter/checkpoint-")))


def dataset_rows(folder: Path) -> list[object]:
    """The rows that a build exported."""
    return [json.loads(line)["id"] for line in (folder / "run" / "export.jsonl").read_text().splitlines()]


def evaluation_result(folder: Path) -> dict[str, object]:
    """Manifest, replies and scores without times and versions, and the names of all files."""
    results = folder / "results"
    scores = json.loads((results / "scores.json").read_text())
    for name in ("median_seconds", "p95_seconds"):
        del scores["usage"][name]
    manifest = json.loads((results / "manifest.json").read_text())
    del manifest["versions"], scores["versions"]
    lines = [
        {**json.loads(line), "seconds": None} for line in (results / "predictions.jsonl").read_text().splitlines()
    ]
    return {"manifest": manifest, "replies": lines, "scores": scores, "names of files": names_in(folder)}


def predicted_rows(folder: Path) -> list[object]:
    """The row and repeat of each reply."""
    lines = (folder / "results" / "predictions.jsonl").read_text().splitlines()
    return [(line["id"], line["repeat"]) for line in map(json.loads, lines)]


def training_result(folder: Path) -> dict[str, object]:
    """The adapter's folder without `training_args.bin`; of checkpoints, the weights."""
    kept = {
        path: content
        for path, content in files_in(folder / "adapter").items()
        if not path.endswith("training_args.bin")
        and (not path.startswith("checkpoint-") or path.endswith(".safetensors"))
    }
    return {**kept, "names of files": names_in(folder)}


def logged_steps(folder: Path) -> list[object]:
    """The steps in the last checkpoint's log of losses."""
    state = json.loads((folder / "adapter" / f"checkpoint-{STEPS}" / "trainer_state.json").read_text())
    return [line["step"] for line in state["log_history"] if "loss" in line]


def training_words(folder: Path) -> list[str]:
    """The tiny SFT; if there is a whole checkpoint, it goes on from it, as the script says that one should."""
    recipe = ROOT / "benchmarks" / "tiny" / "recipes" / "sft.yaml"
    words = [str(ROOT / "trainer" / "sft.py"), "--config", str(recipe), "--model_name_or_path", "base"]
    words += ["--dataset_name", "data", "--output_dir", "adapter", "--max_samples", "24", "--max_steps", str(STEPS)]
    words += ["--save_strategy", "steps", "--save_steps", str(STEPS_A_CHECKPOINT), "--eval_strategy", "no"]
    words += [
        "--validation_share",
        "0",
        "--logging_steps",
        "1",
        "--per_device_train_batch_size",
        "2",
        "--report_to",
        "none",
    ]
    if list(folder.glob("adapter/checkpoint-*/trainer_state.json")):
        words += ["--resume_from_checkpoint", "true"]
    return words


@contextmanager
def cases(folder: Path) -> Iterator[list[Case]]:
    """All cases; what they need is made in a folder."""
    made = folder / "made"
    made.mkdir()
    write_recipe(made, USERS)
    run(build_words(), made)
    rows = load_split(str(made / "data"), ALL, "train")
    texts = [message["content"] for row in rows for message in render_messages(row)]
    make_random_model(made / "base", texts, 2_000)

    def needs(*names: str) -> Callable[[Path], None]:
        def prepare(trial: Path) -> None:
            for name in names:
                copy = shutil.copytree if (made / name).is_dir() else shutil.copy
                copy(made / name, trial / name)

        return prepare

    def asking(server: ScriptedServer) -> Callable[[Path], None]:
        def prepare(trial: Path) -> None:
            write_recipe(trial, USERS // 2, server.url, IN_FLIGHT)

        return prepare

    def evaluation(model: str, *more: str) -> Callable[[Path], list[str]]:
        return lambda trial: [CLI, "evaluate", "--dataset", "data", "--model", model, "--out", "results", *more]

    def half_trained(trial: Path) -> None:
        needs("base", "data")(trial)
        kept = f"adapter/checkpoint-{STEPS // 2}"
        if not (made / kept).exists():
            run(training_words(made), made)
        shutil.copytree(made / kept, trial / kept)

    with ScriptedServer(good_answer, latency=0.02) as author, ScriptedServer(latency=0.02) as model:
        asked = evaluation(
            "openai:scripted", "--base-url", model.url, "--concurrency", str(IN_FLIGHT), "--repeat", "4"
        )
        train = training_result, logged_steps
        yield [
            Case(
                "build, rules",
                lambda trial: build_words(),
                needs("recipe.yaml"),
                build_result,
                dataset_rows,
            ),
            Case("build, scripted model", lambda t: build_words(), asking(author), build_result, dataset_rows, author),
            Case("evaluate, rule", evaluation("baseline:random"), needs("data"), evaluation_result, predicted_rows),
            Case("evaluate, scripted endpoint", asked, needs("data"), evaluation_result, predicted_rows, model),
            Case("SFT", training_words, needs("base", "data"), *train),
            Case("SFT, its resume", training_words, half_trained, *train),
        ]


def main() -> int:
    """Run all cases, and print a table; returns 1 if a trial ended otherwise than undisturbed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=20, help="kills of each command (20)")
    parser.add_argument("--seed", type=int, default=0, help="decides the moments (0)")
    parser.add_argument("--only", nargs="+", metavar="NAME", help="commands to kill, by their name in the table")
    options = parser.parse_args()
    console = Console(stderr=True)
    lines, problems = [], []
    with tempfile.TemporaryDirectory() as temporary, cases(Path(temporary)) as all_cases:
        if unknown := set(options.only or ()) - {case.name for case in all_cases}:
            parser.error(f"no such command: {', '.join(unknown)}")
        for case in all_cases:
            if options.only and case.name not in options.only:
                continue
            folder = Path(temporary, case.name)
            folder.mkdir()
            rng = random.Random(f"{options.seed} {case.name}")
            counted = measure(case, folder, options.kills, rng, console)
            problems += counted.problems
            again = f"{max(counted.asked_again)} of {IN_FLIGHT}" if counted.asked_again else ""
            numbers = [counted.kills, counted.same, counted.lost, counted.doubled]
            lines.append([case.name, f"{counted.seconds:.1f} s", *numbers, again])
            if counted.asked_again and max(counted.asked_again) > IN_FLIGHT:
                problems.append(f"{case.name}: {max(counted.asked_again)} prompts were asked again")
    print(heading(f"{options.kills} kills of each command, seed {options.seed}", "transformers", "trl"))
    columns = ["command", "CPU", "kills", "same content", "rows lost", "rows doubled", "most asked again, in flight"]
    print(markdown_table(columns, lines))
    print("\n".join(problems))
    return bool(problems)


if __name__ == "__main__":
    sys.exit(main())
