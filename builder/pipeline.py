"""The whole build: tool documents -> run folder -> dataset folder, in the eight stages of DESIGN."""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from functools import cached_property, partial
from pathlib import Path

import yaml
from rich.console import Console

from petoolbench import CITATION, InputError
from petoolkit.embedding import Encoder, TextEncoder
from petoolkit.endpoint.usage import Usage
from petoolkit.files import content_hash, write_json

from .authors.author import Author
from .authors.offline import OfflineAuthor
from .build_report import write_report
from .catalogue.formats import catalogue_files, read_catalogue
from .dataset_folder import CARD_TEMPLATE, check_replaceable, fingerprint, write_dataset
from .recipe import Recipe
from .row_statistics import RowStatistics
from .run_folder import STAGES, Notes, RunFolder
from .stages.candidates import candidates
from .stages.collect import collect
from .stages.export import export
from .stages.group import group
from .stages.history import history
from .stages.instruct import instruct
from .stages.prefer import prefer
from .stages.understand import understand
from .tools import Tools

Make = Callable[[Notes], Iterable[dict]]  # gives a stage's rows, and may leave notes
_TOOLS_AND_GROUPS = ("collect", "understand", "group")
_MOST_DRAWN = 5  # users drawn for each one asked for, before the build gives up


def build(
    recipe: Recipe,
    run_folder: Path,
    dataset_folder: Path,
    console: Console,
    usage: Usage | None = None,
    on_reply: Callable = lambda request, reply: None,
) -> RunFolder:
    """Build a dataset, doing only what has changed since the run folder's last build.

    The same recipe, catalogues and library versions give the same parquet bytes, whatever was done before and whenever
    the build was stopped.

    Args:
        recipe: all settings.
        run_folder: for the stages' files.
        dataset_folder: for the finished dataset.
        console: for progress.
        usage: counts what is asked of a language model, if one is an author.
        on_reply: gets each request to it and its reply.

    Raises:
        InputError: for a mistake in the recipe, a catalogue or a folder.
    """
    check_replaceable(dataset_folder)
    run = RunFolder(run_folder, console)
    console.print(f"Building {recipe.users:,} users into {dataset_folder}/ (stages in {run_folder}/)")
    work = _Build(recipe, run, usage or Usage(recipe.llm.chat_prices), on_reply)
    try:
        work.do_stages()
    finally:
        if work.usage.total:
            write_json(run_folder / "usage.json", work.usage.as_json())
    write_report(run, recipe)
    _write_dataset(recipe, run, dataset_folder, console)
    return run


class _Build:
    """The stages with what they share, which is read when the first stage that needs it runs."""

    def __init__(self, recipe: Recipe, run: RunFolder, usage: Usage, on_reply: Callable):
        self.recipe = recipe
        self.usage = usage
        self._on_reply = on_reply
        self.run = run

    def author(self, stage: str) -> Author:
        """Who writes a stage, by the recipe."""
        self.usage.stage = stage
        return self._offline_author if getattr(self.recipe.author, stage) == "offline" else self._openai_author

    def _author_settings(self, stage: str) -> dict:
        """All that a stage's texts depend on, beside its input."""
        name = getattr(self.recipe.author, stage)
        settings = {"author": name, "seed": self.recipe.seed}
        return settings if name == "offline" else {**settings, "llm": self.recipe.llm.answer_settings()}

    @cached_property
    def _offline_author(self) -> Author:
        return OfflineAuthor(self.run.rows("collect"))

    @cached_property
    def _openai_author(self) -> Author:
        from .authors.openai import OpenAIAuthor

        return OpenAIAuthor(self.recipe.llm, self.recipe.seed, self.usage, self._on_reply)

    @cached_property
    def encoder(self) -> TextEncoder:
        return self._encoder(self.recipe.group.model)

    @cached_property
    def retriever(self) -> TextEncoder:
        name = self.recipe.candidates.retriever
        return self._encoder(name) if name and name != self.recipe.group.model else self.encoder

    def _encoder(self, name: str) -> TextEncoder:
        """A model of sentence-transformers, or one behind the endpoint, by its name."""
        kind, _, model = name.partition(":")
        if kind != "openai":
            return Encoder(name)
        from petoolkit.endpoint.ask import Endpoint
        from petoolkit.endpoint.endpoint_encoder import EndpointEncoder

        return EndpointEncoder(model, Endpoint(self.recipe.llm, self.usage))

    @cached_property
    def tools(self) -> Tools:
        return Tools(self.run.rows("collect"), self.run.rows("understand"), self.encoder, self.recipe.group.eps)

    @cached_property
    def groups(self) -> list[dict]:
        return list(self.run.rows("group"))

    def _noting_embedding(
        self, stage: str, make: Callable[[Notes], Iterable[dict]]
    ) -> Callable[[Notes], Iterator[dict]]:
        """Note how many texts this build had embedded at a stage's end, and the seconds that took."""

        def noting(notes: Notes) -> Iterator[dict]:
            self.usage.stage = stage
            yield from make(notes)
            encoders = {id(encoder): encoder for encoder in (self.encoder, self.retriever)}.values()
            notes.extra["texts embedded"] = sum(encoder.texts_embedded for encoder in encoders)
            notes.extra["seconds embedding"] = round(sum(encoder.seconds_embedding for encoder in encoders), 1)

        return noting

    def do_stages(self) -> None:
        self._collect()
        self._understand()
        self._group()
        self._draw_users()
        self._candidates()
        self._export()

    def _collect(self) -> None:
        files = catalogue_files(self.recipe.catalogue)

        def make(notes: Notes) -> Iterator[dict]:
            documents = (document for file in files for document in read_catalogue(file))
            yield from collect(documents, self.recipe.collect.max_description, notes.counts)
            if not notes.counts["kept"]:
                raise InputError(
                    f"no tool of the catalogue is left: {dict(notes.counts)}; give a catalogue with documents."
                )

        # By folder and name, since the folder of a nested file is its category.
        places = [f"{file.resolve().parent.name}/{file.name}" for file in files]
        settings = {"catalogue": content_hash(*files), "files": places, **self.recipe.collect.model_dump()}
        self.run.do("collect", make, [], settings)

    def _understand(self) -> None:
        def make(notes: Notes) -> Iterator[dict]:
            tools = list(self.run.rows("collect"))
            return self._written(understand(tools, self.author("understand"), self.recipe.seed), notes)

        self.run.do(
            "understand",
            make,
            ["collect"],
            self._author_settings("understand"),
            total=self.run.manifest("collect")["rows"],
        )
        understood = self.run.manifest("understand")
        if not understood["counts"].get("accepted"):
            reasons = "; ".join(f"{number:,} {why}" for why, number in understood["counts"].items())
            raise InputError(
                f"none of the {understood['rows']:,} tools was understood ({reasons}); see "
                f"{self.run.path('understand')}, and add catalogues or take another model."
            )

    def _group(self) -> None:
        def make(notes: Notes) -> Iterator[dict]:
            rows, notes.extra["sweep"] = group(self.tools, self.recipe.group, notes.counts)
            yield from rows

        settings = {**self.recipe.group.model_dump(), "model": self.encoder.fingerprint}
        self.run.do("group", self._noting_embedding("group", make), ["collect", "understand"], settings)

    def _draw_users(self) -> None:
        """Stages 4 to 6, over again with more users while too few were accepted."""
        recipe, run = self.recipe, self.run
        settings = {
            **recipe.prefer.model_dump(),
            **recipe.history.model_dump(include={"min_length", "max_length", "min_disliked"}),
            "model": self.encoder.fingerprint,
            "eps": recipe.group.eps,
            "seed": recipe.seed,
            "users": recipe.users,
        }
        before = run.manifest("prefer").get("key", {}).get("settings", {})
        drawn = before["drawn"] if before == {**settings, "drawn": before.get("drawn")} else recipe.users
        while True:
            run.do(
                "prefer",
                self._noting_embedding("prefer", partial(self._prefer, drawn)),
                _TOOLS_AND_GROUPS,
                {**settings, "drawn": drawn},
                total=drawn,
            )
            run.do(
                "history",
                self._history,
                ["collect", "understand", "prefer"],
                {**self._author_settings("history"), **recipe.history.model_dump()},
                total=drawn,
            )
            run.do(
                "instruct",
                self._instruct,
                ["understand", "group", "prefer", "history"],
                self._author_settings("instruct"),
                total=drawn,
            )
            accepted = run.manifest("instruct")["counts"].get("accepted", 0)
            if accepted >= recipe.users:
                return
            if drawn >= recipe.users * _MOST_DRAWN:
                raise InputError(
                    f"of {drawn:,} users drawn, only {accepted:,} of the {recipe.users:,} asked for were accepted "
                    f"({self._why_rejected()}); see {run.folder}/, and lower users or history.max_length, add "
                    "catalogues, or take another model."
                )
            short = (recipe.users - accepted) * drawn / max(accepted, drawn / _MOST_DRAWN)
            drawn = min(drawn + int(short * 1.1) + 5, recipe.users * _MOST_DRAWN)

    def _why_rejected(self) -> str:
        """The reasons for which users were rejected, the most frequent first."""
        reasons: Counter = Counter()
        for stage in ("prefer", "history", "instruct"):
            counts = self.run.manifest(stage)["counts"]
            reasons.update({f"{stage} {why}": number for why, number in counts.items() if why != "accepted"})
        return "; ".join(f"{number:,} {why}" for why, number in reasons.most_common(3))

    def _prefer(self, drawn: int, notes: Notes) -> Iterator[dict]:
        recipe = self.recipe
        users = (f"u{number:06d}" for number in range(drawn))
        return prefer(self.tools, self.groups, recipe.prefer, recipe.history, users, recipe.seed)

    def _history(self, notes: Notes) -> Iterator[dict]:
        recipe, run = self.recipe, self.run
        rows = history(run.rows("prefer"), self.tools, self.author("history"), recipe.history, recipe.seed)
        return self._written(rows, notes)

    def _instruct(self, notes: Notes) -> Iterator[dict]:
        run = self.run
        notes.counts.update(f"rejected: {user['rejected']}" for user in run.rows("prefer") if user["rejected"])
        rows = instruct(
            run.rows("prefer"), run.rows("history"), self.groups, self.tools, self.author("instruct"), self.recipe.seed
        )
        return self._written(rows, notes)

    def _written(self, rows: Iterable[dict], notes: Notes) -> Iterator[dict]:
        """Pass an author's rows on, noting what was accepted and rejected, and what was asked of a model."""
        notes.status = lambda: self._status(notes)
        before = Counter(self.usage.of_stage)
        for row in rows:
            notes.counts[f"rejected: {row['rejected']}" if row["rejected"] else "accepted"] += 1
            yield row
        if self.usage.of_stage:
            notes.extra["usage"] = dict(self.usage.of_stage)
            notes.extra["asked"] = asked(self.usage.of_stage - before)

    def _status(self, notes: Notes) -> str:
        rejected = sum(number for what, number in notes.counts.items() if what != "accepted")
        return ", ".join(filter(None, (self.usage.status(), f"{rejected:,} rejected" if rejected else "")))

    def _candidates(self) -> None:
        recipe, run = self.recipe, self.run

        def make(notes: Notes) -> Iterator[dict]:
            accepted = [row for row in run.rows("instruct") if not row["rejected"]][: recipe.users]
            users = list(run.rows("prefer"))
            yield from candidates(
                users, accepted, self.groups, self.tools, self.retriever, recipe.candidates, recipe.seed, notes.counts
            )

        settings = {
            **recipe.candidates.model_dump(),
            "retriever": self.retriever.fingerprint,
            "model": self.encoder.fingerprint,
            "eps": recipe.group.eps,
            "seed": recipe.seed,
            "users": recipe.users,
        }
        run.do(
            "candidates",
            self._noting_embedding("candidates", make),
            [*_TOOLS_AND_GROUPS, "prefer", "instruct"],
            settings,
            total=recipe.users,
        )

    def _export(self) -> None:
        recipe, run = self.recipe, self.run

        def make(notes: Notes) -> Iterator[dict]:
            statistics = RowStatistics()
            rows = export(
                run.rows("prefer"),
                run.rows("history"),
                run.rows("instruct"),
                run.rows("candidates"),
                self.tools,
                recipe.export,
                recipe.seed,
            )
            for row in rows:
                notes.counts[f"{row['split']} rows"] += 1
                statistics.add(row)
                yield row
            notes.extra.update(statistics.summary())

        inputs = [stage for stage in STAGES if stage not in ("group", "export")]
        run.do("export", make, inputs, {**recipe.export.model_dump(), "seed": recipe.seed}, total=recipe.users * 3)


def asked(numbers: Counter) -> dict[str, int]:
    """What a model was asked for a stage's rows: the same, whether its replies were paid for in this run or before."""
    return {
        "replies": numbers["calls"] + numbers["cached"],
        "tokens sent": numbers["prompt_tokens"] + numbers["cached_prompt_tokens"],
        "tokens written": numbers["completion_tokens"] + numbers["cached_completion_tokens"],
        "invalid replies": numbers["invalid"],
    }


def _write_dataset(recipe: Recipe, run: RunFolder, folder: Path, console: Console) -> None:
    facts = {
        "folder": folder.name,
        "author": recipe.authors,
        "model": recipe.llm.model if "openai" in recipe.authors else None,
        "recipe": yaml.safe_dump(_shown_recipe(recipe), sort_keys=False).strip(),
        "origin": "Built from a catalogue of tools by `petoolbench build`.",
        "counts": [
            (stage, what, number)
            for stage in STAGES
            for what, number in {"rows": run.manifest(stage)["rows"], **run.manifest(stage)["counts"]}.items()
        ],
        "asked": {stage: known for stage in STAGES if (known := run.manifest(stage)["extra"].get("asked"))},
        "statistics": run.manifest("export")["extra"],
        "citation": CITATION,
    }
    key = {"export": run.manifest("export")["sha256"], "card": content_hash(CARD_TEMPLATE), "facts": json.dumps(facts)}
    if run.is_recorded("dataset", {**key, "fingerprint": fingerprint(folder)}):
        console.print(f"Nothing has changed since the last build: {folder}/ is up to date.")
        return
    with console.status(f"Writing {folder}/"):
        written = write_dataset(folder, ((row.pop("split"), row) for row in run.rows("export")), lambda: facts)
    run.record("dataset", {**key, "fingerprint": written})
    console.print(
        f"Wrote {run.manifest('export')['rows']:,} rows to {folder}/; kept and dropped: {run.folder}/report.md"
    )


def _shown_recipe(recipe: Recipe) -> dict:
    """The recipe as the card shows it: without this machine's folders and addresses, or a model that was not asked."""
    shown = recipe.model_dump(exclude={"llm": {"base_url"}})
    shown["catalogue"] = [Path(name).name for name in recipe.catalogue]
    if not recipe.asks_a_model:
        del shown["llm"]
    return shown
