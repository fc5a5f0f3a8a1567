"""The interface between an evaluation and its models: prompts, answers, and what every model implements."""

import hashlib
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from petoolbench import InputError


@dataclass(frozen=True)
class Prompt:
    """The prompt for one row."""

    row_id: str
    repeat: int  # number of the repeated run, from 0
    messages: list[dict[str, str]]
    candidate_tools: list[dict]  # documents of the row, for a model that takes them as native functions
    dropped_interactions: int = 0  # of the history, to fit the window
    cut: bool = False  # whether text at the end of the prompt was cut, as the authors' code does
    over_window: bool = False  # whether the prompt is still too long
    row: dict = field(default_factory=dict, repr=False, compare=False)  # that it is about
    shown_calls: tuple[int, ...] | None = None  # numbers of the past calls that were retrieved for it


@dataclass(frozen=True)
class Answer:
    """A reply, or the error if there is no reply; what is not known is `None`."""

    prompt: Prompt
    reply: str | None
    error: str | None = None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    seconds: float | None = None  # from the request to the last token of the reply
    finish_reason: str | None = None  # why the reply ended; `length`: at the most tokens of a reply
    estimated_prompt_tokens: int | None = None  # for models whose tokenizer is not known here
    left_out: tuple[str, ...] = ()  # options that the endpoint refuses, so that the request was sent without them
    length_option: str | None = None  # name under which the endpoint takes `max_tokens`, if another one
    cut_at: int | None = None  # the most tokens of a reply, if the reply was cut there
    discarded_prompt_tokens: int = 0  # of an earlier reply that was cut, so that the prompt was asked again
    discarded_completion_tokens: int = 0


class Model(Protocol):
    """A model that answers prompts."""

    def count_tokens(self, messages: list[dict[str, str]], candidate_tools: Sequence[dict] = ()) -> int:
        """Number of tokens of a prompt as the model reads it, chat template included.

        Args:
            messages: of the prompt.
            candidate_tools: documents of its row, for a model that takes them as native functions.
        """

    def answer_all(self, prompts: Iterable[Prompt]) -> Iterator[Answer]:
        """One answer for each prompt, in any order."""


def finish_reason_of(reply_ids: Sequence[int], end_ids: Collection[int], max_new_tokens: int) -> str:
    """Why a reply ended, as endpoints say it: `stop` with an end token, or `length` at the most tokens of a reply."""
    is_cut = len(reply_ids) >= max_new_tokens and reply_ids[-1] not in end_ids
    return "length" if is_cut else "stop"


def split_spec(spec: str) -> tuple[str, str | None]:
    """Model and adapter of `MODEL_OR_FOLDER[+ADAPTER]`; a folder whose name contains `+` is a model.

    Raises:
        InputError: if the model is empty.
    """
    model, _, adapter = (spec, "", "") if Path(spec).is_dir() else spec.partition("+")
    if not model:
        raise InputError(f"the model {spec!r} has no name; write a folder or a Hub id, and then +ADAPTER.")
    return model, adapter or None


def reply_seed(seed: int, prompt: Prompt) -> int:
    """The random seed of one reply, 0 to 2^63 - 1; it does not depend on the other prompts of a run."""
    digest = hashlib.sha256(f"{seed}:{prompt.repeat}:{prompt.row_id}".encode()).digest()
    return int.from_bytes(digest[:8]) >> 1
