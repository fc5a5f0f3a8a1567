"""Prompts as token ids, by a model's tokenizer and chat template."""

import datetime
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from petoolbench import InputError
from petoolkit.evaluator.models.chat_rendering import ChatRenderer, chosen_template
from petoolkit.evaluator.models.trained_chat import TrainedChat, trained_chat
from petoolkit.hub_reading import LOADING_ERRORS, why_not_read

# Special tokens that stay in a reply, since its reader needs them to tell reasoning and channels from the answer.
_KEPT = ("think", "reason", "channel", "<|message|>", "<|start|>", "<|end|>")


class ChatTokenizer:
    """A model's tokenizer with its chat template; the adapter's own if it has one, since it was trained with it.

    Args:
        model: a Hub id or a local folder.
        adapter: a Hub id or a local folder, or `None`.
        template: a file with a chat template that is taken instead of the model's.
        arguments: more variables of the template, such as `enable_thinking`; by default, those that the adapter was
            trained with.
        date: the date that the template may write; by default, today's.

    Raises:
        InputError: if there is no tokenizer, it has no chat template, or the template does not show each message.
    """

    def __init__(
        self,
        model: str,
        adapter: str | None = None,
        template: str | Path | None = None,
        arguments: Mapping[str, Any] | None = None,
        date: datetime.date | None = None,
    ):
        self.tokenizer = _load(model, adapter)
        source = str(template) if template else model
        text = _template_file(template) if template else chosen_template(self.tokenizer.chat_template, model)
        self.tokenizer.chat_template = text  # saved with an adapter that is trained with it
        self._trained = trained_chat(adapter) if adapter else TrainedChat("")
        self.arguments = dict(self._trained.arguments or {} if arguments is None else arguments)
        self.renderer = ChatRenderer(self.tokenizer, text, source, self.arguments, date)
        self._bos = self._missing_bos()

    @property
    def notes(self) -> list[str]:
        """Sentences for the user: a folded system message, and what differs from the adapter's training."""
        folded = [self.renderer.note] if self.renderer.note else []
        return folded + self._trained.notes(self.renderer.fingerprint, self.arguments)

    def encode(self, messages: list[dict[str, str]]) -> list[int]:
        """Token ids of a prompt, up to the start of the reply; they begin with one BOS if the tokenizer adds BOS.

        If the chat template does not show system messages, the system message becomes the start of the user message.
        """
        text = self._without_doubled_bos(self.renderer.render(messages))
        return self._bos + self.tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"]

    def decode(self, ids: Sequence[int]) -> str:
        """The text of a reply, without special tokens other than those around reasoning and channels.

        If the prompt has opened the reasoning, the reply begins with the mark that opens it.
        """
        end = next((index for index, one in enumerate(ids) if one in self.end_token_ids), len(ids))
        kept = [one for one in ids[:end] if one not in self._special or self._special[one]]
        text = self.tokenizer.decode(kept, skip_special_tokens=False, clean_up_tokenization_spaces=False)
        opened = self.renderer.opened_reasoning
        return text if text.lstrip().startswith(opened) else f"{opened}\n{text}"

    @property
    def end_token_ids(self) -> frozenset[int]:
        """Tokens that end a reply: the tokenizer's EOS, and the one that the chat template writes after an answer."""
        return frozenset({self.tokenizer.eos_token_id, self.end_token_id} - {None})

    @cached_property
    def end_token_id(self) -> int:
        """The first special token that the chat template writes after an answer, or the tokenizer's EOS without one.

        The two may differ: Llama 3's template ends a turn with `<|eot_id|>`, while its first tokenizers have
        `<|end_of_text|>` as their EOS.
        """
        ids = self.tokenizer(self.renderer.after_answer, add_special_tokens=False)["input_ids"]
        return next((number for number in ids if number in self._special), self.tokenizer.eos_token_id)

    @cached_property
    def _special(self) -> dict[int, bool]:
        """For each special token, whether it stays in a reply."""
        return {
            number: any(part in token.content.lower() for part in _KEPT)
            for number, token in self.tokenizer.added_tokens_decoder.items()
            if token.special
        }

    def _missing_bos(self) -> list[int]:
        """The BOS token, if the tokenizer adds it and the template does not write it."""
        bos = self.tokenizer.bos_token_id
        if bos is None or self.tokenizer("a")["input_ids"][:1] != [bos]:
            return []
        text = self.renderer.render([{"role": "user", "content": "a"}])
        return [] if bos in self.tokenizer(text, add_special_tokens=False)["input_ids"] else [bos]

    def _without_doubled_bos(self, text: str) -> str:
        """The text with one BOS at its start, if there are several or white space stands before it."""
        bos = self.tokenizer.bos_token
        if not bos or not text.lstrip().startswith(bos):
            return text
        text = text.lstrip()
        while text.removeprefix(bos).lstrip().startswith(bos):
            text = text.removeprefix(bos).lstrip()
        return text


def _template_file(path: str | Path) -> str:
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise InputError(f"the chat template {path} cannot be read ({reason}); give a file with a template.") from None
    if not text.strip():
        raise InputError(f"the chat template {path} is empty; give a file with a template.")
    return text


def _load(model: str, adapter: str | None) -> Any:
    from transformers import AutoTokenizer

    if adapter is not None:
        try:
            own = AutoTokenizer.from_pretrained(adapter, trust_remote_code=False)
        except LOADING_ERRORS:
            pass  # most adapters have no tokenizer
        else:
            if own.chat_template:
                return own
    try:
        return AutoTokenizer.from_pretrained(model, trust_remote_code=False)
    except LOADING_ERRORS as error:
        reason = why_not_read(error, model)
        if Path(model).is_dir():
            reason = f"the folder holds no tokenizer that can be read ({reason})"
        raise InputError(f"the model {model} cannot be loaded: {reason}; give a model's folder or a Hub id.") from None
