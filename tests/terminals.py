"""What a terminal of some width shows."""

import io

from rich.console import Console


def shown(view, width=100) -> str:
    """The plain text that a terminal shows; no line is longer than it is wide."""
    console = Console(width=width, file=io.StringIO(), force_terminal=False)
    console.print(view)
    text = console.file.getvalue()
    assert max(map(len, text.splitlines())) <= width
    assert "\x1b" not in text
    return text


def words(text: str) -> set[str]:
    """What stands between blanks and line ends."""
    return set(text.split())
