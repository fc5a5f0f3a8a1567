"""Locks on folders while they are written, so that two processes never write into one folder at once."""

import json
import os
import re
import socket
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from petoolbench import InputError
from petoolkit.console import make_console
from petoolkit.files import is_half_replaced, restore_folder

_URL = re.compile(r"[a-z][a-z0-9+.-]+:/", re.IGNORECASE)  # as paths have it, with one stroke
_PATIENCE = 0.5  # seconds; another process may just be finishing, or may not have written its name yet


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the lock of a folder; what a killed process left of the folder is restored first.

    The lock is the operating system's, on the file `.<name>.lock` beside the folder: it ends with the process that
    holds it, however that ends. The file's text only names the holder, for the message. Where the file system cannot
    lock, a message on standard error says so, and the block runs without a lock.

    Raises:
        InputError: if another process holds the lock (names the process and its machine), no file can be made there,
            or the folder is a URL.
    """
    _check_no_url(folder)
    folder = folder.resolve()
    lock = _acquired(folder)
    try:
        restore_folder(folder)
        yield
    finally:
        if lock is not None:
            Path(lock.lock_file).unlink(missing_ok=True)  # while it is held: whoever waits for it looks again
            lock.release()


@contextmanager
def all_locked(folders: Iterable[Path]) -> Iterator[None]:
    """Hold the locks of several folders, all different, so that what is read of them fits together; see `locked`."""
    with ExitStack() as stack:
        for folder in folders:
            stack.enter_context(locked(folder))
        yield


def restore_if_abandoned(folder: Path) -> None:
    """Restore a folder that a killed process was replacing; called by commands that read the folder.

    Raises:
        InputError: if another process is writing the folder.
    """
    if is_half_replaced(folder):
        with locked(folder):  # which restores it, unless its writer is alive
            pass


def check_outside(output: Path, dataset: str | Path, option: str) -> None:
    """Check that an output is neither a dataset's folder nor inside it: a build would lose it, or refuse it.

    Raises:
        InputError: naming both.
    """
    if output.resolve().is_relative_to(Path(dataset).resolve()):
        raise InputError(
            f"{output} is in the dataset's folder {dataset}/, which a build replaces; give another {option}."
        )


def _check_no_url(folder: Path) -> None:
    """An object store has no locks, and its files cannot be renamed: no dataset and no results are written there."""
    if _URL.match(str(folder)):
        url = str(folder).replace(":/", "://", 1)
        raise InputError(
            f"{url} is a URL, and only the --run of a build can be one; mount the store as a folder, or give a folder "
            "of this machine and copy it afterwards."
        )


def _acquired(folder: Path) -> FileLock | None:
    path = folder.with_name(f".{folder.name}.lock")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # An existing file as a lock would outlive a killed process: rather none than that.
        lock = FileLock(path, fallback_to_soft=False)
        lock.acquire(timeout=_PATIENCE)
        path.write_text(json.dumps({"process": os.getpid(), "machine": socket.gethostname()}), encoding="utf-8")
    except Timeout:
        if not path.exists():  # a file system that makes no files, such as /proc
            raise InputError(f"{folder}/ cannot be written; give another folder.") from None
        raise InputError(
            f"{folder}/ is being written by {_holder(path)}; wait until it has finished, or give another folder."
        ) from None
    except (OSError, NotImplementedError) as error:
        make_console(stderr=True).print(
            f"{folder}/ cannot be locked ({getattr(error, 'strerror', None) or error}): do not write it from two "
            "processes at once.",
            markup=False,
            highlight=False,
        )
        return None
    return lock


def _holder(path: Path) -> str:
    try:
        named = json.loads(path.read_text(encoding="utf-8"))
        return f"process {named['process']} on {named['machine']}"
    except (OSError, ValueError, KeyError, TypeError):
        return "another process"
