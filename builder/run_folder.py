"""A run's folder: for each stage a JSON lines file and a manifest. Finished stages are not done again."""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import MofNCompleteColumn, Progress, ProgressColumn, Task
from rich.text import Text

from petoolbench import InputError
from petoolkit.decoding import read_json
from petoolkit.engines.engine import ChunkFailed, Engine
from petoolkit.engines.shared_file import SharedFile
from petoolkit.files import content_hash, write_json, write_json_lines
from petoolkit.json_lines import JsonLines

from .growing_file import growing
from .run_store import RunStore
from .stage_notes import Notes
from .stage_parts import Part, PartWork

_KEYS = {"rows", "sha256", "seconds", "counts", "extra", "key"}  # of a manifest
_LAST = "export"  # its rows are the build's, under a name that `petoolbench.PEToolBench` knows


class _Status(ProgressColumn):
    """A stage's speed and status."""

    def __init__(self, notes: Notes):
        super().__init__()
        self._notes = notes

    def render(self, task: Task) -> Text:
        """See `rich`."""
        speed = f"{task.speed:,.1f} a second" if task.speed else ""
        return Text(", ".join(filter(None, (speed, self._notes.status()))))


@dataclass(frozen=True)
class PartsOfStage:
    """What makes a stage's rows part by part.

    Args:
        work: makes a part out of its arguments.
        parts: the arguments of each.
        size: records of a part.
        engine: does it.
    """

    work: PartWork
    parts: Iterable[dict[str, Any]]
    size: int
    engine: Engine


class RunFolder:
    """Files and manifests of one build.

    Args:
        folder: made if it does not exist.
        stages: the stages' names, in their order.
        console: for progress and one line a stage.
        store: keeps the files in an object store, too, if the run is there.

    Raises:
        InputError: if the folder can't be made.
    """

    def __init__(self, folder: Path, stages: Sequence[str], console: Console, store: RunStore | None = None):
        self.folder = folder
        self._store = store
        self._stages = stages
        self._console = console
        self.redone: list[str] = []  # stages that this build has done
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(
                f"the run's folder {folder} cannot be made ({error.strerror}); give another --run."
            ) from None

    @property
    def is_in_store(self) -> bool:
        """Whether the run is in an object store; the folder is then this machine's copy of it."""
        return self._store is not None

    def path(self, stage: str) -> Path:
        """The file of the stage's rows."""
        number = self._stages.index(stage) + 1
        return self.folder / (f"{stage}.jsonl" if stage == _LAST else f"{number}-{stage}.jsonl")

    def rows(self, stage: str) -> JsonLines:
        """The stage's rows, as they were written."""
        return JsonLines(self.path(stage))

    def manifest(self, stage: str) -> dict[str, Any]:
        """The manifest of the stage, written when it was complete; empty if there is none."""
        try:
            manifest = read_json(self._manifest_path(stage))
        except InputError:
            return {}
        return manifest if isinstance(manifest, dict) and manifest.keys() >= _KEYS else {}

    def do(
        self,
        stage: str,
        make: Callable[[Notes], "Iterable[dict | str] | PartsOfStage"],
        key: dict[str, Any],
        expected_rows: int | None = None,
    ) -> None:
        """Do a stage, unless it was completed with the same key.

        Args:
            stage: one of the run's stages.
            make: gives the stage's rows (or their JSON texts), or what makes them part by part, and may leave notes.
            key: everything that the rows depend on, as JSON values.
            expected_rows: for the progress bar.
        """
        path, manifest = self.path(stage), self.manifest(stage)
        if manifest and manifest["key"] == key and path.exists() and content_hash(path) == manifest["sha256"]:
            self._console.print(f"  {stage:<11} unchanged, {manifest['rows']:,} rows", style="dim")
            return
        started = time.perf_counter()
        notes = Notes()
        with self._progress(stage, notes, expected_rows) as advance:
            made = make(notes)
            if isinstance(made, PartsOfStage):
                number = self._grow(stage, made, key, notes, advance)
            else:
                number = self._write(stage, made, advance)
        if notes.statistics:
            notes.extra.update(notes.statistics.summary())
        seconds = time.perf_counter() - started
        write_json(
            self._manifest_path(stage),
            {
                "stage": stage,
                "rows": number,
                "sha256": content_hash(path),
                "seconds": round(seconds, 1),
                "counts": dict(sorted(notes.counts.items())),
                "extra": notes.extra,
                "key": key,
            },
        )
        if self._store is not None:
            self._store.keep_grown(path)
        self.redone.append(stage)
        self._console.print(f"  {stage:<11} {number:,} rows in {seconds:.1f} s")

    def _write(self, stage: str, rows: Iterable[dict | str], advance: Callable[[int], None]) -> int:
        """Write a stage in one piece; returns the number of rows."""
        try:
            return write_json_lines(self.path(stage), _counted(rows, advance))
        except ChunkFailed as error:
            raise error.named(f"the stage {stage}", 0) from error

    def _grow(
        self, stage: str, made: "PartsOfStage", key: dict[str, Any], notes: Notes, advance: Callable[[int], None]
    ) -> int:
        """Write a stage part by part, behind those that an earlier build completed; returns the number of rows."""
        rows = 0

        def note(part: Part) -> None:
            nonlocal rows
            rows += part.rows
            part.note(notes)
            advance(part.rows)

        path, of_parts = self.path(stage), {**key, "records of a part": made.size}
        stored = self._store.growing(path, of_parts) if self._store is not None else nullcontext(lambda: None)
        with growing(path, of_parts, note) as file, stored as added:
            before = file.parts
            try:
                for _, part in made.engine.run(made.work, islice(made.parts, before, None)):
                    file.add(part)
                    added()
                    note(part)
            except ChunkFailed as error:
                raise error.named(f"the stage {stage}", before) from error
        return rows

    @contextmanager
    def _progress(self, stage: str, notes: Notes, total: int | None) -> Iterator[Callable[[int], None]]:
        columns = (*Progress.get_default_columns(), MofNCompleteColumn(), _Status(notes))
        shown = self._console.is_terminal
        with Progress(*columns, console=self._console, transient=True, disable=not shown) as progress:
            bar = progress.add_task(f"  {stage:<11}", total=total)
            yield lambda rows: progress.advance(bar, rows)

    def shared(self, path: Path) -> SharedFile:
        """A complete file of the run, for processes that may be on other machines."""
        return SharedFile(path) if self._store is None else self._store.shared(path)

    def record(self, name: str, value: dict[str, Any]) -> None:
        """Keep a JSON value beside the stages, such as what was written elsewhere."""
        write_json(self.folder / f"{name}.json", value)

    def is_recorded(self, name: str, value: dict[str, Any]) -> bool:
        """Whether just this value was recorded under the name."""
        try:
            return read_json(self.folder / f"{name}.json") == value
        except InputError:
            return False

    def _manifest_path(self, stage: str) -> Path:
        return self.path(stage).with_suffix(".manifest.json")


def _counted(rows: Iterable[dict | str], advance: Callable[[int], None]) -> Iterator[dict | str]:
    for row in rows:
        advance(1)
        yield row
