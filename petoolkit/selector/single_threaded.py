"""Learning with one thread."""

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def single_threaded() -> Iterator[None]:
    """Let torch and numpy use one thread: more gain nothing in products so small, and wait for each other on a busy
    machine. Also a decorator."""
    import torch  # noqa: F401  only threads of what is loaded are limited
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1):
        yield
