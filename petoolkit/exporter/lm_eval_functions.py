"""Functions of lm-evaluation-harness tasks that `petoolbench export lm-eval` wrote; a copy lies beside the tasks."""

import json
from pathlib import Path
from typing import Any

import datasets

from petoolkit.evaluator.scores.judged_reply import judge_reply


def read_rows(config: str, **metadata: Any) -> dict[str, datasets.Dataset]:
    """The test rows of a config, out of the folder of this file.

    Args:
        config: a task's.
        metadata: of the task; not read.
    """
    file = Path(__file__).parent / "rows" / f"{config}.jsonl"
    return {"test": datasets.Dataset.from_json(str(file))}


def process_results(doc: dict, results: list[str]) -> dict[str, float]:
    """The metrics of a reply: the share of right tools, right parameters, and both."""
    return {name: float(is_right) for name, is_right in judge_reply(json.loads(doc["row"]), results[0]).items()}
