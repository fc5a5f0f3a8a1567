"""Writing files and folders. A file is written under a temporary name and then renamed, so it is never incomplete."""

import errno
import glob
import hashlib
import json
import os
import re
import shutil
import socket
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from petoolbench import InputError, to_json_text
from petoolkit.decoding import decode_json

# Numbers of errors of this machine's disk and rights, whatever was to be read or written.
DISK_ERRORS = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.EDQUOT)
_ABANDONED_AFTER = 7 * 24 * 3600  # seconds without a change; a batch of requests may take a day
_TEMPORARY_NAME = re.compile(r"\.(?P<machine>[0-9a-f]{8})-(?P<process>\d+)\.tmp$")


@contextmanager
def replacing(target: Path) -> Iterator[Path]:
    """Yield a temporary path to write a file or folder to; it replaces `target` when the block ends without an error.

    After an error, or after the process was killed at any moment, `target` is unchanged. A link as `target` stays, and
    what it points to is replaced.

    Raises:
        InputError: if the disk is full, or `target` cannot be written.
    """
    target = target.resolve() if target.is_symlink() else target
    temporary = target.with_name(f".{target.name}.{_this_machine()}-{os.getpid()}.tmp")
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


def _this_machine() -> str:
    """A short hash of this machine's name: 8 hexadecimal digits."""
    return hashlib.sha256(socket.gethostname().encode()).hexdigest()[:8]


def _remove_leftovers(target: Path) -> None:
    """Remove the temporary files for `target` of processes that no longer run.

    In a folder that several machines share, it is not known which processes of the others run: what they left goes
    once it has not changed for `_ABANDONED_AFTER`.
    """
    for leftover in target.parent.glob(f".{glob.escape(target.name)}.*.tmp"):
        named = _TEMPORARY_NAME.search(leftover.name)
        if named is None or leftover.name[1 : named.start()] != target.name:
            continue
        if named["machine"] == _this_machine():
            is_abandoned = not is_alive(int(named["process"]))
        else:
            is_abandoned = time.time() - _last_change(leftover) > _ABANDONED_AFTER
        if is_abandoned:
            _remove(leftover)


def _last_change(path: Path) -> float:
    """The time of the last change of a file, or of anything in a folder, in seconds since 1970."""
    times = [time.time()]  # what vanishes meanwhile has just changed
    with suppress(FileNotFoundError):
        times = [each.lstat().st_mtime for each in (path, *path.rglob("*"))]
    return max(times)


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
    with suppress(FileNotFoundError):
        os.rename(old, new)  # from now on it is a leftover: half removed, it must not be restored
    _remove(new)


def _old_folder(folder: Path) -> Path:
    """The path to which a folder is renamed while a new one replaces it."""
    return folder.with_name(f".{folder.name}.old")


def is_half_replaced(folder: Path) -> bool:
    """Whether a process is, or was killed, between the two renames of a replacement."""
    return not folder.exists() and _old_folder(folder.resolve()).is_dir()


def restore_folder(folder: Path) -> None:
    """Restore the old folder if a process was killed between the two renames of a replacement, and remove what killed
    processes left beside it."""
    if is_half_replaced(folder):
        os.rename(_old_folder(folder.resolve()), folder.resolve())
    _remove_leftovers(folder.resolve())


def write_json_lines(path: Path, rows: Iterable[dict | str]) -> int:
    """Write rows, or the JSON texts of rows, as JSON lines, all or none; returns the number of rows."""
    number = 0
    with replacing(path) as temporary, open(temporary, "w", encoding="utf-8") as file:
        for row in rows:
            file.write(json_line(row))
            number += 1
    return number


def json_line(row: dict | str) -> str:
    """The line of a row, or of the JSON text of a row."""
    return f"{row if isinstance(row, str) else to_json_text(row)}\n"


def read_json_lines(path: Path) -> Iterator[dict]:
    """The rows of a file that `write_json_lines` wrote.

    Raises:
        InputError: if a line is not a JSON object; names the file and the line.
    """
    with open(path, encoding="utf-8") as file:
        yield from decoded_lines(path, file)


def decoded_lines(path: Path, lines: Iterable[str], first: int = 1) -> Iterator[dict]:
    """The rows in lines of such a file, of which `first` is the number of the first; raises what it raises."""
    for number, line in enumerate(lines, start=first):
        try:
            row = decode_json(line)
        except ValueError as error:
            raise InputError(f"{path}, line {number}: {error}; remove the file to have it written again.") from None
        if not isinstance(row, dict):
            raise InputError(f"{path}, line {number}: not a JSON object; remove the file to have it written again.")
        yield row


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
