"""An event loop for code that is not asynchronous, also where one runs already, as in every notebook."""

import asyncio
from collections.abc import Coroutine
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from types import TracebackType
from typing import Any, TypeVar

Result = TypeVar("Result")


def _runs_a_loop() -> bool:
    """Whether this thread runs an event loop."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


class LoopRunner:
    """`asyncio.Runner`; where this thread runs an event loop, in a thread of its own, since loops cannot be nested.

    Tasks go on while `run` runs, and stand still otherwise.
    """

    def __init__(self) -> None:
        self._runner = asyncio.Runner()
        self._thread = ThreadPoolExecutor(1, "petoolbench-loop") if _runs_a_loop() else None
        self._main: asyncio.Task | None = None

    def __enter__(self) -> "LoopRunner":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._thread is None:
            self._runner.close()
            return
        self._thread.submit(self._runner.close).result()
        self._thread.shutdown()

    def run(self, coroutine: Coroutine[Any, Any, Result]) -> Result:
        """The result of a coroutine; Ctrl-C cancels it, and raises `KeyboardInterrupt`."""
        if self._thread is None:
            return self._runner.run(coroutine)
        future: Future[Result] = self._thread.submit(self._runner.run, self._as_main(coroutine))
        try:
            return future.result()
        except KeyboardInterrupt:
            if self._main:
                self._runner.get_loop().call_soon_threadsafe(self._main.cancel)
            with suppress(BaseException):  # of what was cancelled
                future.result()
            raise

    async def _as_main(self, coroutine: Coroutine[Any, Any, Result]) -> Result:
        self._main = asyncio.current_task()
        return await coroutine

    def create_task(self, coroutine: Coroutine[Any, Any, Result]) -> "asyncio.Task[Result]":
        """A task that goes on while `run` runs."""
        return self._runner.get_loop().create_task(coroutine)
