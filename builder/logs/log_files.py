"""Log files, recognised by their content, whatever their names."""

import csv
import io
import json
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import IO, Any

from petoolbench import InputError
from petoolkit.decoding import decode_json, finite_float, not_permitted, open_text, read_json, refuse_constant

from .chat_log import CHAT
from .log_call import LogForm, LoggedCall, LogSource
from .otel_log import OTEL
from .table_log import TABLE

FORMS: list[LogForm] = [CHAT, OTEL, TABLE]  # the first that fits is taken
_PARQUET = b"PAR1"
_ROWS_AT_ONCE = 10_000
_DELIMITERS = ",;\t|"
_LONGEST_VALUE = 50_000_000  # characters of a value in CSV
_DECODER = json.JSONDecoder(parse_constant=refuse_constant, parse_float=finite_float)


def read_log(source: LogSource) -> tuple[LogForm, Iterator[LoggedCall]]:
    """The form of a log file, and its calls.

    Raises:
        InputError: if the file is missing, empty, damaged or of another form; names the file, and the line where one
            is damaged.
    """
    file = source.file
    if file.is_dir():
        raise InputError(f"{file} is a folder; name the log files in it, such as {file}/*.jsonl.")
    if not file.exists():
        raise InputError(f"{file} does not exist; check the path.")
    try:
        with open(file, "rb") as start:
            first_bytes = start.read(4)
    except PermissionError:
        raise not_permitted(file) from None
    if first_bytes == _PARQUET:
        return TABLE, TABLE.calls(_parquet_rows(file), source)
    if (mark := _first_mark(file)) is None:
        raise InputError(f"{file} is empty; give a log with calls in it.")
    if mark not in "{[":
        return TABLE, TABLE.calls(_csv_rows(file, source), source)
    values = _json_lines(file) if mark == "{" and _has_a_value_a_line(file) else _json_values(file)
    first = next(values, None)
    if first is None:
        raise InputError(f"{file} holds no calls; give a log with some.")
    form = next((form for form in FORMS if form.is_form_of(first)), None)
    if form is None:
        raise InputError(f"{file} is not a log in a form that can be read; known are {known_forms()}.")
    return form, form.calls(chain([first], values), source)


def known_forms() -> str:
    """All forms, for a message."""
    return "; ".join(f"{form.name} ({form.form})" for form in FORMS)


@contextmanager
def _reading(file: Path) -> Iterator[IO[str]]:
    """A file's text, and what goes wrong with it in a sentence."""
    try:
        with open_text(file) as text:
            yield text
    except PermissionError:
        raise not_permitted(file) from None
    except UnicodeDecodeError as error:
        raise InputError(f"{file} is not text in UTF-8 ({error.reason}); save it as UTF-8.") from None
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(f"{file} cannot be read ({error}); it may be damaged or cut short: fetch it again.") from None


def _first_mark(file: Path) -> str | None:
    """The first character of a text that is not white space; `None` if there is none."""
    with _reading(file) as text:
        return next((line.lstrip()[0] for line in text if line.strip()), None)


def _has_a_value_a_line(file: Path) -> bool:
    """Whether the first line is a JSON value by itself; a damaged one counts, if another line begins one too."""
    with _reading(file) as text:
        lines = (line for line in text if line.strip())
        first, second = next(lines), next(lines, "")
        try:
            decode_json(first)
        except ValueError:
            return second.startswith("{") and first.rstrip() != "{"
        return True


def _json_lines(file: Path) -> Iterator[Any]:
    decode = _DECODER.decode
    with _reading(file) as text:
        for number, line in enumerate(text, start=1):
            if not line.strip():
                continue
            try:
                yield decode(line)
            except (ValueError, RecursionError):
                try:
                    yield decode_json(line)  # the same, with a message for people
                except ValueError as error:
                    raise InputError(f"{file}, line {number}: {error}; mend or remove the line.") from None


def _json_values(file: Path) -> Iterator[Any]:
    value = read_json(file)
    yield from value if isinstance(value, list) else [value]


def _csv_rows(file: Path, source: LogSource) -> Iterator[Mapping[str, Any]]:
    csv.field_size_limit(_LONGEST_VALUE)
    with _reading(file) as text:
        head = next(line for line in text if line.strip())
        delimiter = max(_DELIMITERS, key=head.count)
        names = next(csv.reader(io.StringIO(head), delimiter=delimiter))
        reader = csv.reader(text, delimiter=delimiter)
        try:
            for values in reader:
                if len(values) == len(names):
                    yield dict(zip(names, values, strict=True))
                elif values:
                    source.counts["left out: a line has more or fewer values than there are columns"] += 1
        except csv.Error as error:
            raise InputError(f"{file}, line {reader.line_num + 1}: {error}; mend or remove the line.") from None


def _parquet_rows(file: Path) -> Iterator[Mapping[str, Any]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        parquet = pq.ParquetFile(file)
        for batch in parquet.iter_batches(_ROWS_AT_ONCE):
            columns = {
                name: column.cast(pa.timestamp("us", column.type.tz), safe=False)
                if pa.types.is_timestamp(column.type)
                else column
                for name, column in zip(batch.schema.names, batch.columns, strict=True)
            }
            yield from pa.RecordBatch.from_pydict(columns).to_pylist()
    except (OSError, pa.ArrowException) as error:
        reason = " ".join(str(error).split())
        raise InputError(f"{file} cannot be read ({reason}); it may be damaged: fetch it again.") from None


def read_logs(files: Iterable[Path], columns: Mapping[str, str], counts: Any, on_file: Any) -> Iterator[LoggedCall]:
    """The calls of several files.

    Args:
        files: the files.
        columns: names of columns by field, as the user gave them.
        counts: gets what was left out, for each reason.
        on_file: called with a file's path, its form, and the columns that were taken, once they are known.
    """
    for file in files:
        source = LogSource(file, columns, counts)
        form, calls = read_log(source)
        first = next(calls, None)
        on_file(file, form, source.taken)
        if first is not None:
            yield first
            yield from calls
