"""The interface of authors, and the jobs that stages give to them."""

import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from petoolbench import Setting
from petoolkit.schema_fit import ToolSchema


@dataclass
class UnderstandJob:
    """A tool's document to be read.

    Args:
        tool: columns of `collect`.
        rng: for this job alone.
    """

    tool: dict
    rng: random.Random


@dataclass
class HistoryJob:
    """A user's past calls to be written, in one setting.

    Args:
        setting: of the history.
        calls: tools (columns of `collect` and `understand`) in order, each with its rating.
        not_preferred: names of those tools that the user does not like.
        rng: for this job alone.
    """

    setting: Setting
    calls: list[tuple[dict, int | None]]
    not_preferred: set[str]
    rng: random.Random


@dataclass
class InstructJob:
    """What a user asks now, to be written.

    Args:
        tool: the gold tool; columns of `collect` and `understand`.
        functionality: of the gold tool's group, in the group's own words.
        history: past calls, {instruction, tool_name, parameters (JSON text), rating}.
        objection: gives the reason why an instruction may not stand, or `None`.
        rng: for this job alone.
        rivals: other tools that get the same parameters.
    """

    tool: dict
    functionality: str
    history: list[dict]
    objection: Callable[[str], str | None]
    rng: random.Random
    rivals: Sequence[dict] = ()

    def misfit(self, parameters: dict[str, Any]) -> str | None:
        """The reason why parameters break the schema of the tool or of a rival; `None` if they do not."""
        if found := ToolSchema(self.tool).misfit(parameters):
            return f"gives parameters that the tool does not take: {found}"
        for schema in map(ToolSchema, self.rivals):
            for name, value in parameters.items():
                if name in schema.parameters and (found := schema.misfit_of(name, value)):
                    return f"gives parameters that a tool of the same function does not take: {name} {found}"
        return None


@dataclass
class DescribeJob:
    """Descriptions of providers to be written, of traits that a block assigns to them.

    Args:
        categories: of each tool, by its name.
        candidates, called: the traits that the provider of each tool shows, by the tool's name: one or none. The
            words for a candidate's trait must not stand in the description of a called tool's provider, if crossed.
        is_crossed: see above.
        rng: for this job alone.
    """

    categories: dict[str, str]
    candidates: dict[str, list[str]]
    called: dict[str, list[str]]
    is_crossed: bool
    rng: random.Random


@dataclass
class OverrideJob:
    """An instruction to be written once more, with a need that only one trait meets.

    Args:
        instruction, parameters: as they are without the need; the parameters (JSON text) stay.
        trait: the name of the trait (`builder.traits`).
        objection: gives the reason why an instruction may not stand, or `None`.
        rng: for this job alone.
    """

    instruction: str
    parameters: str
    trait: str
    objection: Callable[[str], str | None]
    rng: random.Random


@dataclass
class ServeJob:
    """Whether other tools can fulfil an instruction that was written for one of them, and with which parameters.

    Args:
        instruction: what the user asks.
        parameters: JSON text of the call of the tool that it was written for.
        tools: the others; columns of `collect` and `understand`.
        rng: for this job alone.
    """

    instruction: str
    parameters: str
    tools: list[dict]
    rng: random.Random


@dataclass
class Written:
    """The result of a job: its value, or why there is none and what was written last."""

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

    def describe_all(self, jobs: Iterable[DescribeJob]) -> Iterator[Written]:
        """Values: {tool name: description of its provider}."""

    def override_all(self, jobs: Iterable[OverrideJob]) -> Iterator[Written]:
        """Values: the instruction (str)."""

    def serve_all(self, jobs: Iterable[ServeJob]) -> Iterator[Written]:
        """Values: {tool name: its parameters (object)}; rejected if one of the tools cannot fulfil the instruction.

        Only asked of authors that ask a model.
        """
