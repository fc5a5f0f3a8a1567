"""Progress bars behind one small interface: of rich in a terminal, of tqdm in a notebook, none elsewhere."""

from contextlib import AbstractContextManager, ExitStack, nullcontext
from types import TracebackType
from typing import Any, Protocol

from rich.console import Console
from rich.progress import Progress


class Bars(Protocol):
    """What is used of `rich.progress.Progress`."""

    def add_task(self, description: str, *, total: float | None = ...) -> Any:
        """Add a bar; returns what the other methods take."""

    def advance(self, task_id: Any, advance: float = ...) -> None:
        """Move a bar on."""

    def update(
        self,
        task_id: Any,
        *,
        total: float | None = ...,
        advance: float | None = ...,
        description: str | None = ...,
    ) -> None:
        """Move a bar on, or change its total or its description."""


def progress_bars(console: Console) -> "AbstractContextManager[Bars]":
    """Bars where a console is a terminal's, in which they vanish at the end, or a notebook's; none elsewhere."""
    if console.is_jupyter:
        return NotebookBars()
    return Progress(console=console, transient=True, disable=not console.is_terminal)


def at_work(console: Console, what: str) -> AbstractContextManager[Any]:
    """A line that says what is being done; not in a notebook, which marks a running cell itself."""
    return nullcontext() if console.is_jupyter else console.status(what)


class NotebookBars:
    """Bars of tqdm: notebooks draw them with ipywidgets, and show them as text without."""

    def __init__(self) -> None:
        self._open = ExitStack()

    def __enter__(self) -> "NotebookBars":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.close()

    def add_task(self, description: str, *, total: float | None = None, unit: str = "") -> Any:
        """See `Bars`; `unit` is what is counted."""
        from tqdm.auto import tqdm

        return self._open.enter_context(tqdm(total=total, desc=description, unit=unit))

    def advance(self, task_id: Any, advance: float = 1) -> None:
        """See `Bars`."""
        task_id.update(advance)

    def update(
        self,
        task_id: Any,
        *,
        total: float | None = None,
        advance: float | None = None,
        description: str | None = None,
    ) -> None:
        """See `Bars`."""
        if description is not None:
            task_id.set_description(description, refresh=False)
        if total is not None:
            task_id.total = total
        task_id.update(advance or 0)
