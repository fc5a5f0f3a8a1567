"""A file that a command wrote and processes of other machines read: under its path, or out of an object store."""

import hashlib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from filelock import FileLock

from petoolkit.engines.object_store import reaching, store_of
from petoolkit.files import content_hash, replacing
from petoolkit.store import cache_folder

_FETCHED = "fetched"  # folder of the cache


@dataclass(frozen=True)
class SharedFile:
    """A file of a build's run.

    Args:
        path: where the command has it.
        url: of its copy in an object store; `None` if all machines share the file system.
        sha256: of its content; empty without a copy.
    """

    path: Path
    url: str | None = None
    sha256: str = ""

    @classmethod
    def stored(cls, path: Path, url: str) -> "SharedFile":
        """A file of this machine that an object store has, too."""
        return cls(path, url, _hash_of(path))

    def here(self) -> Path:
        """The path of the file on this machine, which fetches it if it has to.

        Raises:
            InputError: if the object store can't be reached.
        """
        if self.url is None or (self.path.is_file() and _hash_of(self.path) == self.sha256):
            return self.path
        copies = cache_folder() / _FETCHED / hashlib.sha256(self.url.encode()).hexdigest()[:16]
        copies.mkdir(parents=True, exist_ok=True)
        copy = copies / f"{self.sha256}{self.path.suffix}"
        with FileLock(copies / ".lock"):
            if not copy.is_file():
                store, key = store_of(self.url)
                with reaching(self.url), replacing(copy) as beside:
                    store.get_file(key, str(beside))
                for older in copies.iterdir():  # who has one mapped keeps it
                    if older.suffix == copy.suffix and older != copy:
                        older.unlink()
        return copy


def _hash_of(path: Path) -> str:
    """The hash of a file's content; every stage asks for it, and files of a run may have gigabytes."""
    known = path.stat()
    return _hash_of_state(path, known.st_size, known.st_mtime_ns)


@lru_cache(maxsize=16)
def _hash_of_state(path: Path, size: int, changed: int) -> str:
    return content_hash(path)
