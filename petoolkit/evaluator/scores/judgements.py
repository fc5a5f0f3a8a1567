"""Judgements of stored replies as arrays; all scores are sums of them."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import tee
from typing import NamedTuple

import numpy as np

from petoolbench import InputError
from petoolkit.call_forms import ToolCall
from petoolkit.call_parameters import ParameterDocument, is_right_by_optional_rule, parameter_documents
from petoolkit.evaluator.stored_predictions import Prediction, PredictionsByRow, by_row
from petoolkit.evaluator.stored_rows import Rows
from petoolkit.replies import HOW_READ, READERS, read_reply
from petoolkit.scoring import (
    METRICS,
    PARAMETER_ERRORS,
    TOOL_ERRORS,
    Outcome,
    error_reference,
    parameter_error,
    read_gold_call,
    tool_error,
)

_TOOL_CODES = {error: code for code, error in enumerate((None, *TOOL_ERRORS))}
_PARAMETER_CODES = {error: code for code, error in enumerate((None, *PARAMETER_ERRORS))}
_HOW_CODES = {how: code for code, how in enumerate((None, *HOW_READ))}
_MARKS = ("missing", "shortened", "over_window", "reply_cut", "by_optional_rule")
_LINE = np.dtype(
    [("row", np.int64), ("repeat", np.int64)]
    + [(mark, np.bool_) for mark in _MARKS]
    + [("how", np.int8)]
    + [(f"{reader} {part}", np.int8) for reader in READERS for part in ("tool", "parameters")]
)


@dataclass(frozen=True)
class Judgements:
    """Judgements of all replies; every array is of shape (rows, repeats), with the rows in the dataset's order."""

    tool: dict[str, np.ndarray]  # by reader: codes of tool errors; 0 is right
    parameters: dict[str, np.ndarray]  # by reader: codes of parameter errors; 0 is right
    how: np.ndarray  # codes of how the robust reader read a call; 0 is not read
    missing: np.ndarray  # whether there is no reply
    shortened: np.ndarray  # whether the prompt was shortened to fit into the window
    over_window: np.ndarray  # whether the shortened prompt still did not fit
    reply_cut: np.ndarray  # whether the reply was cut at the most tokens of a reply
    by_optional_rule: np.ndarray  # whether parameters are right only because optional ones may be left out

    @property
    def repeats(self) -> int:
        """Number of repeats of each row."""
        return self.missing.shape[1]

    def outcome(self, reader: str) -> Outcome:
        """Which parts of each reply's call are right, as booleans."""
        right_tool = self.tool[reader] == 0
        right_function = right_tool | (self.tool[reader] == _TOOL_CODES["TPM"])
        return Outcome(right_tool, self.parameters[reader] == 0, right_function)

    def right(self, reader: str, metric: str) -> np.ndarray:
        """Whether each reply is right by one of `METRICS`."""
        return METRICS[metric].is_right(self.outcome(reader))

    def counted(self, reader: str, metric: str) -> np.ndarray:
        """Whether each reply is counted by one of `METRICS`."""
        is_counted = METRICS[metric].is_counted
        return np.ones_like(self.missing) if is_counted is None else is_counted(self.outcome(reader))

    def errors(self, reader: str) -> dict[str, np.ndarray]:
        """Whether each reply has an error, by error type."""
        return {error: self.tool[reader] == _TOOL_CODES[error] for error in TOOL_ERRORS} | {
            error: self.parameters[reader] == _PARAMETER_CODES[error] for error in PARAMETER_ERRORS
        }

    def error_names(self, reader: str) -> tuple[np.ndarray, np.ndarray]:
        """The tool error and the parameter error of each reply; `None` where there is none."""
        return _names(_TOOL_CODES)[self.tool[reader]], _names(_PARAMETER_CODES)[self.parameters[reader]]

    @property
    def how_read(self) -> np.ndarray:
        """In which of the ways of `HOW_READ` the robust reader read each reply; `None` where it found no call."""
        return _names(_HOW_CODES)[self.how]

    def unreadable(self, reader: str) -> np.ndarray:
        """Whether a reply exists and does not hold a readable call."""
        return (self.tool[reader] == _TOOL_CODES["IF"]) & ~self.missing

    def read(self, how: str) -> np.ndarray:
        """Whether the robust reader read a reply's call in one of the ways of `HOW_READ`."""
        return self.how == _HOW_CODES[how]


def _names(codes: dict[str | None, int]) -> np.ndarray:
    """The names behind codes, by code."""
    return np.array(list(codes), object)


class _Reference(NamedTuple):
    """The columns of a row that judging needs, prepared once for all replies."""

    call: ToolCall
    documents: dict[str, ParameterDocument] | None
    candidate_tools: frozenset[str]
    same_function_tools: frozenset[str]
    acceptable_tools: frozenset[str]


def gold_documents(row: dict) -> dict[str, ParameterDocument] | None:
    """Documents of the gold tool's parameters by name; `None` if the tool is not a candidate."""
    gold = row["tool_call"]["tool_name"]
    return next((parameter_documents(tool) for tool in row["candidate_tools"] if tool["tool_name"] == gold), None)


def judge(rows: Rows, predictions: Iterable[Prediction], repeats: int = 1) -> Judgements:
    """Judge every reply with both readers.

    A row or repeat without a prediction is missing; a missing reply is IF in both partitions. Of several predictions
    for one row and repeat, the last one counts: it may be the repetition of a failed request.

    Args:
        rows: rows of the dataset, or of a counterfactual; gone through once.
        predictions: lines of `predictions.jsonl`; `id`, `repeat` and `reply` are needed.
        repeats: number of replies asked to each row, if no prediction has a higher number.

    Raises:
        InputError: if a prediction is about a row that is not in `rows`, or a row has no readable gold call.
    """
    lines = np.fromiter(_judge_each(rows, by_row(predictions)), _LINE)
    shape = (len(rows), int(lines["repeat"].max(initial=repeats - 1)) + 1)

    def by_row_and_repeat(column: str, default: int | bool) -> np.ndarray:
        values = np.full(shape, default, _LINE[column])
        values[lines["row"], lines["repeat"]] = lines[column]
        return values

    return Judgements(
        tool={reader: by_row_and_repeat(f"{reader} tool", _TOOL_CODES["IF"]) for reader in READERS},
        parameters={reader: by_row_and_repeat(f"{reader} parameters", _PARAMETER_CODES["IF"]) for reader in READERS},
        how=by_row_and_repeat("how", _HOW_CODES[None]),
        **{mark: by_row_and_repeat(mark, mark == "missing") for mark in _MARKS},
    )


def _judge_each(rows: Rows, predictions: PredictionsByRow) -> Iterator[tuple]:
    """The values of `_LINE` for each prediction."""
    answered = 0
    own, same = tee(rows)
    of_rows = predictions.of_rows(row["id"] for row in same)
    for number, (row, lines) in enumerate(zip(own, of_rows, strict=True)):
        if not lines:
            continue
        answered += 1
        reference = _reference(row)
        for prediction in lines:
            yield (number, prediction["repeat"], *_judged(prediction, reference))
    if answered < len(predictions.row_ids):
        known = {row["id"] for row in rows}
        unknown = next(row_id for row_id in predictions.row_ids if row_id not in known)
        raise InputError(
            f"the dataset has no row {unknown!r}, which a prediction is about; score predictions with the dataset and "
            "setting that they were made for."
        )


def _judged(prediction: Prediction, reference: _Reference) -> tuple:
    """The values of `_LINE` behind the row's number and the repeat."""
    reply = prediction["reply"]
    readings = {reader: read_reply(reply, reader, reference.candidate_tools) for reader in READERS}
    robust = readings[READERS[0]]
    return (
        reply is None,
        bool(prediction.get("dropped_interactions") or prediction.get("cut")),
        bool(prediction.get("over_window")),
        prediction.get("finish_reason") == "length",
        is_right_by_optional_rule(robust.call, reference.call, reference.documents),
        _HOW_CODES[robust.how],
        *(code for reader, reading in readings.items() for code in _codes(reading.call, reader, reference)),
    )


def _reference(row: dict) -> _Reference:
    reference = error_reference(row)
    return _Reference(
        read_gold_call(row["tool_call"]),
        gold_documents(row),
        frozenset(reference["candidate_tools"]),
        frozenset(reference["same_function_tools"]),
        frozenset(reference["acceptable_tools"]),
    )


def _codes(call: ToolCall | None, reader: str, reference: _Reference) -> tuple[int, int]:
    """The codes of the tool error and of the parameter error of a call."""
    return (
        _TOOL_CODES[tool_error(call, reference.call, *reference[2:])],
        _PARAMETER_CODES[parameter_error(call, reference.call, reader, reference.documents)],
    )
