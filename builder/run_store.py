"""The run's folder of a build in an object store: another machine goes on from what it holds.

Files of a run grow, are renamed and mapped, which object stores cannot do. So the build works on a copy in this
machine's cache. The store gets each file once it is complete, in the order in which they were written, a stage's
manifest behind its rows; and of a stage that grows, what was added.
"""

import hashlib
import json
import os
import secrets
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from petoolbench import InputError
from petoolkit.console import make_console
from petoolkit.decoding import decode_json, read_json
from petoolkit.engines.object_store import is_url, reaching, store_of
from petoolkit.engines.shared_file import SharedFile
from petoolkit.files import content_hash, is_alive, write_json
from petoolkit.folder_lock import locked
from petoolkit.store import cache_folder

from .stored_growth import StoredGrowth, fetch_growing, remove_growing

_RUNS = "runs"  # folder of the cache
_WRITER = "writer.json"  # who writes, or wrote last
_STATE = ".kept.json"  # in the copy: which of its files the store has
_HEARTBEAT = 60  # seconds between two signs of life of a writer
_LEFT_AFTER = 600  # seconds without one


@contextmanager
def opened_run(folder_or_url: Path | str) -> Iterator[tuple[Path, "RunStore | None"]]:
    """Hold the folder of a run: a folder, or this machine's copy of one in an object store.

    Args:
        folder_or_url: a folder, or a URL.

    Yields:
        The folder; and if it is a URL, what keeps the folder's files there.

    Raises:
        InputError: if another process writes it, or the store can't be reached.
    """
    url = str(folder_or_url).rstrip("/")
    if not is_url(url):
        with locked(Path(folder_or_url)):
            yield Path(folder_or_url), None
        return
    folder = cache_folder() / _RUNS / hashlib.sha256(url.encode()).hexdigest()[:16]
    with locked(folder):
        store = RunStore(url, folder)
        with store.written():
            yield folder, store


class RunStore:
    """What keeps a run's files in an object store.

    Args:
        url: of the run.
        folder: the copy on this machine.

    Raises:
        InputError: if there is no such store.
    """

    def __init__(self, url: str, folder: Path):
        self.url = url
        self._folder = folder
        self._store, root = store_of(url)
        self._root = root.rstrip("/")
        self._token = secrets.token_hex(8)
        self._kept: dict[str, list[int]] = {}  # of each file that the store has, size and time of its last change
        self._taken_over_by = ""

    @contextmanager
    def written(self) -> Iterator[None]:
        """Be the one process that writes the run: begin with what the store holds, and leave it what was made.

        Raises:
            InputError: if another process writes the run, or the store can't be reached.
        """
        with self._reaching():
            last = self._last_writer()
            _check_free(self.url, last)
            self._sign()
            self._begin(last)
        stopped = threading.Event()
        heart = threading.Thread(target=self._beat, args=(stopped,), daemon=True)
        heart.start()
        try:
            yield
        except BaseException:
            with suppress(InputError):  # what ended the build counts for more
                self._leave(stopped, heart)
            raise
        self._leave(stopped, heart)

    def _leave(self, stopped: threading.Event, heart: threading.Thread) -> None:
        stopped.set()
        heart.join()
        self.keep_changed()
        with self._reaching():
            self._sign(ended=True)

    def _last_writer(self) -> dict[str, Any]:
        self._store.invalidate_cache()
        try:
            writer = decode_json(self._store.cat_file(f"{self._root}/{_WRITER}").decode())
        except (FileNotFoundError, ValueError):
            return {}
        return writer if isinstance(writer, dict) else {}

    def _sign(self, ended: bool = False) -> None:
        signed = {"token": self._token, "machine": socket.gethostname(), "process": os.getpid()}
        text = json.dumps({**signed, "time": time.time(), "ended": ended})
        self._store.makedirs(self._root, exist_ok=True)  # nothing in an object store
        self._store.pipe_file(f"{self._root}/{_WRITER}", text.encode())

    def _beat(self, stopped: threading.Event) -> None:
        while not stopped.wait(_HEARTBEAT):
            with suppress(Exception):  # if the store can't be reached, the next file says so
                writer = self._last_writer()
                if writer.get("token", self._token) != self._token:
                    self._taken_over_by = _name(writer)
                    return
                self._sign()

    def _begin(self, last: dict[str, Any]) -> None:
        """Take the copy as it is if nobody has written the run elsewhere since, else fetch it, and say so."""
        self._folder.mkdir(parents=True, exist_ok=True)
        state: Any = None
        with suppress(InputError):
            state = read_json(self._folder / _STATE)
        last_token = last.get("token")
        if isinstance(state, dict) and last_token and state.get("token") == last_token:
            self._kept = dict(state.get("kept", {}))
        else:
            if last:
                said = f"Fetching {self.url}/, which was last written by {_name(last)}"
                make_console(stderr=True).print(said, markup=False, highlight=False)
            self._fetch()
        self._note()

    def _fetch(self) -> None:
        """Make the copy anew; complete files that it has already are not fetched again."""
        found = [path.removeprefix(f"{self._root}/") for path in self._store.find(self._root)]
        names = {name for name in found if "/" not in name and name != _WRITER and not name.startswith(".")}
        records = {name for name in names if name.endswith(".json")}
        for path in self._folder.iterdir():
            if path.name in records or path.name not in names:
                path.unlink()
        self._kept = {}
        for name in [*sorted(records), *sorted(names - records)]:
            path = self._folder / name
            if not (path.is_file() and content_hash(path) == _recorded_hash(path)):
                self._store.get_file(f"{self._root}/{name}", str(path))
            self._kept[name] = _state(path)
        fetch_growing(self._store, self._root, self._folder)

    def keep_changed(self) -> None:
        """Give the store all complete files of the run that it does not have, in the order of their writing.

        Raises:
            InputError: if it can't be reached, or another process writes the run.
        """
        if self._taken_over_by:
            raise InputError(f"{self.url} is being written by {self._taken_over_by} meanwhile; this build stops.")
        files = [path for path in self._folder.iterdir() if path.is_file() and not path.name.startswith(".")]
        changed = [path for path in files if self._kept.get(path.name) != _state(path)]
        with self._reaching():
            for path in sorted(changed, key=lambda one: one.stat().st_mtime_ns):
                self._store.put_file(str(path), f"{self._root}/{path.name}")
                self._kept[path.name] = _state(path)
                self._note()

    def shared(self, path: Path) -> SharedFile:
        """A file of the run as workers on other machines get it."""
        self.keep_changed()
        return SharedFile.stored(path, f"{self.url}/{path.name}")

    @contextmanager
    def growing(self, target: Path, key: dict[str, Any]) -> Iterator[Callable[[], None]]:
        """Keep a growing file in the store, too; after an error, all of its parts that are complete.

        Args:
            target: path of the complete file.
            key: what its rows depend on.

        Yields:
            What is called behind each part.

        Raises:
            InputError: if the store can't be reached.
        """
        with self._reaching():
            growth = StoredGrowth(self._store, self._root, target, key)

        def added() -> None:
            with self._reaching():
                growth.added()

        try:
            yield added
        except BaseException:
            with suppress(InputError), self._reaching():
                growth.send()
            raise

    def keep_grown(self, target: Path) -> None:
        """Keep a file that is complete now, instead of what was added to it; see `keep_changed`."""
        self.keep_changed()
        with self._reaching():
            remove_growing(self._store, self._root, target)

    def _note(self) -> None:
        write_json(self._folder / _STATE, {"token": self._token, "kept": self._kept})

    @contextmanager
    def _reaching(self) -> Iterator[None]:
        with reaching(self.url, f"What was made is in {self._folder}; the same command goes on from it."):
            yield


def _check_free(url: str, writer: dict[str, Any]) -> None:
    """Raise `InputError` if another process writes the run; an object store has no locks."""
    age = time.time() - writer.get("time", 0)
    process, is_of_here = writer.get("process", 0), writer.get("machine") == socket.gethostname()
    was_left = is_of_here and (process == os.getpid() or not is_alive(process))
    if writer.get("ended", True) or was_left or age > _LEFT_AFTER:
        return
    raise InputError(
        f"{url} is being written by {_name(writer)} (last sign of life {age:.0f} seconds ago); wait until it has "
        f"finished, or {_LEFT_AFTER // 60} minutes if it was killed."
    )


def _name(writer: dict[str, Any]) -> str:
    return f"process {writer.get('process')} on {writer.get('machine')}"


def _state(path: Path) -> list[int]:
    known = path.stat()
    return [known.st_size, known.st_mtime_ns]


def _recorded_hash(path: Path) -> str | None:
    """The hash of a complete file, by the manifest or record beside it."""
    for record in (path.with_suffix(".manifest.json"), path.with_suffix(".json")):
        with suppress(InputError):
            known = read_json(record)
            return known.get("sha256") if isinstance(known, dict) else None
    return None
