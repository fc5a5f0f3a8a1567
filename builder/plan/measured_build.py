"""One build whose parts are measured, in a process of its own; what a calibration is made of."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console

from petoolkit.audit.write_audit import audit_folder
from petoolkit.embedding import DEFAULT_MODEL, Encoder
from petoolkit.endpoint.usage import Usage
from petoolkit.evaluator.chat_rows import chat_row
from petoolkit.evaluator.dataset_rows import load_split
from petoolkit.evaluator.evaluate import SPLIT, evaluate
from petoolkit.returned_memory import return_freed_memory
from petoolkit.text import ALL

from ..designs import DESIGNS
from ..pipeline import do_stages, record_of, write_exported
from ..recipe import Recipe
from ..run_folder import RunFolder
from ..stage import Stage
from ..stage_arguments import Materials
from ..stage_notes import Notes
from .calibration import AskedOfModel, MeasuredBuild, PartSize
from .catalogue_copies import EncoderOfCopies
from .rehearsal import Rehearsal, tokens

START, DATASET, AUDIT, EVALUATION = "start", "dataset", "audit", "evaluate"  # parts that are not stages
_RULE = "baseline:random"
_ROWS_RENDERED = 300
_STATUS, _RESET = Path("/proc/self/status"), Path("/proc/self/clear_refs")


@dataclass(frozen=True)
class BuildToMeasure:
    """What a process does; can be sent to it.

    Args:
        recipe: of the build; its author asks no model.
        tools: of its catalogue.
        run_folder, dataset_folder, results_folder: stages that an earlier build left in the first are not done again.
        cache: the folder for embeddings.
        counts_calls: whether to count what a model would be asked.
        uniform: in what groups agree, of the recipe that is planned for; rules can't build some of them.
    """

    recipe: Recipe
    tools: int
    run_folder: Path
    dataset_folder: Path
    results_folder: Path
    cache: Path
    counts_calls: bool = False
    uniform: str = "parameters"


@dataclass
class Measured:
    """What was found: the build; and if calls were counted, what a model would be asked, and the time of a prompt."""

    build: MeasuredBuild
    asked: dict[str, AskedOfModel] = field(default_factory=dict)
    asked_in_evaluation: AskedOfModel | None = None
    render_seconds: float = 0


def measure(task: BuildToMeasure) -> Measured:
    """Build; for a process that does nothing else."""
    quiet = _quiet(task)
    parts: dict[str, PartSize] = {}
    encoder = _loaded_encoder()
    watch = EmbeddingWatch()
    run = _MeasuredRun(task.run_folder, list(DESIGNS[task.recipe.design].stages), quiet, parts, watch)
    materials = Materials(task.recipe, run, Usage(None), lambda request, reply: None)
    materials.encoders = {
        name: EncoderOfCopies(encoder) for name in (task.recipe.group.model, task.recipe.candidates.retriever) if name
    }
    parts[START] = PartSize(cpu=time.process_time(), memory=_most_memory())
    do_stages(materials)
    with measured(parts, DATASET):
        write_exported(materials, task.dataset_folder, lambda: record_of(materials))
    parts[DATASET].rows = run.manifest("export")["rows"]
    parts[DATASET].disk = _bytes_in(task.dataset_folder)
    others = [*task.run_folder.glob("vectors-*"), *task.run_folder.glob("tools.*")]
    if "group" in parts:
        parts["group"].disk += sum(file.stat().st_size for file in others)
    build = MeasuredBuild(
        tools=task.tools,
        users=task.recipe.users,
        parts=parts,
        texts=sum(known["texts"] for known in materials.vectors.values()),
        embedded=watch.texts,
        embedding_cpu=watch.cpu_seconds,
    )
    if not task.counts_calls:
        return Measured(build)
    asked = {
        name: _asked(stage, materials, task)
        for name, stage in DESIGNS[task.recipe.design].stages.items()
        if "author" in stage.arguments
    }
    return Measured(build, asked, *_asked_in_evaluation(load_split(str(task.dataset_folder), ALL, SPLIT), task))


def measure_audit(task: BuildToMeasure) -> tuple[PartSize, int, float]:
    """Audit the dataset of `measure`; in a process of its own, since one holds memory that it has used before.

    Returns:
        Its size, the number of texts that it embedded, and the CPU time of these, which is not in the size.
    """
    quiet = _quiet(task)
    parts: dict[str, PartSize] = {}
    _loaded_encoder()  # as in a build, which has embedded its tools before
    watch = EmbeddingWatch()
    with measured(parts, AUDIT):
        audit_folder(task.dataset_folder, quiet)
    part = parts[AUDIT]
    return part.model_copy(update={"cpu": part.cpu - watch.cpu_seconds}), watch.texts, watch.cpu_seconds


def measure_evaluation(task: BuildToMeasure) -> PartSize:
    """Evaluate a rule on that dataset, in a process of its own."""
    quiet = _quiet(task)
    parts: dict[str, PartSize] = {}
    dataset = str(task.dataset_folder)
    with measured(parts, EVALUATION):
        evaluate(dataset, ALL, _RULE, task.results_folder, console=quiet)
    parts[EVALUATION].rows = len(load_split(dataset, ALL, SPLIT))
    parts[EVALUATION].disk = _bytes_in(task.results_folder)
    return parts[EVALUATION]


def _quiet(task: BuildToMeasure) -> Console:
    """A console that shows nothing; nor does anything else in this process, which has a cache of its own."""
    os.environ["PETOOLBENCH_CACHE"] = str(task.cache)
    return_freed_memory()  # as the commands do
    nowhere = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 (the process ends soon)
    for stream in (1, 2):
        os.dup2(nowhere.fileno(), stream)
    return Console(file=nowhere)


def _loaded_encoder() -> Encoder:
    """The encoder with its model in memory, whether or not all texts are in the cache."""
    encoder = Encoder(DEFAULT_MODEL)
    encoder.encode([f"A text that no process has embedded before {os.getpid()}."])
    return encoder


class EmbeddingWatch:
    """CPU time and number of the texts that this process embeds, whichever encoder does it."""

    def __init__(self) -> None:
        self.cpu_seconds, self.texts = 0.0, 0
        embed = Encoder._embed

        def watched(encoder: Encoder, texts: list[str], *others: Any) -> Iterator[Any]:
            self.texts += len(texts)
            started = time.process_time()
            for part in embed(encoder, texts, *others):
                self.cpu_seconds += time.process_time() - started
                yield part
                started = time.process_time()

        Encoder._embed = watched  # type: ignore[method-assign, assignment]


class _MeasuredRun(RunFolder):
    """A run's folder that notes what each stage took.

    Args:
        parts: gets the stages.
        watch: whose time is taken off the stage's.
    """

    def __init__(
        self, folder: Path, stages: list[str], console: Console, parts: dict[str, PartSize], watch: EmbeddingWatch
    ):
        super().__init__(folder, stages, console)
        self._parts, self._watch = parts, watch

    def do(self, stage: str, *given: Any, **named: Any) -> None:
        """See `RunFolder`; a stage that is not done again gets no part."""
        self.redone.clear()
        before, embedding = self._parts.get(stage), self._watch.cpu_seconds
        with measured(self._parts, stage):
            super().do(stage, *given, **named)
        part = self._parts[stage]
        if not self.redone:
            del self._parts[stage]
            return
        part.cpu += (before.cpu if before else 0) - (self._watch.cpu_seconds - embedding)
        part.rows = self.manifest(stage)["rows"]
        part.disk = self.path(stage).stat().st_size


@contextmanager
def measured(parts: dict[str, PartSize], name: str) -> Iterator[None]:
    """Put CPU time and most memory of what is done into a part."""
    if _RESET.exists():
        _RESET.write_text("5")  # the kernel's mark of the most memory starts anew
    started = time.process_time()
    yield
    parts[name] = PartSize(cpu=time.process_time() - started, memory=_most_memory())


def _most_memory() -> float:
    """Bytes: since the mark was reset, or elsewhere than on Linux, since the process began."""
    if _RESET.exists():
        line = next(line for line in _STATUS.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) * 1024
    import resource
    import sys

    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024


def _bytes_in(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def _asked(stage: Stage, materials: Materials, task: BuildToMeasure) -> AskedOfModel:
    """What the author `openai` would be asked for the stage: its first part is done again by a rehearsal."""
    assert stage.in_parts is not None
    given = {name: one.value(materials, Notes()) for name, one in stage.arguments.items()}
    rehearsal = Rehearsal(given["author"])
    given |= {"uniform": task.uniform} if "uniform" in given else {}
    part = next(stage.in_parts.cut(given))
    records = stage.in_parts.rows[0]
    for _ in stage.make(**{**given, **part, "author": rehearsal}):
        pass
    of_all = sum(1 for _ in given[records]) / len(part[records])
    of = "tools" if stage.name == "understand" else "users"
    return AskedOfModel(
        of=of,
        number=task.tools if of == "tools" else task.recipe.users,
        calls=rehearsal.asked["calls"] * of_all,
        sent=tokens(rehearsal.asked["sent"]) * of_all,
        written=tokens(rehearsal.asked["written"]) * of_all,
    )


def _asked_in_evaluation(rows: Any, task: BuildToMeasure) -> tuple[AskedOfModel, float]:
    """What a model is asked about the test rows, and the CPU time of a row's prompt."""
    step = max(1, len(rows) // _ROWS_RENDERED)
    chosen = [rows[number] for number in range(0, len(rows), step)]
    started = time.process_time()
    made = [chat_row(row) for row in chosen]
    seconds = (time.process_time() - started) / len(chosen)
    sent = sum(len(message["content"]) for row in made for message in row["prompt"])
    asked = AskedOfModel(
        of="users",
        number=task.recipe.users,
        calls=len(rows),
        sent=tokens(sent) * len(rows) / len(made),
        written=tokens(sum(len(row["completion"]) for row in made)) * len(rows) / len(made),
    )
    return asked, seconds
