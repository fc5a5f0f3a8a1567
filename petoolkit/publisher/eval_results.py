"""Scores in the form in which the Hub's model pages and leaderboards read them: `.eval_results/*.yaml`.

Form: https://huggingface.co/docs/hub/eval-results, written by huggingface_hub.
"""

from dataclasses import replace
from typing import TYPE_CHECKING

import yaml

from petoolbench import InputError
from petoolkit.evaluator.evaluate import SPLIT
from petoolkit.evaluator.history_methods.method_table import FULL, NONE
from petoolkit.evaluator.records import Scores
from petoolkit.publisher.eval_yaml import TASK_ID
from petoolkit.publisher.local_paths import is_hub_id
from petoolkit.scoring import METRICS
from petoolkit.text import ALL, counted

if TYPE_CHECKING:
    from huggingface_hub import EvalResultEntry

FOLDER = ".eval_results"
ADAPTER_RESULTS = f"{FOLDER}/petoolbench.yaml"  # in an adapter's folder and repository
_METRIC = METRICS[TASK_ID]
_SOURCE = "petoolbench evaluate"


def eval_result(scores: Scores, source: str | None = None) -> "EvalResultEntry | str":
    """Tool Acc over all settings, as a leaderboard on the Hub takes it.

    Args:
        scores: of an evaluation.
        source: address of a page that shows more of the evaluation.

    Returns:
        The entry, or a clause that says why there is none.
    """
    from huggingface_hub import EvalResultEntry

    if why := _unfit(scores):
        return why
    value = scores.score(ALL, _METRIC.name).value
    return EvalResultEntry(
        dataset_id=scores.dataset,
        dataset_revision=scores.revision,
        task_id=TASK_ID,
        value=value,
        date=scores.started.isoformat() if scores.started else None,
        source_url=source,
        source_name=_SOURCE if source else None,
        notes=_notes(scores),
    )


def eval_results_yaml(entry: "EvalResultEntry") -> bytes:
    """The content of a file in `.eval_results/`."""
    from huggingface_hub import eval_result_entries_to_yaml

    return yaml.safe_dump(eval_result_entries_to_yaml([entry]), sort_keys=False, allow_unicode=True).encode()


def with_source(content: bytes, name: str, source: str) -> bytes:
    """The content of such a file with the address of the page that shows more.

    Args:
        content: of the file.
        name: of the file, for messages.
        source: the page's address.

    Raises:
        InputError: if it is not such a file.
    """
    from huggingface_hub import parse_eval_result_entries

    try:
        (entry,) = parse_eval_result_entries(yaml.safe_load(content))
    except (ValueError, KeyError, TypeError, AttributeError, yaml.YAMLError):
        raise InputError(
            f"{name} is not a file of scores in the Hub's form; write the card again with --scores, or remove it."
        ) from None
    return eval_results_yaml(replace(entry, source_url=source, source_name=_SOURCE))


def _unfit(scores: Scores) -> str:
    """Why an evaluation is not for a leaderboard, as a clause; empty if it is."""
    if scores.is_rule:
        return "it is of a rule, which has no page on the Hub"
    if not is_hub_id(scores.dataset):
        return (
            "its rows are a folder's, and a leaderboard is a dataset's on the Hub (evaluate with --dataset USER/NAME)"
        )
    if scores.setting != ALL or scores.split != SPLIT:
        return f"it is of {scores.setting}, {scores.split} rows, and the leaderboard of the test rows of all settings"
    if scores.options.history == NONE:
        return "it left out the history, which the leaderboard's task has"
    return ""


def _notes(scores: Scores) -> str:
    """The interval, and how it was evaluated, in one line."""
    score, asked = scores.score(ALL, _METRIC.name), scores.options.model_dump()
    interval = f"95 % interval {score.low:.4f} to {score.high:.4f}" if score.low is not None else "no interval"
    parts = [f"{_METRIC.label} over all settings", interval, counted(scores.rows[ALL], "row"), "reader robust"]
    parts += [f"history {asked['history']}"] if asked["history"] != FULL else []
    parts += [f"{name} {asked[name]}" for name in ("protocol", "temperature") if asked.get(name) is not None]
    if scores.options.repeat > 1:
        parts.append(f"mean of {scores.options.repeat} replies to each row")
    if missing := scores.counts[ALL].missing:
        parts.append(f"{counted(missing, 'failed request')} counted as wrong")
    return ", ".join(parts)
