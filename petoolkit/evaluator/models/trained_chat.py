"""The chat template and the history method that an adapter was trained with, as its training recorded them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from petoolbench import InputError, to_json_text
from petoolkit.decoding import read_json
from petoolkit.hub_reading import fetch_file

# Formats of training rows: tools and calls as text, or as native functions.
FORMATS = TEXT, TOOLS = "text", "tools"
_FOLDERS = re.compile(r"[^:]*/")  # of a file; the record has none
TRAINING_RECORD = "training.json"  # beside the adapter


@dataclass(frozen=True)
class TrainedChat:
    """How the prompts of an adapter's training were rendered.

    Args:
        adapter: a Hub id or a local folder.
        template_hash: hash of the chat template, 16 hexadecimal digits; `None` if it is not known.
        arguments: further variables of the template; `None` if they are not known.
        native_tools: whether its calls were native function calls; `None` if it is not known.
        history: what prompts showed of past calls (`--history`); `None` if it is not known.
    """

    adapter: str
    template_hash: str | None = None
    arguments: dict[str, Any] | None = None
    native_tools: bool | None = None
    history: str | None = None

    def notes(self, template_hash: str, arguments: Mapping[str, Any], native_tools: bool) -> list[str]:
        """Sentences on how prompts that are rendered with this template and these variables differ."""
        notes = []
        if self.native_tools not in (None, native_tools):
            trained, asked = "in text", "as native functions"
            if self.native_tools:
                trained, asked = asked, trained
            notes.append(f"{self.adapter} was trained with tools and calls {trained}, and is asked with them {asked}.")
        if self.template_hash not in (None, template_hash):
            notes.append(f"{self.adapter} was trained with another chat template than its prompts are written with.")
        if self.arguments is not None and self.arguments != arguments:
            notes.append(
                f"{self.adapter} was trained with the chat template's variables {to_json_text(self.arguments)}, and "
                f"its prompts are written with {to_json_text(dict(arguments))}."
            )
        return notes

    def history_notes(self, history: str) -> list[str]:
        """A sentence if prompts show something else of past calls than the training did."""
        if self.history in (None, _FOLDERS.sub("", history)):
            return []
        return [f"{self.adapter} was trained with history {self.history}, and its prompts have history {history}."]


def trained_chat(adapter: str) -> TrainedChat:
    """What is known of an adapter's chat template; nothing of one that this toolkit did not train."""
    try:
        file = fetch_file(adapter, TRAINING_RECORD, repo_type="model")
        record = read_json(file) if file else None
    except InputError:  # loading the adapter says what is wrong with it
        record = None
    if not isinstance(record, dict):
        return TrainedChat(adapter)
    template_hash, arguments = record.get("chat_template_hash"), record.get("chat_template_args")
    history = record.get("history")
    return TrainedChat(
        adapter,
        template_hash if isinstance(template_hash, str) else None,
        arguments if isinstance(arguments, dict) else None,
        record.get("format") == TOOLS,  # records without it are of calls in text
        history if isinstance(history, str) else None,
    )
