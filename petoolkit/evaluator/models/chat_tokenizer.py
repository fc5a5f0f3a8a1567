"""Prompts as token ids, by a model's tokenizer and chat template."""

import datetime
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from petoolbench import InputError
from petoolkit.evaluator.models.chat_rendering import ChatRenderer, Messages, chosen_template
from petoolkit.evaluator.models.native_tools import NativeTools
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
        native_tools: whether candidate tools go through the template as native functions, and replies call these.

    Raises:
        InputError: if there is no tokenizer, it has no chat template, or the template does not show each message and
            tool.
    """

    def __init__(
        self,
        model: str,
        adapter: str | None = None,
        template: str | Path | None = None,
        arguments: Mapping[str, Any] | None = None,
        date: datetime.date | None = None,
        native_tools: bool = False,
    ):
        self.tokenizer, self.native_tools = _load(model, adapter), native_tools
        source = str(template) if template else model
        own = self.tokenizer.chat_template
        text = _template_file(template) if template else chosen_template(own, model, native_tools)
        self.tokenizer.chat_template = text  # saved with an adapter that is trained with it
        self._trained = trained_chat(adapter) if adapter else TrainedChat("")
        self.arguments = dict(self._trained.arguments or {} if arguments is None else arguments)
        self.renderer = ChatRenderer(self.tokenizer, text, source, self.arguments, date, native_tools)
        self._bos = self._missing_bos()

    @property
    def notes(self) -> list[str]:
        """Sentences for the user: a folded system message, and what differs from the adapter's training."""
        folded = [self.renderer.note] if self.renderer.note else []
        return folded + self._trained.notes(self.renderer.fingerprint, self.arguments, self.native_tools)

    def notes_on(self, history: str) -> list[str]:
        """The same, and whether prompts show what the adapter's training showed of past calls (`--history`)."""
        return self.notes + self._trained.history_notes(history)

    def encode(self, messages: Messages, candidate_tools: Sequence[dict] = ()) -> list[int]:
        """Token ids of a prompt, up to the start of the reply; they begin with one BOS if the tokenizer adds BOS.

        If the chat template does not show system messages, the system message becomes the start of the user message.

        Args:
            messages: of the prompt.
            candidate_tools: documents of its row, for a tokenizer with native tools.
        """
        functions = NativeTools(candidate_tools).functions() if self.native_tools else ()
        text = self._without_doubled_bos(self.renderer.render(messages, functions))
        return self._bos + self.tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"]

    def read(self, ids: Sequence[int], candidate_tools: Sequence[dict]) -> str:
        """A reply, of a tokenizer with native tools as an endpoint would give it: its call with full names, or text.

        Args:
            ids: token ids of the reply.
            candidate_tools: documents of the prompt's row; empty where it asked for no call.
        """
        text = self.decode(ids)
        if not self.native_tools or not candidate_tools:
            return text
        marked = self._with_opened_reasoning(self.tokenizer.decode(ids, skip_special_tokens=False))
        reply = NativeTools(candidate_tools).reply_in_text(marked)
        return text if reply == marked else reply

    def decode(self, ids: Sequence[int]) -> str:
        """The text of a reply, without special tokens other than those around reasoning and channels.

        If the prompt has opened the reasoning, the reply begins with the mark that opens it.
        """
        end = next((index for index, one in enumerate(ids) if one in self.end_token_ids), len(ids))
        kept = [one for one in ids[:end] if one not in self._special or self._special[one]]
        text = self.tokenizer.decode(kept, skip_special_tokens=False, clean_up_tokenization_spaces=False)
        return self._with_opened_reasoning(text)

    def _with_opened_reasoning(self, text: str) -> str:
        opened = self.renderer.opened_reasoning
        return text if text.lstrip().startswith(opened) else f"{opened}\n{text}"

    @property
    def end_token_ids(self) -> frozenset[int]:
        """Tokens that end a reply: the tokenizer's EOS, and those that the chat template writes after an answer."""
        return frozenset({self.tokenizer.eos_token_id, self._end_of_text, self.end_token_id} - {None})

    @cached_property
    def end_token_id(self) -> int:
        """The token that ends the assistant's turn, with a call if the tokenizer has native tools, else with text.

        That of a call may be another one: gpt-oss ends a call with `<|call|>` and an answer with `<|return|>`.
        """
        if self.native_tools:
            if ending := self._special_in(self.renderer.after_call(followed=False)):
                return ending[-1]  # others may close the call before
            if following := self._special_in(self.renderer.after_call(followed=True)):
                return following[0]
        return self._end_of_text

    @cached_property
    def _end_of_text(self) -> int:
        """The first special token that the chat template writes after a text, or the tokenizer's EOS without one.

        The two may differ: Llama 3's template ends a turn with `<|eot_id|>`, while its first tokenizers have
        `<|end_of_text|>` as their EOS.
        """
        return next(iter(self._special_in(self.renderer.after_answer)), self.tokenizer.eos_token_id)

    def _special_in(self, text: str) -> list[int]:
        """The special tokens in a text."""
        ids = self.tokenizer(text, add_special_tokens=False)["input_ids"]
        return [number for number in ids if number in self._special]

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
