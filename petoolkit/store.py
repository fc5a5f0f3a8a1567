"""Caches of results that are slow or cost money: embeddings and replies of language models, each in a SQLite file."""

import os
import sqlite3
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path

from petoolbench import InputError
from petoolkit.console import make_console


def cache_folder() -> Path:
    """The folder of the stores: `$PETOOLBENCH_CACHE`, else `~/.cache/petoolbench`."""
    return Path(os.environ.get("PETOOLBENCH_CACHE") or Path.home() / ".cache" / "petoolbench")


EMBEDDINGS = "embeddings.sqlite"
REPLIES = "replies.sqlite"
_PATIENCE = 60  # seconds to wait for another process
BATCHES = "batches"  # folder with the records of batches that are not answered yet


class Store:
    """A key-value store for several processes at once, which stays valid if a process is killed; see `Store.open`."""

    def __init__(self, database: sqlite3.Connection):
        self._database = database
        _use_write_ahead_log(database)
        database.execute("PRAGMA synchronous=NORMAL")
        database.execute("CREATE TABLE IF NOT EXISTS kept (key BLOB PRIMARY KEY, value BLOB) WITHOUT ROWID")

    @classmethod
    @contextmanager
    def open(cls, path: Path) -> Iterator["Store"]:
        """Open the store at `path`, and create it if it does not exist.

        A file that is not an SQLite database is renamed, and a message on standard error says so.

        Raises:
            InputError: if the store cannot be used: no permission, a full disk, or damaged content.
        """
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            database = _connect(path)
        except (OSError, sqlite3.Error) as error:
            raise _unusable(path, error) from error
        try:
            with closing(database):
                yield cls(database)
        except sqlite3.Error as error:
            raise _unusable(path, error) from error

    def get(self, keys: Iterable[bytes]) -> dict[bytes, bytes]:
        """The stored values of these keys; a key without a value is left out."""
        select = "SELECT key, value FROM kept WHERE key = ?"
        found = (self._database.execute(select, (key,)).fetchone() for key in sorted(keys))  # as they lie on the disk
        return dict(row for row in found if row)

    def __len__(self) -> int:
        """Number of stored values."""
        return self._database.execute("SELECT count(*) FROM kept").fetchone()[0]

    def put(self, values: Mapping[bytes, bytes]) -> None:
        """Store all of these values, or none of them; replaces values that the keys had before."""
        self._database.execute("BEGIN")
        self._database.executemany("INSERT OR REPLACE INTO kept VALUES (?, ?)", values.items())
        self._database.execute("COMMIT")


def _use_write_ahead_log(database: sqlite3.Connection) -> None:
    """Let other processes read while one writes.

    SQLite waits for other processes with every statement but this one: where two open a new store at once, one of them
    gets "database is locked" immediately, so the waiting is done here.
    """
    give_up = time.monotonic() + _PATIENCE
    while True:
        try:
            database.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > give_up:
                raise
            time.sleep(0.01)


def _connect(path: Path) -> sqlite3.Connection:
    database = sqlite3.connect(path, timeout=_PATIENCE, isolation_level=None)
    try:
        database.execute("SELECT count(*) FROM sqlite_master")
    except sqlite3.OperationalError:
        raise
    except sqlite3.DatabaseError:
        database.close()
        damaged = path.with_suffix(f".damaged-{os.getpid()}{path.suffix}")
        os.replace(path, damaged)
        make_console(stderr=True).print(
            f"The cache {path} is damaged; it is now {damaged.name}, and a new one is used."
        )
        database = sqlite3.connect(path, timeout=_PATIENCE, isolation_level=None)
    return database


def _unusable(path: Path, error: Exception) -> InputError:
    return InputError(
        f"the cache {path} cannot be used ({getattr(error, 'strerror', None) or error}); "
        "remove it, free some space, or set PETOOLBENCH_CACHE to another folder."
    )


def store_sizes() -> dict[str, tuple[int, int]]:
    """Number of values and size in bytes of each store that exists, by its file name."""
    sizes = {}
    for name in (EMBEDDINGS, REPLIES):
        path = cache_folder() / name
        if path.exists():
            with Store.open(path) as store:
                sizes[name] = (len(store), path.stat().st_size)
    return sizes


def batches_under_way() -> list[Path]:
    """The record files of batches that a provider has not answered yet."""
    return sorted((cache_folder() / BATCHES).glob("*.json"))


def clear_store(name: str) -> bool:
    """Delete a store; returns whether it existed."""
    files = [cache_folder() / f"{name}{suffix}" for suffix in ("", "-wal", "-shm")]
    existed = files[0].exists()
    for file in files:
        file.unlink(missing_ok=True)
    return existed
