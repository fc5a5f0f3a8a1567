"""The folder of an evaluation: its manifest and its predictions."""

import datetime
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from itertools import chain, groupby
from pathlib import Path
from typing import Any

from petoolbench import InputError, to_json_text
from petoolkit.evaluator.counterfactuals.changed_rows import ChangedRows, changed_rows, rows_of_other_kinds
from petoolkit.evaluator.counterfactuals.counterfactual import counterfactual_of
from petoolkit.evaluator.dataset_rows import chosen_settings, load_split
from petoolkit.evaluator.history_methods.memories import read_memories
from petoolkit.evaluator.models.processes import Rank
from petoolkit.evaluator.models.reply_limit import ReplyLimit
from petoolkit.evaluator.records import MANIFEST, SCORES, Manifest
from petoolkit.evaluator.row_fingerprint import fingerprint
from petoolkit.evaluator.stored_predictions import (
    Prediction,
    StoredPredictions,
    checked_predictions,
    index_predictions,
)
from petoolkit.files import write_json_lines
from petoolkit.folder_lock import locked
from petoolkit.text import listing
from petoolkit.versions import software_versions

PREDICTIONS = "predictions.jsonl"
_RANK_FILE = "predictions.rank"  # beginning of the name of the file that one of several processes writes
# Fields of the manifest that may change when an evaluation continues; counterfactuals may be added.
_MAY_DIFFER = (
    "versions",
    "prices",
    "headers",
    "counterfactuals",
    "max_new_tokens_reason",
    "left_out",
    "length_option",
    "started",
)


@dataclass(frozen=True)
class Results:
    """A stored evaluation: its manifest, and the lines of `predictions.jsonl`.

    Those about the dataset's rows are apart from those about rows of counterfactuals.
    """

    manifest: Manifest
    predictions: StoredPredictions
    of_counterfactuals: StoredPredictions

    @property
    def all_predictions(self) -> Iterator[Prediction]:
        """All lines of `predictions.jsonl`."""
        return chain(self.predictions, self.of_counterfactuals)


def evaluations_in(folders: Iterable[Path], warn: Callable[[str], None] = lambda text: None) -> list[Path]:
    """Folders of evaluations among `folders` and inside them, at any depth; each once.

    Args:
        folders: folders of evaluations, folders that contain such, and others, as a shell expands `results/*`.
        warn: called with one sentence that names the folders without an evaluation.

    Raises:
        InputError: if a folder does not exist, or no folder holds an evaluation.
    """
    found: list[Path] = []
    skipped: list[Path] = []
    for folder in folders:
        if not folder.exists():
            raise InputError(f"{folder} does not exist; name a folder that `petoolbench evaluate --out` wrote.")
        if (folder / MANIFEST).is_file():
            found.append(folder)
        elif inside := sorted(path.parent for path in folder.rglob(MANIFEST)):
            found += inside
        else:
            skipped.append(folder)
    if not found:
        named = listing([str(folder) for folder in skipped]) or "no folder"
        raise InputError(f"{named}: no evaluation there; name a folder that `petoolbench evaluate --out` wrote.")
    if skipped:
        warn(f"Skipped, since it does not hold an evaluation: {listing([str(folder) for folder in skipped])}.")
    return list({folder.resolve(): folder for folder in found}.values())


def read_results(folder: Path) -> Results:
    """Read an evaluation's manifest and predictions; an incomplete last line, left by an interruption, is ignored.

    Raises:
        InputError: if the folder does not hold an evaluation, or one of its files is damaged; names the file and the
            line.
    """
    manifest = Manifest.read(folder)
    files = _prediction_files(folder)
    parts = index_predictions(files, lambda row_id: bool(counterfactual_of(row_id)), manifest.options.repeat)
    return Results(manifest, *parts)


def rows_of(manifest: Manifest) -> Sequence[dict]:
    """The rows of an evaluation.

    Raises:
        InputError: if the dataset cannot be loaded, or holds other rows than at the time of the evaluation.
    """
    rows = load_split(manifest.dataset, manifest.setting, manifest.split, manifest.revision)
    if fingerprint(rows) != manifest.fingerprint:
        raise InputError(
            f"{manifest.dataset} holds other rows than when it was evaluated on; evaluate again, into another folder"
            f"{_other_version(manifest)}."
        )
    return rows


def _other_version(manifest: Manifest) -> str:
    """A clause that names the version that evaluated, if it is another one: it may have read the rows otherwise."""
    now = software_versions()
    for name, what in (("petoolbench", "petoolbench"), ("commit", "petoolbench at commit")):
        if (then := manifest.versions.get(name)) and now.get(name) and then != now[name]:
            return f", or score with the version that evaluated, {what} {then} (this is {now[name]})"
    return ""


def changed_rows_of(manifest: Manifest, rows: Sequence[dict]) -> dict[str, ChangedRows]:
    """The rows of an evaluation's counterfactuals by name, made of its rows.

    Raises:
        InputError: if the dataset cannot be loaded, or this version makes other rows than those that were asked.
    """
    if not manifest.counterfactuals:
        return {}
    settings = chosen_settings(manifest.dataset, manifest.setting, manifest.revision)
    others = rows_of_other_kinds(manifest.dataset, manifest.split, settings, manifest.revision)
    made = changed_rows(chain(rows, others), manifest.counterfactuals)
    for name, changed in made.items():
        if changed.fingerprint != manifest.counterfactuals[name]:
            raise InputError(
                f"the rows of the counterfactual {name} are other ones than those that were asked; evaluate again, "
                "into another folder."
            )
    return made


def stored_counterfactuals(folder: Path) -> list[str]:
    """The counterfactuals that a stored evaluation asks; none if there is no evaluation.

    Raises:
        InputError: if the manifest is damaged.
    """
    return list(Manifest.read(folder).counterfactuals) if (folder / MANIFEST).exists() else []


def writing(folder: Path, rank: Rank) -> AbstractContextManager[None]:
    """The lock of the folder; of the processes of one run, which write it together, the first one takes it.

    Raises:
        InputError: if another run writes the folder.
    """
    return locked(folder) if rank.index == 0 else nullcontext()


def stored_date(folder: Path) -> datetime.date | None:
    """The date that the chat template of a stored evaluation writes; `None` if there is no such date, or no reply.

    Raises:
        InputError: if the manifest is damaged.
    """
    return Manifest.read(folder).chat_date if _has_replies(folder) else None


def stored_limit(folder: Path) -> ReplyLimit | None:
    """The most tokens of a reply in a stored evaluation; `None` if there is no such option, or no reply.

    Raises:
        InputError: if the manifest is damaged.
    """
    if not _has_replies(folder):
        return None
    manifest = Manifest.read(folder)
    return ReplyLimit(manifest.most_tokens, manifest.max_new_tokens_reason) if manifest.most_tokens else None


def _has_replies(folder: Path) -> bool:
    """Whether a folder holds an evaluation with a reply, or something kept for one; raises `InputError` if damaged."""
    if not (folder / MANIFEST).exists():
        return False
    Manifest.read(folder)
    if read_memories(folder):
        return True
    lines = (line for file in _prediction_files(folder) for line in checked_predictions(file))
    return any(line["reply"] is not None and not counterfactual_of(line["id"]) for line in lines)


def update_manifest(folder: Path, options: Mapping[str, Any] | None = None, **fields: Any) -> None:
    """Write what became known of an evaluation after its start into its manifest."""
    manifest = Manifest.read(folder)
    asked = manifest.options.model_copy(update=dict(options or {}))
    manifest.model_copy(update={"options": asked, **fields}).write(folder)


def begin_results(folder: Path, manifest: Manifest) -> None:
    """Write the manifest of a new evaluation, or prepare a folder to continue.

    A stored evaluation without a reply is replaced. Stored replies stay; failed ones go, and those that were cut at
    fewer tokens than replies have by now.

    Raises:
        InputError: if the folder holds another evaluation, or cannot be written.
    """
    if _has_replies(folder):
        stored = read_results(folder)
        now, earlier = _by_key(manifest), _by_key(stored.manifest)
        for key in {**now, **earlier}:
            if now.get(key) != earlier.get(key):
                raise InputError(
                    f"{folder} holds another evaluation: {key} is {earlier.get(key)!r} there and {now.get(key)!r} "
                    "here; give another --out, or remove the folder."
                )
        for name, rows in stored.manifest.counterfactuals.items():
            if manifest.counterfactuals.get(name, rows) != rows:
                raise InputError(
                    f"{folder} asks other rows for the counterfactual {name} than this version makes; give another "
                    "--out, or remove the folder."
                )
        answered = (
            line
            for line in stored.all_predictions
            if line["reply"] is not None and line.get("cut_at") in (None, manifest.most_tokens)
        )
        write_json_lines(folder / PREDICTIONS, answered)
        _remove_rank_files(folder)
        if added := manifest.counterfactuals.keys() - stored.manifest.counterfactuals:
            counterfactuals = stored.manifest.counterfactuals | {
                name: rows for name, rows in manifest.counterfactuals.items() if name in added
            }
            stored.manifest.model_copy(update={"counterfactuals": counterfactuals}).write(folder)
        return
    if (folder / MANIFEST).exists():
        _remove_rank_files(folder)
        for name in (PREDICTIONS, SCORES):
            (folder / name).unlink(missing_ok=True)
    if any((folder / name).exists() for name in (PREDICTIONS, SCORES)):
        raise InputError(f"{folder} holds predictions without a {MANIFEST}; give another --out, or remove them.")
    manifest.write(folder)


@contextmanager
def appending(folder: Path, rank: Rank) -> Iterator[Callable[[dict], None]]:
    """Yield a function that writes a prediction at once; each of several processes has its own file.

    Raises:
        InputError: if the disk is full, or the folder cannot be written.
    """
    path = folder / (PREDICTIONS if rank.count == 1 else f"{_RANK_FILE}{rank.index}.jsonl")
    try:
        with open(path, "a", encoding="utf-8") as file:

            def write(prediction: dict) -> None:
                file.write(to_json_text(prediction) + "\n")
                file.flush()

            yield write
    except OSError as error:
        raise InputError(
            f"{path} cannot be written ({error.strerror}); free some space, then run the same command again."
        ) from error


def finish_results(folder: Path, row_ids: Iterable[str], repeats: int) -> None:
    """Write all predictions of an evaluation into one file, in order; of several for a row and repeat, the last one.

    Args:
        folder: folder of the evaluation.
        row_ids: of all rows, in their order.
        repeats: number of replies asked to each row.
    """
    write_json_lines(folder / PREDICTIONS, _in_order(read_results(folder), row_ids, repeats))
    _remove_rank_files(folder)


def _in_order(results: Results, row_ids: Iterable[str], repeats: int) -> Iterator[Prediction]:
    for is_changed, ids in groupby(row_ids, key=lambda row_id: bool(counterfactual_of(row_id))):
        for lines in (results.of_counterfactuals if is_changed else results.predictions).of_rows(ids):
            last = {line["repeat"]: line for line in lines}
            yield from (last[repeat] for repeat in range(repeats) if repeat in last)


def _remove_rank_files(folder: Path) -> None:
    for file in _rank_files(folder):
        file.unlink()


def _prediction_files(folder: Path) -> list[Path]:
    """The files with predictions; none before the first reply, as the manifest is written first."""
    return [file for file in (folder / PREDICTIONS, *_rank_files(folder)) if file.exists()]


def _rank_files(folder: Path) -> list[Path]:
    """The files that several processes have written in an unfinished evaluation."""
    return sorted(folder.glob(f"{_RANK_FILE}*.jsonl"))


def _by_key(manifest: Manifest) -> dict[str, Any]:
    """The fields that must be equal for an evaluation to continue; options have names such as `options.window`."""
    found: dict[str, Any] = {}
    for field, value in manifest.model_dump(mode="json", exclude=set(_MAY_DIFFER)).items():
        if field == "options":
            options = {"protocol": "prompt"} | value  # older manifests name it for endpoints only
            found |= {f"options.{name}": one for name, one in options.items()}
        else:
            found[field] = value
    return found
