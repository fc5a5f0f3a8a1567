"""Scores of stored replies, without asking a model: what `petoolbench score` runs, and each evaluation's end."""

from pathlib import Path

import numpy as np
from rich.console import Console

from petoolbench import InputError
from petoolkit.endpoint.llm_settings import Prices
from petoolkit.endpoint.usage import Usage
from petoolkit.evaluator.dataset_rows import load_rows, settings_of
from petoolkit.evaluator.models.baselines import BASELINES, predict
from petoolkit.evaluator.results_folder import SCORES, Results, read_results, rows_of
from petoolkit.evaluator.scores.score import best_rule, ruled_values, score
from petoolkit.files import write_json


def score_folder(folder: Path, console: Console) -> dict:
    """Score an evaluation's stored replies, and write `scores.json` anew.

    Returns:
        What the file holds: the manifest, the parts of `petoolkit.evaluator.scores.score.score`, `usage`, and for a model that is no
        rule `best_rule`.

    Raises:
        InputError: if the folder holds no evaluation, or its dataset has changed since.
    """
    results = read_results(folder)
    rows = rows_of(results.manifest)
    with console.status("Scoring"):
        scored = results.manifest | score(rows, results.predictions) | {"usage": _usage(results)}
        if not results.manifest["model"].startswith("baseline:"):
            scored["best_rule"] = best_rule(_rules(rows, results.manifest, console))
    write_json(folder / SCORES, scored)
    return scored


def _rules(rows: list[dict], manifest: dict, console: Console) -> dict[str, dict]:
    """Values of the rule models on the same rows; one that can't be had is named and left out."""

    def train_rows() -> list[dict]:
        try:
            settings = settings_of(manifest["setting"])
            return [r for s in settings for r in load_rows(manifest["dataset"], s, "train", manifest["revision"])]
        except InputError:
            return []

    found = {}
    for name in BASELINES:
        try:
            replies = predict(name, rows, train_rows, seed=0)
        except InputError as error:
            console.print(f"baseline:{name} does not stand beside the scores: {error}", style="dim")
            continue
        predictions = ({"id": row["id"], "repeat": 0, "reply": r} for row, r in zip(rows, replies, strict=True))
        found[name] = ruled_values(rows, predictions)
    return found


def _usage(results: Results) -> dict:
    """Tokens, seconds and cost of all replies; null where they are not known."""
    tokens = {
        key: sum(known) if (known := [p[key] for p in results.predictions if p.get(key) is not None]) else None
        for key in ("prompt_tokens", "completion_tokens")
    }
    seconds = [p["seconds"] for p in results.predictions if p.get("seconds") is not None]
    prices = results.manifest.get("prices")
    usage = Usage(Prices(**prices) if prices else None)
    usage.count(**{key: number for key, number in tokens.items() if number})
    return tokens | {
        "median_seconds": float(np.median(seconds)) if seconds else None,
        "p95_seconds": float(np.percentile(seconds, 95)) if seconds else None,
        "cost_usd": usage.cost(usage.total),
    }
