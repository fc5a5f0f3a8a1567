"""Keeping freed memory for a model on a CPU."""

import ctypes
import sys

# Options of glibc's `mallopt`: their numbers in malloc.h, and the values to set.
_SETTINGS = {
    "M_TRIM_THRESHOLD": (-1, -1),  # return no memory to the system
    "M_TOP_PAD": (-2, 2**28),  # request 256 MB more than is needed
    "M_MMAP_MAX": (-4, 0),  # take large blocks from the kept memory, too
}


def keep_freed_memory() -> bool:
    """Make malloc keep freed memory for the rest of this process.

    Otherwise malloc returns large blocks to the system and requests them again in each step, and the system clears
    them page by page, which takes a third of the time of a training step.

    Returns:
        Whether the C library supports this, as glibc does.
    """
    if sys.platform != "linux":
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    return mallopt is not None and all(mallopt(number, value) for number, value in _SETTINGS.values())
