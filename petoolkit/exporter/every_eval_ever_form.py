"""Scores for the collection Every Eval Ever (https://github.com/evaleval/every_eval_ever), schema 0.3.

Its folders are `data/<collection>/<developer>/<model>/`, with a file for each evaluation, and beside it a line for
each reply. Addresses and folders of this machine are not written.
"""

import hashlib
import json
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from petoolbench import InputError
from petoolkit.evaluator.records import Difference, Score, Scores
from petoolkit.evaluator.results_folder import PREDICTIONS, read_results, rows_of
from petoolkit.exporter.every_eval_ever_model import developer_and_model, model_info
from petoolkit.exporter.every_eval_ever_samples import samples
from petoolkit.exporter.export_form import ExportForm, write_lines
from petoolkit.exporter.exported_results import ExportedResults
from petoolkit.files import write_json
from petoolkit.publisher.local_paths import is_hub_id
from petoolkit.publisher.pack_results import published_record
from petoolkit.publisher.text_search import refuse_keys
from petoolkit.replies import READERS
from petoolkit.scoring import METRICS
from petoolkit.text import setting_label

SCHEMA = "0.3.0"
COLLECTION = "petoolbench"
_ROUNDS = 1000  # of the bootstrap of `petoolkit.evaluator.scores`
_WIDTH = 2 * 1.959964  # of a 95 % interval, in standard errors
_INTERVAL = "percentile bootstrap over blocks of rows (function groups where there are no blocks)"
_ERROR = "width of the 95 % bootstrap interval, divided by 2 x 1.96"
_LOGS = "without lines for replies: they are about requests of real people"
_NO_ROWS = "without lines for replies: the rows or the replies cannot be read here"


def _write(exported: ExportedResults, folder: Path) -> dict[str, int]:
    """Write the files of each evaluation; returns numbers of evaluations, of replies, and of what is without."""
    counts = Counter({"evaluations": 0, "replies": 0})
    for path, found in zip(exported.folders, exported.scores, strict=True):
        scores = published_record(found)
        record = _record(scores, model_info(scores))
        stem = f"data/{COLLECTION}/{'/'.join(developer_and_model(record['model_info']))}/{_uuid(scores)}"
        lines, why_not = _lines(path, scores, record)
        if lines is None:
            counts[f"evaluations {why_not}"] += 1
        else:
            file = f"{stem}_samples.jsonl"
            number = write_lines(folder, ((file, line) for line in lines))[file]
            counts["replies"] += number
            record["detailed_evaluation_results"] = {
                "format": "jsonl",
                "file_path": file,
                "hash_algorithm": "sha256",
                "checksum": hashlib.sha256((folder / file).read_bytes()).hexdigest(),
                "total_rows": number,
            }
        (folder / stem).parent.mkdir(parents=True, exist_ok=True)
        write_json(folder / f"{stem}.json", record)
        counts["evaluations"] += 1
    if exported.unscored:
        counts["evaluations left out, since they have no scores"] = exported.unscored
    return dict(counts)


def _record(scores: Scores, model: dict[str, Any]) -> dict[str, Any]:
    """The file of an evaluation."""
    now = str(int(time.time()))
    began = {"evaluation_timestamp": str(int(scores.started.timestamp()))} if scores.started else {}
    return {
        "schema_version": SCHEMA,
        "evaluation_id": f"{COLLECTION}/{model['id'].replace('/', '_')}/{_uuid(scores)}",
        **began,
        "retrieved_timestamp": now,
        "source_metadata": {
            "source_name": "petoolbench evaluate",
            "source_type": "evaluation_run",
            "source_organization_name": "not stated",
            "evaluator_relationship": "other",
        },
        "eval_library": {
            "name": "petoolbench",
            "version": str(scores.versions.get("petoolbench", "unknown")),
            "additional_details": {key: str(value) for key, value in scores.versions.items() if key != "petoolbench"},
        },
        "model_info": model,
        "evaluation_results": list(_results(scores)),
    }


def _results(scores: Scores) -> Iterator[dict[str, Any]]:
    """Each metric in each setting by each reader, then pair accuracy and its gain over no history."""
    for setting in scores.rows:
        for reader in READERS:
            for metric in METRICS.values():
                score = scores.score(setting, metric.name, reader)
                if score.value is not None:
                    what = _metric(metric.name, metric.label, metric.description, reader)
                    yield _result(scores, setting, what, score, scores.rows[setting] * scores.options.repeat)
        pairs = scores.pairs.get(setting)
        if pairs and pairs.score.value is not None:
            text = "Of pairs of users of one block whose calls do the job: the share of which both calls are right."
            what = _metric("pair_accuracy", "Pair accuracy given the function", text, READERS[0])
            yield _result(scores, setting, what, pairs.score, pairs.counted)
        if pairs and pairs.gain and pairs.gain.value is not None:
            text = "What pair accuracy given the function has more than without history."
            what = _metric("pair_accuracy_gain", "Gain of pair accuracy over no history", text, READERS[0], -1)
            yield _result(scores, setting, what, pairs.gain, pairs.counted)


def result_id(setting: str, metric: str, reader: str) -> str:
    """The identifier of a result within its evaluation."""
    return f"{setting}/{reader}/{metric}"


def _metric(name: str, label: str, description: str, reader: str, lowest: int = 0) -> dict[str, Any]:
    return {
        "evaluation_description": description,
        "metric_id": f"{COLLECTION}.{name}",
        "metric_name": label,
        "metric_kind": "accuracy" if lowest == 0 else "difference of accuracies",
        "metric_unit": "proportion",
        "metric_parameters": {"reader": reader},
        "lower_is_better": False,
        "score_type": "continuous",
        "min_score": lowest,
        "max_score": 1,
    }


def _result(
    scores: Scores, setting: str, metric: dict[str, Any], score: Score | Difference, number: int
) -> dict[str, Any]:
    """One score with its uncertainty; `number` is that of the replies, or of the pairs, that are counted."""
    name = metric["metric_id"].rpartition(".")[2]
    details: dict[str, Any] = {"score": score.value, "uncertainty": {"num_samples": number}}
    if name in METRICS:
        chance = scores.chance[setting][name]
        details["details"] = {"chance": "not known" if chance is None else str(chance)}
    if score.low is not None and score.high is not None:
        details["uncertainty"] |= {
            "standard_error": {"value": (score.high - score.low) / _WIDTH, "method": _ERROR},
            "confidence_interval": {
                "lower": score.low,
                "upper": score.high,
                "confidence_level": 0.95,
                "method": _INTERVAL,
            },
            "num_bootstrap_samples": _ROUNDS,
        }
    return {
        "evaluation_result_id": result_id(setting, name, metric["metric_parameters"]["reader"]),
        "evaluation_name": _name(setting),
        "source_data": _source(scores, setting),
        "metric_config": metric,
        "score_details": details,
        "generation_config": _generation(scores),
    }


def _name(setting: str) -> str:
    return f"PEToolBench: {setting_label(setting)}"


def _source(scores: Scores, setting: str) -> dict[str, Any]:
    """The dataset, as far as others can have it."""
    known = {"setting": setting, "fingerprint of the rows": scores.fingerprint, "revision": scores.revision}
    details = {"additional_details": {key: value for key, value in known.items() if value}}
    if not is_hub_id(scores.dataset):
        return {"dataset_name": scores.dataset, "source_type": "other", **details}
    return {
        "dataset_name": scores.dataset,
        "source_type": "hf_dataset",
        "hf_repo": scores.dataset,
        "hf_split": scores.split,
        "samples_number": scores.rows[setting],
        **details,
    }


def _generation(scores: Scores) -> dict[str, Any]:
    options = {key: value for key, value in scores.options.model_dump(mode="json").items() if value is not None}
    arguments = {"temperature": options.pop("temperature", None), "max_tokens": scores.most_tokens}
    options.pop("max_new_tokens", None)
    return {
        "generation_args": {key: value for key, value in arguments.items() if value is not None},
        "additional_details": {
            key: value if isinstance(value, str) else json.dumps(value) for key, value in options.items()
        },
    }


def _uuid(scores: Scores) -> uuid.UUID:
    """A number that is the same each time an evaluation is exported."""
    manifest = json.dumps([scores.folder, scores.model_dump(mode="json")], sort_keys=True)
    return uuid.UUID(bytes=hashlib.sha256(manifest.encode("utf-8", "replace")).digest()[:16], version=4)


def _lines(path: Path, scores: Scores, record: dict[str, Any]) -> tuple[Iterator[dict[str, Any]] | None, str]:
    """The lines for the replies of an evaluation; or `None`, and why there are none.

    Raises:
        InputError: if a reply holds a key.
    """
    if scores.logs:
        return None, _LOGS
    try:
        results = read_results(path)
        rows = rows_of(results.manifest) if results.predictions else []
    except InputError:
        return None, _NO_ROWS
    if not rows:
        return None, _NO_ROWS
    refuse_keys(results.predictions, path / PREDICTIONS)
    keys = {
        "schema_version": SCHEMA,
        "evaluation_id": record["evaluation_id"],
        "model_id": record["model_info"]["id"],
    }
    return (
        {
            **keys,
            "evaluation_name": _name(setting),
            "evaluation_result_id": result_id(setting, "tool_acc", READERS[0]),
            **line,
        }
        for setting, line in samples(rows, results)
    ), ""


EVERY_EVAL_EVER = ExportForm(
    "every-eval-ever",
    "Results for the collection Every Eval Ever (0.3): scores with their uncertainty, and a line for each reply.",
    _write,
    ExportedResults,
)
