"""Reading and writing files. A file is written under a temporary name and then renamed, so it is never incomplete."""

import datetime
import errno
import glob
import gzip
import hashlib
import json
import math
import os
import re
import shutil
import socket
import time
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

import yaml

from petoolbench import InputError, to_json_text

# Numbers of errors of this machine's disk and rights, whatever was to be read or written.
DISK_ERRORS = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.EDQUOT)
_ABANDONED_AFTER = 7 * 24 * 3600  # seconds without a change; a batch of requests may take a day
_TEMPORARY_NAME = re.compile(r"\.(?P<machine>[0-9a-f]{8})-(?P<process>\d+)\.tmp$")
_MOST_YAML_VALUES = 5_000_000
_DEEPEST_YAML = 100
_YAML_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the one in C is faster; not all builds have it


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


def write_json_lines(path: Path, rows: Iterable[dict]) -> int:
    """Write rows as JSON lines, all or none; returns the number of rows."""
    number = 0
    with replacing(path) as temporary, open(temporary, "w", encoding="utf-8") as file:
        for row in rows:
            file.write(to_json_text(row) + "\n")
            number += 1
    return number


def read_json_lines(path: Path) -> Iterator[dict]:
    """The rows of a file that `write_json_lines` wrote.

    Raises:
        InputError: if a line is not a JSON object; names the file and the line.
    """
    with open(path, encoding="utf-8") as file:
        for number, line in enumerate(file, start=1):
            try:
                row = decode_json(line)
            except ValueError as error:
                raise InputError(
                    f"{path}, line {number}: {error}; remove the file to have it written again."
                ) from None
            if not isinstance(row, dict):
                raise InputError(
                    f"{path}, line {number}: not a JSON object; remove the file to have it written again."
                )
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


def decode_json(text: str | bytes) -> Any:
    """Decode JSON that others wrote. NaN and infinities are refused: they are not JSON, and never equal themselves.

    Raises:
        ValueError: with a clause that says what is wrong, for text that is not JSON, is nested too deeply, or has a
            number that is too large.
    """
    try:
        return json.loads(text, parse_constant=refuse_constant, parse_float=finite_float)
    except UnicodeDecodeError as error:
        raise ValueError(f"not text in UTF-8 ({error.reason})") from None
    except json.JSONDecodeError as error:
        raise ValueError(f"not valid JSON ({error.msg})") from None
    except RecursionError:
        raise ValueError("JSON that is nested too deeply") from None
    except ValueError as error:
        if "digits" in str(error):  # of `int`, whose message speaks of Python's settings
            raise ValueError("a number has too many digits") from None
        raise


def refuse_constant(name: str) -> Any:
    """For a JSON decoder's `parse_constant`: refuse NaN and infinities."""
    raise ValueError(f"{name} is not a JSON number")


def finite_float(digits: str) -> float:
    """For a JSON decoder's `parse_float`: refuse numbers such as 1e999, which become infinite."""
    number = float(digits)
    if not math.isfinite(number):
        raise ValueError(f"the number {digits[:20]} is too large")
    return number


def not_permitted(path: str | Path) -> InputError:
    """The mistake of giving a file or folder that this user may not use."""
    return InputError(f"{path} belongs to another user (permission denied); ask for access, or give another path.")


def open_text(path: Path) -> IO[str]:
    """Open a file to read its text: UTF-8, gzipped or not, with or without a byte order mark."""
    return gzip.open(path, "rt", encoding="utf-8-sig") if path.suffix == ".gz" else open(path, encoding="utf-8-sig")


def read_text(path: str | Path) -> str:
    """The text of a file in UTF-8, gzipped or not, with or without a byte order mark.

    Raises:
        InputError: if the file is missing, may not be read, is incomplete or not such text.
    """
    path = Path(path)
    try:
        with open_text(path) as file:
            return file.read()
    except FileNotFoundError:
        raise InputError(f"{path} does not exist; check the path.") from None
    except PermissionError:
        raise not_permitted(path) from None
    except UnicodeDecodeError as error:
        raise InputError(
            f"{path} is not text in UTF-8 ({error.reason}); save it as UTF-8, or check the path."
        ) from None
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(
            f"{path} cannot be read ({error}); it may be damaged or cut short; download or create it again."
        ) from None


def read_json(path: str | Path) -> Any:
    """Decode a JSON file, gzipped or not.

    Raises:
        InputError: if the file is missing, incomplete or not JSON; names the file, and the line if it is known.
    """
    text = read_text(path)
    try:
        return decode_json(text)
    except ValueError as error:
        where, hint = str(path), ""
        if isinstance(error.__context__, json.JSONDecodeError):
            where += f", line {error.__context__.lineno}"
            if error.__context__.msg == "Extra data":
                hint = " If it holds one JSON value a line, name it .jsonl."
        raise InputError(f"{where}: {error}; correct or remove the file.{hint}") from None


def read_yaml(path: str | Path) -> Any:
    """Decode a YAML file whose values are those that JSON has; dates become text.

    Raises:
        InputError: if the file is missing, not YAML, or holds a value that JSON does not have.
    """
    text = read_text(path)
    try:
        _check_depth(text)
        return _json_value(yaml.load(text, Loader=_YAML_LOADER), [_MOST_YAML_VALUES])
    except RecursionError:
        raise InputError(f"{path} cannot be read as YAML: it is nested too deeply.") from None
    except (ValueError, TypeError, AttributeError, yaml.YAMLError) as error:
        raise InputError(f"{path} cannot be read as YAML: {' '.join(str(error).split())}.") from None


def _check_depth(text: str) -> None:
    """Raise `ValueError` for deep nesting: the loader in C would crash, the one in Python takes seconds."""
    depth = 0
    for event in yaml.parse(text, Loader=_YAML_LOADER):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > _DEEPEST_YAML:
            raise ValueError("it is nested too deeply")


def _json_value(value: Any, values_left: list[int]) -> Any:
    """A decoded YAML value with the types of JSON; raises `ValueError` for what JSON does not have."""
    values_left[0] -= 1
    if values_left[0] < 0:  # a file of a few lines can stand for billions of values
        raise ValueError(f"it stands for more than {_MOST_YAML_VALUES:,} values")
    if isinstance(value, dict):
        return {_yaml_key(key): _json_value(entry, values_left) for key, entry in value.items()}
    if isinstance(value, list):
        return [_json_value(entry, values_left) for entry in value]
    if isinstance(value, datetime.date):  # a `datetime` is one, too
        return value.isoformat()
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"{value} is not a number that JSON has")
    if value is not None and not isinstance(value, bool | int | float | str):
        raise ValueError(f"a value of the type {type(value).__name__} is not one that JSON has")
    return value


def _yaml_key(key: Any) -> str:
    if not isinstance(key, str):
        raise ValueError(f"the key {key!r} is not text; put it into quotes")
    return key
