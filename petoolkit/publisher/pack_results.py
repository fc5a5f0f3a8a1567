"""Evaluations as a dataset: a table of scores, what was run, and the replies when asked."""

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import pyarrow as pa
import pyarrow.parquet as pq
from huggingface_hub import DatasetCard, DatasetCardData

from petoolbench import CITATION
from petoolkit.evaluator.records import MANIFEST, SCORES, Manifest, Scores
from petoolkit.evaluator.report.score_files import read_scores, scored_evaluations_in
from petoolkit.evaluator.results_folder import PREDICTIONS, read_results
from petoolkit.folder_lock import all_locked
from petoolkit.publisher.card_scores import scores_section
from petoolkit.publisher.eval_results import FOLDER, eval_result, eval_results_yaml
from petoolkit.publisher.hub import Package, Target
from petoolkit.publisher.local_paths import without_folders, without_local_paths
from petoolkit.publisher.logs_consent import check_replies_to_logs
from petoolkit.publisher.text_search import refuse_keys
from petoolkit.replies import READERS
from petoolkit.text import ALL, counted, listing

_Record = TypeVar("_Record", bound=Manifest)

_SCORE_COLUMNS = pa.schema(
    [
        ("evaluation", pa.string()),  # its folder's name
        ("model", pa.string()),
        ("dataset", pa.string()),
        ("revision", pa.string()),
        ("setting", pa.string()),  # or all
        ("reader", pa.string()),
        ("metric", pa.string()),
        ("rows", pa.int64()),
        ("value", pa.float64()),  # a share
        ("low", pa.float64()),
        ("high", pa.float64()),
    ]
)
_REPLY_COLUMNS = pa.schema(
    [("evaluation", pa.string()), ("id", pa.string()), ("repeat", pa.int64()), ("reply", pa.string())]
)
_LEADERBOARDS = (
    " A file of `.eval_results/`, in the same folder of its model's repository, puts the score on the model's page "
    "and the dataset's leaderboard."
)
_CARD = """
# Evaluations on personalised tool use

Scores of {number} on rows of a [PEToolBench](https://github.com/travis-xu/PEToolBench) dataset, made with
`petoolbench evaluate`. The config `scores` has a line for each evaluation, setting (or `all`), reader, and metric or
error type, with a 95 % interval; `evaluations/` holds manifests and breakdowns.{replies}{leaderboards}

{table}

## Citation

```bibtex
{citation}
```
"""


def pack_results(
    folder: Path,
    repo_id: str,
    predictions: bool,
    say: Callable[[str], None] = lambda text: None,
    may_publish_logs: bool = False,
) -> Package:
    """Collect evaluations, without the addresses and folders of this machine.

    Args:
        folder: an evaluation's, or one that holds several.
        repo_id: `USER/NAME`; the scores for leaderboards name it as their source.
        predictions: whether the models' replies are published too.
        say: gets messages about folders that were skipped, and scores that are not for leaderboards.
        may_publish_logs: whether the publisher says that replies to logs of real calls may be published.

    Raises:
        InputError: if there is no evaluation, a reply holds a key, another process writes an evaluation of which
            the replies are published, or these are of logs that the publisher does not say may be published.
    """
    folders = scored_evaluations_in([folder], say)
    if predictions:
        of_logs = [path.name for path in folders if Manifest.read(path).logs]
        check_replies_to_logs(of_logs, "replies", may_publish_logs)
    with all_locked(folders if predictions else []):  # scores and replies of one state
        return _pack(folders, repo_id, predictions, say)


def _pack(folders: list[Path], repo_id: str, predictions: bool, say: Callable[[str], None]) -> Package:
    results = read_scores(folders)
    files: dict[str, Path | bytes] = {}
    for path, scores in zip(folders, results, strict=True):
        for name, record in {MANIFEST: Manifest.read(path), SCORES: scores}.items():
            files[f"evaluations/{scores.folder}/{name}"] = as_json(published_record(record))
    for_leaderboards = _for_leaderboards(results, repo_id, say)
    files |= for_leaderboards
    configs = [_config("scores", default=True)]
    files["scores.parquet"] = _parquet([line for scores in results for line in _score_lines(scores)], _SCORE_COLUMNS)
    if predictions:
        replies = [
            line for path, scores in zip(folders, results, strict=True) for line in _reply_lines(path, scores.folder)
        ]
        files["predictions.parquet"] = _parquet(replies, _REPLY_COLUMNS)
        configs.append(_config("predictions"))
    data = DatasetCardData(language="en", tags=["tool-use", "personalization", "evaluation"], configs=configs)
    number = counted(len(results), "evaluation")
    card = _CARD.format(
        number=number,
        replies=" The config `predictions` holds the replies." if predictions else "",
        leaderboards=_LEADERBOARDS if for_leaderboards else "",
        table="\n\n".join(scores_section(same_rows) for same_rows in _by_rows(results)),
        citation=CITATION,
    )
    files["README.md"] = str(DatasetCard(f"---\n{data.to_yaml()}\n---\n{card}")).encode()
    return Package(files, ("evaluations/*.json", "*.parquet", f"{FOLDER}/*.yaml"), f"Scores of {number}")


def _for_leaderboards(results: list[Scores], repo_id: str, say: Callable[[str], None]) -> dict[str, Path | bytes]:
    """A file in the Hub's form for each evaluation that is for a leaderboard; says which are not, and why."""
    files: dict[str, Path | bytes] = {}
    left_out: dict[str, list[str]] = {}
    for scores in results:
        entry = eval_result(scores, Target(repo_id, "dataset").url)
        if isinstance(entry, str):
            left_out.setdefault(entry, []).append(scores.folder)
        else:
            files[f"{FOLDER}/{scores.folder}.yaml"] = eval_results_yaml(entry)
    for why, folders in left_out.items():
        say(f"Not for leaderboards on the Hub: {listing(folders)}: {why}.")
    return files


def published_record(record: _Record) -> _Record:
    """A manifest or scores without the endpoint's address and this machine's folders."""
    options = without_local_paths(record.options.model_dump(mode="json"))
    changes = {
        "base_url": None,
        "model": without_folders(record.model),
        "dataset": without_folders(record.dataset),
        "options": type(record.options)(**{**options, "history": without_folders(record.options.history)}),
        "versions": without_local_paths(record.versions),
    }
    return record.model_copy(update=changes)


def as_json(record: Manifest) -> bytes:
    """A manifest or scores as their file holds them."""
    return (json.dumps(record.model_dump(mode="json"), ensure_ascii=False, indent=2) + "\n").encode()


def _config(name: str, **more: Any) -> dict:
    return {"config_name": name, "data_files": [{"split": "test", "path": f"{name}.parquet"}], **more}


def _score_lines(scores: Scores) -> list[dict]:
    return [
        {
            "evaluation": scores.folder,
            "model": without_folders(scores.model),
            "dataset": without_folders(scores.dataset),
            "revision": scores.revision,
            "setting": setting,
            "reader": reader,
            "metric": metric,
            "rows": scores.rows[setting],
            **score.model_dump(),
        }
        for setting in scores.rows
        for reader in READERS
        for metric, score in scores.scores[setting][reader].items()
    ]


def _reply_lines(folder: Path, evaluation: str) -> list[dict]:
    lines = read_results(folder).predictions
    refuse_keys(lines, folder / PREDICTIONS)
    return [{"evaluation": evaluation, **{key: line[key] for key in ("id", "repeat", "reply")}} for line in lines]


def _parquet(rows: list[dict], schema: pa.Schema) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows, schema=schema), buffer, compression="zstd")
    return buffer.getvalue()


def _by_rows(results: list[Scores]) -> list[list[Scores]]:
    """Evaluations grouped by the rows that they are about."""
    groups: dict[str, list[Scores]] = {}
    for scores in results:
        groups.setdefault(f"{scores.fingerprint} {scores.rows[ALL]}", []).append(scores)
    return list(groups.values())
