"""The one seam between work that can be cut into chunks and whatever does it."""

from collections.abc import Callable, Generator, Iterable
from typing import Any, Protocol, TypeVar

from petoolbench import InputError, check_choice

Chunk = TypeVar("Chunk")
Result = TypeVar("Result")
Numbered = Generator[tuple[int, Result], None, None]  # results, each with the number of its chunk


class Engine(Protocol):
    """Does chunks of work. Which engine does it changes no result, so it stands in no cache key.

    An engine in other processes takes functions and chunks that can be pickled. A function's arrays are best given to
    each process once, for they may be large.
    """

    @property
    def number_of_workers(self) -> int:
        """How many chunks are done at once."""

    @property
    def is_on_this_machine(self) -> bool:
        """Whether all chunks are done where this process runs."""

    def run(self, function: Callable[[Chunk], Result], chunks: Iterable[Chunk]) -> Numbered[Result]:
        """Do all chunks.

        Args:
            function: of one chunk; its result depends on nothing else.
            chunks: read ahead by a few only, so that they may be many.

        Yields:
            The number of each chunk, from 0, and its result, in the chunks' order.

        Raises:
            InputError: as the function raised it.
            ChunkFailed: for anything else that it raised, or if a worker ended.
        """


class ChunkFailed(InputError):
    """A chunk of work could not be done; says which, and why.

    Args:
        number: of the chunk, from 0.
        why: in parentheses.
        next_step: what the user can do.
        work: what the chunk is a part of.
    """

    def __init__(
        self,
        number: int,
        why: str,
        next_step: str = "the same command goes on from what is finished",
        work: str = "the work",
    ):
        super().__init__(f"part {number + 1:,} of {work} failed ({why}); {next_step}.")
        self._arguments = (number, why, next_step, work)

    def __reduce__(self) -> tuple[Any, ...]:  # exceptions are pickled by their message else
        return type(self), self._arguments

    def named(self, work: str, before: int) -> "ChunkFailed":
        """The same with a name for the work, of which so many chunks were done before."""
        number, why, next_step, _ = self._arguments
        return ChunkFailed(number + before, why, next_step, work)

    def on(self, node: str) -> "ChunkFailed":
        """The same with the name of the machine that it happened on."""
        number, why, *others = self._arguments
        return ChunkFailed(number, f"{why}, on {node}", *others)


def do_chunk(function: Callable[[Chunk], Result], number: int, chunk: Chunk) -> Result:
    """The result of one chunk; raises what `Engine.run` raises."""
    try:
        return function(chunk)
    except InputError:
        raise
    except Exception as error:
        raise ChunkFailed(number, f"{type(error).__name__}: {error}") from error


class Here:
    """Does the chunks in this process, one after the other, each when its result is asked for."""

    number_of_workers = 1
    is_on_this_machine = True

    def run(self, function: Callable[[Chunk], Result], chunks: Iterable[Chunk]) -> Numbered[Result]:
        """See `Engine`."""
        for number, chunk in enumerate(chunks):
            yield number, do_chunk(function, number, chunk)


HERE = Here()


LOCAL, RAY = "local", "ray"


def make_engine(workers: int | None = None, name: str = LOCAL, address: str | None = None) -> Engine:
    """Make an engine.

    Args:
        workers: processes that share the work; by default one, or with Ray as many as the cluster has processors.
        name: `local` for processes of this machine, or `ray`.
        address: of a Ray cluster.

    Raises:
        InputError: for an unknown name, an address without Ray, or if Ray is not installed.
    """
    check_choice(name, (LOCAL, RAY), "engine")
    if name == RAY:
        from petoolkit.engines.ray_tasks import RayEngine

        return RayEngine(address, workers)
    if address:
        raise InputError("--address is the address of a Ray cluster; add --engine ray.")
    if workers is None or workers <= 1:
        return HERE
    from petoolkit.engines.worker_processes import WorkerProcesses

    return WorkerProcesses(workers)
