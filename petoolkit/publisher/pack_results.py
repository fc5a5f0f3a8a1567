"""Evaluations as a dataset: a table of scores, what was run, and the replies when asked."""

import io
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from huggingface_hub import DatasetCard, DatasetCardData

from petoolbench import CITATION, InputError
from petoolkit.evaluator.report.score_files import Result, read_scores
from petoolkit.evaluator.results_folder import MANIFEST, PREDICTIONS, SCORES, evaluations_in, read_results
from petoolkit.publisher.card_scores import scores_section
from petoolkit.publisher.findings import find
from petoolkit.publisher.hub import Package
from petoolkit.publisher.local_paths import told, without_local_paths
from petoolkit.replies import READERS
from petoolkit.text import ALL

_SCHEMA = pa.schema(
    [
        ("evaluation", pa.string()),  # its folder's name
        ("model", pa.string()),
        ("dataset", pa.string()),
        ("revision", pa.string()),
        ("place", pa.string()),  # a setting, or all
        ("reader", pa.string()),
        ("metric", pa.string()),
        ("rows", pa.int64()),
        ("value", pa.float64()),  # a share
        ("low", pa.float64()),
        ("high", pa.float64()),
    ]
)
_REPLIES = pa.schema(
    [("evaluation", pa.string()), ("id", pa.string()), ("repeat", pa.int64()), ("reply", pa.string())]
)
_TEXT = """
# Evaluations on personalised tool use

Scores of {number} on rows of a [PEToolBench](https://github.com/travis-xu/PEToolBench) dataset, made with
`petoolbench evaluate`. The config `scores` has a line for each evaluation, place (a setting, or all), reader and
metric, with a 95 % interval; `evaluations/` holds what was run, and the breakdowns.{replies}

{table}

## Citation

```bibtex
{citation}
```
"""


def pack_results(folder: Path, predictions: bool) -> Package:
    """What of evaluations is sent; addresses and folders of this machine are not.

    Args:
        folder: an evaluation's, or one with several.
        predictions: whether the models' replies go too.

    Raises:
        InputError: if there is no evaluation, or a reply holds a key.
    """
    folders = evaluations_in(folder)
    results = read_scores(folders)
    files: dict[str, Path | bytes] = {}
    for place, result in zip(folders, results, strict=True):
        name = place.resolve().name
        for file in (MANIFEST, SCORES):
            text = json.dumps(public(json.loads((place / file).read_text("utf-8"))), ensure_ascii=False, indent=2)
            files[f"evaluations/{name}/{file}"] = (text + "\n").encode()
        result.folder = name
    configs = [_config("scores", default=True)]
    files["scores.parquet"] = _parquet([line for result in results for line in _lines(result)], _SCHEMA)
    if predictions:
        replies = [line for place in folders for line in _replies(place)]
        files["predictions.parquet"] = _parquet(replies, _REPLIES)
        configs.append(_config("predictions"))
    data = DatasetCardData(language="en", tags=["tool-use", "personalization", "evaluation"], configs=configs)
    card = _TEXT.format(
        number="one evaluation" if len(results) == 1 else f"{len(results)} evaluations",
        replies=" The config `predictions` has the replies." if predictions else "",
        table="\n\n".join(scores_section(group) for group in _groups(results)),
        citation=CITATION,
    )
    files["README.md"] = str(DatasetCard(f"---\n{data.to_yaml()}\n---\n{card}")).encode()
    return Package(files, ("evaluations/*.json", "*.parquet"), f"Scores of {len(results)} evaluations")


def _config(name: str, **more: Any) -> dict:
    return {"config_name": name, "data_files": [{"split": "test", "path": f"{name}.parquet"}], **more}


def public(manifest: dict) -> dict:
    """What was run, without where the endpoint is and where things lay."""
    return without_local_paths(
        {**manifest, "base_url": None, "model": told(manifest["model"]), "dataset": told(manifest["dataset"])}
    )


def _lines(result: Result) -> list[dict]:
    return [
        {
            "evaluation": result.folder,
            "model": told(result.model),
            "dataset": told(result.dataset),
            "revision": result.revision,
            "place": place,
            "reader": reader,
            "metric": metric,
            "rows": result.rows[place],
            **score.model_dump(),
        }
        for place in result.rows
        for reader in READERS
        for metric, score in result.scores[place][reader].items()
    ]


def _replies(folder: Path) -> list[dict]:
    lines = read_results(folder).predictions
    refuse_keys(lines, folder / PREDICTIONS)
    name = folder.resolve().name
    return [{"evaluation": name, **{key: line[key] for key in ("id", "repeat", "reply")}} for line in lines]


def refuse_keys(predictions: Iterable[dict], file: Path) -> None:
    """Refuse replies that hold a key.

    Raises:
        InputError: naming the first one's row.
    """
    for line in predictions:
        if found := next((one for one in find(line["reply"] or "") if one.kind == "keys"), None):
            raise InputError(
                f"{file}: the reply to {line['id']} holds what looks like a key ({found.masked}); leave the replies "
                "out, or remove the line."
            )


def _parquet(rows: list[dict], schema: pa.Schema) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows, schema=schema), buffer, compression="zstd")
    return buffer.getvalue()


def _groups(results: list[Result]) -> list[list[Result]]:
    """Results on the same rows."""
    groups: dict[str, list[Result]] = {}
    for result in results:
        groups.setdefault(f"{result.fingerprint} {result.rows[ALL]}", []).append(result)
    return list(groups.values())
