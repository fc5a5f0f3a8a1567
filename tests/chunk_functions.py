"""Functions of one chunk, for tests of engines."""

import gc
import time


def added(array, chunk):
    time.sleep(0.05 / (chunk + 1))  # later chunks are done first
    return float(array.sum()) + chunk


def kept_from_collections(chunk):
    """How many objects the garbage collector leaves out."""
    return gc.get_freeze_count()


def failing(why, chunk):
    if chunk == 2:
        raise why
    return chunk
