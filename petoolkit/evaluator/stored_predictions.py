"""The lines of `predictions.jsonl`: an index of them is in memory, and each line is read when it is needed."""

from collections.abc import Callable, Iterable, Iterator, KeysView
from contextlib import ExitStack, contextmanager
from itertools import chain
from pathlib import Path
from typing import Any, Protocol

from petoolbench import InputError
from petoolkit.decoding import decode_json

Prediction = dict[str, Any]
Lines = int | tuple[int, ...]  # mostly one; a number takes less memory


class StoredPredictions:
    """Predictions in files, in their order; the files must stay as they are meanwhile.

    Args:
        files: that exist.
        lines: by row id, where its lines are: the offset in the file, times the number of files, plus the file's.
    """

    def __init__(self, files: list[Path], lines: dict[str, Lines]):
        self._files, self._lines = files, lines

    def __len__(self) -> int:
        return sum(len(_each(lines)) for lines in self._lines.values())

    def __iter__(self) -> Iterator[Prediction]:
        with _reading(self._files) as read:
            at = chain.from_iterable(map(_each, self._lines.values()))
            yield from map(read, sorted(at, key=lambda one: divmod(one, len(self._files))[::-1]))

    @property
    def row_ids(self) -> KeysView[str]:
        """The ids of the rows that they are about."""
        return self._lines.keys()

    def of_rows(self, row_ids: Iterable[str]) -> Iterator[list[Prediction]]:
        """The predictions about each row, in the files' order; an empty list where there are none."""
        with _reading(self._files) as read:
            for row_id in row_ids:
                yield [read(at) for at in _each(self._lines.get(row_id, ()))]

    def only(self, row_ids: Iterable[str]) -> "StoredPredictions":
        """Those about these rows, all of which there are predictions about."""
        return StoredPredictions(self._files, {row_id: self._lines[row_id] for row_id in row_ids})


class PredictionsInMemory:
    """Predictions that are in memory, with what `StoredPredictions` has."""

    def __init__(self, predictions: Iterable[Prediction]):
        self._of_row: dict[str, list[Prediction]] = {}
        for line in predictions:
            self._of_row.setdefault(line["id"], []).append(line)

    def __iter__(self) -> Iterator[Prediction]:
        return chain.from_iterable(self._of_row.values())

    @property
    def row_ids(self) -> KeysView[str]:
        """See `StoredPredictions`."""
        return self._of_row.keys()

    def of_rows(self, row_ids: Iterable[str]) -> Iterator[list[Prediction]]:
        """See `StoredPredictions`."""
        return (self._of_row.get(row_id, []) for row_id in row_ids)

    def only(self, row_ids: Iterable[str]) -> "PredictionsInMemory":
        """See `StoredPredictions`."""
        return PredictionsInMemory(line for row_id in row_ids for line in self._of_row[row_id])


class PredictionsByRow(Protocol):
    """Predictions that are found by the row that they are about."""

    def __iter__(self) -> Iterator[Prediction]: ...

    @property
    def row_ids(self) -> KeysView[str]:
        """The ids of the rows that they are about."""

    def of_rows(self, row_ids: Iterable[str]) -> Iterator[list[Prediction]]:
        """The predictions about each row."""

    def only(self, row_ids: Iterable[str]) -> "PredictionsByRow":
        """Those about these rows."""


def by_row(predictions: Iterable[Prediction]) -> PredictionsByRow:
    """Predictions by the row that they are about."""
    if isinstance(predictions, StoredPredictions | PredictionsInMemory):
        return predictions
    return PredictionsInMemory(predictions)


def index_predictions(
    files: list[Path], part_of: Callable[[str], bool], repeats: int
) -> tuple[StoredPredictions, StoredPredictions]:
    """Check the lines of files, and index them; an incomplete last line, left by an interruption, is ignored.

    Args:
        files: of predictions.
        part_of: takes a row id; false puts its lines into the first result, true into the second.
        repeats: number of replies asked to each row.

    Raises:
        InputError: if a line is not a prediction, or is of a repeat that was not asked; names the file and the line.
    """
    parts: tuple[dict[str, Lines], ...] = ({}, {})
    for number, file in enumerate(files):
        for offset, line in _checked_lines(file):
            if line["repeat"] >= repeats:
                raise InputError(
                    f"{file.parent}: {line['id']} has a prediction of repeat {line['repeat']} (counted from 0), but "
                    f"the evaluation has only {repeats}; remove the line, and evaluate again."
                )
            part, row_id, at = parts[part_of(line["id"])], line["id"], offset * len(files) + number
            part[row_id] = (*_each(part[row_id]), at) if row_id in part else at
    return StoredPredictions(files, parts[0]), StoredPredictions(files, parts[1])


def _each(lines: Lines) -> tuple[int, ...]:
    return (lines,) if isinstance(lines, int) else lines


@contextmanager
def _reading(files: list[Path]) -> Iterator[Callable[[int], Prediction]]:
    """Yield a function that reads the prediction of a line, which is named as `StoredPredictions` has it."""
    with ExitStack() as stack:
        opened = [stack.enter_context(open(path, "rb")) for path in files]

        def read(at: int) -> Prediction:
            offset, number = divmod(at, len(files))
            file = opened[number]
            if file.tell() != offset:  # seeking throws away what was read ahead
                file.seek(offset)
            prediction = decode_json(file.readline())
            assert isinstance(prediction, dict)
            return prediction

        yield read


def checked_predictions(path: Path) -> Iterator[Prediction]:
    """The predictions of a file as `index_predictions` checks them; what comes behind those asked for is not read."""
    return (prediction for _, prediction in _checked_lines(path))


def _checked_lines(path: Path) -> Iterator[tuple[int, Prediction]]:
    """The lines of a file, each with its offset."""
    offset = 0
    with open(path, "rb") as file:
        for number, line in enumerate(file, start=1):
            try:
                prediction = decode_json(line)
            except ValueError:
                if not line.endswith(b"\n"):
                    return
                prediction = None
            if not _is_prediction(prediction):
                raise InputError(f"{path}, line {number}: not a prediction; remove the line, and evaluate again.")
            yield offset, prediction
            offset += len(line)


def _is_prediction(value: object) -> bool:
    return (
        isinstance(value, dict)
        and isinstance(value.get("id"), str)
        and type(value.get("repeat")) is int  # a bool is an `int`, too
        and value["repeat"] >= 0
        and isinstance(value.get("reply", 0), str | None)
        and isinstance(value.get("error"), str | None)
        and all(_is_amount(value.get(name)) for name in ("prompt_tokens", "completion_tokens", "seconds"))
    )


def _is_amount(value: object) -> bool:
    return value is None or (isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 1e15)
