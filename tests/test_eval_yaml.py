"""`eval.yaml`: its stock scorer, which knows nothing of this project, and our Tool Acc judge replies alike."""

import re

import pytest
import yaml
from rows import reply, row

from petoolkit.evaluator.chat_rows import chat_row
from petoolkit.evaluator.scores.judged_reply import judge_reply
from petoolkit.publisher.eval_yaml import eval_yaml

ROW = row("u1", "chronological", "Aerwyn")
RIGHT, RIVAL = reply("Aerwyn"), reply("Cirrox")
AGREED = {
    "as asked": RIGHT,
    "the rival": RIVAL,
    "another function": reply("Dovarque", "{}", "convert"),
    "an unknown tool": reply("Nobody"),
    "wrong parameters": reply("Aerwyn", '{"city": "Rome"}'),
    "no parameters": '{"tool_name": "<Weather>.<Aerwyn>.<forecast>"}',
    "in a fence": f"Sure:\n```json\n{RIGHT}\n```\nDone.",
    "over several lines": RIGHT.replace(", ", ",\n  ").replace(": ", " :\n "),
    "other letters": RIGHT.replace("Aerwyn", "AERWYN"),
    "right after reasoning about the rival": f"<think>{RIVAL}?</think>{RIGHT}",
    "the rival after reasoning about the gold tool": f"<think>{RIGHT}</think>\n{RIVAL}",
    "reasoning alone": f"<think>{RIGHT}</think>",
    "reasoning twice": f"<think>{RIVAL}</think>so<think>{RIVAL}</think>{RIGHT}",
    "two calls": f"{RIGHT}\n{RIVAL}",
    "two calls, the rival first": f"{RIVAL}\n{RIGHT}",
    "in a list": f"[{RIGHT}]",
    "prose": "I would use <Weather>.<Aerwyn>.<forecast>.",
    "nothing": "",
}
# Where a pattern cannot do what a client of the model does: (row, reply, what Tool Acc says).
DIFFERENT = {
    "the model's own form": (ROW, RIGHT.replace('"tool_name"', '"name"').replace("parameters", "arguments"), True),
    "JSON that must be mended": (ROW, RIGHT.replace('"', "'"), True),
    "a call that was cut": (ROW, RIGHT[:-10], False),
    "other marks of reasoning": (ROW, f"[THINK]{RIVAL}[/THINK]{RIGHT}", True),
    "several right tools": (ROW | {"acceptable_tools": ROW["same_function_tools"]}, RIVAL, True),
}


@pytest.fixture(scope="module")
def task():
    content = yaml.safe_load(eval_yaml("me/bench"))
    assert content["evaluation_framework"] == "inspect-ai"
    (task,) = content["tasks"]
    return task


def stock_score(task, row, said):
    """What Inspect's scorer `pattern` does: it compares the first group's text with the target."""
    (scorer,) = task["scorers"]
    assert scorer["name"] == "pattern" and not scorer["args"]["ignore_case"]
    found = re.search(scorer["args"]["pattern"], said)
    return bool(found) and found[1] == chat_row(row)[task["field_spec"]["target"]]


@pytest.mark.parametrize("name", AGREED)
def test_the_stock_scorer_and_tool_acc_agree(task, name):
    assert stock_score(task, ROW, AGREED[name]) == judge_reply(ROW, AGREED[name])["tool_acc"]


def test_some_of_these_replies_are_right_and_some_are_not():
    assert {judge_reply(ROW, said)["tool_acc"] for said in AGREED.values()} == {True, False}


@pytest.mark.parametrize("name", DIFFERENT)
def test_where_they_must_differ(task, name):
    row, said, is_right = DIFFERENT[name]
    assert judge_reply(row, said)["tool_acc"] == is_right
    assert stock_score(task, row, said) != is_right


def test_the_task_reads_the_config_chat(task):
    assert (task["id"], task["config"], task["split"]) == ("tool_acc", "chat", "test")
    assert {*task["field_spec"].values()} <= chat_row(ROW).keys()
