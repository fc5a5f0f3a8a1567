"""Returning freed memory to the system, for commands that go through many rows in parts."""

import ctypes
import os
import sys

# Options of glibc's `mallopt`: their numbers in malloc.h, and the values to set.
_SETTINGS = {
    "M_ARENA_MAX": (-8, 2),  # each thread would keep freed memory of its own
    "M_MMAP_THRESHOLD": (-3, 2**20),  # blocks of 1 MB or more are returned as soon as they are freed
}
# The same for processes that are started; Arrow, whose own pools keep what was freed, reads it when it is imported.
_ARROW = {"ARROW_DEFAULT_MEMORY_POOL": "system"}
_MALLOC = {"MALLOC_ARENA_MAX": "2", "MALLOC_MMAP_THRESHOLD_": str(2**20)}
ENVIRONMENT = _ARROW | _MALLOC


def return_freed_memory() -> None:
    """Make malloc and Arrow return freed memory for the rest of this process, where the C library is glibc.

    Otherwise they keep what tables of rows took, up to twice as much as is in use. To be called before Arrow is
    imported. What the environment says goes before it.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if mallopt is None or _MALLOC.keys() & os.environ.keys():
        return
    for name, pool in _ARROW.items():
        os.environ.setdefault(name, pool)
    for number, value in _SETTINGS.values():
        mallopt(number, value)


def trim_memory() -> None:
    """Return the memory of small blocks that were freed, which malloc keeps if a later block is in use.

    What Arrow knows of the row groups of large files, for one, is in such blocks. Does nothing without glibc.
    """
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if sys.platform == "linux" else None
    if trim is not None:
        trim(0)
