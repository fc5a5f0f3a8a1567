"""Chunks of work on a Ray cluster, or on a local one that is started for them.

Tasks of Ray's core, not Ray Data: results keep the chunks' order, and each worker is given what the function holds
once.
"""

import os
import socket
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

from petoolbench import InputError
from petoolkit.engines.engine import Chunk, ChunkFailed, Numbered, Result, do_chunk
from petoolkit.engines.installed_here import Installed, difference, installed_here
from petoolkit.extras import missing_package
from petoolkit.text import shortened

_IN_FLIGHT = 2  # chunks for each worker: one being done, and one that waits for it
_TRIALS = 2  # of a chunk that raised something, or whose worker was lost more often than Ray itself mends
_ANSWER_WITHIN = 180  # seconds that a node may take to start a worker
_NEXT_STEP = "the same command goes on from what is finished"


def check_ray() -> None:
    """Raise `InputError` if Ray is not installed."""
    try:
        import ray  # noqa: F401
    except ImportError:
        raise missing_package("--engine ray needs", "ray", "ray") from None


class RayEngine:
    """Does chunks on a cluster.

    Args:
        address: of the cluster; by default that of `RAY_ADDRESS`, else a cluster is started on this machine.
        workers: number of chunks that are done at once; by default the cluster's processors. A cluster on this machine
            gets as many processors.

    Raises:
        InputError: if Ray is not installed. The cluster is looked for when there is work.
    """

    def __init__(self, address: str | None = None, workers: int | None = None):
        check_ray()
        self._address = address or os.environ.get("RAY_ADDRESS")
        self._workers = workers

    @property
    def is_on_this_machine(self) -> bool:
        """Whether the cluster is one that is started here."""
        return not self._address

    @cached_property
    def number_of_workers(self) -> int:
        """Chunks that are done at once.

        Raises:
            InputError: if there is no cluster, or its workers have other versions than this process.
        """
        import ray

        if not ray.is_initialized():
            self._connect()
            _check_nodes()
        return self._workers or max(1, int(ray.cluster_resources().get("CPU", 1)))

    def _connect(self) -> None:
        import ray

        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        os.environ.setdefault("RAY_IGNORE_UNHANDLED_ERRORS", "1")  # of chunks in flight behind the one that is named
        options: dict[str, Any] = {"log_to_driver": False, "logging_level": "error"}
        try:
            if self._address:
                _check_listening(self._address)
                ray.init(address=self._address, **options)
            else:
                ray.init(address="local", num_cpus=self._workers, include_dashboard=False, **options)
        except Exception as error:  # ConnectionError, ValueError, RuntimeError for other versions ...
            raise InputError(
                f"no Ray cluster at {self._address or 'this machine'} ({_first_line(error)}); check --address and "
                "RAY_ADDRESS, that its Python and Ray are those of this command, that it runs (ray status --address "
                "ADDRESS), and if it asks for a token, that RAY_AUTH_MODE=token and RAY_AUTH_TOKEN are set here."
            ) from None

    def run(self, function: Callable[[Chunk], Result], chunks: Iterable[Chunk]) -> Numbered[Result]:
        """See `petoolkit.engines.engine.Engine`."""
        number_of_workers = self.number_of_workers
        is_limited = self._address and self._workers  # Ray itself limits what runs at once on a cluster of ours
        most = number_of_workers if is_limited else _IN_FLIGHT * number_of_workers
        sent = _Sent(function, number_of_workers)
        in_flight: deque[_InFlight] = deque()
        try:
            for number, chunk in enumerate(chunks):
                in_flight.append(sent.begin(number, chunk))
                if len(in_flight) >= most:
                    yield sent.end(in_flight)
            while in_flight:
                yield sent.end(in_flight)
        except KeyboardInterrupt:
            sent.drop(in_flight, force=True)
            raise
        except BaseException:  # an error, or nobody asks for more results
            sent.drop(in_flight)
            raise
        finally:
            sent.end_actors()


@dataclass(frozen=True)
class _InFlight:
    number: int
    chunk: Any
    trial: int
    result: Any  # what Ray refers to it by


class _Sent:
    """A function that the cluster holds: what it holds is sent to each node once, however many chunks there are.

    Args:
        function: what makes a model when it is first called has an attribute `holds_a_model`; it is held by actors,
            one for each GPU of the cluster, or for each worker where there is none.
        number_of_workers: of the engine.
    """

    def __init__(self, function: Callable[[Any], Any], number_of_workers: int):
        import cloudpickle  # takes functions and classes of a notebook, too
        import numpy as np
        import ray

        buffers: list[Any] = []
        pickled = cloudpickle.dumps(function, protocol=5, buffer_callback=buffers.append)
        arrays = [np.frombuffer(buffer.raw(), np.uint8) for buffer in buffers]
        self._function = ray.put((pickled, arrays))
        self._actors: list[Any] = []
        self._task: Any = None
        if getattr(function, "holds_a_model", False):
            gpus = int(ray.cluster_resources().get("GPU", 0))
            options: dict[str, Any] = {"num_cpus": 1, "num_gpus": 1 if gpus else 0}
            options |= {"max_restarts": 3, "max_task_retries": 3, "scheduling_strategy": "SPREAD"}
            replica = ray.remote(**options)(_Replica)
            self._actors = [replica.remote() for _ in range(gpus or number_of_workers)]
        else:
            self._task = ray.remote(num_cpus=1, max_retries=3, scheduling_strategy="SPREAD")(_do)

    def begin(self, number: int, chunk: Any, trial: int = 1) -> _InFlight:
        task = self._actors[number % len(self._actors)].do if self._actors else self._task
        given = ([self._function], self._function.hex(), os.getcwd(), number, chunk)
        return _InFlight(number, chunk, trial, task.remote(*given))

    def end(self, in_flight: deque[_InFlight]) -> tuple[int, Any]:
        """The result of the first chunk in flight, which is begun again if it failed for the first time."""
        import ray

        while True:
            first = in_flight[0]
            try:
                result = ray.get(first.result)
            except (ray.exceptions.RayError, ChunkFailed) as error:
                cause = getattr(error, "cause", error)
                if isinstance(cause, InputError) and not isinstance(cause, ChunkFailed):
                    raise cause from None
                if first.trial == _TRIALS:
                    raise cause if isinstance(cause, ChunkFailed) else _lost(first.number, error) from None
                in_flight[0] = self.begin(first.number, first.chunk, first.trial + 1)
            else:
                in_flight.popleft()
                return first.number, result

    def drop(self, in_flight: Iterable[_InFlight], force: bool = False) -> None:
        """Let go of chunks whose results nobody wants: they end by themselves; by force, their workers are ended.

        Without force nothing is cancelled: Ray 2.60 ends this process if a task is done while it is being cancelled.
        """
        import ray

        for one in in_flight if force else ():
            if ray.is_initialized() and not self._actors:  # it is not initialized if the cluster was lost
                ray.cancel(one.result, force=True)

    def end_actors(self) -> None:
        """End the processes that hold models."""
        import ray

        for actor in self._actors if ray.is_initialized() else ():
            ray.kill(actor)


def _lost(number: int, error: Exception) -> ChunkFailed:
    import ray

    full = isinstance(error, ray.exceptions.OutOfDiskError | ray.exceptions.OutOfMemoryError)
    step = (
        "free some space, memory or disk, on the nodes"
        if full
        else "free some memory, or look at the nodes with ray status"
    )
    return ChunkFailed(number, f"{type(error).__name__}: {_first_line(error)}", f"{step}; {_NEXT_STEP}")


def _check_listening(address: str) -> None:
    """Raise `OSError` if nobody listens at an address of the form HOST:PORT; Ray itself would wait for minutes."""
    host, colon, port = address.removeprefix("ray://").rpartition(":")
    if colon and port.isdigit():
        socket.create_connection((host.strip("[]"), int(port)), timeout=10).close()


def _first_line(error: Exception) -> str:
    return shortened(next(iter(str(error).strip().splitlines()), type(error).__name__), 200)


def _do(held: list[Any], name: str, folder: str, number: int, chunk: Any) -> Any:
    """Do one chunk in a worker; its errors name the node."""
    try:
        return do_chunk(lambda given: _function(_Held(held, name), folder)(given), number, chunk)
    except ChunkFailed as error:
        raise error.on(os.uname().nodename) from None


class _Replica:
    """A process that keeps what its function made, such as a model."""

    def do(self, *given: Any) -> Any:
        return _do(*given)


class _Held:
    """What Ray refers to a function by; equal if the function is the same."""

    def __init__(self, held: list[Any], name: str):
        self.held, self._name = held, name

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Held) and other._name == self._name

    def __hash__(self) -> int:
        return hash(self._name)


@lru_cache(maxsize=1)
def _function(held: _Held, folder: str) -> Callable[[Any], Any]:
    """The function, whose arrays lie in memory that all workers of a node share.

    Args:
        folder: where the command was started: paths of the run's files may be relative to it.
    """
    import pickle

    import ray

    if Path(folder).is_dir():
        os.chdir(folder)
    pickled, arrays = ray.get(held.held[0])
    return pickle.loads(pickled, buffers=arrays)


def _check_nodes() -> None:
    """Raise `InputError` if a node has other versions than this process."""
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    def ask() -> Installed | str:  # a function inside another one is sent as code: a node may lack this package
        try:
            from petoolkit.engines.installed_here import installed_here

            return installed_here()
        except ImportError as error:
            return str(error)

    remote: Any = ray.remote  # its types know two strategies by name alone
    nodes = [node for node in ray.nodes() if node["Alive"] and node["Resources"].get("CPU")]
    asked = [
        remote(num_cpus=0, scheduling_strategy=NodeAffinitySchedulingStrategy(node["NodeID"], soft=True))(ask).remote()
        for node in nodes
    ]
    here = installed_here()
    for node, answer in zip(nodes, asked, strict=True):
        name = f"{node['NodeManagerHostname']} ({node['NodeManagerAddress']})"
        try:
            found = ray.get(answer, timeout=_ANSWER_WITHIN)
        except ray.exceptions.RayError as error:
            raise InputError(
                f"the node {name} of the Ray cluster starts no worker ({_first_line(error)}); look at it: ray status."
            ) from None
        if isinstance(found, str):
            raise InputError(f"the node {name} lacks this package ({found}); install there what is installed here.")
        if other := difference(here, found):
            raise InputError(
                f"the node {name} has {other}; install the same there, or rows could differ from those made here."
            )
