"""Collected and understood tools, by name and as vectors."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from petoolbench import PARAMETER_KINDS, ToolName
from petoolkit.exact_products import GridVectors

from .parameter_forms import UNIFORM, parameter_names
from .tool_table import ToolTable

if TYPE_CHECKING:
    from petoolkit.embedding import TextEncoder

_AT_ONCE = 256  # tools whose neighbours are searched
_OUTLINED = ("tool_name", "category", "provider", "vendor", "background", "functionality", "attributes", "response")
_OF_PARAMETER = ("name", "type", "schema")


class Tools:
    """Tools in catalogue order, and their texts as vectors.

    Args:
        by_name: what `builder.understood_tools` gives, by name: in memory, or in a file.
        encoder: turns functionality and attributes into vectors.
        eps: cosine distance within which two tools count as doing the same job.
        furthest: the same of two tools of one category that take the same parameters, of the kinds that `uniform` has
            (`builder.parameter_forms.UNIFORM`); tools without parameters are not compared.
        uniform: in which parameters the tools of a group agree.
    """

    def __init__(
        self,
        by_name: Mapping[str, dict],
        encoder: "TextEncoder",
        eps: float,
        furthest: float = 0.0,
        uniform: str = "function",
    ):
        self._by_name = by_name
        self.rows: Sequence[dict] = by_name.rows if isinstance(by_name, ToolTable) else list(by_name.values())
        self.index = {name: index for index, name in enumerate(by_name)}
        self.names = list(self.index)
        self.encoder = encoder
        self.eps = eps
        self._furthest, self._compared = furthest, UNIFORM[uniform]
        self._outlines: dict[int, dict] = {}
        self._near_of: dict[int, np.ndarray] = {}
        self._parameters_of: dict[int, tuple] = {}
        self._nearest_attributes: dict[int, np.ndarray] = {}
        self._documents: dict[str, GridVectors] = {}

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, name: str) -> dict:
        return self._by_name[name]

    def __getstate__(self) -> dict[str, Any]:
        """For other processes, the vectors are made here, once."""
        assert self.functionality is not None
        return {**vars(self), "_outlines": {}}

    def column(self, name: str) -> list:
        """A short column of all tools: a name, a category, what it does."""
        if isinstance(self._by_name, ToolTable):
            return self._by_name.column(name)
        return [tool[name] for tool in self.rows]

    @cached_property
    def providers(self) -> list[tuple[str, str]]:
        """The provider of each tool: its category and its name there."""
        return list(zip(self.column("category"), self.column("provider"), strict=True))

    def outline(self, row: int) -> dict:
        """A tool by its row number: of a file, what makes it like others, without longer texts."""
        if not isinstance(self._by_name, ToolTable):
            return self.rows[row]
        if row not in self._outlines:
            tool = self.rows[row]
            self._outlines[row] = {
                **{key: tool[key] for key in _OUTLINED},
                **{kind: [{key: one[key] for key in _OF_PARAMETER} for one in tool[kind]] for kind in PARAMETER_KINDS},
            }
        return self._outlines[row]

    @cached_property
    def functionality_texts(self) -> list[str]:
        """What each tool does, in words."""
        return self.column("functionality")

    @cached_property
    def functionality(self) -> GridVectors:
        """(tools, dimension) unit vectors of what each tool does."""
        return GridVectors(self.encoder.encode(self.functionality_texts, "functionality descriptions"))

    @cached_property
    def attribute_texts(self) -> list[str]:
        """The distinct attribute descriptions, in order of first appearance."""
        return list(dict.fromkeys(self.column("attributes")))

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
        for name, number in zip(self.names, self._attributes_of, strict=True):
            names[number].append(name)
        return names

    @cached_property
    def _attributes_of(self) -> list[int]:
        """For each tool, the position of its attribute description."""
        return [self.attribute_index[attributes] for attributes in self.column("attributes")]

    def documents(self, encoder: "TextEncoder") -> GridVectors:
        """(tools, dimension) unit vectors of what each tool does, by another encoder."""
        if encoder.fingerprint == self.encoder.fingerprint:
            return self.functionality
        if encoder.fingerprint not in self._documents:
            vectors = encoder.encode(self.functionality_texts, "functionality descriptions")
            self._documents[encoder.fingerprint] = GridVectors(vectors)
        return self._documents[encoder.fingerprint]

    def nearest_by_attributes(self, name: str, number: int) -> Iterator[list[str]]:
        """For each attribute description near that of a tool, nearest first, the names of the tools that have it."""
        attributes = self._attributes_of[self.index[name]]
        if attributes not in self._nearest_attributes:
            query = self.attributes[attributes]
            rough = self.attributes.rough(query[None])[0]
            self._nearest_attributes[attributes] = self.attributes.nearest(query, rough, number).astype(np.int32)
        return (self.names_by_attributes[index] for index in self._nearest_attributes[attributes])

    def most_like(self, name: str, others: Sequence[str]) -> str:
        """The one of `others` whose attributes are nearest to those of a tool; of equally near ones the first."""
        own, *theirs = (self._attributes_of[self.index[one]] for one in (name, *others))
        distance = self.attributes.distances(self.attributes[own], np.array(theirs))
        return others[int(np.argmin(distance))]

    def does_job_of(self, name: str) -> np.ndarray:
        """(tools,) bool: which tools could do this tool's job, going by their descriptions and, where these are less
        alike, by their parameters, too; itself included."""
        same = np.zeros(len(self), bool)
        same[self._near(name)] = True
        same[self.index[name]] = True
        return same

    def find_near(self, names: Iterable[str]) -> None:
        """Find which tools do the jobs of these, in blocks; one by one, they would take longer."""
        missing = [number for number in {self.index[name]: None for name in names} if number not in self._near_of]
        for start in range(0, len(missing), _AT_ONCE):
            part = missing[start : start + _AT_ONCE]
            queries = self.functionality[part]
            for number, query, rough in zip(part, queries, self.functionality.rough(queries), strict=True):
                near = self.functionality.within(query, rough, self.eps)
                if self._furthest > self.eps and (own := self._parameters(number)):
                    less_near = np.setdiff1d(self.functionality.within(query, rough, self._furthest), near)
                    of_category = self._category_numbers[less_near] == self._category_numbers[number]
                    alike = [one for one in less_near[of_category] if self._parameters(one) == own]
                    near = np.union1d(near, np.array(alike, near.dtype))
                self._near_of[number] = near.astype(np.int32)

    @cached_property
    def _category_numbers(self) -> np.ndarray:
        return np.unique(self.column("category"), return_inverse=True)[1]

    def _parameters(self, row: int) -> tuple:
        """The names of a tool's parameters that are compared; empty if there are none."""
        if row not in self._parameters_of:
            names = parameter_names(self.outline(row), self._compared)
            self._parameters_of[row] = names if any(names) else ()
        return self._parameters_of[row]

    def _near(self, name: str) -> np.ndarray:
        """The numbers of the tools that could do a tool's job."""
        self.find_near([name])
        return self._near_of[self.index[name]]

    def does_job_of_any(self, names: Iterable[str]) -> np.ndarray:
        """(tools,) bool: which tools could do the job of one of these; they themselves included."""
        same = np.zeros(len(self), bool)
        for name in names:
            same[self._near(name)] = True
            same[self.index[name]] = True
        return same


def provider_of(name: str) -> tuple[str, str]:
    """The provider behind a full tool name: its category and its name there."""
    return ToolName.parse(name)[:2]
