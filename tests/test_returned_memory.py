"""Memory that was freed goes back to the system, and what a dataset's writers hold is freed as soon as it can be."""

import gc
import subprocess
import sys
import weakref

import pytest
from petoolkit.builder import dataset_folder
from petoolkit.builder.dataset_folder import write_dataset
from rows import DATASET_FACTS, past_call, row
from test_cpu_memory import has_glibc

from petoolkit.dataset_files import SplitWriter

# Prints how many bytes of its own the process has after 40 MB of small blocks were freed, a later one being in use,
# and once more after trimming.
FREE_SMALL_BLOCKS = """
import ctypes
from pathlib import Path
from petoolkit.returned_memory import trim_memory
libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
libc.free.argtypes = [ctypes.c_void_p]
def own_bytes():
    return int(Path("/proc/self/status").read_text().split("RssAnon:")[1].split()[0]) * 1024
blocks = [libc.malloc(4_000) for _ in range(10_001)]
for block in blocks:
    ctypes.memset(block, 1, 4_000)
for block in blocks[:-1]:
    libc.free(block)
print(own_bytes())
trim_memory()
print(own_bytes())
"""


@pytest.mark.skipif(not has_glibc(), reason="a function of glibc")
def test_small_blocks_that_were_freed_go_back_to_the_system():
    ran = subprocess.run([sys.executable, "-c", FREE_SMALL_BLOCKS], capture_output=True, text=True, check=True)
    freed, trimmed = map(int, ran.stdout.split())
    assert freed - trimmed > 35e6


def test_writers_of_rows_are_gone_when_the_chat_rows_are_rendered(tmp_path, monkeypatch):
    made, alive = weakref.WeakSet(), []

    class Watched(SplitWriter):
        def __init__(self, *given):
            super().__init__(*given)
            made.add(self)

    def write_chat(folder, engine):
        gc.collect()
        alive.extend(made)
        return {}

    monkeypatch.setattr(dataset_folder, "SplitWriter", Watched)
    monkeypatch.setattr(dataset_folder, "write_chat", write_chat)
    rows = [("test", row("u1", "chronological", "Cirrox", [past_call("Zed")]))]
    write_dataset(tmp_path / "made", rows, lambda: DATASET_FACTS)
    assert not alive
