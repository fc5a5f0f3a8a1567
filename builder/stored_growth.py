"""A growing file of a run in an object store: what was added to it, as numbered files.

Each addition is two files: rows, and behind them their lines of the journal (`builder.growing_file`).
"""

import hashlib
import json
import re
import time
from pathlib import Path
from typing import Any

from .growing_file import journal_of, partial_of

_AT_LEAST = 20  # seconds between two additions, unless there is much to send
_AT_ONCE = 64 * 2**20  # bytes of rows, which are in memory while they are sent
_KINDS = ("rows", "journal")
_ADDITION = re.compile(r"/(?P<stage>[^/]+)\.parts/(?P<key>[0-9a-f]{8})/(?P<number>\d{6})\.(?P<kind>rows|journal)$")

Addition = dict[str, str]  # paths in the store, by kind


def additions(store: Any, root: str) -> dict[tuple[str, str], list[Addition]]:
    """The additions that a store has, as far as none before them is missing.

    Args:
        store: a file system of `fsspec`.
        root: the run's folder in it.

    Returns:
        By the name of the complete file and a short hash of what its rows depend on.
    """
    found: dict[tuple[str, str], dict[int, Addition]] = {}
    for path in store.find(root):
        if named := _ADDITION.search(path):
            numbers = found.setdefault((named["stage"], named["key"]), {})
            numbers.setdefault(int(named["number"]), {})[named["kind"]] = path
    whole: dict[tuple[str, str], list[Addition]] = {name: [] for name in found}
    for name, numbers in found.items():
        while len(numbers.get(len(whole[name]), {})) == len(_KINDS):
            whole[name].append(numbers[len(whole[name])])
    return whole


def fetch_growing(store: Any, root: str, folder: Path) -> None:
    """Write the growing files that a store has into a folder."""
    for (stage, _), added in additions(store, root).items():
        target = folder / stage
        for kind, path in zip(_KINDS, (partial_of(target), journal_of(target)), strict=True):
            with open(path, "wb") as file:
                for addition in added:
                    file.write(store.cat_file(addition[kind]))


def remove_growing(store: Any, root: str, target: Path) -> None:
    """Remove what a store has of a growing file, of whose complete file this is the path."""
    if store.find(_folder(root, target)):
        store.rm(_folder(root, target), recursive=True)


def _folder(root: str, target: Path) -> str:
    return f"{root}/{target.name}.parts"


class StoredGrowth:
    """Keeps a growing file in a store.

    Args:
        store: a file system of `fsspec`.
        root: the run's folder in it.
        target: path of the complete file on this machine.
        key: what its rows depend on; what was added under another one is removed.
    """

    def __init__(self, store: Any, root: str, target: Path, key: dict[str, Any]):
        short = hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()[:8]
        self._store = store
        self._folder = f"{_folder(root, target)}/{short}"
        self._files = dict(zip(_KINDS, (partial_of(target), journal_of(target)), strict=True))
        before = additions(store, root).get((target.name, short), [])
        self._sent = {kind: sum(store.info(one[kind])["size"] for one in before) for kind in _KINDS}
        self._number = len(before)
        others = [path for path in store.find(_folder(root, target)) if f"/{short}/" not in path]
        if others or any(self._sent[kind] > self._files[kind].stat().st_size for kind in _KINDS):
            remove_growing(store, root, target)
            self._sent, self._number = dict.fromkeys(_KINDS, 0), 0
        self._last = time.monotonic()

    def added(self) -> None:
        """Send what was added, unless that was done a moment ago."""
        unsent = self._files["rows"].stat().st_size - self._sent["rows"]
        if unsent >= _AT_ONCE or time.monotonic() - self._last > _AT_LEAST:
            self.send()

    def send(self) -> None:
        """Send what was added; both files end with a complete part."""
        self._store.makedirs(self._folder, exist_ok=True)  # nothing in an object store
        while rows := self._unsent("rows", _AT_ONCE):
            journal = self._unsent("journal") if len(rows) < _AT_ONCE else b""  # the journal names complete parts
            for kind, news in zip(_KINDS, (rows, journal), strict=True):
                self._store.pipe_file(f"{self._folder}/{self._number:06}.{kind}", news)
                self._sent[kind] += len(news)
            self._number += 1
        self._last = time.monotonic()

    def _unsent(self, kind: str, most: int = -1) -> bytes:
        with open(self._files[kind], "rb") as file:
            file.seek(self._sent[kind])
            return file.read(most)
