"""What guessing scores: the level that every score has to be seen against."""

import numpy as np

from petoolkit.evaluator.models.baselines import call_of
from petoolkit.evaluator.scores.judgements import documented_types
from petoolkit.replies import parse_reply
from petoolkit.scoring import has_right_parameters, is_right_tool, read_gold_call


def chance(rows: list[dict], places: dict[str, np.ndarray]) -> dict[str, dict[str, float | None]]:
    """What calling a candidate at random, with `call_of`'s parameters, is expected to score, by place and metric.

    Tool Acc is the mean of 1/N over the rows. Preference accuracy is a ratio of expectations: of the gold tool, to any
    tool of the right function.
    """
    expected = np.array([_expected(row) for row in rows]).reshape(len(rows), 4)
    by_place = {}
    for place, numbers in places.items():
        tool, parameters, both, right_function = expected[numbers].sum(axis=0).tolist()
        by_place[place] = {
            "tool_acc": tool / len(numbers),
            "param_acc": parameters / len(numbers),
            "joint_acc": both / len(numbers),
            "preference_acc": tool / right_function if right_function else None,
        }
    return by_place


def _expected(row: dict) -> np.ndarray:
    """(4,) of one row: chances of the right tool, right parameters, both, and a tool of the right function."""
    gold = read_gold_call(row["tool_call"])
    types = documented_types(row)
    outcomes = [np.zeros(4)]  # so that a row without candidates has no chance
    for tool in row["candidate_tools"]:
        guess = parse_reply(call_of(row, tool))
        right, right_parameters = is_right_tool(guess, gold), has_right_parameters(guess, gold, types=types)
        right_function = right or tool["tool_name"] in row["same_function_tools"]
        outcomes.append(np.array([right, right_parameters, right and right_parameters, right_function], float))
    return np.sum(outcomes, axis=0) / max(len(row["candidate_tools"]), 1)
