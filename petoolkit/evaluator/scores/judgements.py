"""Judgements of stored replies as arrays; all scores are sums of them."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from petoolbench import InputError
from petoolkit.call_forms import ToolCall
from petoolkit.replies import HOW_READ, READERS, read_reply
from petoolkit.scoring import (
    METRICS,
    PARAMETER_ERRORS,
    TOOL_ERRORS,
    Outcome,
    ParameterDocument,
    error_reference,
    is_right_by_optional_rule,
    parameter_documents,
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
    + [(f"{reader} {part}", np.int8) for reader in READERS for part in ("tool", "parameters", "how")]
)


@dataclass(frozen=True)
class Judgements:
    """Judgements of all replies; every array is of shape (rows, repeats), with the rows in the dataset's order."""

    tool: dict[str, np.ndarray]  # by reader: codes of tool errors; 0 is right
    parameters: dict[str, np.ndarray]  # by reader: codes of parameter errors; 0 is right
    how: dict[str, np.ndarray]  # by reader: codes of how a call was read; 0 is not read
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

    def unreadable(self, reader: str) -> np.ndarray:
        """Whether a reply exists and does not hold a readable call."""
        return (self.tool[reader] == _TOOL_CODES["IF"]) & ~self.missing

    def read(self, reader: str, how: str) -> np.ndarray:
        """Whether a reply's call was read in one of the ways of `HOW_READ`."""
        return self.how[reader] == _HOW_CODES[how]


class _Reference(NamedTuple):
    """The columns of a row that judging needs, prepared once for all replies."""

    call: ToolCall
    documents: dict[str, ParameterDocument] | None
    candidate_tools: frozenset[str]
    same_function_tools: frozenset[str]


def gold_documents(row: dict) -> dict[str, ParameterDocument] | None:
    """Documents of the gold tool's parameters by name; `None` if the tool is not a candidate."""
    gold = row["tool_call"]["tool_name"]
    return next((parameter_documents(tool) for tool in row["candidate_tools"] if tool["tool_name"] == gold), None)


def judge(rows: list[dict], predictions: Iterable[dict]) -> Judgements:
    """Judge every reply with both readers.

    A row or repeat without a prediction is missing; a missing reply is IF in both partitions. Of several predictions
    for one row and repeat, the last one counts: it may be the repetition of a failed request.

    Args:
        rows: rows of the dataset.
        predictions: lines of `predictions.jsonl`; `id`, `repeat` and `reply` are needed.

    Raises:
        InputError: if a prediction is about a row that is not in `rows`, or a row has no readable gold call.
    """
    lines = np.fromiter(_judge_each(rows, predictions), _LINE)
    shape = (len(rows), int(lines["repeat"].max(initial=0)) + 1)

    def by_row_and_repeat(column: str, default: int | bool) -> np.ndarray:
        values = np.full(shape, default, _LINE[column])
        values[lines["row"], lines["repeat"]] = lines[column]
        return values

    return Judgements(
        tool={reader: by_row_and_repeat(f"{reader} tool", _TOOL_CODES["IF"]) for reader in READERS},
        parameters={reader: by_row_and_repeat(f"{reader} parameters", _PARAMETER_CODES["IF"]) for reader in READERS},
        how={reader: by_row_and_repeat(f"{reader} how", _HOW_CODES[None]) for reader in READERS},
        missing=by_row_and_repeat("missing", True),
        shortened=by_row_and_repeat("shortened", False),
        over_window=by_row_and_repeat("over_window", False),
        reply_cut=by_row_and_repeat("reply_cut", False),
        by_optional_rule=by_row_and_repeat("by_optional_rule", False),
    )


def _judge_each(rows: list[dict], predictions: Iterable[dict]) -> Iterator[tuple]:
    """The values of `_LINE` for each prediction."""
    numbers = {row["id"]: number for number, row in enumerate(rows)}
    references = [_reference(row) for row in rows]
    for prediction in predictions:
        number = numbers.get(prediction["id"])
        if number is None:
            raise InputError(
                f"the dataset has no row {prediction['id']!r}, which a prediction is about; score predictions with "
                "the dataset and setting that they were made for."
            )
        reply = prediction["reply"]
        shortened = bool(prediction.get("dropped_interactions") or prediction.get("cut"))
        reply_cut = prediction.get("finish_reason") == "length"
        marks = (reply is None, shortened, bool(prediction.get("over_window")), reply_cut)
        *codes, by_optional_rule = _codes(reply, references[number])
        yield (number, prediction["repeat"], *marks, by_optional_rule, *codes)


def _reference(row: dict) -> _Reference:
    reference = error_reference(row)
    return _Reference(
        read_gold_call(row["tool_call"]),
        gold_documents(row),
        frozenset(reference["candidate_tools"]),
        frozenset(reference["same_function_tools"]),
    )


def _codes(reply: str | None, reference: _Reference) -> Iterator[int]:
    """For each reader, the codes of the tool error, of the parameter error, and of how the call was read.

    The last value says whether the rule of optional parameters makes the parameters right.
    """
    robust_call = None
    gold, documents, candidate_tools, same_function_tools = reference
    for reader in READERS:
        call, how = (None, None) if reply is None else read_reply(reply, reader, candidate_tools)
        yield _TOOL_CODES[tool_error(call, gold, candidate_tools, same_function_tools)]
        yield _PARAMETER_CODES[parameter_error(call, gold, reader, documents)]
        yield _HOW_CODES[how]
        if reader == READERS[0]:
            robust_call = call
    yield is_right_by_optional_rule(robust_call, gold, documents)
