"""Memory of a model on a CPU: what one step frees, the next takes up again."""

import ctypes
import sys

# Numbers of glibc's malloc.h, and the values that they get.
_SETTINGS = {
    "M_TRIM_THRESHOLD": (-1, -1),  # give nothing back
    "M_TOP_PAD": (-2, 2**28),  # ask for 256 MB more than is needed
    "M_MMAP_MAX": (-4, 0),  # large blocks, too, come out of the memory that is kept
}


def keep_freed_memory() -> bool:
    """Have malloc keep what is freed, for the rest of this process.

    It would else give large blocks back to the system and ask for them again in each step, and the system empties
    them page by page: a third of the time of a training step.

    Returns:
        Whether the C library can do it, as glibc can.
    """
    if sys.platform != "linux":
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    return mallopt is not None and all(mallopt(number, value) for number, value in _SETTINGS.values())
