"""Reading and writing files. A file is written under a temporary name and then renamed, so it is never incomplete."""

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
    """Yield a temporary path to write a file or folder to; it replaces `target` when the block ends without an error.

    After an error, or after the process was killed at any moment, `target` is unchanged. A link as `target` stays, and
    what it points to is replaced.

    Raises:
        InputError: if the disk is full, or `target` cannot be written.
    """
    target = target.resolve() if target.is_symlink() else target
    temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        _remove_leftovers(target)
        _remove(temporary)  # of a dead process that had this process's number
        yield temporary
        if temporary.is_dir():
            _replace_folder(temporary, target)
        else:
            os.replace(temporary, target)
    except OSError as error:
        reason = error.strerror or error
        raise InputError(f"{target} cannot be written ({reason}); free some space or give another path.") from error
    finally:
        _remove(temporary)


def _remove_leftovers(target: Path) -> None:
    """Remove the temporary files for `target` of processes that no longer run."""
    for leftover in target.parent.glob(f".{target.name}.*.tmp"):
        writer = leftover.name.split(".")[-2]
        if writer.isdecimal() and not is_alive(int(writer)):
            _remove(leftover)


def is_alive(process: int) -> bool:
    """Whether a process with this number runs on this machine."""
    try:
        os.kill(process, 0)  # signal 0 only checks that the process exists
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    elif path.is_symlink() or path.exists():
        path.unlink()


def _replace_folder(new: Path, target: Path) -> None:
    old = _old_folder(target)
    _remove(old)
    if target.exists():
        os.rename(target, old)
    os.rename(new, target)
    shutil.rmtree(old, ignore_errors=True)


def _old_folder(folder: Path) -> Path:
    """The path to which a folder is renamed while a new one replaces it."""
    return folder.with_name(f".{folder.name}.old")


def is_half_replaced(folder: Path) -> bool:
    """Whether a process is, or was killed, between the two renames of a replacement."""
    return not folder.exists() and _old_folder(folder.resolve()).is_dir()


def restore_folder(folder: Path) -> None:
    """Restore the old folder if a process was killed between the two renames of a replacement."""
    if is_half_replaced(folder):
        os.rename(_old_folder(folder.resolve()), folder.resolve())


def write_json_lines(path: Path, rows: Iterable[dict]) -> int:
    """Write rows as JSON lines, all or none; returns the number of rows."""
    number = 0
    with replacing(path) as temporary, open(temporary, "w", encoding="utf-8") as file:
        for row in rows:
            file.write(to_json_text(row) + "\n")
            number += 1
    return number


def read_json_lines(path: Path) -> Iterator[dict]:
    """The rows of a file that `write_json_lines` wrote."""
    with open(path, encoding="utf-8") as file:
        for line in file:
            yield json.loads(line)


def write_json(path: Path, value: object) -> None:
    """Write one JSON value, indented."""
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(value, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")


def content_hash(*paths: Path) -> str:
    """SHA-256 of the contents of files, in the given order, as 64 hexadecimal digits."""
    digest = hashlib.sha256()
    for path in paths:
        with open(path, "rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()


def content_version(*paths: Path) -> str:
    """The version of a config in the form that `datasets` accepts (x.y.z); the last part is a hash of the content.

    The cache key of `datasets` depends on the YAML of a card only: without a hash of the content in that YAML, the
    cache would return old rows.
    """
    return f"1.0.{int(content_hash(*paths)[:12], 16)}"


def read_json(path: str | Path) -> Any:
    """Decode a JSON file, gzipped or not.

    Raises:
        InputError: if the file is missing, incomplete or not JSON; names the file and the line.
    """
    path = Path(path)
    try:
        with gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else open(path, encoding="utf-8") as file:
            return json.load(file)
    except json.JSONDecodeError as error:
        raise InputError(
            f"{path}, line {error.lineno}: not valid JSON ({error.msg}); correct or remove the file."
        ) from None
    except FileNotFoundError:
        raise InputError(f"{path} does not exist; check the path.") from None
    except (OSError, EOFError, UnicodeDecodeError, zlib.error) as error:
        raise InputError(
            f"{path} cannot be read ({error}); it may be damaged or cut short; download or create it again."
        ) from None
