"""Chance: the expected scores of calls of random candidates."""

from collections.abc import Sequence

import numpy as np

from petoolkit.call_forms import ToolCall
from petoolkit.call_parameters import has_right_parameters
from petoolkit.evaluator.models.baselines import call_of
from petoolkit.evaluator.scores.judgements import gold_documents
from petoolkit.scoring import METRICS, Outcome, is_right_tool, read_gold_call


def chance(rows: Sequence[dict], rows_of_setting: dict[str, np.ndarray]) -> dict[str, dict[str, float | None]]:
    """Expected scores, by setting and metric, of a call of a random candidate with the parameters of `call_of`.

    Each is the expected number of right calls, divided by the expected number of counted calls; `None` if no call is
    counted. For Tool Acc it is the mean share of acceptable tools among the candidates.

    Args:
        rows: rows of the dataset.
        rows_of_setting: row numbers by setting (or `all`).
    """
    calls: list[ToolCall] = []
    expected = np.zeros((len(rows), 2 * len(METRICS)))
    before: dict = {}
    for number, row in enumerate(rows):
        if any(row[name] != before.get(name) for name in ("instruction", "candidate_tools")):  # users of a block
            calls = [call_of(row, tool) for tool in row["candidate_tools"]]
        expected[number], before = _expected(row, calls), row
    found = {}
    for setting, numbers in rows_of_setting.items():
        right, counted = expected[numbers].sum(axis=0).reshape(2, len(METRICS)).tolist()
        found[setting] = {
            metric.name: (r / (len(numbers) if metric.is_counted is None else c) if c else None)
            for metric, r, c in zip(METRICS.values(), right, counted, strict=True)
        }
    return found


def _expected(row: dict, calls: list[ToolCall]) -> np.ndarray:
    """(2 * metrics,) probabilities that one of the calls is right by each metric, and that it is counted."""
    gold = read_gold_call(row["tool_call"])
    documents = gold_documents(row)
    guesses = []
    for call in calls:
        right = is_right_tool(call, gold, row["acceptable_tools"])
        does_the_job = right or call.tool_name in row["same_function_tools"]
        outcome = Outcome(right, has_right_parameters(call, gold, documents=documents), does_the_job)
        is_right = [metric.is_right(outcome) for metric in METRICS.values()]
        is_counted = [metric.is_counted is None or metric.is_counted(outcome) for metric in METRICS.values()]
        guesses.append([*is_right, *is_counted])
    if not guesses:  # a row without candidates is never right, and counts where all rows count
        return np.array([0.0] * len(METRICS) + [float(metric.is_counted is None) for metric in METRICS.values()])
    return np.array(guesses, float).sum(axis=0) / len(guesses)
