"""The description of a catalogue format."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .tool_document import ToolDocument


@dataclass(frozen=True)
class Source:
    """A catalogue file that is being read.

    Args:
        file: the file.
        counts: gets the number of what was left out, and of names that were taken from elsewhere, for each reason.
    """

    file: Path
    counts: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True)
class CatalogueFormat:
    """One form in which catalogues hold tools.

    A file holds one value, a list of values, or one value a line (JSON Lines); each value is recognised by itself.

    Args:
        name: name for messages, with its article: `a RapidAPI row`.
        form: description for messages: `a flat object with category, tool and api`.
        is_form_of: whether a decoded value has this form; it may still have mistakes.
        documents: gives the tools of such a value. A category or provider that the format does not have is left
            empty; options fill it in, or a name for want of a better one. Raises `pydantic.ValidationError`, or
            `petoolbench.InputError` with a clause, for a mistake in the value.
    """

    name: str
    form: str
    is_form_of: Callable[[Any], bool]
    documents: Callable[[Any, Source], Iterator[ToolDocument]]
