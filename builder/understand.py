"""Stage 2, understand: per tool an example of use and two short descriptions (paper, section 3.2.1)."""

from collections.abc import Iterable, Iterator

from builder.offline import OfflineAuthor
from builder.recipe import record_rng


def understand(tools: Iterable[dict], author: OfflineAuthor, seed: int) -> Iterator[dict]:
    """Ask the author to read each tool's document.

    Input columns: those of `collect`.
    Output columns:
        tool_name (str) example ({instruction (str), parameters (object)})
        functionality, attributes (str): what the tool does, and how it differs from others that do the same.
    """
    for tool in tools:
        rng = record_rng(seed, "understand", tool["tool_name"])
        yield {"tool_name": tool["tool_name"], **author.understand(tool, rng)}
