"""A stage's file that grows part by part, and takes its name once it is complete.

A build that was stopped goes on behind the last complete part. Beside the file lies a journal: a line for what the
rows depend on, and one for each part.
"""

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any, BinaryIO

from petoolbench import InputError
from petoolkit.decoding import decode_json

from .stage_parts import Part


def partial_of(target: Path) -> Path:
    """The path of a file while it grows."""
    return target.with_name(f".{target.name}.partial")


def journal_of(target: Path) -> Path:
    """The path of its journal."""
    return target.with_name(f".{target.name}.parts")


class GrowingFile:
    """The file; see `growing`.

    Args:
        rows, journal: open to be written on.
        parts: number of those that are complete.
    """

    def __init__(self, rows: BinaryIO, journal: BinaryIO, parts: int):
        self.parts = parts
        self._rows, self._journal = rows, journal

    def add(self, part: Part) -> None:
        """Write a part; it is complete once its line of the journal is written."""
        self._rows.write(part.text)
        self._rows.flush()
        entry = {**asdict(part), "text": None, "end": self._rows.tell()}
        self._journal.write(json.dumps(entry).encode() + b"\n")
        self._journal.flush()
        self.parts += 1


@contextmanager
def growing(target: Path, key: dict[str, Any], on_part: Callable[[Part], None]) -> Iterator[GrowingFile]:
    """Open a file to grow; it replaces `target` when the block ends without an error.

    Args:
        target: path of the complete file.
        key: what the rows depend on; parts that were made with another key are removed.
        on_part: gets each part, without its text, that an earlier build completed.

    Raises:
        InputError: if it cannot be written. The complete parts stay, and so does the old `target`.
    """
    partial, journal = partial_of(target), journal_of(target)
    try:
        parts, end, journal_end = _complete_parts(partial, journal, key, on_part)
        with open(partial, "r+b" if parts else "w+b") as rows, open(journal, "r+b" if parts else "w+b") as lines:
            rows.truncate(end)
            rows.seek(end)
            lines.truncate(journal_end)
            lines.seek(journal_end)
            if not parts:
                lines.write(json.dumps({"key": key}).encode() + b"\n")
            yield GrowingFile(rows, lines, parts)
        os.replace(partial, target)
        journal.unlink()
    except OSError as error:
        reason = error.strerror or error
        raise InputError(
            f"{target} cannot be written ({reason}); free some space or give another path. The same command goes on "
            "from what is finished."
        ) from error


def _complete_parts(
    partial: Path, journal: Path, key: dict[str, Any], on_part: Callable[[Part], None]
) -> tuple[int, int, int]:
    """How many parts an earlier build left, and where they end in both files."""
    parts = end = position = journal_end = 0
    if not (partial.is_file() and journal.is_file()):
        return 0, 0, 0
    size = partial.stat().st_size
    with open(journal, "rb") as lines:
        for number, line in enumerate(lines):
            position += len(line)
            try:
                entry = decode_json(line.decode())
                if number == 0:
                    if entry["key"] != key:
                        return 0, 0, 0
                    continue
                part = Part(b"", entry["rows"], entry["counts"], entry["statistics"])
                if not line.endswith(b"\n") or entry["end"] > size:
                    break
            except (ValueError, KeyError, TypeError):
                break
            on_part(part)
            parts += 1
            end, journal_end = entry["end"], position
    return parts, end, journal_end
