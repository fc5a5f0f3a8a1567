"""Rows of a dataset as choices among the candidates that do the job."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from petoolbench import provider_of
from petoolkit.attribute_reading import SentenceReader
from petoolkit.block_rules import liked_calls

Provider = tuple[str, ...]


@dataclass(frozen=True, eq=False)  # compared, and looked up, by identity
class Choices:
    """Rows of one setting.

    Args:
        rows: with the columns of `petoolbench.COLUMNS`; each has at least one candidate that does the job.
        reader: of the descriptions in them, if they are embedded already.
    """

    rows: list[dict]
    reader: SentenceReader | None = None

    @cached_property
    def tools(self) -> list[list[dict]]:
        """For each row, the candidates that do the job, in the list's order."""
        return [
            [tool for tool in row["candidate_tools"] if tool["tool_name"] in row["same_function_tools"]]
            for row in self.rows
        ]

    @cached_property
    def acceptable(self) -> list[np.ndarray]:
        """For each row, (same-function tools,) whether a tool is right."""
        return [
            np.array([tool["tool_name"] in row["acceptable_tools"] for tool in tools])
            for row, tools in zip(self.rows, self.tools, strict=True)
        ]

    @cached_property
    def providers(self) -> list[list[Provider]]:
        """For each row, the providers of the candidates that do the job."""
        return [[provider_of(tool) for tool in tools] for tools in self.tools]

    @cached_property
    def called_providers(self) -> list[list[Provider]]:
        """For each row, the providers of the past calls, oldest first."""
        return [[provider_of(call) for call in row["history"]] for row in self.rows]

    @cached_property
    def liking(self) -> list[np.ndarray]:
        """For each row, (past calls,) 1 for a liked and -1 for a disliked call, as the setting lets one know."""
        return [np.where(liked_calls(row), 1.0, -1.0) for row in self.rows]

    def at(self, numbers: Iterable[int]) -> "Choices":
        """The rows with these numbers."""
        return replace(self, rows=[self.rows[number] for number in numbers])
