"""The description of a catalogue format."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .tool_document import ToolDocument


@dataclass(frozen=True)
class CatalogueFormat:
    """One form in which catalogues hold tools.

    A file holds one value, a list of values, or one value a line (JSON Lines); each value is recognised by itself.

    Args:
        name: name for messages, with its article: `a RapidAPI row`.
        form: description for messages: `a flat object with category, tool and api`.
        is_form_of: whether a decoded value has this form; it may still have mistakes.
        documents: gives the tools of such a value; its second argument is the file that holds it. Raises
            `pydantic.ValidationError` for a mistake in the value.
    """

    name: str
    form: str
    is_form_of: Callable[[Any], bool]
    documents: Callable[[Any, Path], Iterator[ToolDocument]]
