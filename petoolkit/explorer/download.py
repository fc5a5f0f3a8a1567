"""The listed rows as a file: what is asked, what is right, and what each model called."""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence

from petoolbench import to_json_text
from petoolkit.evaluator.scores.row_file import csv_cell
from petoolkit.explorer.content import Content
from petoolkit.explorer.judged_evaluations import READER, asked_id
from petoolkit.explorer.reply_view import verdict
from petoolkit.scoring import ERROR_TYPES

_RIGHT = "right"
_NO_REPLY = "no reply"


def csv_lines(content: Content, numbers: Iterable[int]) -> Iterator[str]:
    """The rows as lines of CSV, the names of the columns first; no cell is a formula.

    Args:
        content: that holds the rows.
        numbers: of the rows, in the index.
    """
    yield _csv_line(_columns(content))
    for record in _records(content, numbers):
        yield _csv_line(list(record.values()))


def json_lines(content: Content, numbers: Iterable[int]) -> Iterator[str]:
    """The same as JSON Lines, with null for what is not known."""
    for record in _records(content, numbers):
        yield to_json_text(record) + "\n"


def _csv_line(values: Sequence[str | None]) -> str:
    line = io.StringIO()
    csv.writer(line, lineterminator="\n").writerow([csv_cell(value) for value in values])
    return line.getvalue().encode("utf-8", "replace").decode("utf-8")


def _columns(content: Content) -> list[str]:
    names = ["id", "setting", "split", "kind", "block", "gold_tool"]
    for name, repeat in _asked(content):
        label = f"{name} ({repeat + 1})" if content.evaluations.by_name[name].repeats > 1 else name
        names += [f"{label}: {part}" for part in ("called", "tool", "parameters")]
    return names


def _asked(content: Content) -> list[tuple[str, int]]:
    """The models, each once a repeat."""
    return [(name, repeat) for name, one in content.evaluations.by_name.items() for repeat in range(one.repeats)]


def _records(content: Content, numbers: Iterable[int]) -> Iterator[dict[str, str | None]]:
    index, columns, asked = content.index, _columns(content), _asked(content)
    for number in numbers:
        row = index.row(number) if asked else {}
        values = [
            index.ids[number],
            index.setting[number],
            index.split[number],
            index.kind[number],
            index.block[number],
            index.gold[number],
        ]
        for name, repeat in asked:
            values += _verdict(content, name, repeat, number, row)
        yield dict(zip(columns, values, strict=True))


def _verdict(content: Content, name: str, repeat: int, number: int, row: dict) -> list[str | None]:
    """The called tool, and whether tool and parameters are right or which error they are, by the robust reader."""
    evaluation = content.evaluations.by_name[name]
    if not evaluation.marks[number]:
        return [None, None, None]
    line = evaluation.replies.get((asked_id(row), repeat))
    if line is None or line["reply"] is None:
        return [None, _NO_REPLY, _NO_REPLY]
    robust = verdict(row, line["reply"], READER)
    errors = [ERROR_TYPES[error].label if error else _RIGHT for error in (robust.tool_error, robust.parameter_error)]
    return [robust.call.tool_name if robust.call else None, *errors]
