"""Prompts that fit the window: what is left out, what never is, and the authors' own prompts."""

import json

import pytest

from petoolbench import InputError, render_messages
from petoolkit.evaluator.prompts.window import prompt_for
from petoolkit.released import HISTORY_HEADING, read_released

CALL = {"tool_name": "<Data>.<Bing>.<z>", "parameters": "{}", "rating": None}
TOOL = {
    "tool_name": "<Data>.<Azure>.<GetPeople>",
    "tool_description": "Who is there",
    "provider_description": "",
    "required_parameters": [],
    "optional_parameters": [],
}


def row(interactions: int = 8, setting: str = "preferred_only") -> dict:
    """The interactions' instructions are one to eight letters long."""
    history = [{**CALL, "instruction": "x" * (place + 1)} for place in range(interactions)]
    return {"id": f"7/{setting}", "instruction": "Who is there?", "history": history, "candidate_tools": [TOOL]}


class Characters:
    """Counts a character as a token, and how often it was asked."""

    def __init__(self) -> None:
        self.asked = 0

    def __call__(self, messages: list[dict[str, str]]) -> int:
        self.asked += 1
        return len(text(messages))


def text(messages: list[dict[str, str]]) -> str:
    return "".join(message["content"] for message in messages)


def without(dropped: int) -> list[dict[str, str]]:
    left = row()["history"][dropped:]
    return render_messages({**row(), "history": left}, history=bool(left))


def test_a_prompt_that_fits_is_sent_whole_and_counted_once():
    count = Characters()
    prompt = prompt_for(row(), 2, count, len(text(without(0))))
    assert (prompt.row_id, prompt.repeat, prompt.messages) == ("7/preferred_only", 2, without(0))
    assert (prompt.dropped_interactions, prompt.cut, prompt.over_window, count.asked) == (0, False, False, 1)
    assert prompt.candidate_tools == [TOOL]


@pytest.mark.parametrize("dropped", range(1, 9))
def test_the_fewest_oldest_interactions_are_dropped(dropped):
    for window in (len(text(without(dropped))), len(text(without(dropped - 1))) - 1):
        given, count = row(), Characters()
        prompt = prompt_for(given, 0, count, window)
        assert prompt.messages == without(dropped)
        assert (prompt.dropped_interactions, prompt.cut, prompt.over_window) == (dropped, False, False)
        assert given == row()
        assert count.asked <= 1 + 4  # 8 interactions are halved three times, and the last one looked at


@pytest.mark.parametrize("setting", ["rating_integrated", "chronological"])
def test_history_alone_goes_never_the_instruction_the_candidates_or_the_format(setting):
    prompt = prompt_for(row(setting=setting), 0, Characters(), 10)
    empty = render_messages(row(0, setting), history=False)
    assert (prompt.messages, prompt.dropped_interactions, prompt.over_window) == (empty, 8, True)


def test_without_history_there_is_nothing_to_drop():
    bare = render_messages(row(), history=False)
    fitting = prompt_for(row(0), 0, Characters(), len(text(bare)))
    too_long = prompt_for(row(0), 0, Characters(), len(text(bare)) - 1)
    assert fitting.messages == too_long.messages == bare
    assert (fitting.dropped_interactions, fitting.over_window) == (0, False)
    assert (too_long.dropped_interactions, too_long.over_window) == (0, True)


@pytest.mark.parametrize("short_by", [1, 5, 13, 14, 400])
def test_the_papers_way_cuts_the_end_so_that_the_instruction_goes_first(short_by):
    whole = text(without(0))
    prompt = prompt_for(row(), 0, Characters(), len(whole) - short_by, truncate="paper")
    assert [message["role"] for message in prompt.messages] == ["system", "user"]
    assert prompt.messages[1]["content"] == "Who is there?"[: max(13 - short_by, 0)]
    assert text(prompt.messages) == whole[:-short_by]
    assert (prompt.dropped_interactions, prompt.cut, prompt.over_window) == (0, True, False)


def test_the_papers_way_leaves_alone_what_fits_and_marks_what_never_does():
    fitting = prompt_for(row(), 0, Characters(), len(text(without(0))), truncate="paper")
    assert (fitting.messages, fitting.cut) == (without(0), False)
    hopeless = prompt_for(row(), 0, lambda messages: len(text(messages)) + 30, 20, truncate="paper")
    assert (text(hopeless.messages), hopeless.cut, hopeless.over_window) == ("", True, True)


def test_an_unknown_truncation_is_refused():
    with pytest.raises(InputError, match="unknown truncation 'middle'; choose one of: oldest, paper"):
        prompt_for(row(), 0, Characters(), 10, truncate="middle")


HISTORY = [
    {
        "instruction": "Is this [1, {2}] \"x\\\" 'y'?",
        "tool_call": {"tool_name": "<é>.<]>.<[>", "parameters": {"q": []}},
    },
    {"instruction": "Again\n", "tool_call": {"tool_name": "<Data>.<Bing>.<z>", "parameters": {}}},
]
RELEASED = f"\nTask [1].\n{HISTORY_HEADING}\n{{}}\n\nAvailable tools you can call are listed here:\n[]\n\nBegin!\n\n"


def released(history: list[dict]) -> str:
    """A prompt of the released form."""
    return RELEASED.replace("{}", json.dumps(history, ensure_ascii=False))


@pytest.mark.parametrize(
    ("short_by", "left"),
    [(0, HISTORY), (1, HISTORY[1:]), (len(released(HISTORY)) - len(released([])), []), (9_999, [])],
)
def test_a_released_prompt_is_sent_as_it_is_but_for_the_oldest_of_its_list(short_by, left):
    window = len(released(HISTORY)) + len("Who is there?") - short_by
    prompt = prompt_for(row(2), 0, Characters(), window, released_prompt=released(HISTORY))
    assert prompt.messages == [
        {"role": "system", "content": released(left)},
        {"role": "user", "content": "Who is there?"},
    ]
    assert (prompt.dropped_interactions, prompt.over_window) == (2 - len(left), short_by == 9_999)


def test_a_text_that_stands_for_calls_is_never_shortened():
    whole = render_messages(row(0), history="What is known: " + "x" * 300)
    fitting = prompt_for(row(0), 0, Characters(), len(text(whole)), text="What is known: " + "x" * 300)
    too_long = prompt_for(row(0), 0, Characters(), len(text(whole)) - 1, text="What is known: " + "x" * 300)
    assert fitting.messages == too_long.messages == whole
    assert (fitting.over_window, too_long.over_window, too_long.dropped_interactions) == (False, True, 0)


def test_a_released_prompt_can_be_cut_the_papers_way():
    whole = released(HISTORY) + "Who is there?"
    prompt = prompt_for(row(2), 0, Characters(), 50, truncate="paper", released_prompt=released(HISTORY))
    assert (text(prompt.messages), prompt.messages[1]["content"]) == (whole[:50], "")


def test_every_released_prompt_of_the_official_part_can_be_shortened(official_part):
    for number, (one, prompt) in enumerate(read_released(official_part)):
        dropped = number % (len(one["history"]) + 1)
        start = prompt.index("[", prompt.index(HISTORY_HEADING))
        history, end = json.JSONDecoder().raw_decode(prompt, start)
        expected = prompt[:start] + json.dumps(history[dropped:], ensure_ascii=False) + prompt[end:]
        window = len(expected) + len(one["instruction"])
        shortened = prompt_for(one, 0, Characters(), window, released_prompt=prompt)
        assert (shortened.messages[0]["content"], shortened.dropped_interactions) == (expected, dropped)
