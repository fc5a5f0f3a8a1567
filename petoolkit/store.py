"""What was costly to get, kept by key in one SQLite file: embeddings, and a language model's replies."""

import os
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path

from rich.console import Console

from petoolbench import InputError


def cache_folder() -> Path:
    """Where the stores are: `$PETOOLBENCH_CACHE`, else `~/.cache/petoolbench`."""
    return Path(os.environ.get("PETOOLBENCH_CACHE") or Path.home() / ".cache" / "petoolbench")


EMBEDDINGS = "embeddings.sqlite"
REPLIES = "replies.sqlite"
BATCHES = "batches"  # folder of what is on record about batches under way


class Store:
    """Values by key, safe for several processes and for a kill at any moment; `Store.open` makes one."""

    def __init__(self, database: sqlite3.Connection):
        self._database = database
        database.execute("PRAGMA journal_mode=WAL")
        database.execute("PRAGMA synchronous=NORMAL")
        database.execute("CREATE TABLE IF NOT EXISTS kept (key BLOB PRIMARY KEY, value BLOB) WITHOUT ROWID")

    @classmethod
    @contextmanager
    def open(cls, path: Path) -> Iterator["Store"]:
        """The store at `path`, made if there is none. A file that is no store is moved aside, with a note.

        Raises:
            InputError: if it can't be used: no permission, a full disk, damage inside.
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
        """Those of the values that are kept."""
        select = "SELECT key, value FROM kept WHERE key = ?"
        found = (self._database.execute(select, (key,)).fetchone() for key in keys)
        return dict(row for row in found if row)

    def __len__(self) -> int:
        return self._database.execute("SELECT count(*) FROM kept").fetchone()[0]

    def put(self, values: Mapping[bytes, bytes]) -> None:
        """Keep all of these, or none; returns when they are on the disk's way."""
        self._database.execute("BEGIN")
        self._database.executemany("INSERT OR REPLACE INTO kept VALUES (?, ?)", values.items())
        self._database.execute("COMMIT")


def _connect(path: Path) -> sqlite3.Connection:
    database = sqlite3.connect(path, timeout=60, isolation_level=None)
    try:
        database.execute("SELECT count(*) FROM sqlite_master")
    except sqlite3.OperationalError:
        raise
    except sqlite3.DatabaseError:
        database.close()
        aside = path.with_suffix(f".damaged-{os.getpid()}{path.suffix}")
        os.replace(path, aside)
        Console(stderr=True).print(f"The cache {path} is damaged: moved aside as {aside.name}, and begun anew.")
        database = sqlite3.connect(path, timeout=60, isolation_level=None)
    return database


def _unusable(path: Path, error: Exception) -> InputError:
    return InputError(
        f"the cache {path} cannot be used ({error}); "
        "remove it, free some space, or set PETOOLBENCH_CACHE to another folder."
    )


def store_sizes() -> dict[str, tuple[int, int]]:
    """For each store that there is: how many values it keeps, and its size in bytes."""
    sizes = {}
    for name in (EMBEDDINGS, REPLIES):
        path = cache_folder() / name
        if path.exists():
            with Store.open(path) as store:
                sizes[name] = (len(store), path.stat().st_size)
    return sizes


def batches_under_way() -> list[Path]:
    """What is on record about batches that a provider has not answered yet, a file each."""
    return sorted((cache_folder() / BATCHES).glob("*.json"))


def clear_store(name: str) -> bool:
    """Remove a store with all that it keeps; whether there was one."""
    files = [cache_folder() / f"{name}{suffix}" for suffix in ("", "-wal", "-shm")]
    there = files[0].exists()
    for file in files:
        file.unlink(missing_ok=True)
    return there
