"""Files that are read with a clear word about what is wrong, and never half-written: write beside, then rename."""

import gzip
import hashlib
import json
import os
import shutil
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from petoolbench import InputError, to_json_text


@contextmanager
def replacing(target: Path) -> Iterator[Path]:
    """Give a path beside `target` to write a file or folder at; it takes the place of `target` when the block ends
    well.

    After an error, or a kill at any moment, `target` is what it was.

    Raises:
        InputError: if the disk is full, or the place can't be written.
    """
    beside = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        _remove_leftovers(target)
        yield beside
        if beside.is_dir():
            _replace_folder(beside, target)
        else:
            os.replace(beside, target)
    except OSError as error:
        reason = error.strerror or error
        raise InputError(f"{target} cannot be written ({reason}); free some space or name another place.") from error
    finally:
        _remove(beside)


def _remove_leftovers(target: Path) -> None:
    """Remove what killed processes were writing for `target`; what a living one writes stays."""
    for leftover in target.parent.glob(f".{target.name}.*.tmp"):
        writer = leftover.name.split(".")[-2]
        if writer.isdecimal() and not is_alive(int(writer)):
            _remove(leftover)


def is_alive(process: int) -> bool:
    """Whether a process of this number runs on this machine."""
    try:
        os.kill(process, 0)  # sends nothing; only asks
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    elif path.exists():
        path.unlink()


def _replace_folder(new: Path, target: Path) -> None:
    old = _set_aside(target)
    if old.exists():
        shutil.rmtree(old)
    if target.exists():
        os.rename(target, old)
    os.rename(new, target)
    shutil.rmtree(old, ignore_errors=True)


def _set_aside(folder: Path) -> Path:
    return folder.with_name(f".{folder.name}.old")


def restore_folder(folder: Path) -> None:
    """Bring back what a kill between the two renames of a replacement had set aside."""
    if not folder.exists() and _set_aside(folder).exists():
        os.rename(_set_aside(folder), folder)


def write_json_lines(path: Path, rows: Iterable[dict]) -> int:
    """Write rows as JSON lines, in one piece; returns their number."""
    number = 0
    with replacing(path) as beside, open(beside, "w", encoding="utf-8") as file:
        for row in rows:
            file.write(to_json_text(row) + "\n")
            number += 1
    return number


def read_json_lines(path: Path) -> Iterator[dict]:
    """Rows of a file that `write_json_lines` wrote."""
    with open(path, encoding="utf-8") as file:
        for line in file:
            yield json.loads(line)


def write_json(path: Path, value: object) -> None:
    """Write one JSON value, indented, in one piece."""
    with replacing(path) as beside:
        beside.write_text(json.dumps(value, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")


def content_hash(*paths: Path) -> str:
    """SHA-256 of files' contents, in the order given; 64 hexadecimal digits."""
    digest = hashlib.sha256()
    for path in paths:
        with open(path, "rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()


def content_version(*paths: Path) -> str:
    """A config's version in the form that `datasets` accepts (x.y.z), its last part the content's hash.

    The cache of `datasets` goes by a card's YAML alone: without a trace of the content it would return old rows.
    """
    return f"1.0.{int(content_hash(*paths)[:12], 16)}"


def read_json(path: str | Path) -> Any:
    """Decode a JSON file, gzipped or not.

    Raises:
        InputError: if it is missing, cut short or no JSON; names the file and the line.
    """
    path = Path(path)
    try:
        with gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else open(path, encoding="utf-8") as file:
            return json.load(file)
    except json.JSONDecodeError as error:
        raise InputError(
            f"{path}, line {error.lineno}: not valid JSON ({error.msg}); mend or remove the file."
        ) from None
    except FileNotFoundError:
        raise InputError(f"{path} does not exist; check the path.") from None
    except (OSError, EOFError, UnicodeDecodeError, zlib.error) as error:
        raise InputError(f"{path} cannot be read ({error}); it may be damaged or cut short: fetch it again.") from None
