"""A run's folder: one JSON lines file a stage, its manifest last. What has not changed is not done again."""

import importlib.metadata
import json
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import MofNCompleteColumn, Progress, ProgressColumn, Task
from rich.text import Text

import petoolbench
import petoolkit
from petoolbench import InputError
from petoolkit.files import content_hash, read_json_lines, write_json, write_json_lines

STAGES = ("collect", "understand", "group", "prefer", "history", "instruct", "candidates", "export")
_PACKAGES = ("datasets", "numpy", "pyarrow", "scikit-learn", "scipy", "sentence-transformers", "torch")


@dataclass
class Notes:
    """What a stage says of its work beside its rows: numbers by reason, and anything else for the report."""

    counts: Counter = field(default_factory=Counter)
    extra: dict[str, Any] = field(default_factory=dict)
    status: Callable[[], str] = str  # a few words for the progress bar, asked for as it is drawn


class _Status(ProgressColumn):
    """What a stage says of itself, also while it waits."""

    def __init__(self, notes: Notes):
        super().__init__()
        self._notes = notes

    def render(self, task: Task) -> Text:
        """See `rich`."""
        speed = f"{task.speed:,.1f} a second" if task.speed else ""
        return Text(", ".join(filter(None, (speed, self._notes.status()))))


class RunFolder:
    """Files and manifests of one build.

    Args:
        folder: made if it does not exist.
        console: for progress and one line a stage.
    """

    def __init__(self, folder: Path, console: Console):
        self.folder = folder
        self._console = console
        self.redone: list[str] = []  # stages that this build had to do
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(
                f"the run's folder {folder} cannot be made ({error.strerror}); give another --run."
            ) from None

    def path(self, stage: str) -> Path:
        """The stage's rows."""
        return self.folder / ("export.jsonl" if stage == "export" else f"{STAGES.index(stage) + 1}-{stage}.jsonl")

    def rows(self, stage: str) -> Iterator[dict]:
        """The stage's rows, as they were written."""
        return read_json_lines(self.path(stage))

    def manifest(self, stage: str) -> dict[str, Any]:
        """What is known of the stage's last complete work; empty if there is none."""
        try:
            return json.loads(self._manifest_path(stage).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}

    def do(
        self,
        stage: str,
        make: Callable[[Notes], Iterable[dict]],
        inputs: Iterable[str],
        settings: dict[str, Any],
        total: int | None = None,
    ) -> None:
        """Do a stage, unless its inputs, settings, code and libraries are those of its last complete work.

        Args:
            stage: one of `STAGES`.
            make: gives the stage's rows, and may leave notes.
            inputs: the stages whose rows it reads.
            settings: everything else that its rows depend on, as JSON values.
            total: expected number of rows, for the progress bar.
        """
        key = {
            "inputs": {name: self.manifest(name)["sha256"] for name in inputs},
            "settings": settings,
            "code": self._code,
            "versions": self._versions,
        }
        path, manifest = self.path(stage), self.manifest(stage)
        if manifest.get("key") == key and path.exists() and content_hash(path) == manifest["sha256"]:
            self._console.print(f"  {stage:<11} unchanged, {manifest['rows']:,} rows", style="dim")
            return
        started = time.perf_counter()
        notes = Notes()
        number = write_json_lines(path, self._with_progress(stage, make(notes), notes, total))
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
        self.redone.append(stage)
        self._console.print(f"  {stage:<11} {number:,} rows in {seconds:.1f} s")

    def _with_progress(self, stage: str, rows: Iterable[dict], notes: Notes, total: int | None) -> Iterator[dict]:
        columns = (*Progress.get_default_columns(), MofNCompleteColumn(), _Status(notes))
        shown = self._console.is_terminal
        with Progress(*columns, console=self._console, transient=True, disable=not shown) as progress:
            bar = progress.add_task(f"  {stage:<11}", total=total)
            for row in rows:
                progress.advance(bar)
                yield row

    def record(self, name: str, value: dict[str, Any]) -> None:
        """Keep a note beside the stages, such as what was written elsewhere."""
        write_json(self.folder / f"{name}.json", value)

    def is_recorded(self, name: str, value: dict[str, Any]) -> bool:
        """Whether the last note of this name says just this."""
        try:
            return json.loads((self.folder / f"{name}.json").read_text(encoding="utf-8")) == value
        except (OSError, ValueError):
            return False

    def _manifest_path(self, stage: str) -> Path:
        return self.path(stage).with_suffix(".manifest.json")

    @cached_property
    def _code(self) -> str:
        builder, kit = Path(__file__).parent, Path(petoolkit.__file__).parent
        parts = [*builder.rglob("*.py"), *builder.rglob("*.jinja"), Path(petoolbench.__file__)]
        parts += [*kit.glob("*.py"), *kit.glob("endpoint/*.py")]
        return content_hash(*sorted(parts))

    @cached_property
    def _versions(self) -> dict[str, str]:
        python = {"python": ".".join(map(str, sys.version_info[:2]))}
        return python | {package: importlib.metadata.version(package) for package in _PACKAGES}
