"""The caches of replies and embeddings, used by several processes at once."""

import sqlite3
import threading
import time
from contextlib import closing

import pytest

from petoolbench import InputError
from petoolkit import store
from petoolkit.store import Store


@pytest.fixture
def being_made(tmp_path):
    """A store that another process is making: it is locked, and does not have its final mode yet."""
    path = tmp_path / "replies.sqlite"
    with closing(sqlite3.connect(path, isolation_level=None, check_same_thread=False)) as other:
        other.execute("CREATE TABLE made (by_another)")
        other.execute("BEGIN IMMEDIATE")
        yield path, other


def test_a_store_that_another_process_is_making_is_waited_for(being_made):
    path, other = being_made
    threading.Timer(0.3, lambda: other.execute("COMMIT")).start()
    started = time.monotonic()
    with Store.open(path) as opened:
        opened.put({b"key": b"value"})
        assert opened.get([b"key"]) == {b"key": b"value"}
    assert time.monotonic() - started > 0.2


def test_a_store_that_stays_locked_ends_in_one_sentence(being_made, monkeypatch):
    monkeypatch.setattr(store, "_PATIENCE", 0.1)
    with (
        pytest.raises(InputError, match=r"replies.sqlite cannot be used \(database is locked\)"),
        Store.open(being_made[0]),
    ):
        pass
