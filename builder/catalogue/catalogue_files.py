"""Finding the files of catalogues, and reading them, whatever format of `FORMATS` they hold."""

import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from petoolbench import InputError, check_choice
from petoolkit.decoding import decode_json, not_permitted, open_text, read_json, read_text, read_yaml

from . import FORMATS
from .tool_document import ToolDocument

EMBEDDED = "embedded"
_EMBEDDED_FOLDER = Path(__file__).parent / "embedded"
_SUFFIXES = (".json", ".jsonl", ".json.gz", ".jsonl.gz")  # of what is looked for in folders
_YAML_SUFFIXES = (".yaml", ".yml")  # only read where they are named: folders are full of such files


def catalogue_files(catalogues: list[str]) -> list[Path]:
    """The files behind catalogue names, in a fixed order.

    A name is `embedded`, `embedded/CATEGORY`, a file, or a folder that is searched in depth.

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
            found = sorted(file for file in path.rglob("*") if file.is_file() and file.name.endswith(_SUFFIXES))
        elif path.exists() and name.endswith((*_SUFFIXES, *_YAML_SUFFIXES)):
            found = [path]
        elif path.exists():
            known = ", ".join((*_SUFFIXES, *_YAML_SUFFIXES))
            raise InputError(f"catalogue {name} is of no known kind; give {known}, a folder, or `{EMBEDDED}`.")
        else:
            raise InputError(f"catalogue {name} does not exist; check --catalogue.")
        if not found:
            raise InputError(f"catalogue {name} holds no {', '.join(_SUFFIXES)} file; check --catalogue.")
        files += found
    return files


def _embedded_file(name: str) -> Path:
    files = {f"{EMBEDDED}/{file.stem}": file for file in _EMBEDDED_FOLDER.glob("*.yaml")}
    check_choice(name, sorted(files), "part of the embedded catalogue")
    return files[name]


def read_catalogue(file: Path) -> Iterator[ToolDocument]:
    """Tool documents of one catalogue file.

    Raises:
        InputError: naming the file and the line (or entry) that is damaged or of the wrong form.
    """
    for where, value in _values(file):
        yield from _documents(value, file, where)


def _values(file: Path) -> Iterator[tuple[str, Any]]:
    """The decoded values of a file, each with its position in it."""
    if file.name.endswith((".jsonl", ".jsonl.gz")):
        yield from _json_lines(file)
        return
    if file.suffix in _YAML_SUFFIXES:
        value = read_yaml(file)
    else:
        try:
            value = read_json(file)
        except InputError:
            if not _holds_json_lines(file):
                raise
            yield from _json_lines(file)
            return
    entries = value if isinstance(value, list) else [value]
    yield from ((f"entry {number}", entry) for number, entry in enumerate(entries, start=1))


def _holds_json_lines(file: Path) -> bool:
    """Whether the first line of a file that has more lines is a JSON object by itself."""
    first, _, rest = read_text(file).lstrip().partition("\n")
    try:
        return bool(rest.strip()) and isinstance(decode_json(first), dict)
    except ValueError:
        return False


def _json_lines(file: Path) -> Iterator[tuple[str, Any]]:
    number = 0
    try:
        with open_text(file) as lines:
            for number, line in enumerate(lines, start=1):
                if line.strip():
                    yield f"line {number}", _decoded(line, file, number)
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


def _documents(value: Any, file: Path, where: str) -> Iterator[ToolDocument]:
    known = next((one for one in FORMATS if one.is_form_of(value)), None)
    if known is None:
        forms = "; ".join(f"{one.name} ({one.form})" for one in FORMATS)
        raise InputError(
            f"{file}, {where}: this is not a tool in a form that can be read; known are {forms}. Bring it into one of "
            "these forms, or leave it out."
        )
    try:
        yield from known.documents(value, file)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(map(str, first["loc"])) or "the whole"
        raise InputError(
            f"{file}, {where}: `{field}`: {first['msg'].lower()} (in {known.name}); mend it or leave it out."
        ) from None
