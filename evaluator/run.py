"""One evaluation: dataset and model in, a folder with predictions and scores out."""

import importlib.metadata
from pathlib import Path

from evaluator import baselines
from evaluator.data import load_rows, settings_of
from evaluator.scores import score
from petoolbench import InputError
from petoolbench_files import write_json, write_json_lines


def evaluate(dataset: str, setting: str, model: str, out: Path, seed: int = 0) -> dict:
    """Ask a model about the test split, and score its replies.

    Args:
        dataset: a dataset folder or a Hub id.
        setting: one of the settings, or `all`.
        model: `baseline:NAME`.
        out: gets `predictions.jsonl` (a line a row: `id`, `reply`) and `scores.json`.
        seed: for baselines that draw.

    Returns:
        What `scores.json` holds: `model`, `dataset`, and the parts of `evaluator.scores.score`.

    Raises:
        InputError: for an unknown model, setting or dataset, or a folder that can't be written.
    """
    kind, _, name = model.partition(":")
    if kind != "baseline" or name not in baselines.BASELINES:
        known = ", ".join(f"baseline:{name}" for name in baselines.BASELINES)
        raise InputError(f"unknown model {model!r}; known are {known}.")
    settings = settings_of(setting)
    rows = [row for setting in settings for row in load_rows(dataset, setting, "test")]

    def train_rows() -> list[dict]:
        try:
            return [row for setting in settings for row in load_rows(dataset, setting, "train")]
        except InputError:
            return []

    replies = baselines.predict(name, rows, train_rows, seed)
    scored = {
        "model": model,
        "dataset": dataset,
        "split": "test",
        "setting": setting,
        "seed": seed,
        "versions": {package: importlib.metadata.version(package) for package in ("petoolbench", "datasets")},
        **score(rows, replies),
    }
    write_json_lines(
        out / "predictions.jsonl", ({"id": r["id"], "reply": s} for r, s in zip(rows, replies, strict=True))
    )
    write_json(out / "scores.json", scored)
    return scored
