"""The whole build: tool documents -> run folder -> dataset folder, by a table of eight stages."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path

from rich.console import Console

from petoolbench import SETTINGS, SPLITS, InputError
from petoolkit.dataset_record import DatasetRecord
from petoolkit.endpoint.usage import Usage
from petoolkit.files import content_hash, write_json
from petoolkit.folder_lock import check_outside, locked

from .build_report import write_report
from .dataset_card import CARD_TEMPLATE
from .dataset_folder import check_replaceable, fingerprint, write_dataset
from .recipe import Recipe
from .run_folder import RunFolder
from .stage import Stage
from .stage_arguments import (
    AuthorOf,
    DocumentsOfCatalogue,
    DrawnUsers,
    EncoderNamed,
    FromRecipe,
    Made,
    Materials,
    NotesOfStage,
    RowsOf,
    keys_of,
)
from .stages.candidates import candidates
from .stages.collect import collect
from .stages.export import export
from .stages.group import group
from .stages.history import history
from .stages.instruct import instruct
from .stages.prefer import prefer, user_ids
from .stages.understand import understand
from .tools import Tools, understood_tools

_MOST_DRAWN = 5  # users drawn for each one asked for, before the build gives up
_TOOLS_BY_NAME = Made(understood_tools, collected=RowsOf("collect"), understood=RowsOf("understand"))
_TOOLS = Made(Tools, by_name=_TOOLS_BY_NAME, encoder=EncoderNamed("group.model"), eps=FromRecipe("group.eps"))
_SEED = FromRecipe("seed")
_NOTES = NotesOfStage()

STAGES: dict[str, Stage] = {
    stage.name: stage
    for stage in (
        Stage(
            "collect",
            collect,
            {
                "documents": DocumentsOfCatalogue(),
                "max_description": FromRecipe("collect.max_description"),
                "notes": _NOTES,
            },
        ),
        Stage(
            "understand",
            understand,
            {"tools": RowsOf("collect"), "author": AuthorOf("understand"), "seed": _SEED},
            lambda materials: materials.run.manifest("collect")["rows"],
        ),
        Stage(
            "group",
            group,
            {"tools": _TOOLS, "settings": FromRecipe("group", only=("eps", "min_samples", "sweep")), "notes": _NOTES},
        ),
        Stage(
            "prefer",
            prefer,
            {
                "tools": _TOOLS,
                "groups": RowsOf("group"),
                "settings": FromRecipe("prefer"),
                "history": FromRecipe("history", only=("min_length", "max_length", "min_disliked")),
                "users": Made(user_ids, number=DrawnUsers()),
                "seed": _SEED,
            },
            lambda materials: materials.drawn,
        ),
        Stage(
            "history",
            history,
            {
                "users": RowsOf("prefer"),
                "tools": _TOOLS_BY_NAME,
                "author": AuthorOf("history"),
                "settings": FromRecipe("history"),
                "seed": _SEED,
            },
            lambda materials: materials.drawn,
        ),
        Stage(
            "instruct",
            instruct,
            {
                "users": RowsOf("prefer"),
                "histories": RowsOf("history"),
                "groups": RowsOf("group"),
                "tools": _TOOLS_BY_NAME,
                "author": AuthorOf("instruct"),
                "seed": _SEED,
            },
            lambda materials: materials.drawn,
        ),
        Stage(
            "candidates",
            candidates,
            {
                "users": RowsOf("prefer"),
                "instructions": RowsOf("instruct"),
                "groups": RowsOf("group"),
                "tools": _TOOLS,
                "retriever": EncoderNamed("candidates.retriever", "group.model"),
                "settings": FromRecipe("candidates", only=("number", "same_function", "retrieved")),
                "number_of_users": FromRecipe("users"),
                "seed": _SEED,
                "notes": _NOTES,
            },
            lambda materials: materials.recipe.users,
        ),
        Stage(
            "export",
            export,
            {
                "users": RowsOf("prefer"),
                "histories": RowsOf("history"),
                "instructions": RowsOf("instruct"),
                "candidates": RowsOf("candidates"),
                "tools": _TOOLS_BY_NAME,
                "settings": FromRecipe("export"),
                "seed": _SEED,
                "notes": _NOTES,
            },
            lambda materials: materials.recipe.users * len(SETTINGS),
        ),
    )
}
_DRAWING = ("prefer", "history", "instruct")  # done over again with more users while too few are accepted


def build(
    recipe: Recipe,
    run_folder: Path,
    dataset_folder: Path,
    console: Console,
    usage: Usage | None = None,
    on_reply: Callable = lambda request, reply: None,
    replace: bool = False,
) -> RunFolder:
    """Build a dataset, doing only what has changed since the run folder's last build.

    The same recipe, catalogues and library versions give the same parquet bytes, whatever was done before and whenever
    the build was stopped.

    Args:
        recipe: all settings.
        run_folder: for the stages' files.
        dataset_folder: for the finished dataset.
        console: for progress.
        usage: counts what is asked of a language model, if an author asks one.
        on_reply: gets each request to it and its reply.
        replace: whether the dataset may replace an imported one.

    Raises:
        InputError: for a mistake in the recipe, a catalogue or a folder, or if another process writes one of the
            folders.
    """
    check_outside(run_folder, dataset_folder, "--run")
    with locked(dataset_folder), locked(run_folder):
        check_replaceable(dataset_folder, "build", replace)
        run = RunFolder(run_folder, list(STAGES), console)
        console.print(f"Building {recipe.users:,} users into {dataset_folder}/ (stages in {run_folder}/)")
        usage = usage or Usage(recipe.llm.chat_prices)
        try:
            do_stages(Materials(recipe, run, usage, on_reply))
        finally:
            if usage.total:
                write_json(run_folder / "usage.json", usage.as_json())
        write_report(run, list(STAGES), recipe)
        _write_dataset(recipe, run, dataset_folder, console)
    return run


def do_stages(materials: Materials) -> None:
    """Do all stages, as far as something has changed; raises what `build` raises."""
    for stage in STAGES.values():
        if stage.name == _DRAWING[0]:
            _draw_users(materials)
        elif stage.name not in _DRAWING:
            _do(stage, materials)
        if stage.name == "understand":
            _check_understood(materials.run)


def _do(stage: Stage, materials: Materials) -> None:
    materials.run.do(
        stage.name,
        lambda notes: stage.rows(materials, notes),
        stage.key(materials),
        stage.expected_rows(materials),
    )


def _check_understood(run: RunFolder) -> None:
    understood = run.manifest("understand")
    if not understood["counts"].get("accepted"):
        reasons = "; ".join(f"{number:,} {why}" for why, number in understood["counts"].items())
        raise InputError(
            f"none of the {understood['rows']:,} tools was understood ({reasons}); see "
            f"{run.path('understand')}, and add catalogues or take another model."
        )


def _draw_users(materials: Materials) -> None:
    """The stages of `_DRAWING`, over again with more users while too few were accepted."""
    recipe, run = materials.recipe, materials.run
    materials.drawn = _drawn_before(materials) or recipe.users
    while True:
        for name in _DRAWING:
            _do(STAGES[name], materials)
        drawn, accepted = materials.drawn, run.manifest(_DRAWING[-1])["counts"].get("accepted", 0)
        if accepted >= recipe.users:
            return
        if drawn >= recipe.users * _MOST_DRAWN:
            raise InputError(
                f"of {drawn:,} users drawn, only {accepted:,} of the {recipe.users:,} asked for were accepted "
                f"({_why_rejected(run)}); see {run.folder}/, and lower users or history.max_length, add "
                "catalogues, or take another model."
            )
        short = (recipe.users - accepted) * drawn / max(accepted, drawn / _MOST_DRAWN)
        materials.drawn = min(drawn + int(short * 1.1) + 5, recipe.users * _MOST_DRAWN)


def _drawn_before(materials: Materials) -> int | None:
    """How many users the last build drew, if nothing else has changed since."""
    stage = STAGES[_DRAWING[0]]
    key = materials.run.manifest(stage.name).get("key", {})
    try:
        materials.drawn = key["arguments"]["users"]["number"]["drawn"]
    except (KeyError, TypeError):
        return None
    return materials.drawn if key["arguments"] == keys_of(stage.arguments, materials) else None


def _why_rejected(run: RunFolder) -> str:
    """The reasons for which users were rejected, the most frequent first."""
    reasons: Counter = Counter()
    for stage in _DRAWING:
        counts = run.manifest(stage)["counts"]
        reasons.update({f"{stage} {why}": number for why, number in counts.items() if why != "accepted"})
    return "; ".join(f"{number:,} {why}" for why, number in reasons.most_common(3))


def _write_dataset(recipe: Recipe, run: RunFolder, folder: Path, console: Console) -> None:
    manifests = {stage: run.manifest(stage) for stage in STAGES}
    exported = manifests["export"]
    record = DatasetRecord(
        origin="build",
        author=recipe.authors,
        split=recipe.export.split,
        recipe=recipe.publishable(),
        counts={stage: {"rows": known["rows"], **known["counts"]} for stage, known in manifests.items()},
        asked={stage: known["extra"]["asked"] for stage, known in manifests.items() if "asked" in known["extra"]},
        statistics=exported["extra"],
    )
    key = {"export": exported["sha256"], "card": content_hash(CARD_TEMPLATE), "record": record.model_dump(mode="json")}
    if run.is_recorded("dataset", {**key, "fingerprint": fingerprint(folder)}):
        console.print(f"Nothing has changed since the last build: {folder}/ is up to date.")
    else:
        if standing := check_replaceable(folder):
            console.print(f"{folder}/ holds {standing}; this build replaces it.", markup=False)
        with console.status(f"Writing {folder}/"):
            written = write_dataset(folder, ((row.pop("split"), row) for row in run.rows("export")), lambda: record)
        run.record("dataset", {**key, "fingerprint": written})
        console.print(f"Wrote {exported['rows']:,} rows to {folder}/; kept and dropped: {run.folder}/report.md")
    for split in SPLITS:
        if not exported["counts"].get(f"{split} rows"):
            console.print(
                f"The dataset has no {split} split: take more users, another export.test_share, or a smaller unit in "
                "export.split."
            )
