"""Evaluations for a leaderboard: of folders of this machine, and of what `petoolbench push results` put on the Hub."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import pyarrow.parquet as pq

from petoolbench import InputError
from petoolkit.evaluator.records import Scores
from petoolkit.evaluator.report.score_files import read_scores, scored_evaluations_in
from petoolkit.evaluator.results_folder import read_results
from petoolkit.hub_reading import why_not_read
from petoolkit.publisher.local_paths import is_hub_id
from petoolkit.publisher.pack_results import published_record
from petoolkit.text import listing

_REPLIES = "predictions.parquet"  # of pushed results


@dataclass(frozen=True)
class BoardEvaluation:
    """One evaluation.

    Args:
        scores: without folders of this machine; `folder` is a name that no other evaluation has.
        dataset: where its rows are.
        link: page of the pushed results; `None` for a folder.
        read_replies: reads the replies; gives `None` if they are not there.
    """

    scores: Scores
    dataset: str
    link: str | None
    read_replies: Callable[[], list[dict] | None]


def gather(names: Sequence[str], say: Callable[[str], None]) -> list[BoardEvaluation]:
    """Evaluations of folders and Hub ids, all about the same rows.

    Args:
        names: folders that `petoolbench evaluate --out` wrote, folders that hold some, or ids of pushed results.
        say: gets sentences about what was skipped.

    Raises:
        InputError: if one holds no evaluation with scores, cannot be read, or is about other rows than the first.
    """
    found: list[BoardEvaluation] = []
    for name in dict.fromkeys(names):
        found += _of_folder(Path(name), say) if Path(name).exists() or not is_hub_id(name) else _of_hub(name, say)
    numbered: Counter[str] = Counter()
    unique = []
    for one in found:
        numbered[one.scores.folder] += 1
        number = numbered[one.scores.folder]
        folder = one.scores.folder if number == 1 else f"{one.scores.folder} ({number})"
        unique.append(replace(one, scores=one.scores.model_copy(update={"folder": folder})))
    _check_same_rows([one.scores for one in unique])
    return unique


def _of_folder(folder: Path, say: Callable[[str], None]) -> list[BoardEvaluation]:
    paths = scored_evaluations_in([folder], say)
    return [
        BoardEvaluation(published_record(scores), scores.dataset, None, partial(_replies_of, path))
        for path, scores in zip(paths, read_scores(paths), strict=True)
    ]


def _replies_of(folder: Path) -> list[dict] | None:
    return list(read_results(folder).predictions) or None


def _of_hub(name: str, say: Callable[[str], None]) -> list[BoardEvaluation]:
    from huggingface_hub import constants, snapshot_download
    from huggingface_hub.errors import HTTPError

    wanted = ["evaluations/*", _REPLIES]
    try:
        snapshot = Path(snapshot_download(name, repo_type="dataset", allow_patterns=wanted))
    except (HTTPError, OSError, ValueError) as error:
        raise InputError(f"the results {name} cannot be read: {why_not_read(error)}.") from None
    if not (snapshot / "evaluations").is_dir():
        raise InputError(
            f"{name} does not hold evaluations; name what `petoolbench push results` pushed, or a folder."
        )
    paths = scored_evaluations_in([snapshot / "evaluations"], say)
    found = []
    for path, scores in zip(paths, read_scores(paths), strict=True):
        inside = path.relative_to(snapshot).as_posix()
        evaluation = path.relative_to(snapshot / "evaluations").as_posix()
        link = f"{constants.ENDPOINT}/datasets/{name}/tree/{snapshot.name}/{inside}"
        named = published_record(scores).model_copy(update={"folder": f"{name}/{evaluation}"})
        found.append(BoardEvaluation(named, scores.dataset, link, partial(_pushed, snapshot, evaluation)))
    return found


def _pushed(snapshot: Path, evaluation: str) -> list[dict] | None:
    """The replies of a pushed evaluation, where they were pushed."""
    file = snapshot / _REPLIES
    if not file.is_file():
        return None
    try:
        table = pq.read_table(file, columns=["id", "repeat", "reply"], filters=[("evaluation", "==", evaluation)])
    except (OSError, ValueError, KeyError) as error:
        raise InputError(f"{file.name} of the results cannot be read ({error}); push them again.") from None
    return table.to_pylist() or None


def _check_same_rows(results: list[Scores]) -> None:
    first = results[0]
    others = [one for one in results if one.fingerprint != first.fingerprint]
    if others:
        shown = [f"{one.folder} ({one.dataset}, {one.setting}, rows {one.fingerprint})" for one in others]
        raise InputError(
            f"{listing(shown)}: not about the rows of {first.folder} ({first.dataset}, {first.setting}, rows "
            f"{first.fingerprint}), and a leaderboard compares models on the same rows; leave them out, or make a "
            "leaderboard of their own."
        )
