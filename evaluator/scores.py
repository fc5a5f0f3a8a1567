"""Replies to scores: Tool Acc and Param Acc, with both readers, per setting and over all (DESIGN, "Scoring")."""

from collections import defaultdict

from evaluator.baselines import call_of
from evaluator.data import ALL
from petoolbench import (
    READERS,
    has_right_parameters,
    is_right_tool,
    parameter_types,
    parse_reply,
    read_gold_call,
    setting_of,
)

METRICS = ("tool_acc", "param_acc")


def score(rows: list[dict], replies: list[str]) -> dict:
    """Score replies against their rows; every row counts, an unreadable or empty reply as wrong.

    Returns:
        `scores` by setting (and `all`), reader and metric; `unreadable` by setting and reader, a number of rows;
        `rows` by setting; and `chance` by setting and metric: what calling a candidate at random, with `call_of`'s
        parameters, is expected to score (Tool Acc: the mean of 1/N over the rows).
    """
    right: dict[tuple[str, str, str], list[bool]] = defaultdict(list)
    unreadable: dict[str, dict[str, int]] = defaultdict(lambda: dict.fromkeys(READERS, 0))
    expected: dict[tuple[str, str], list[float]] = defaultdict(list)
    for row, reply in zip(rows, replies, strict=True):
        gold = read_gold_call(row["tool_call"])
        types = next((parameter_types(t) for t in row["candidate_tools"] if t["tool_name"] == gold.tool_name), None)
        guesses = [parse_reply(call_of(row, tool)) for tool in row["candidate_tools"]]
        tool_chance = _mean([is_right_tool(guess, gold) for guess in guesses])
        param_chance = _mean([has_right_parameters(guess, gold, types=types) for guess in guesses])
        calls = {reader: parse_reply(reply, reader) for reader in READERS}
        right_tool = {reader: is_right_tool(call, gold) for reader, call in calls.items()}
        right_parameters = {r: has_right_parameters(call, gold, r, types) for r, call in calls.items()}
        for place in (setting_of(row), ALL):
            expected[place, "tool_acc"].append(tool_chance)
            expected[place, "param_acc"].append(param_chance)
            for reader, call in calls.items():
                unreadable[place][reader] += call is None
                right[place, reader, "tool_acc"].append(right_tool[reader])
                right[place, reader, "param_acc"].append(right_parameters[reader])
    places = [place for place in unreadable if place != ALL] + [ALL]
    return {
        "scores": {p: {r: {m: _mean(right[p, r, m]) for m in METRICS} for r in READERS} for p in places},
        "chance": {p: {m: _mean(expected[p, m]) for m in METRICS} for p in places},
        "rows": {p: len(expected[p, "tool_acc"]) for p in places},
        "unreadable": {p: unreadable[p] for p in places},
    }


def _mean(values: list) -> float:
    return sum(values) / len(values)
