"""Rewards counted by hand, by the project's own reader and rules."""

import pytest
from rows import reply, row, tool

from petoolkit.evaluator.scores.judged_reply import judge_reply
from petoolkit.training.rewards import REWARDS, ReplyRewarder, describe_rewards

DAYS = {"name": "days", "type": "NUMBER", "description": "", "default": "1", "schema": None}
NAME = "<Weather>.<{}>.<forecast>"


def weather_row(gold_parameters='{"city": "Oslo", "country": "NO"}', acceptable=("Aerwyn",)):
    """Aerwyn is preferred, Cirrox does the same job, Dovarque does not; `days` may be left out."""
    candidates = [
        {
            **tool(provider, "forecast", "Forecast", required=[{**DAYS, "name": "city", "type": "STRING"}]),
            "optional_parameters": [DAYS],
        }
        for provider in ("Aerwyn", "Cirrox")
    ]
    one = row("u1", "chronological", "Aerwyn", candidates=[*candidates, tool("Dovarque", "convert", "Money")])
    return {
        **one,
        "tool_call": {**one["tool_call"], "parameters": gold_parameters},
        "acceptable_tools": [NAME.format(provider) for provider in acceptable],
    }


RIGHT = '{"city": "Oslo", "country": "NO"}'


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # right tool, right function, names, values, form
        (reply("Aerwyn", RIGHT), (1, 1, 1, 1, 1)),
        # A tool that does the same job, with the right parameters.
        (reply("Cirrox", RIGHT), (0, 1, 1, 1, 1)),
        # A candidate that does another job; the parameters are compared whatever the tool.
        (reply("Dovarque", RIGHT, "convert"), (0, 0, 1, 1, 1)),
        # No candidate.
        (reply("Nobody", RIGHT), (0, 0, 1, 1, 1)),
        # One of two values is wrong.
        (reply("Aerwyn", '{"city": "Rome", "country": "NO"}'), (1, 1, 1, 0.5, 1)),
        # One of two names is left out, its value with it.
        (reply("Aerwyn", '{"city": "Oslo"}'), (1, 1, 0.5, 0.5, 1)),
        # One name too many: two of three are common.
        (reply("Aerwyn", '{"city": "Oslo", "country": "NO", "mood": "calm"}'), (1, 1, 2 / 3, 2 / 3, 1)),
        # One name for another: one of three is common.
        (reply("Aerwyn", '{"city": "Oslo", "land": "NO"}'), (1, 1, 1 / 3, 1 / 3, 1)),
        (reply("Aerwyn", "{}"), (1, 1, 0, 0, 1)),
        # An optional parameter at its default counts as left out, as in Param Acc; at another value it does not.
        (reply("Aerwyn", '{"city": "Oslo", "country": "NO", "days": "1"}'), (1, 1, 1, 1, 1)),
        (reply("Aerwyn", '{"city": "Oslo", "country": "NO", "days": 3}'), (1, 1, 2 / 3, 2 / 3, 1)),
        # A model's own form, and JSON that had to be mended, are read, for half of the form's reward.
        (f'<tool_call>{{"name": "{NAME.format("Aerwyn")}", "arguments": {RIGHT}}}</tool_call>', (1, 1, 1, 1, 0.5)),
        (reply("Aerwyn", RIGHT).replace('"', "'"), (1, 1, 1, 1, 0.5)),
        # Words around a call take nothing away, however many, and add nothing.
        ("Here it is: " + reply("Aerwyn", RIGHT) + " Anything else?" * 50, (1, 1, 1, 1, 1)),
        # No call at all.
        ("I cannot help with that.", (0, 0, 0, 0, 0)),
        (reply("Aerwyn", RIGHT)[:-8], (0, 0, 0, 0, 0)),
        ("", (0, 0, 0, 0, 0)),
    ],
)
def test_each_reward_is_what_was_counted_by_hand(text, expected):
    assert rewards(weather_row(), text) == pytest.approx(dict(zip(REWARDS, expected, strict=True)))


def rewards(one: dict, text: str) -> dict[str, float]:
    """Rewards as TRL's trainer asks for them."""
    completions = [[{"role": "assistant", "content": text}]]
    functions = ReplyRewarder([one]).functions()
    return {function.__name__: function(completions=completions, row_id=[one["id"]])[0] for function in functions}


def test_another_acceptable_tool_is_as_right_as_the_gold_one():
    either = weather_row(acceptable=("Aerwyn", "Cirrox"))
    assert rewards(either, reply("Cirrox", RIGHT))["right_tool"] == 1
    assert rewards(weather_row(), reply("Cirrox", RIGHT))["right_tool"] == 0


def test_no_parameters_in_either_call_are_the_right_ones():
    none = weather_row(gold_parameters="{}")
    assert rewards(none, reply("Aerwyn", "{}")) == dict.fromkeys(REWARDS, 1)
    assert rewards(none, reply("Aerwyn", '{"city": "Oslo"}'))["parameter_names"] == 0


def test_full_rewards_are_the_scores():
    """Tool and parameters are right by the rewards exactly where they are by Tool Acc and Param Acc."""
    one = weather_row()
    for text in (reply("Aerwyn", RIGHT), reply("Cirrox", RIGHT), reply("Aerwyn", '{"city": "Oslo"}'), "none"):
        judged, found = judge_reply(one, text), rewards(one, text)
        assert (found["right_tool"] == 1) == judged["tool_acc"]
        assert (found["parameter_values"] == 1) == judged["param_acc"]


def test_a_card_says_what_was_rewarded_and_by_how_much():
    said = describe_rewards([2.0, 0.5, 0.25, 0.5, 0.0])
    assert "2 for right_tool (the called tool is right (Tool Acc))" in said
    assert "0 for readable_form" in said
    assert all(f"1 for {name} " in describe_rewards(None) for name in REWARDS)
