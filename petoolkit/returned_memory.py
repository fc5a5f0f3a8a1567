"""Returning freed memory to the system, for commands that go through many rows in parts."""

import ctypes
import os
import sys

import pyarrow as pa

# Options of glibc's `mallopt`: their numbers in malloc.h, and the values to set.
_SETTINGS = {
    "M_ARENA_MAX": (-8, 2),  # each thread would keep freed memory of its own
    "M_MMAP_THRESHOLD": (-3, 2**20),  # blocks of 1 MB or more are returned as soon as they are freed
}
# The same for processes that are started.
ENVIRONMENT = {"ARROW_DEFAULT_MEMORY_POOL": "system", "MALLOC_ARENA_MAX": "2", "MALLOC_MMAP_THRESHOLD_": str(2**20)}


def return_freed_memory() -> None:
    """Make malloc and Arrow return freed memory for the rest of this process, where the C library is glibc.

    Otherwise they keep what tables of rows took, up to twice as much as is in use.
    """
    if sys.platform != "linux" or ENVIRONMENT.keys() & os.environ.keys():  # whoever sets these knows better
        return
    pa.set_memory_pool(pa.system_memory_pool())
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        for number, value in _SETTINGS.values():
            mallopt(number, value)
