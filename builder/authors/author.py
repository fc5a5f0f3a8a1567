"""The seam between the stages and who writes: by rules (`builder.authors.offline`) or by a language model
(`builder.authors.openai`). The stages say what is to be written and hold it against their rules; an author writes it.
"""

import random
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol


@dataclass
class UnderstandJob:
    """A tool's document to be read."""

    tool: dict  # columns of `collect`
    rng: random.Random


@dataclass
class HistoryJob:
    """A user's past calls to be written, in one setting."""

    setting: str
    calls: list[
        tuple[dict, int | None]
    ]  # tools (columns of `collect` and `understand`) in order, each with its rating
    not_preferred: set[str]  # names of those tools that the user does not like
    rng: random.Random


@dataclass
class InstructJob:
    """What a user asks now, to be written."""

    tool: dict  # the gold tool: columns of `collect` and `understand`
    functionality: str  # of the gold tool's group, in the group's own words
    history: list[dict]  # {instruction, tool_name, parameters (JSON text), rating}
    objection: Callable[[str], str | None]  # why an instruction may not stand
    rng: random.Random


@dataclass
class Written:
    """What became of a job: its value, or why there is none and what was written last."""

    value: Any
    rejected: str | None = None
    raw_reply: str | None = None


class Author(Protocol):
    """Writes jobs and gives the results in the jobs' order."""

    def understand_all(self, jobs: Iterable[UnderstandJob]) -> Iterator[Written]:
        """Values: {example: {instruction, parameters}, functionality, attributes}."""

    def write_histories(self, jobs: Iterable[HistoryJob]) -> Iterator[Written]:
        """Values: lists of {instruction, tool_name, parameters (object), rating}, one for each call."""

    def instruct_all(self, jobs: Iterable[InstructJob]) -> Iterator[Written]:
        """Values: {instruction, parameters (object)}."""
