"""Stage 2, understand: per tool an example of use and two short descriptions (paper, section 3.2.1)."""

from collections.abc import Iterator

from ..authors.author import Author, UnderstandJob
from ..record_rng import record_rng


def understand(tools: list[dict], author: Author, seed: int) -> Iterator[dict]:
    """Ask the author to read each tool's document.

    Input columns: those of `collect`.
    Output columns:
        tool_name (str)
        example ({instruction (str), parameters (object)})
        functionality, attributes (str): what the tool does, and how it differs from others that do the same.
        rejected, raw_reply (str or null): why there is none of these, and what was written last; later stages leave
            the tool out.
    """
    jobs = (UnderstandJob(tool, record_rng(seed, "understand", tool["tool_name"])) for tool in tools)
    for tool, written in zip(tools, author.understand_all(jobs), strict=True):
        understood = written.value or {"example": None, "functionality": None, "attributes": None}
        rejection = {"rejected": written.rejected, "raw_reply": written.raw_reply}
        yield {"tool_name": tool["tool_name"], **understood, **rejection}
