"""One stage of a build: what it is given, its cache key, and its rows."""

import importlib.metadata
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from petoolkit.endpoint.usage import Usage
from petoolkit.files import content_hash

from .run_folder import PartsOfStage
from .stage_arguments import Argument, Materials, NotesOfStage, keys_of
from .stage_code import source_files
from .stage_notes import Notes
from .stage_parts import InParts, PartWork, with_fates

_PACKAGES = ("datasets", "numpy", "pyarrow", "scikit-learn", "scipy", "sentence-transformers", "torch")


@dataclass(frozen=True)
class Stage:
    """One stage of a build.

    Args:
        name: of the stage and its files.
        make: gives its rows, or their JSON texts.
        arguments: everything that `make` is called with, by the name of its parameter. The stage is done again when
            what they are made of changes: rows of earlier stages, keys of the recipe, files, code.
        expected_rows: for the progress bar.
        in_parts: how it is cut into parts, if its records are made each on its own. An author that asks a model is
            given all of them at once.
    """

    name: str
    make: Callable[..., Iterable[dict | str]]
    arguments: dict[str, Argument]
    expected_rows: Callable[[Materials], int | None] = lambda materials: None
    in_parts: InParts | None = None

    @property
    def inputs(self) -> list[str]:
        """The earlier stages whose rows it reads."""
        return sorted({stage for argument in self.arguments.values() for stage in argument.stages()})

    def key(self, materials: Materials) -> dict[str, Any]:
        """Everything that its rows depend on, as JSON values."""
        sources = [argument.source(materials) for argument in self.arguments.values()]
        modules = [self.make.__module__, *(module for modules, _ in sources for module in modules)]
        code = [*source_files(modules), *sorted({file for _, files in sources for file in files})]
        return {
            "inputs": {stage: materials.run.manifest(stage)["sha256"] for stage in self.inputs},
            "arguments": keys_of(self.arguments, materials),
            "code": content_hash(*code),
            "versions": _versions(),
        }

    def made(self, materials: Materials, notes: Notes) -> Iterator[dict | str] | PartsOfStage:
        """Its rows, or what makes them part by part."""
        if self.in_parts is None or not all(one.can_be_sent(materials) for one in self.arguments.values()):
            return self.rows(materials, notes)
        given = {
            name: one.value(materials, notes)
            for name, one in self.arguments.items()
            if not isinstance(one, NotesOfStage)
        }
        own = {*self.in_parts.rows, self.in_parts.counted_before}
        shared = {name: value for name, value in given.items() if name not in own}
        work = PartWork(self.make, shared, len(given) < len(self.arguments))
        usage = materials.usage.stage(self.name)
        notes.status = lambda: _status(usage, notes)
        self._note_embedding(materials, notes)
        return PartsOfStage(work, self.in_parts.cut(given), self.in_parts.size, materials.engine)

    def rows(self, materials: Materials, notes: Notes) -> Iterator[dict | str]:
        """Its rows. Beside its own notes, it gets those that every stage has: rows by fate, usage, texts embedded."""
        usage = materials.usage.stage(self.name)
        before = Counter(usage.numbers)
        notes.status = lambda: _status(usage, notes)
        given = {name: one.value(materials, notes) for name, one in self.arguments.items()}
        yield from with_fates(self.make(**given), notes.counts)
        if usage.numbers:
            notes.extra["usage"] = dict(usage.numbers)
            notes.extra["asked"] = asked(usage.numbers - before)
        self._note_embedding(materials, notes)

    def _note_embedding(self, materials: Materials, notes: Notes) -> None:
        if encoders := {one for argument in self.arguments.values() for one in argument.encoders(materials)}:
            notes.extra["texts embedded"] = sum(encoder.texts_embedded for encoder in encoders)
            notes.extra["seconds embedding"] = round(sum(encoder.seconds_embedding for encoder in encoders), 1)


def _status(usage: Usage, notes: Notes) -> str:
    rejected = sum(number for what, number in notes.counts.items() if what.startswith("rejected"))
    return ", ".join(filter(None, (usage.status(), f"{rejected:,} rejected" if rejected else "")))


def asked(numbers: Counter) -> dict[str, int]:
    """What a model was asked for a stage's rows: the same, whether its replies were paid for in this run or before."""
    return {
        "replies": numbers["calls"] + numbers["cached"],
        "tokens sent": numbers["prompt_tokens"] + numbers["cached_prompt_tokens"],
        "tokens written": numbers["completion_tokens"] + numbers["cached_completion_tokens"],
        "invalid replies": numbers["invalid"],
    }


@cache
def _versions() -> dict[str, str]:
    python = {"python": ".".join(map(str, sys.version_info[:2]))}
    return python | {package: importlib.metadata.version(package) for package in _PACKAGES}
