"""The whole build: tool documents -> run folder -> dataset folder, by the stages of a design."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path

from rich.console import Console

from petoolbench import SPLITS, InputError
from petoolkit.audit.write_audit import audit_folder
from petoolkit.audit_record import check_gates
from petoolkit.audit_tables import verdict
from petoolkit.dataset_record import DatasetRecord
from petoolkit.endpoint.usage import Usage
from petoolkit.engines.engine import HERE, ChunkFailed, Engine
from petoolkit.engines.object_store import is_url
from petoolkit.evaluator import chat_rows
from petoolkit.files import content_hash, write_json
from petoolkit.folder_lock import check_outside, locked

from .build_report import write_report
from .dataset_card import CARD_TEMPLATE
from .dataset_folder import check_replaceable, exported_in_batches, fingerprint, write_batches
from .designs import DESIGNS
from .kept_vectors import made_with
from .recipe import Recipe
from .run_folder import RunFolder
from .run_store import opened_run
from .stage import Stage
from .stage_arguments import Materials, keys_of
from .stage_code import source_files
from .stages.group import NoGroup
from .survey.survey import survey
from .survey.survey_chapters import chapters
from .survey.survey_view import write_survey

_SURVEY = "catalogue.html"
_LINES_AT_ONCE = 100  # of the exported rows
_MOST_DRAWN = 5  # users drawn for each one asked for, before the build gives up


def build(
    recipe: Recipe,
    run_folder_or_url: Path | str,
    dataset_folder: Path,
    console: Console,
    usage: Usage | None = None,
    on_reply: Callable = lambda request, reply: None,
    replace: bool = False,
    engine: Engine = HERE,
) -> RunFolder:
    """Build a dataset, doing only what has changed since the run folder's last build.

    The same recipe, catalogues and library versions give the same parquet bytes, whatever was done before and whenever
    the build was stopped.

    Args:
        recipe: all settings.
        run_folder_or_url: for the stages' files: a folder, or the URL of one in an object store.
        dataset_folder: for the finished dataset.
        console: for progress.
        usage: counts what is asked of a language model, if an author asks one.
        on_reply: gets each request to it and its reply.
        replace: whether the dataset may replace an imported one.
        engine: does what can be done in parts; the dataset is the same with any.

    Raises:
        InputError: for a mistake in the recipe, a catalogue or a folder, if another process writes one of the
            folders, or if an object store can't be reached.
        GateFailed: if the audit of the finished dataset fails a gate that the recipe does not allow.
    """
    if not is_url(str(run_folder_or_url)):
        check_outside(Path(run_folder_or_url), dataset_folder, "--run")
    with locked(dataset_folder), opened_run(run_folder_or_url) as (run_folder, store):
        check_replaceable(dataset_folder, "build", replace)
        stages = DESIGNS[recipe.design].stages
        run = RunFolder(run_folder, list(stages), console, store)
        console.print(f"Building {recipe.users:,} users into {dataset_folder}/ (stages in {run_folder_or_url}/)")
        usage = usage or Usage(recipe.llm.chat_prices)
        materials = Materials(recipe, run, usage, on_reply, engine)
        if materials.reader is not engine:
            console.print(
                "This process reads the catalogues and audits the dataset itself: the cluster has the run alone."
            )
        try:
            do_stages(materials)
        except NoGroup as error:
            raise InputError(f"{error} {_leave_survey(recipe, materials, run_folder)} shows the clusters.") from None
        finally:
            if usage.total:
                write_json(run_folder / "usage.json", usage.as_json())
        write_report(run, list(stages), recipe)
        _write_dataset(materials, dataset_folder, console)
    return run


def _leave_survey(recipe: Recipe, materials: Materials, run_folder: Path) -> Path:
    """Write a survey of the catalogue into the run's folder."""
    found = survey(recipe.catalogue, recipe.group, materials.encoder(recipe.group.model))
    write_survey(chapters(found, recipe.catalogue), run_folder / _SURVEY)
    return run_folder / _SURVEY


def do_stages(materials: Materials) -> None:
    """Do all stages, as far as something has changed; raises what `build` raises."""
    design = DESIGNS[materials.recipe.design]
    for stage in design.stages.values():
        if stage.name == design.drawing[0]:
            _draw_users(materials)
        elif stage.name not in design.drawing:
            _do(stage, materials)
        if stage.name == "understand":
            _check_understood(materials.run)


def _do(stage: Stage, materials: Materials) -> None:
    materials.run.do(
        stage.name,
        lambda notes: stage.made(materials, notes),
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
    """The stages that draw, over again with more users while too few were accepted."""
    recipe, run = materials.recipe, materials.run
    design = DESIGNS[recipe.design]
    materials.drawn = _drawn_before(materials) or recipe.users
    while True:
        for name in design.drawing:
            _do(design.stages[name], materials)
        drawn, accepted = materials.drawn + materials.spare, design.accepted_users(run)
        if accepted >= recipe.users:
            return
        if drawn >= recipe.users * _MOST_DRAWN:
            raise InputError(
                f"of {drawn:,} users drawn, only {accepted:,} of the {recipe.users:,} asked for were accepted "
                f"({_why_rejected(run, design.drawing)}); see {run.folder}/, and lower users, add catalogues, or take "
                "another model."
            )
        short = (recipe.users - accepted) * drawn / max(accepted, drawn / _MOST_DRAWN)
        materials.drawn = min(drawn + int(short * 1.1) + 5, recipe.users * _MOST_DRAWN)


def _drawn_before(materials: Materials) -> int | None:
    """How many users the last build drew, if nothing else has changed since."""
    design = DESIGNS[materials.recipe.design]
    stage = design.stages[design.drawing[0]]
    key = materials.run.manifest(stage.name).get("key", {})
    try:
        users = key["arguments"]["users"]
        materials.drawn = users.get("number", users)["drawn"]
    except (KeyError, TypeError):
        return None
    return materials.drawn if key["arguments"] == keys_of(stage.arguments, materials) else None


def _why_rejected(run: RunFolder, drawing: tuple[str, ...]) -> str:
    """The reasons for which users were rejected, the most frequent first."""
    reasons: Counter = Counter()
    for stage in drawing:
        counts = run.manifest(stage)["counts"]
        reasons.update({f"{stage} {why}": number for why, number in counts.items() if why != "accepted"})
    return "; ".join(f"{number:,} {why}" for why, number in reasons.most_common(3))


def record_of(materials: Materials) -> DatasetRecord:
    """The record of the dataset that finished stages make."""
    recipe, run = materials.recipe, materials.run
    manifests = {stage: run.manifest(stage) for stage in DESIGNS[recipe.design].stages}
    return DatasetRecord(
        origin="build",
        author=recipe.authors,
        split=recipe.export.split,
        recipe=recipe.publishable(),
        counts={stage: {"rows": known["rows"], **known["counts"]} for stage, known in manifests.items()},
        asked={stage: known["extra"]["asked"] for stage, known in manifests.items() if "asked" in known["extra"]},
        embeddings=made_with(materials),
        statistics=manifests["export"]["extra"],
    )


def write_exported(materials: Materials, folder: Path, record: Callable[[], DatasetRecord]) -> None:
    """Write the rows of the stage `export` as a dataset; parts of them become tables each on its own."""
    parts = materials.run.rows("export").parts(_LINES_AT_ONCE)
    batches = materials.engine.run(exported_in_batches, parts)
    try:
        write_batches(folder, (batch for _, batch in batches), record, engine=materials.reader)
    except ChunkFailed as error:
        raise error.named("the dataset", 0) from error


def _write_dataset(materials: Materials, folder: Path, console: Console) -> None:
    run = materials.run
    exported, record = run.manifest("export"), record_of(materials)
    key = {
        "export": exported["sha256"],
        "card": content_hash(CARD_TEMPLATE),
        "chat": content_hash(*source_files([chat_rows.__name__])),
        "record": record.model_dump(mode="json"),
    }
    if run.is_recorded("dataset", {**key, "fingerprint": fingerprint(folder)}):
        console.print(f"Nothing has changed since the last build: {folder}/ is up to date.")
    else:
        if standing := check_replaceable(folder):
            console.print(f"{folder}/ holds {standing}; this build replaces it.", markup=False)
        with console.status(f"Writing {folder}/"):
            write_exported(materials, folder, lambda: record)
        console.print(f"Wrote {exported['rows']:,} rows to {folder}/; kept and dropped: {run.folder}/report.md")
    audited = audit_folder(folder, console, materials.reader)
    run.record("dataset", {**key, "fingerprint": fingerprint(folder)})
    console.print(f"Audit: {verdict(audited)} See `petoolbench audit {folder}`.", markup=False)
    for split in SPLITS:
        if not exported["counts"].get(f"{split} rows"):
            console.print(
                f"The dataset has no {split} split: take more users, another export.test_share, or a smaller unit in "
                "export.split."
            )
    check_gates(audited, "name what may fail in the recipe's `audit: {allow: [...]}`")
