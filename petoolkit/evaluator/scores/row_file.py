"""Writing the lines of judged replies as parquet or CSV; no cell of a CSV is a formula."""

import csv
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from petoolbench import InputError
from petoolkit.chunks import in_chunks
from petoolkit.evaluator.scores.judged_rows import JUDGED_COLUMNS
from petoolkit.files import replacing
from petoolkit.text import listing

# What spreadsheets take for the beginning of a formula, also as full-width signs and behind white space.
_FORMULA = re.compile(r"[\s\x00]*[=+\-@\uff1d\uff0b\uff0d\uff20]|[\t\r\n\x00]")

_LINES_AT_ONCE = 10_000


def check_row_file(path: Path) -> None:
    """Raise `InputError` unless rows can be written under this name."""
    if path.suffix.lower() not in _WRITERS:
        raise InputError(f"{path} does not say in which form; rows are written as {listing(list(_WRITERS))} files.")


def write_row_file(lines: Iterable[dict[str, Any]], path: Path) -> int:
    """Write lines with the columns `JUDGED_COLUMNS`, all or none; returns their number.

    In a CSV, texts that a spreadsheet would take for a formula get an apostrophe before them, and unknown values are
    empty; in parquet, texts are as they are.

    Raises:
        InputError: for a name that does not end in one of the known forms, or if the file cannot be written.
    """
    check_row_file(path)
    with replacing(path) as temporary:
        return _WRITERS[path.suffix.lower()](lines, temporary)


def _write_parquet(lines: Iterable[dict[str, Any]], path: Path) -> int:
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = pa.schema([(name, getattr(pa, kind)()) for name, kind in JUDGED_COLUMNS.items()])
    number = 0
    with pq.ParquetWriter(path, schema) as writer:
        for part in in_chunks(lines, _LINES_AT_ONCE):
            writer.write_table(pa.Table.from_pylist(part, schema=schema))
            number += len(part)
    return number


def _write_csv(lines: Iterable[dict[str, Any]], path: Path) -> int:
    with open(path, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(JUDGED_COLUMNS)
        number = 0
        for number, line in enumerate(lines, start=1):  # noqa: B007 (it is returned)
            writer.writerow([csv_cell(line[name]) for name in JUDGED_COLUMNS])
    return number


def csv_cell(value: Any) -> Any:
    """A value for a CSV: a text that a spreadsheet would take for a formula gets an apostrophe before it."""
    return f"'{value}" if isinstance(value, str) and _FORMULA.match(value) else value


_WRITERS: dict[str, Callable[[Iterable[dict[str, Any]], Path], int]] = {".parquet": _write_parquet, ".csv": _write_csv}
