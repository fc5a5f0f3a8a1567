"""Finding the files of catalogues, and reading them, whatever format of `FORMATS` they hold."""

import re
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from petoolbench import InputError, check_choice
from petoolkit.block_rules import UNCATEGORISED
from petoolkit.chunks import in_chunks
from petoolkit.decoding import decode_json, not_permitted, open_text, read_json, read_yaml

from . import FORMATS
from .catalogue_format import CatalogueFormat, Source
from .catalogue_settings import CatalogueSettings
from .tool_document import ToolDocument

EMBEDDED = "embedded"
_EMBEDDED_FOLDER = Path(__file__).parent / "embedded"
_SUFFIXES = (".json", ".jsonl", ".json.gz", ".jsonl.gz")  # of what is looked for in folders
_LINES_AT_ONCE = 500
_MOST_LEVELS = 200  # of values within others
_YAML_SUFFIXES = (".yaml", ".yml")  # in folders, which are full of such files, read if they hold an OpenAPI document
_OPENAPI_LINE = re.compile(r"""(?:\{\s*)?["']?(?:openapi|swagger)["']?\s*:""")


@dataclass(frozen=True)
class CataloguePart:
    """A catalogue file, or some lines of one, to be decoded.

    Args:
        settings: names to use instead of its own.
        file: the file.
        first: the number of the first line.
        lines: of a file with one value a line; `None` for another file, which is read as a whole.
    """

    settings: CatalogueSettings
    file: Path
    first: int = 1
    lines: list[str] | None = None

    def documents(self, counts: Counter[str]) -> Iterator[ToolDocument]:
        """Its tool documents; see `documents_of`."""
        values = _values(self.file) if self.lines is None else _values_of_lines(self.file, self.first, self.lines)
        read = _documents_of_values(values, Source(self.file, counts), Counter())
        return named_documents(read, self.settings, self.file, counts)


def catalogue_parts(catalogues: Iterable[CatalogueSettings]) -> Iterator[CataloguePart]:
    """Catalogues in parts that can be decoded each on its own, in their order.

    Raises:
        InputError: see `catalogue_files`, or if a file cannot be read.
    """
    for settings in catalogues:
        for file in catalogue_files([settings.path]):
            if file.suffix in _YAML_SUFFIXES or not _holds_json_lines(file):
                yield CataloguePart(settings, file)
                continue
            for number, lines in enumerate(in_chunks(_lines_of(file), _LINES_AT_ONCE)):
                yield CataloguePart(settings, file, number * _LINES_AT_ONCE + 1, lines)


def documents_of(catalogues: Iterable[CatalogueSettings], counts: Counter[str]) -> Iterator[ToolDocument]:
    """Tool documents of catalogues, in their order; each has a category and a provider.

    Args:
        catalogues: where they are, and names to use instead of their own.
        counts: gets what was left out or taken from elsewhere, for each reason.

    Raises:
        InputError: see `catalogue_files` and `read_catalogue`.
    """
    for part in catalogue_parts(catalogues):
        yield from part.documents(counts)


def named_documents(
    documents: Iterable[ToolDocument], settings: CatalogueSettings, file: Path, counts: Counter[str]
) -> Iterator[ToolDocument]:
    """Documents of one file, each with a category and a provider (see `documents_of`)."""
    return (_named(document, settings, file, counts) for document in documents)


def _named(document: ToolDocument, settings: CatalogueSettings, file: Path, counts: Counter[str]) -> ToolDocument:
    """A document with the names that the settings give, and with others for those that are still missing."""
    given = {
        "category": settings.category,
        "tool": settings.provider,
        "tool_description": settings.provider_description,
        "background": settings.background or None,
    }
    named = document.model_copy(update={name: value for name, value in given.items() if value is not None})
    if not named.category.strip():
        counts[f"taken: no category is known, so `{UNCATEGORISED}`"] += 1
        named.category = UNCATEGORISED
    if not named.tool.strip():
        counts["taken: no provider is known, so the file's name"] += 1
        named.tool = file.name.partition(".")[0]
    return named


def catalogue_files(catalogues: list[str]) -> list[Path]:
    """The files behind catalogue names, in a fixed order.

    A name is `embedded`, `embedded/CATEGORY`, a file, or a folder that is searched in depth. A file that is named may
    have any suffix if it holds JSON.

    Raises:
        InputError: if one does not exist, is of another kind, or holds no catalogue file.
    """
    files: list[Path] = []
    for name in catalogues:
        path = Path(name)
        if name == EMBEDDED:
            found = sorted(_EMBEDDED_FOLDER.glob("*.yaml"))
        elif name.startswith(f"{EMBEDDED}/"):
            found = [_embedded_file(name)]
        elif path.is_dir():
            found = sorted(file for file in path.rglob("*") if file.is_file() and _may_hold_tools(file))
        elif path.exists() and (name.endswith((*_SUFFIXES, *_YAML_SUFFIXES)) or _looks_like_json(path)):
            found = [path]
        elif path.exists():
            known = ", ".join((*_SUFFIXES, *_YAML_SUFFIXES))
            raise InputError(
                f"catalogue {name} is of no known kind; give {known}, another file that holds JSON, a folder, or "
                f"`{EMBEDDED}`."
            )
        else:
            raise InputError(f"catalogue {name} does not exist; check --catalogue.")
        if not found:
            raise InputError(f"catalogue {name} holds no {', '.join(_SUFFIXES)} file; check --catalogue.")
        files += found
    return files


def _may_hold_tools(file: Path) -> bool:
    """Whether a file in a folder is read: by its suffix, and of YAML files those with an OpenAPI document."""
    if file.suffix not in _YAML_SUFFIXES:
        return file.name.endswith(_SUFFIXES)
    try:
        with open_text(file) as lines:
            return any(_OPENAPI_LINE.match(line) for line in lines)
    except (OSError, UnicodeDecodeError):
        return False


def _looks_like_json(file: Path) -> bool:
    """Whether a file of another suffix begins as an object or a list does."""
    try:
        with open_text(file) as text:
            return text.read(1000).lstrip()[:1] in ("{", "[")
    except (OSError, EOFError, UnicodeDecodeError, zlib.error):
        return False


def _embedded_file(name: str) -> Path:
    files = {f"{EMBEDDED}/{file.stem}": file for file in _EMBEDDED_FOLDER.glob("*.yaml")}
    check_choice(name, sorted(files), "part of the embedded catalogue")
    return files[name]


def read_catalogue(
    file: Path, counts: Counter[str] | None = None, formats: Counter[str] | None = None
) -> Iterator[ToolDocument]:
    """Tool documents of one catalogue file, with the names that it has.

    Args:
        file: of any format of `FORMATS`.
        counts: gets what was left out, for each reason.
        formats: gets the number of entries in each format.

    Raises:
        InputError: naming the file and the line (or entry) that is damaged or of the wrong form.
    """
    source = Source(file, Counter() if counts is None else counts)
    return _documents_of_values(_values(file), source, Counter() if formats is None else formats)


def _documents_of_values(
    values: Iterable[tuple[str, Any]], source: Source, formats: Counter[str]
) -> Iterator[ToolDocument]:
    for where, value in values:
        yield from _documents(value, source, where, formats)


def _values(file: Path) -> Iterator[tuple[str, Any]]:
    """The decoded values of a file, each with its position in it; those of a list are values of their own."""
    if file.suffix in _YAML_SUFFIXES:
        yield from _entries("", read_yaml(file))
    elif _holds_json_lines(file):
        yield from _values_of_lines(file, 1, _lines_of(file))
    else:
        yield from _entries("", read_json(file))


def _values_of_lines(file: Path, first: int, lines: Iterable[str]) -> Iterator[tuple[str, Any]]:
    for number, line in enumerate(lines, start=first):
        if line.strip():
            value = _decoded(line, file, number)
            yield from _entries(f"line {number}, ", value) if isinstance(value, list) else [(f"line {number}", value)]


def _entries(where: str, value: Any) -> Iterator[tuple[str, Any]]:
    for number, entry in enumerate(value if isinstance(value, list) else [value], start=1):
        if isinstance(entry, list):  # a list of lists of tools; deeper lists are no known form
            yield from ((f"{where}entry {number}, entry {inner}", one) for inner, one in enumerate(entry, start=1))
        else:
            yield f"{where}entry {number}", entry


def _holds_json_lines(file: Path) -> bool:
    """Whether a file holds one value a line: named so, or with a first line that is a value and has others below it.

    A file that is named so and holds one value over many lines has that value.
    """
    is_named_so = file.name.endswith((".jsonl", ".jsonl.gz"))
    try:
        with open_text(file) as text:
            filled = (line for line in text if line.strip())
            first = next(filled, "")
            if next(filled, None) is None:
                return is_named_so
        decode_json(first)
    except (OSError, EOFError, UnicodeDecodeError, zlib.error):
        return is_named_so
    except ValueError:
        return is_named_so and not _is_one_value(file)
    return True


def _is_one_value(file: Path) -> bool:
    try:
        return isinstance(read_json(file), dict | list)
    except InputError:
        return False


def _lines_of(file: Path) -> Iterator[str]:
    number = 0
    try:
        with open_text(file) as lines:
            for line in lines:
                number += 1
                yield line
    except PermissionError:
        raise not_permitted(file) from None
    except (OSError, EOFError, UnicodeDecodeError, zlib.error) as error:
        raise InputError(
            f"{file}, after line {number}: cannot be read ({error}); it may be damaged or cut short: fetch it again."
        ) from None


def _decoded(line: str, file: Path, number: int) -> Any:
    try:
        return decode_json(line)
    except ValueError as error:
        raise InputError(f"{file}, line {number}: {error}; mend or remove the line.") from None


def format_of(value: Any) -> CatalogueFormat | None:
    """The format of a decoded value; `None` if it has none that is known."""
    return next((one for one in FORMATS if one.is_form_of(value)), None)


def _documents(value: Any, source: Source, where: str, formats: Counter[str]) -> Iterator[ToolDocument]:
    known = format_of(value)
    if known is None:
        forms = "; ".join(f"{one.name} ({one.form})" for one in FORMATS)
        raise InputError(
            f"{source.file}, {where}: this is not a tool in a form that can be read; known are {forms}. Bring it into "
            "one of these forms, or leave it out."
        )
    formats[known.name] += 1
    try:
        _check_depth(value)
        yield from known.documents(value, source)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(map(str, first["loc"])) or "the whole"
        raise InputError(
            f"{source.file}, {where}: `{field}`: {first['msg'].lower()} (in {known.name}); mend it or leave it out."
        ) from None
    except ValueError as error:
        raise InputError(f"{source.file}, {where}: {error} (in {known.name}); mend it or leave it out.") from None


def _check_depth(value: Any) -> None:
    """Raise `ValueError` for a value that is nested so deeply that functions which call themselves could not end."""
    level = [value]
    for _ in range(_MOST_LEVELS):
        parts = (one.values() if isinstance(one, dict) else one for one in level if isinstance(one, (dict, list)))
        level = list(chain.from_iterable(parts))
        if not level:
            return
    raise ValueError(f"values are nested deeper than {_MOST_LEVELS} levels")
