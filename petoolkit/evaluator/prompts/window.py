"""Rows to prompts that fit a model's window: the oldest interactions go first, never what the task needs."""

import json
from bisect import bisect_left
from collections.abc import Callable

from petoolbench import check_choice, render_messages
from petoolkit.evaluator.models.model import Prompt
from petoolkit.released import HISTORY_HEADING

TRUNCATIONS = ("oldest", "paper")

Messages = list[dict[str, str]]

_DECODER = json.JSONDecoder()


def prompt_for(
    row: dict,
    repeat: int,
    count_tokens: Callable[[Messages], int],
    window: int,
    *,
    history: bool = True,
    truncate: str = "oldest",
    released_prompt: str | None = None,
    native_tools: bool = False,
) -> Prompt:
    """What a model is asked about one row, shortened to the window where it must be.

    Args:
        row: a row of the dataset.
        repeat: which of the repeated runs, from 0.
        count_tokens: length of a prompt as the model reads it; called once for a prompt that fits, some 5 times more
            for one that does not (`paper`: 15 times).
        window: the most tokens that a prompt may have.
        history: `False` leaves the interaction history out of `render_messages`; not read with `released_prompt`,
            which always shows it.
        truncate: `oldest` drops the fewest oldest interactions, never the instruction, a candidate or the output
            format. `paper` keeps the start of the text and cuts the rest, as the authors' code does, so that the
            instruction goes first; the turns' own marks, which their cut takes too, stay.
        released_prompt: the authors' own system prompt of this row, sent in place of ours.
        native_tools: whether the candidates go as native functions, beside the prompt.

    Returns:
        The prompt, marked with what was done to it. One that is too long even without history (`paper`: without any
        text) goes out like that, marked `over_window`.

    Raises:
        InputError: for an unknown `truncate`.
    """
    check_choice(truncate, TRUNCATIONS, "truncation")
    interactions = len(row["history"]) if history or released_prompt is not None else 0

    def messages_without(dropped: int) -> Messages:
        if released_prompt is not None:
            system = _without_oldest(released_prompt, dropped)
            return [{"role": "system", "content": system}, {"role": "user", "content": row["instruction"]}]
        return render_messages({**row, "history": row["history"][dropped:]}, history, native_tools)

    def fits(messages: Messages) -> bool:
        return count_tokens(messages) <= window

    dropped, cut, over_window = 0, False, False
    messages = messages_without(0)
    if not fits(messages):
        if truncate == "paper":
            whole, cut = messages, True
            length = sum(len(message["content"]) for message in whole)
            too_long = bisect_left(range(length), True, key=lambda kept: not fits(_start_of(whole, kept)))
            messages, over_window = _start_of(whole, max(too_long - 1, 0)), too_long == 0
        else:
            fewer = bisect_left(range(1, interactions + 1), True, key=lambda dropped: fits(messages_without(dropped)))
            dropped, over_window = min(fewer + 1, interactions), fewer == interactions
            messages = messages_without(dropped)
    return Prompt(row["id"], repeat, messages, row["candidate_tools"], dropped, cut, over_window)


def _start_of(messages: Messages, kept: int) -> Messages:
    """The first `kept` characters of the messages' texts, one after the other; emptied messages stay."""
    started = []
    for message in messages:
        started.append({**message, "content": message["content"][:kept]})
        kept = max(kept - len(message["content"]), 0)
    return started


def _without_oldest(prompt: str, dropped: int) -> str:
    """A released prompt whose history list lacks its first `dropped` interactions; all else stays as it is."""
    if not dropped:
        return prompt
    first = position = prompt.index("[", prompt.index(HISTORY_HEADING)) + 1
    for _ in range(dropped):
        _, end = _DECODER.raw_decode(prompt, position)
        position = end
        while prompt[position] in ", \t\r\n":
            position += 1
    return prompt[:first] + prompt[position:]
