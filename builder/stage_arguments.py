"""Arguments of a stage's function, each with its part of the stage's cache key.

A stage is called with the values of its arguments and with nothing else, so its key holds all that it can read.
"""

import json
from collections.abc import Callable, Iterable
from functools import cached_property
from operator import attrgetter
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from pydantic_core import to_jsonable_python

from petoolkit.endpoint.usage import Usage
from petoolkit.engines.engine import HERE, Engine
from petoolkit.files import content_hash

from .authors import AUTHORS, AuthorKind
from .catalogue.catalogue_files import catalogue_files
from .catalogue.catalogue_settings import PROVENANCE
from .encoders import make_encoder
from .recipe import Recipe
from .run_folder import RunFolder
from .stage_notes import Notes

if TYPE_CHECKING:
    from petoolkit.embedding import TextEncoder
    from petoolkit.endpoint.ask import Endpoint

    from .authors.author import Author

_SPARE = 0.07  # of the users asked for; rules reject fewer
EMBEDDING = "embedding"  # the heading under which texts that an endpoint embeds are counted


class Materials:
    """The recipe, rows and models of one build, from which arguments take their values.

    Args:
        recipe: all settings.
        run: the stages' rows so far.
        usage: counts what is asked of a language model, by stage.
        on_reply: gets each request to it and its reply.
        engine: does what can be done in chunks.
    """

    def __init__(self, recipe: Recipe, run: RunFolder, usage: Usage, on_reply: Callable, engine: Engine = HERE):
        self.recipe = recipe
        self.run = run
        self.usage = usage
        self.engine = engine
        self.drawn = recipe.users  # number of users to draw; raised while too few are accepted
        self.encoders: dict[str, TextEncoder] = {}  # by name, as far as they were needed
        self._on_reply = on_reply
        self._made: dict[int, tuple[str, Any]] = {}
        self._authors: dict[str, tuple[str, Any]] = {}
        self.vectors: dict[str, dict[str, Any]] = {}  # what is known of the run's files of vectors, by name

    @property
    def spare(self) -> int:
        """How many users to draw beside `drawn`, so that a second round is seldom needed for those that are rejected.

        None where a model would be asked about them, nor by the paper's design, whose rows depend on all users drawn.
        """
        is_first_round = self.drawn == self.recipe.users
        if not is_first_round or self.recipe.asks_a_model or self.recipe.design != "controlled":
            return 0
        return round(self.drawn * _SPARE)

    @property
    def reader(self) -> Engine:
        """What does chunks that read files of this machine: catalogues, and the dataset's folder.

        A cluster is given the files of a run in an object store, but shares no others with this process.
        """
        return self.engine if self.engine.is_on_this_machine or not self.run.is_in_store else HERE

    @cached_property
    def _endpoint(self) -> "Endpoint":
        from petoolkit.endpoint.ask import Endpoint

        return Endpoint(self.recipe.llm, self.usage, self._on_reply)

    def endpoint(self, heading: str) -> "Endpoint":
        """The endpoint in the recipe, counting under a heading: a stage's name, or `EMBEDDING`."""
        return self._endpoint.counting_into(self.usage.stage(heading))

    def encoder(self, name: str) -> "TextEncoder":
        """An encoder by its name; one object for all stages."""
        if name not in self.encoders:
            self.encoders[name] = make_encoder(name, lambda: self.endpoint(EMBEDDING), self.engine)
        return self.encoders[name]

    def made_once(self, argument: "Argument", make: Callable[[], Any]) -> Any:
        """The object that was made for an argument before, or a new one if the argument's key has changed."""
        depends_on = json.dumps([argument.key(self), [self.run.manifest(s).get("sha256") for s in argument.stages()]])
        if self._made.get(id(argument), ("", None))[0] != depends_on:
            self._made[id(argument)] = (depends_on, make())
        return self._made[id(argument)][1]

    def author_of_rules(self, kind: AuthorKind) -> "Author":
        """The author of a kind that asks no model; one object for all stages."""
        depends_on = str(self.run.manifest("collect").get("sha256"))
        if self._authors.get(kind.name, ("", None))[0] != depends_on:
            self._authors[kind.name] = (depends_on, make_author(kind, "", self))
        return self._authors[kind.name][1]


def make_author(kind: AuthorKind, stage: str, materials: Materials) -> "Author":
    """Make an author with what its kind is given; its requests are counted for the stage."""
    given: dict[str, Any] = {}
    if kind.reads_tools:
        given |= {"tools": materials.run.rows("collect"), "engine": materials.engine}
    if kind.asks_a_model:
        given |= {"endpoint": materials.endpoint(stage), "seed": materials.recipe.seed}
    return kind.make(**given)


class Argument:
    """One argument of a stage's function. By itself it depends on nothing."""

    def stages(self) -> tuple[str, ...]:
        """The earlier stages whose rows it is made of."""
        return ()

    def key(self, materials: Materials) -> Any:
        """Everything else that its value depends on, as a JSON value; `None` if there is nothing else."""
        return None

    def source(self, materials: Materials) -> tuple[Iterable[str], Iterable[Path]]:
        """The modules whose code it depends on, and further files."""
        return (), ()

    def encoders(self, materials: Materials) -> "list[TextEncoder]":
        """The embedding models that it may ask."""
        return []

    def can_be_sent(self, materials: Materials) -> bool:
        """Whether its value can be sent to another process."""
        return True

    def value(self, materials: Materials, notes: Notes) -> Any:
        """The value that the function is given."""
        raise NotImplementedError


class NotesOfStage(Argument):
    """The stage's own notes, to be filled in."""

    def value(self, materials: Materials, notes: Notes) -> Any:
        """See `Argument`."""
        return notes


class EngineOfBuild(Argument):
    """What does work in chunks. It changes no row, so no key depends on it.

    Args:
        reads_files: whether chunks read files of this machine.
    """

    def __init__(self, reads_files: bool = False):
        self._reads_files = reads_files

    def value(self, materials: Materials, notes: Notes) -> Any:
        """See `Argument`."""
        return materials.reader if self._reads_files else materials.engine


class CountOfPartsBefore(Argument):
    """What was counted in all parts before this one (`builder.stage_parts.InParts`); 0 for a stage in one part."""

    def value(self, materials: Materials, notes: Notes) -> Any:
        """See `Argument`."""
        return 0


class RowsOf(Argument):
    """All rows of an earlier stage.

    Args:
        stage: its name.
        as_list: whether the function needs all of them in memory at once; else they are read as they are asked for.
    """

    def __init__(self, stage: str, as_list: bool = False):
        self._stage = stage
        self._as_list = as_list

    def stages(self) -> tuple[str, ...]:
        """See `Argument`."""
        return (self._stage,)

    def value(self, materials: Materials, notes: Notes) -> Any:
        """See `Argument`."""
        rows = materials.run.rows(self._stage)
        return list(rows) if self._as_list else rows


class FromRecipe(Argument):
    """A section, key or property of the recipe, such as `export` or `group.eps`.

    Args:
        path: of the section or key.
        only: these keys of the section alone; the function can't read others.
    """

    def __init__(self, path: str, only: tuple[str, ...] = ()):
        self._path = path
        self._only = only

    def key(self, materials: Materials) -> Any:
        """See `Argument`."""
        value = to_jsonable_python(attrgetter(self._path)(materials.recipe))
        return {name: value[name] for name in self._only} if self._only else value

    def value(self, materials: Materials, notes: Notes) -> Any:
        """See `Argument`."""
        value = attrgetter(self._path)(materials.recipe)
        return SimpleNamespace(**{name: getattr(value, name) for name in self._only}) if self._only else value


class CataloguesOfRecipe(Argument):
    """Where the recipe's catalogues are; what they hold is in the key."""

    def key(self, materials: Materials) -> Any:
        """The files' content, and their names with their folders': a nested file's folder is its category."""
        catalogues = materials.recipe.catalogue
        files = catalogue_files([catalogue.path for catalogue in catalogues])
        settings = [one.model_dump(exclude={"path", *PROVENANCE}) for one in catalogues]
        names = [f"{file.resolve().parent.name}/{file.name}" for file in files]
        return {"content": content_hash(*files), "files": names, "settings": settings}

    def value(self, materials: Materials, notes: Notes) -> Any:
        """See `Argument`."""
        return materials.recipe.catalogue


class DrawnUsers(Argument):
    """The number of users to draw, so that as many as the recipe asks for are accepted."""

    def key(self, materials: Materials) -> Any:
        """See `Argument`."""
        return {"asked for": materials.recipe.users, "drawn": materials.drawn}

    def value(self, materials: Materials, notes: Notes) -> Any:
        """See `Argument`."""
        return materials.drawn


class SpareUsers(Argument):
    """The number of users to draw beside these, if there are as many."""

    def key(self, materials: Materials) -> Any:
        """See `Argument`."""
        return materials.spare

    def value(self, materials: Materials, notes: Notes) -> Any:
        """See `Argument`."""
        return materials.spare


class AuthorOf(Argument):
    """The author of a stage, by the recipe."""

    def __init__(self, stage: str):
        self._stage = stage

    def _kind(self, materials: Materials) -> AuthorKind:
        return AUTHORS[materials.recipe.author.by_stage()[self._stage]]

    def stages(self) -> tuple[str, ...]:
        """Some authors read the tools; all stages that have an author depend on them anyway."""
        return ("collect",)

    def key(self, materials: Materials) -> Any:
        """See `Argument`."""
        kind, recipe = self._kind(materials), materials.recipe
        asked = {"seed": recipe.seed, "llm": recipe.llm.answer_settings()} if kind.asks_a_model else {}
        return {"author": kind.name, **asked}

    def source(self, materials: Materials) -> tuple[Iterable[str], Iterable[Path]]:
        """See `Argument`."""
        kind = self._kind(materials)
        return (kind.module,), kind.files()

    def can_be_sent(self, materials: Materials) -> bool:
        """See `Argument`; whoever asks a model does so from one process."""
        return not self._kind(materials).asks_a_model

    def value(self, materials: Materials, notes: Notes) -> Any:
        """See `Argument`."""
        kind = self._kind(materials)
        if kind.asks_a_model:
            return make_author(kind, self._stage, materials)
        return materials.author_of_rules(kind)


class EncoderNamed(Argument):
    """An embedding model, by the first of these keys of the recipe that names one."""

    def __init__(self, *paths: str):
        self._names = [FromRecipe(path) for path in paths]

    def _encoder(self, materials: Materials) -> "TextEncoder":
        return materials.encoder(next(filter(None, (name.key(materials) for name in self._names))))

    def key(self, materials: Materials) -> Any:
        """The weights, whatever their name. Vectors are cached by them and the text, so no code need be in the key."""
        return self._encoder(materials).fingerprint

    def encoders(self, materials: Materials) -> "list[TextEncoder]":
        """See `Argument`."""
        return [self._encoder(materials)]

    def value(self, materials: Materials, notes: Notes) -> Any:
        """See `Argument`."""
        return self._encoder(materials)


class Made(Argument):
    """Something made of other arguments, once for all stages that are given it.

    Args:
        make: a function or class, called with the values of `parts`.
        parts: by the name of its parameter.
    """

    def __init__(self, make: Callable[..., Any], **parts: Argument):
        self._make = make
        self._parts = parts

    def stages(self) -> tuple[str, ...]:
        """See `Argument`."""
        return tuple(dict.fromkeys(stage for part in self._parts.values() for stage in part.stages()))

    def key(self, materials: Materials) -> Any:
        """See `Argument`."""
        return keys_of(self._parts, materials) or None

    def source(self, materials: Materials) -> tuple[Iterable[str], Iterable[Path]]:
        """See `Argument`."""
        sources = [part.source(materials) for part in self._parts.values()]
        modules = [self._make.__module__, *(module for modules, _ in sources for module in modules)]
        return modules, [file for _, files in sources for file in files]

    def encoders(self, materials: Materials) -> "list[TextEncoder]":
        """See `Argument`."""
        return [encoder for part in self._parts.values() for encoder in part.encoders(materials)]

    def value(self, materials: Materials, notes: Notes) -> Any:
        """See `Argument`."""
        return materials.made_once(
            self, lambda: self._make(**{name: part.value(materials, notes) for name, part in self._parts.items()})
        )


def keys_of(arguments: dict[str, Argument], materials: Materials) -> dict[str, Any]:
    """The keys of arguments by name, as far as they have one."""
    keys = {name: argument.key(materials) for name, argument in arguments.items()}
    return {name: key for name, key in keys.items() if key is not None}
