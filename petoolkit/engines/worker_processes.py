"""Chunks of work in several processes of this machine.

They are forked from a process that has imported what they need and done nothing else: it has no threads and no locks.
"""

import gc
import multiprocessing
import os
import signal
import sys
import tempfile
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache, partial
from multiprocessing import forkserver, popen_forkserver
from multiprocessing.context import ForkServerContext, ForkServerProcess
from pathlib import Path
from types import FrameType, ModuleType
from typing import Any

from petoolkit.engines.engine import Chunk, ChunkFailed, Numbered, Result, do_chunk
from petoolkit.engines.mapped_pickle import load_mapped, remove_stored, store_mapped
from petoolkit.returned_memory import ENVIRONMENT

_IN_FLIGHT = 2  # chunks for each worker: one being done, and one that waits for it
_TRIALS = 2  # of a chunk whose worker ended
_FUNCTION = "function"  # the file's name
_IDLE = 120  # seconds after which a worker without work ends
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")  # of one worker; more would wait for cores
# What takes long to import, of what workers need.
_IMPORTED = ("cloudpickle", "datasets", "pyarrow.parquet", "scipy.sparse.csgraph", "sklearn.ensemble", "threadpoolctl")


class WorkerProcesses:
    """Does chunks in processes, which are kept for the next run.

    What the function holds is written to a file once, and its arrays are mapped by each process, not copied. Chunks
    and results go through files, too: large tables would take longer through a pipe.

    Args:
        number: of processes.
    """

    is_on_this_machine = True

    def __init__(self, number: int):
        self.number_of_workers = number
        _begin_imports(max(1, (os.cpu_count() or 1) // number))

    def run(self, function: Callable[[Chunk], Result], chunks: Iterable[Chunk]) -> Numbered[Result]:
        """See `petoolkit.engines.engine.Engine`."""
        with tempfile.TemporaryDirectory(prefix="petoolbench-work-") as name:
            folder = Path(name)
            store_mapped(folder / _FUNCTION, function)
            in_flight: deque[_InFlight] = deque()
            try:
                for number, chunk in enumerate(chunks):
                    store_mapped(_chunk(folder, number), chunk)
                    in_flight.append(self._begin(folder, number))
                    if len(in_flight) >= _IN_FLIGHT * self.number_of_workers:
                        yield self._end(in_flight, folder)
                while in_flight:
                    yield self._end(in_flight, folder)
            except KeyboardInterrupt:
                self._executor().shutdown(kill_workers=True)
                raise
            finally:  # after an error, or if nobody asks for more results
                for one in in_flight:
                    one.future.cancel()
                wait([one.future for one in in_flight])

    def _executor(self) -> Any:
        from joblib.externals.loky import get_reusable_executor

        return get_reusable_executor(
            max_workers=self.number_of_workers, timeout=_IDLE, context=_CONTEXT, initializer=_keep_large_workers
        )

    def _begin(self, folder: Path, number: int, trial: int = 1) -> "_InFlight":
        with _without_interrupts():
            return _InFlight(number, trial, self._executor().submit(_do, folder, number))

    def _end(self, in_flight: "deque[_InFlight]", folder: Path) -> tuple[int, Any]:
        """The result of the first chunk in flight; if a worker ended, all chunks in flight are begun again."""
        while True:
            first = in_flight[0]
            try:
                first.future.result()
            except BrokenProcessPool:
                if first.trial == _TRIALS:
                    raise ChunkFailed(
                        first.number, "a worker process was ended", "free some memory, or take fewer --workers"
                    ) from None
                again = [self._begin(folder, one.number, one.trial + 1) for one in in_flight]
                in_flight.clear()
                in_flight.extend(again)
            else:
                in_flight.popleft()
                result = load_mapped(_result(folder, first.number), can_be_changed=True)
                remove_stored(_result(folder, first.number))
                remove_stored(_chunk(folder, first.number))
                return first.number, result


@dataclass(frozen=True)
class _InFlight:
    number: int
    trial: int
    future: "Future[Any]"


class _Process(ForkServerProcess):
    """A worker. It does not import the command's main module, as others do: that may be a script without a guard."""

    @staticmethod
    def _Popen(process_obj: Any) -> popen_forkserver.Popen:
        main = sys.modules["__main__"]
        sys.modules["__main__"] = ModuleType("__main__")
        try:
            return popen_forkserver.Popen(process_obj)
        finally:
            sys.modules["__main__"] = main


class _Context(ForkServerContext):
    Process = _Process


_CONTEXT = _Context()


def _begin_imports(threads: int) -> None:
    """Start the process that workers are forked from, if there is none; it imports while this one goes on.

    Args:
        threads: of each worker.
    """
    given = {**dict.fromkeys(_THREADS, str(threads)), **ENVIRONMENT}
    before = {name: os.environ.get(name) for name in given}
    multiprocessing.set_forkserver_preload(list(_IMPORTED))
    os.environ.update(given)
    try:
        with _without_interrupts():
            forkserver.ensure_running()
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


@contextmanager
def _without_interrupts() -> Iterator[None]:
    """Let Ctrl-C wait until processes have started: they could not be ended in between. They take none themselves."""
    if threading.current_thread() is not threading.main_thread():  # which alone gets interrupts
        yield
        return
    waiting: list[tuple[int, FrameType | None]] = []
    handler = signal.signal(signal.SIGINT, lambda number, frame: waiting.append((number, frame)))
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})  # inherited; another thread may take the signal
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        signal.signal(signal.SIGINT, handler or signal.SIG_DFL)
    if waiting and callable(handler):
        handler(*waiting[0])


def _keep_large_workers() -> None:
    """A worker stays when it has grown by 0.3 GB, which loky takes for a leak: another would import all again."""
    from joblib.externals.loky import process_executor

    process_executor._MAX_MEMORY_LEAK_SIZE = sys.maxsize


def _chunk(folder: Path, number: int) -> Path:
    return folder / f"chunk-{number}"


def _result(folder: Path, number: int) -> Path:
    return folder / f"result-{number}"


def _do(folder: Path, number: int) -> None:
    """Do a chunk that lies in a folder, and leave its result there."""
    do_chunk(partial(_do_stored, folder), number, number)


def _do_stored(folder: Path, number: int) -> None:
    chunk = load_mapped(_chunk(folder, number), can_be_changed=True)
    store_mapped(_result(folder, number), _function(folder)(chunk))


@lru_cache(maxsize=1)
def _function(folder: Path) -> Callable[[Any], Any]:
    function = load_mapped(folder / _FUNCTION)
    gc.freeze()  # else each full collection goes through all that was imported, a twentieth of a worker's time
    return function
