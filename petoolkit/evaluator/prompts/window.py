"""Prompts that fit into a window of tokens: the oldest interactions are left out, everything else stays."""

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
    text: str | None = None,
    truncate: str = "oldest",
    released_prompt: str | None = None,
    native_tools: bool = False,
) -> Prompt:
    """The prompt for one row, shortened if it does not fit into the window.

    Args:
        row: a row of the dataset.
        repeat: number of the repeated run, from 0.
        count_tokens: returns the number of tokens of a prompt as the model reads it; called once for a prompt that
            fits, and about 5 times more for one that does not (with `paper`, 15 times).
        window: most tokens of a prompt.
        text: stands instead of past calls, and is never shortened (`--history profile`, for one).
        truncate: `oldest` drops as few of the oldest interactions as possible, and never the instruction, a candidate
            or the output format. `paper` keeps the beginning of the text and cuts the rest, as the authors' code does,
            so that the instruction is lost first; their code also cuts the marks of the turns, which stay here.
        released_prompt: the authors' own system prompt for this row, used instead of ours; it holds the history.
        native_tools: whether the candidates are sent as native functions, beside the prompt.

    Returns:
        The prompt, with what was shortened. A prompt that is too long even without history (with `paper`, without any
        text) is returned like that, with `over_window`.

    Raises:
        InputError: for an unknown `truncate`.
    """
    check_choice(truncate, TRUNCATIONS, "truncation")
    interactions = 0 if text is not None else len(row["history"])

    def messages_without(dropped: int) -> Messages:
        if released_prompt is not None:
            system = _without_oldest(released_prompt, dropped)
            return [{"role": "system", "content": system}, {"role": "user", "content": row["instruction"]}]
        return shown_messages({**row, "history": row["history"][dropped:]}, text, native_tools)

    def fits(messages: Messages) -> bool:
        return count_tokens(messages) <= window

    dropped, cut, over_window = 0, False, False
    if truncate == "oldest":
        messages, dropped, over_window = without_oldest_calls(messages_without, interactions, fits)
    elif not fits(messages := messages_without(0)):
        whole, cut = messages, True
        length = sum(len(message["content"]) for message in whole)
        too_long = bisect_left(range(length), True, key=lambda kept: not fits(_start_of(whole, kept)))
        messages, over_window = _start_of(whole, max(too_long - 1, 0)), too_long == 0
    return Prompt(row["id"], repeat, messages, row["candidate_tools"], dropped, cut, over_window, row)


def without_oldest_calls(
    messages_without: Callable[[int], Messages], calls: int, fits: Callable[[Messages], bool]
) -> tuple[Messages, int, bool]:
    """Messages without as few of the oldest calls as possible.

    Args:
        messages_without: takes a number of oldest calls to leave out.
        calls: number of calls that can be left out.
        fits: whether messages fit.

    Returns:
        The messages, how many calls were left out, and whether they do not fit even so.
    """
    messages = messages_without(0)
    if fits(messages):
        return messages, 0, False
    fewer = bisect_left(range(1, calls + 1), True, key=lambda dropped: fits(messages_without(dropped)))
    dropped = min(fewer + 1, calls)
    return messages_without(dropped), dropped, fewer == calls


def shown_messages(row: dict, text: str | None = None, native_tools: bool = False) -> Messages:
    """The messages of a row as it is shown: without any call or text, there is no heading either.

    Args:
        row: with the past calls that are shown.
        text: stands instead of them.
        native_tools: whether the candidates are sent as native functions, beside the prompt.
    """
    return render_messages(row, text or bool(row["history"]), native_tools)


def _start_of(messages: Messages, kept: int) -> Messages:
    """Messages with only the first `kept` characters of their joined texts; a message may become empty."""
    started = []
    for message in messages:
        started.append({**message, "content": message["content"][:kept]})
        kept = max(kept - len(message["content"]), 0)
    return started


def _without_oldest(prompt: str, dropped: int) -> str:
    """A released prompt without the first `dropped` interactions of its history list; the rest is unchanged."""
    if not dropped:
        return prompt
    first = position = prompt.index("[", prompt.index(HISTORY_HEADING)) + 1
    for _ in range(dropped):
        _, end = _DECODER.raw_decode(prompt, position)
        position = end
        while prompt[position] in ", \t\r\n":
            position += 1
    return prompt[:first] + prompt[position:]
