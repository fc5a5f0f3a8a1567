"""Functions of one chunk, for tests of engines."""

import time


def added(array, chunk):
    time.sleep(0.05 / (chunk + 1))  # later chunks are done first
    return float(array.sum()) + chunk


def failing(why, chunk):
    if chunk == 2:
        raise why
    return chunk
