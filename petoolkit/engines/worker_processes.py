"""Chunks of work in several processes of this machine."""

import os
import signal
import tempfile
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from petoolkit.engines.engine import Chunk, ChunkFailed, Numbered, Result, do_chunk
from petoolkit.engines.mapped_pickle import load_mapped, store_mapped
from petoolkit.returned_memory import ENVIRONMENT

_IN_FLIGHT = 2  # chunks for each worker: one being done, and one that waits for it
_TRIALS = 2  # of a chunk whose worker ended
_IDLE = 120  # seconds after which a worker without work ends
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")  # of one worker; more would wait for cores


class WorkerProcesses:
    """Does chunks in processes, which are kept for the next run.

    What the function holds is written to a file once, and its arrays are mapped by each process, not copied.

    Args:
        number: of processes.
    """

    def __init__(self, number: int):
        self.number_of_workers = number

    def run(self, function: Callable[[Chunk], Result], chunks: Iterable[Chunk]) -> Numbered[Result]:
        """See `petoolkit.engines.engine.Engine`."""
        with tempfile.TemporaryDirectory(prefix="petoolbench-work-") as folder:
            path = Path(folder) / "function"
            store_mapped(path, function)
            in_flight: deque[_InFlight] = deque()
            try:
                for number, chunk in enumerate(chunks):
                    in_flight.append(self._begin(path, number, chunk))
                    if len(in_flight) >= _IN_FLIGHT * self.number_of_workers:
                        yield self._end(in_flight, path)
                while in_flight:
                    yield self._end(in_flight, path)
            except KeyboardInterrupt:
                self._executor().shutdown(kill_workers=True)
                raise
            finally:  # after an error, or if nobody asks for more results
                for one in in_flight:
                    one.future.cancel()
                wait([one.future for one in in_flight])

    def _executor(self) -> Any:
        from joblib.externals.loky import get_reusable_executor

        threads = dict.fromkeys(_THREADS, str(max(1, (os.cpu_count() or 1) // self.number_of_workers)))
        env = {**threads, **ENVIRONMENT}
        return get_reusable_executor(max_workers=self.number_of_workers, timeout=_IDLE, env=env)

    def _begin(self, path: Path, number: int, chunk: Any, trial: int = 1) -> "_InFlight":
        with _without_interrupts():
            return _InFlight(number, chunk, trial, self._executor().submit(_do, str(path), number, chunk))

    def _end(self, in_flight: "deque[_InFlight]", path: Path) -> tuple[int, Any]:
        """The result of the first chunk in flight; if a worker ended, all chunks in flight are begun again."""
        while True:
            first = in_flight[0]
            try:
                result = first.future.result()
            except BrokenProcessPool:
                if first.trial == _TRIALS:
                    raise ChunkFailed(
                        first.number, "a worker process was ended", "free some memory, or take fewer --workers"
                    ) from None
                again = [self._begin(path, one.number, one.chunk, one.trial + 1) for one in in_flight]
                in_flight.clear()
                in_flight.extend(again)
            else:
                in_flight.popleft()
                return first.number, result


@dataclass(frozen=True)
class _InFlight:
    number: int
    chunk: Any
    trial: int
    future: "Future[Any]"


@contextmanager
def _without_interrupts() -> Iterator[None]:
    """Let Ctrl-C wait until processes have started: they could not be ended in between. They take none themselves."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _do(path: str, number: int, chunk: Any) -> Any:
    return do_chunk(_function(path), number, chunk)


@lru_cache(maxsize=1)
def _function(path: str) -> Callable[[Any], Any]:
    return load_mapped(Path(path))
