"""The seam between an evaluation and the models: what a model is asked, and what it answers."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class Prompt:
    """What a model is asked about one row."""

    row_id: str
    repeat: int  # which of the repeated runs, from 0
    messages: list[dict[str, str]]
    candidate_tools: list[dict]  # the row's documents, for a model that takes them as native functions
    dropped_interactions: int = 0  # of the history, to fit the window
    cut: bool = False  # whether text at the prompt's end was cut, as the authors' code does
    over_window: bool = False  # whether it is still too long


@dataclass(frozen=True)
class Answer:
    """What came back: a reply, or why there is none. What is not known is `None`."""

    prompt: Prompt
    reply: str | None
    error: str | None = None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    seconds: float | None = None  # from asking to the reply's last token


class Model(Protocol):
    """Anything that answers prompts."""

    def count_tokens(self, messages: list[dict[str, str]]) -> int:
        """Length of a prompt as the model reads it, chat template included."""

    def answer_all(self, prompts: list[Prompt]) -> Iterator[Answer]:
        """Answers as they come, in any order, one for each prompt."""
