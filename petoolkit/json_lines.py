"""The rows of a file of JSON lines, which other processes can decode part by part."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from petoolkit.chunks import in_chunks
from petoolkit.files import decoded_lines, read_json_lines


class JsonLines:
    """Rows that are read from their file each time that they are asked for.

    Args:
        path: of a file that `petoolkit.files.write_json_lines` wrote.

    Raises what `petoolkit.files.read_json_lines` raises, when rows are asked for.
    """

    def __init__(self, path: Path):
        self._path = path

    def __iter__(self) -> Iterator[dict]:
        return read_json_lines(self._path)

    def parts(self, size: int) -> "Iterator[LinesOfFile]":
        """All rows, so many at a time, not decoded."""
        with open(self._path, encoding="utf-8") as file:
            for number, lines in enumerate(in_chunks(file, size)):
                yield LinesOfFile(self._path, number * size + 1, lines)


@dataclass(frozen=True)
class LinesOfFile:
    """Some rows of a file, decoded each time that they are asked for.

    Args:
        path: of the file, for messages.
        first: the number of the first line.
        lines: the rows' lines.
    """

    path: Path
    first: int
    lines: list[str]

    def __iter__(self) -> Iterator[dict]:
        return decoded_lines(self.path, self.lines, self.first)

    def __len__(self) -> int:
        return len(self.lines)
