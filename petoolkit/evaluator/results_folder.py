"""The folder of an evaluation: what was asked, and the replies."""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from petoolbench import InputError, to_json_text
from petoolkit.evaluator.dataset_rows import load_split
from petoolkit.evaluator.models.ranks import Rank
from petoolkit.evaluator.records import MANIFEST, SCORES, Manifest
from petoolkit.files import write_json_lines
from petoolkit.text import listing

PREDICTIONS = "predictions.jsonl"
_SHARE = "predictions.rank"  # beginning of the name of one process's share
_MAY_DIFFER = ("versions", "prices")  # of a manifest, when an evaluation goes on


@dataclass(frozen=True)
class Results:
    """An evaluation as it was stored."""

    manifest: Manifest
    predictions: list[dict]


def fingerprint(rows: Iterable[dict]) -> str:
    """16 hexadecimal digits that stand for these rows, in this order, with all their columns."""
    digest = hashlib.sha256()
    for row in rows:
        digest.update(to_json_text(row).encode())
    return digest.hexdigest()[:16]


def evaluations_in(folders: Iterable[Path], say: Callable[[str], None] = lambda text: None) -> list[Path]:
    """Evaluations among folders, and among all folders inside them; each once.

    Args:
        folders: evaluations, folders that hold some, or anything else, as a shell's `results/*` gives them.
        say: is told what was skipped because it does not hold an evaluation.

    Raises:
        InputError: if a folder does not exist, or none holds an evaluation.
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
        say(f"Skipped, since it does not hold an evaluation: {listing([str(folder) for folder in skipped])}.")
    return list({folder.resolve(): folder for folder in found}.values())


def read_results(folder: Path) -> Results:
    """Read an evaluation's manifest and predictions; the half line that an interruption left at the end is ignored.

    Raises:
        InputError: if the folder does not hold an evaluation, or one of its files is damaged; names the file and the
            line.
    """
    manifest = Manifest.read(folder)
    files = [folder / PREDICTIONS, *_shares(folder)]
    predictions = [line for file in files for line in _read_predictions(file)]
    repeats = manifest.options.repeat
    if strange := next((line for line in predictions if line["repeat"] >= repeats), None):
        raise InputError(
            f"{folder}: {strange['id']} has an answer of repeat {strange['repeat']}, and {repeats} were asked for "
            "(counted from 0); remove the line, and evaluate again."
        )
    return Results(manifest, predictions)


def rows_of(manifest: Manifest) -> list[dict]:
    """The rows that an evaluation is about.

    Raises:
        InputError: if the dataset can't be loaded, or holds other rows by now.
    """
    rows = load_split(manifest.dataset, manifest.setting, manifest.split, manifest.revision)
    if fingerprint(rows) != manifest.fingerprint:
        raise InputError(
            f"{manifest.dataset} holds other rows than when it was evaluated on; evaluate again, into another folder."
        )
    return rows


def begin_results(folder: Path, manifest: Manifest) -> None:
    """Begin an evaluation's folder, or make one ready to go on: replies that are there stay, failed requests go.

    Raises:
        InputError: if the folder holds an evaluation of something else, or can't be written.
    """
    if (folder / MANIFEST).exists():
        before = read_results(folder)
        now, earlier = _by_key(manifest), _by_key(before.manifest)
        for key in {**now, **earlier}:
            if now.get(key) != earlier.get(key):
                raise InputError(
                    f"{folder} holds another evaluation: {key} is {earlier.get(key)!r} there and {now.get(key)!r} "
                    "here; give another --out, or remove the folder."
                )
        answered = [line for line in before.predictions if line["reply"] is not None]
        write_json_lines(folder / PREDICTIONS, answered)
        _remove_shares(folder)
        return
    try:
        strangers = folder.is_dir() and any((folder / name).exists() for name in (PREDICTIONS, SCORES))
    except OSError:
        strangers = False
    if strangers:
        raise InputError(f"{folder} holds predictions without a {MANIFEST}; give another --out, or remove them.")
    manifest.write(folder)


@contextmanager
def appending(folder: Path, rank: Rank) -> Iterator[Callable[[dict], None]]:
    """Give a function that keeps a prediction at once; of several processes, each keeps its own share.

    Raises:
        InputError: if the disk is full, or the folder can't be written.
    """
    path = folder / (PREDICTIONS if rank.count == 1 else f"{_SHARE}{rank.index}.jsonl")
    try:
        with open(path, "a", encoding="utf-8") as file:

            def keep(prediction: dict) -> None:
                file.write(to_json_text(prediction) + "\n")
                file.flush()

            yield keep
    except OSError as error:
        raise InputError(f"{path} cannot be written ({error.strerror}); what is there stays: go on later.") from error


def finish_results(folder: Path, order: list[tuple[str, int]]) -> None:
    """Put an evaluation's predictions in order.

    Args:
        folder: of the evaluation.
        order: the rows' ids and repeats.
    """
    found = {(line["id"], line["repeat"]): line for line in read_results(folder).predictions}
    write_json_lines(folder / PREDICTIONS, (found[key] for key in order if key in found))
    _remove_shares(folder)


def _remove_shares(folder: Path) -> None:
    for share in _shares(folder):
        share.unlink()


def _shares(folder: Path) -> list[Path]:
    """What several processes have kept of an evaluation that is not finished."""
    return sorted(folder.glob(f"{_SHARE}*.jsonl"))


def _by_key(manifest: Manifest) -> dict[str, Any]:
    """What must be equal for an evaluation to go on, options under names such as `options.window`."""
    values = manifest.model_dump(mode="json", exclude=set(_MAY_DIFFER))
    options = values.pop("options")
    return values | {f"options.{name}": value for name, value in options.items()}


def _read_predictions(path: Path) -> Iterator[dict]:
    if not path.exists():  # the manifest comes first
        return
    with open(path, "rb") as file:
        for number, line in enumerate(file, start=1):
            try:
                prediction = json.loads(line)
            except (ValueError, RecursionError):
                if not line.endswith(b"\n"):
                    return
                prediction = None
            if not _is_prediction(prediction):
                raise InputError(f"{path}, line {number}: not a prediction; remove the line, and it is asked again.")
            yield prediction


def _is_prediction(value: object) -> bool:
    return (
        isinstance(value, dict)
        and isinstance(value.get("id"), str)
        and isinstance(value.get("repeat"), int)
        and value["repeat"] >= 0
        and isinstance(value.get("reply", 0), str | None)
    )
