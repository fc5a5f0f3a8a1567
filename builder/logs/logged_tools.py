"""The catalogue's tools as an import of logs needs them: cleaned as in a build, with those that cleaning left out."""

from collections import Counter
from collections.abc import Iterable, Iterator

from petoolbench import InputError, ToolName

from ..authors.offline_functions import function_phrase
from ..authors.offline_phrases import attribute_sentences
from ..catalogue.catalogue_files import documents_of
from ..catalogue.catalogue_settings import CatalogueSettings
from ..catalogue.tool_document import ToolDocument
from ..stage_notes import Notes
from ..stages.collect import clean_name, clean_text, collect
from .argument_checks import ArgumentCheck
from .tool_lookup import ToolLookup, Unclear

_MAX_DESCRIPTION = 800  # characters, as in a build


class LoggedTools:
    """Tools by number: first those that can be candidates, then those that only histories can hold.

    A tool that cleaning leaves out (deprecated, hardly described, with credentials as parameters) was called all the
    same, so it stays in histories.

    Args:
        catalogues: where they are, and names instead of their own.
        counts: gets what reading and cleaning them kept and dropped.

    Raises:
        InputError: if a catalogue cannot be read, or no tool of it is left.
    """

    def __init__(self, catalogues: Iterable[CatalogueSettings], counts: Counter[str]):
        left_out: dict[str, str] = {}  # descriptions of providers by the full names of all tools

        def documents() -> Iterator[ToolDocument]:
            for document in documents_of(catalogues, counts):
                left_out.setdefault(_full_name(document), clean_text(document.tool_description))
                yield document

        notes = Notes(counts=counts)
        collected = list(collect(documents(), _MAX_DESCRIPTION, needs_attributes=False, notes=notes))
        for tool in collected:
            left_out.pop(tool["tool_name"], None)
        described = {(tool["category"], tool["provider"]): tool["provider_description"] for tool in collected}
        self.candidates: dict[str, dict] = {tool["tool_name"]: _understood(tool) for tool in collected}
        self.names = [*self.candidates, *left_out]
        self.provider_descriptions = [
            *(tool["provider_description"] for tool in collected),
            *(described.get(ToolName.parse(name)[:2], text) for name, text in left_out.items()),
        ]
        self._checks = [ArgumentCheck(tool) for tool in collected]
        self._lookup = ToolLookup(self.names)

    def find(self, name: str) -> int | Unclear:
        """The number of the tool that a log calls so; or why there is none."""
        return self._lookup.find(name)

    def can_be_asked(self, tool: int) -> bool:
        """Whether a tool can be a candidate."""
        return tool < len(self.candidates)

    def problem(self, tool: int, arguments: dict) -> str | None:
        """What is wrong with the arguments of a call; `None` if nothing is, or the tool's document is not known."""
        return self._checks[tool].problem(arguments) if self.can_be_asked(tool) else None


def _full_name(document: ToolDocument) -> str:
    return str(ToolName(*map(clean_name, (document.category, document.tool, document.api))))


def _understood(tool: dict) -> dict:
    """A tool with the columns of `understand` that grouping reads, as the author `offline` writes them."""
    functionality = function_phrase(tool["tool_description"]) or tool["tool_description"]
    return {**tool, "functionality": functionality, "attributes": attribute_sentences(tool["provider_description"])}


def check_that_tools_match(called: Counter[str], tools: LoggedTools, unknown: int, known: int) -> None:
    """Raise `InputError` if no logged name is one of the catalogue's, with examples of both."""
    if unknown and not known:
        logged = ", ".join(repr(name) for name, _ in called.most_common(3))
        catalogue = ", ".join(repr(name) for name in tools.names[:3])
        raise InputError(
            f"no called tool of the log is in the catalogue: the log has names such as {logged}, the catalogue "
            f"{catalogue}; give the catalogue of these tools, or name the right column with --columns tool=COLUMN."
        )
