"""The one way to make a console: plain text where the user or the terminal asks for it."""

import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console


def make_console(stderr: bool = False, **options: Any) -> "Console":
    """A console for results (standard output) or for progress and messages (standard error).

    With `NO_COLOR` set, or on a dumb terminal, nothing but text is written: no colours and no bold.

    Args:
        stderr: whether it writes to standard error.
        options: what `rich.console.Console` takes.
    """
    from rich.console import Console

    if os.environ.get("NO_COLOR") or os.environ.get("TERM") in ("dumb", "unknown"):
        options = {"color_system": None, "highlight": False, **options}
    return Console(stderr=stderr, **options)
