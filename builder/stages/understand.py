"""Stage 2, understand: per tool an example of use and two short descriptions (paper, section 3.2.1)."""

from collections.abc import Iterator

from ..authors.author import Author, UnderstandJob
from ..record_rng import record_rng
from ..stage_notes import Notes
from ..traits import TRAITS, is_quoted


def understand(tools: list[dict], author: Author, seed: int, notes: Notes) -> Iterator[dict]:
    """Ask the author to read each tool's document.

    Input columns: those of `collect`.
    Output columns:
        tool_name (str)
        example ({instruction (str), parameters (object)})
        functionality, attributes (str): what the tool does, and how it differs from others that do the same.
        traits ({name: words of the provider's description that say so}): those of the catalogue, or those that the
            author found; what the description does not hold is dropped, and counted. Of a tool called before, a model
            sees nothing but its name and this description.
        rejected, raw_reply (str or null): why there is none of these, and what was written last; later stages leave
            the tool out.
    """
    jobs = (UnderstandJob(tool, record_rng(seed, "understand", tool["tool_name"])) for tool in tools)
    for tool, written in zip(tools, author.understand_all(jobs), strict=True):
        understood = written.value or {"example": None, "functionality": None, "attributes": None}
        named = tool["traits"] or understood.get("traits", {})
        traits = {}
        for trait, quote in named.items():
            if trait not in TRAITS:
                notes.counts["traits dropped: unknown"] += 1
            elif not is_quoted(quote, tool["provider_description"]):
                notes.counts["traits dropped: not in the provider's description"] += 1
            else:
                traits[trait] = quote
        rejection = {"rejected": written.rejected, "raw_reply": written.raw_reply}
        yield {"tool_name": tool["tool_name"], **understood, "traits": traits, **rejection}
