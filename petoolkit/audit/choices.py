"""Rows of a dataset as choices among the candidates that do the job."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from petoolbench import SETTINGS, provider_of, setting_of
from petoolkit.block_rules import liked_calls

Provider = tuple[str, ...]


@dataclass(frozen=True, eq=False)  # compared, and looked up, by identity
class Choices:
    """Rows of one setting.

    Args:
        rows: with the columns of `petoolbench.COLUMNS`; each has at least one candidate that does the job.
    """

    rows: list[dict]

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

    @cached_property
    def clusters(self) -> np.ndarray:
        """(rows,) numbers of the blocks, or of the function groups where there are no blocks."""
        return np.unique([row["block_id"] or row["group_id"] for row in self.rows], return_inverse=True)[1]

    @property
    def has_dislikes(self) -> bool:
        """Whether the histories hold disliked calls."""
        return bool(self.rows) and SETTINGS[setting_of(self.rows[0])].dislikes != "none"

    @property
    def are_described(self) -> bool:
        """Whether candidates' and called tools' providers are described."""
        return any(call["provider_description"] for row in self.rows for call in row["history"]) and any(
            tool["provider_description"] for tools in self.tools for tool in tools
        )

    @property
    def have_tastes(self) -> bool:
        """Whether rows say what decided."""
        return bool(self.rows) and all(row["taste"] for row in self.rows)

    @property
    def ceiling(self) -> float:
        """What a model scores that knows which tools do the job, and nothing of the user."""
        return float(np.mean([acceptable.mean() for acceptable in self.acceptable])) if self.rows else 0.0

    def at(self, numbers: Iterable[int]) -> "Choices":
        """The rows with these numbers."""
        return Choices([self.rows[number] for number in numbers])
