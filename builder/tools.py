"""Collected and understood tools, by name and as vectors."""

from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from petoolbench import ToolName
from petoolkit.exact_products import GridVectors

if TYPE_CHECKING:
    from petoolkit.embedding import TextEncoder


def understood_tools(collected: Iterable[dict], understood: Iterable[dict]) -> dict[str, dict]:
    """Tools by name, in catalogue order, with the columns of both stages.

    Args:
        collected, understood: rows of the two stages, in the same order; tools rejected in the second are left out.
            Tools with one description of their provider get all traits that were found in it for any of them.
    """
    rows = [{**tool, **read} for tool, read in zip(collected, understood, strict=True) if not read["rejected"]]
    traits: dict[str, dict[str, str]] = {}
    for tool in rows:
        traits.setdefault(tool["provider_description"], {}).update(tool["traits"])
    return {tool["tool_name"]: {**tool, "traits": traits[tool["provider_description"]]} for tool in rows}


class Tools:
    """Tools in catalogue order, and their texts as vectors.

    Args:
        by_name: what `understood_tools` gives.
        encoder: turns functionality and attributes into vectors.
        eps: cosine distance within which two tools count as doing the same job.
    """

    def __init__(self, by_name: dict[str, dict], encoder: "TextEncoder", eps: float):
        self.by_name = by_name
        self.rows = list(by_name.values())
        self.index = {tool["tool_name"]: index for index, tool in enumerate(self.rows)}
        self.names = list(self.index)
        self.encoder = encoder
        self._eps = eps
        self._near_of: dict[int, np.ndarray] = {}
        self._does_job_of_any: dict[tuple[str, ...], np.ndarray] = {}

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, name: str) -> dict:
        return self.rows[self.index[name]]

    @cached_property
    def functionality_texts(self) -> list[str]:
        """What each tool does, in words."""
        return [tool["functionality"] for tool in self.rows]

    @cached_property
    def functionality(self) -> GridVectors:
        """(tools, dimension) unit vectors of what each tool does."""
        return GridVectors(self.encoder.encode(self.functionality_texts, "functionality descriptions"))

    @cached_property
    def attribute_texts(self) -> list[str]:
        """The distinct attribute descriptions, in order of first appearance."""
        return list(dict.fromkeys(tool["attributes"] for tool in self.rows))

    @cached_property
    def attributes(self) -> GridVectors:
        """(attribute_texts, dimension) unit vectors."""
        return GridVectors(self.encoder.encode(self.attribute_texts, "attribute descriptions"))

    @cached_property
    def attribute_index(self) -> dict[str, int]:
        """Position in `attribute_texts` and `attributes` of an attribute description."""
        return {text: index for index, text in enumerate(self.attribute_texts)}

    @cached_property
    def names_by_attributes(self) -> list[list[str]]:
        """For each attribute text, the names of the tools that have it (most often one provider's)."""
        names: list[list[str]] = [[] for _ in self.attribute_texts]
        for tool in self.rows:
            names[self.attribute_index[tool["attributes"]]].append(tool["tool_name"])
        return names

    def most_like(self, name: str, others: Sequence[str]) -> str:
        """The one of `others` whose attributes are nearest to those of a tool; of equally near ones the first."""
        own, *theirs = (self.attribute_index[self[one]["attributes"]] for one in (name, *others))
        distance = self.attributes.distances(self.attributes[own], np.array(theirs))
        return others[int(np.argmin(distance))]

    def does_job_of(self, name: str) -> np.ndarray:
        """(tools,) bool: which tools could do this tool's job, going by their descriptions; itself included."""
        same = np.zeros(len(self), bool)
        same[self._near(self.index[name])] = True
        same[self.index[name]] = True
        return same

    def _near(self, number: int) -> np.ndarray:
        """The numbers of the tools within eps of a tool."""
        if number not in self._near_of:
            query = self.functionality[number]
            rough = self.functionality.rough(query[None])[0]
            self._near_of[number] = self.functionality.within(query, rough, self._eps).astype(np.int32)
        return self._near_of[number]

    def does_job_of_any(self, names: tuple[str, ...]) -> np.ndarray:
        """(tools,) bool: which tools could do the job of one of these; they themselves included."""
        if names not in self._does_job_of_any:
            self._does_job_of_any[names] = np.logical_or.reduce([self.does_job_of(name) for name in names])
        return self._does_job_of_any[names]

    def overlap(self, name: str, others: Iterable[str]) -> bool:
        """Whether a tool overlaps in function with any of `others`."""
        rows = np.array([self.index[other] for other in others], int)
        query = self.functionality[self.index[name]]
        return bool(len(rows)) and bool((self.functionality.distances(query, rows) <= self._eps).any())


def provider_of(name: str) -> tuple[str, str]:
    """The provider behind a full tool name: its category and its name there."""
    return ToolName.parse(name)[:2]
