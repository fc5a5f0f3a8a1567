"""`Selector`: the tool that a user would choose, with probabilities and reasons, in milliseconds and without a
language model."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from petoolbench import SETTINGS, InputError, check_choice
from petoolkit.selector.choice_reasons import Reason, reasons_of
from petoolkit.selector.evidence import EVIDENCE, evidence_of
from petoolkit.selector.given_rows import given_row
from petoolkit.selector.parameter_filler import ParameterFiller
from petoolkit.selector.row_reading import RowReading, read_row
from petoolkit.selector.row_vectors import RowVectors
from petoolkit.selector.selector_files import FittedSelector, read_selector, write_selector


@dataclass(frozen=True)
class Choice:
    """A candidate, as a selector ranks it.

    Args:
        tool_name: its name.
        probability: that the user would choose it, among the candidates.
        number: its number among the candidates that were given.
        reasons: what spoke for it, the strongest first; such of other candidates say what speaks against it.
    """

    tool_name: str
    probability: float
    number: int
    reasons: tuple[Reason, ...] = ()


class Selector:
    """Chooses a tool for a user. Several threads may use one at the same time.

    Args:
        fitted: what `petoolbench fit selector` found.
        vectors: a cache to share with others; by default, one of its own.
    """

    def __init__(self, fitted: FittedSelector, vectors: RowVectors | None = None):
        self.fitted = fitted
        self._vectors = vectors or RowVectors(fitted.embedding_model)
        self._filler = ParameterFiller(fitted.filler)
        self._is_checked = False

    @classmethod
    def load(cls, source: str | Path, revision: str | None = None, vectors: RowVectors | None = None) -> "Selector":
        """A selector of a folder, or of the Hub.

        Raises:
            InputError: if there is none, or its files are damaged or of another version.
        """
        return cls(read_selector(str(source), revision), vectors)

    def save(self, folder: str | Path) -> None:
        """Write it into a folder."""
        write_selector(Path(folder), self.fitted)

    def choose(
        self,
        instruction: str,
        history: Sequence[dict[str, Any]],
        tools: Sequence[dict[str, Any]],
        setting: str | None = None,
    ) -> list[Choice]:
        """Rank tools for a request.

        Args:
            instruction: what the user asks.
            history: past calls, oldest first, with `tool_name`, and as far as known `instruction`, `rating` (1 liked,
                0 disliked) and `provider_description`.
            tools: candidates, with `tool_name`, and as far as known `tool_description`, `provider_description`,
                `required_parameters` and `optional_parameters` (lists of {name, type, description, default}).
            setting: how to read a history without ratings: `chronological` if the user's taste changed, so that later
                calls are liked; otherwise all calls count as liked.

        Returns:
            All candidates, the likeliest first.

        Raises:
            InputError: if there is no tool, or a tool or call has no name.
        """
        if setting is not None:
            check_choice(setting, SETTINGS, "setting")
        return self.rank([given_row(instruction, history, tools, setting)])[0]

    def rank(self, rows: Iterable[dict[str, Any]], reasons: bool = True) -> list[list[Choice]]:
        """Rank the candidates of rows (columns of `petoolbench.COLUMNS`); many rows at once are embedded together."""
        readings = [read_row(row) for row in rows]
        vectors = self._of(readings)
        return [self._ranking(reading, vectors, reasons) for reading in readings]

    def prepare(self, rows: Iterable[dict[str, Any]]) -> None:
        """Embed the texts of rows together, which is faster than row by row; their vectors are kept."""
        self._of([read_row(row) for row in rows])

    def parameters(self, tool: dict[str, Any], instruction: str) -> dict[str, Any]:
        """The parameters of a call of a candidate tool (an entry of a row's `candidate_tools`)."""
        return self._filler.parameters(tool, instruction)

    def _ranking(self, reading: RowReading, vectors: dict[str, np.ndarray], with_reasons: bool) -> list[Choice]:
        evidence = evidence_of(reading, vectors, self.fitted.evidence, self.fitted.jobs, self.fitted.reader)
        probabilities = self.fitted.choice.probabilities(evidence)
        order = np.argsort(-probabilities, kind="stable").tolist()
        reasons = reasons_of(reading, vectors, evidence, self.fitted) if with_reasons else None
        return [
            Choice(
                reading.candidates[number].tool["tool_name"],
                float(probabilities[number]),
                reading.order[number],
                reasons[number] if reasons else (),
            )
            for number in order
        ]

    def _of(self, readings: Iterable[RowReading]) -> dict[str, np.ndarray]:
        """Vectors of all texts of rows; those of another model than the one it was fitted with are refused."""
        if not self._is_checked and self._vectors.fingerprint != self.fitted.embedding_fingerprint:
            raise InputError(
                f"the selector was fitted on vectors of {self.fitted.embedding_model} with other weights than those "
                "here; fetch the same weights, or fit it again."
            )
        self._is_checked = True
        descriptions = any(EVIDENCE[name].with_descriptions for name in self.fitted.evidence)
        return self._vectors.of(
            {text: None for reading in readings for text in reading.texts(descriptions)}, "texts of rows"
        )
