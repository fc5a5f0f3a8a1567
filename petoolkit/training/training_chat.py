"""Prompts and answers as token ids, the same as in an evaluation."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from huggingface_hub import snapshot_download

from petoolbench import InputError
from petoolkit.evaluator.models.chat_tokenizer import ChatTokenizer
from petoolkit.evaluator.models.native_tools import NativeTools
from petoolkit.evaluator.models.trained_chat import TOOLS
from petoolkit.hub_reading import LOADING_ERRORS, why_not_read
from petoolkit.replies import parse_reply
from petoolkit.training.arguments import AdapterArguments
from petoolkit.training.script import say

_TOKENIZER_FILES = ["config.json", "tokenizer*", "special_tokens_map.json", "vocab*", "merges.txt", "*.jinja"]


class TrainingChat(ChatTokenizer):
    """A model's tokenizer that also encodes answers, each closed by the token that ends the assistant's turn."""

    def count_tokens(self, messages: list[dict[str, str]], candidate_tools: Sequence[dict] = ()) -> int:
        """Length of a prompt; the arguments are those of `encode`."""
        return len(self.encode(messages, candidate_tools))

    def encode_answer(self, answer: str, candidate_tools: Sequence[dict] = ()) -> list[int]:
        """Token ids that the loss covers: an answer as the template renders it, and its end token.

        What a template writes before an answer, such as a channel or a closed reasoning, is a part of it, since a
        model writes it, too. What a template writes after the end token is not.

        Args:
            answer: a call as the prompt asks for it in text; a tokenizer with native tools renders it as a native
                call, without the text around it.
            candidate_tools: documents of the row, for a tokenizer with native tools.

        Raises:
            InputError: if the template writes no native calls.
        """
        if not self.native_tools:
            return [*self._ids(self.renderer.answer_text(answer)), self.end_token_id]
        native, call = NativeTools(candidate_tools), parse_reply(answer)
        if call is None:
            raise ValueError(f"the answer {answer!r} holds no call")
        ids = self._ids(self.renderer.call_text(native.message_of(call), native.functions()))
        behind = ids[::-1].index(self.end_token_id) if self.end_token_id in ids else 0
        return ids[: len(ids) - behind] if self.end_token_id in ids else [*ids, self.end_token_id]

    def _ids(self, text: str) -> list[int]:
        return self.tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"]


def load_chat(adapter: AdapterArguments, earlier_adapter: str | None = None) -> TrainingChat:
    """The tokenizer of the model to train. Its EOS becomes the end token, at which an evaluation will stop.

    Args:
        adapter: names the model, and its chat template if it is not the model's own.
        earlier_adapter: a Hub id or a folder of an adapter that is trained further; its chat template and the
            template's variables are taken where no other ones are given.

    Raises:
        InputError: if the model has no tokenizer or no chat template, or its template shows no tools in the format
            `tools`.
    """
    variables: Any = adapter.chat_template_args
    chat = TrainingChat(
        _folder_at_revision(adapter.model_name_or_path, adapter.model_revision),
        earlier_adapter,
        adapter.chat_template,
        variables,
        native_tools=adapter.format == TOOLS,
    )
    chat.tokenizer.eos_token = chat.tokenizer.convert_ids_to_tokens(chat.end_token_id)
    for note in chat.notes:
        say(note)
    return chat


def _folder_at_revision(model: str, revision: str) -> str:
    """The model, or a folder with the tokenizer of one of its revisions on the Hub."""
    if revision == "main" or Path(model).is_dir():
        return model
    try:
        return snapshot_download(model, revision=revision, allow_patterns=_TOKENIZER_FILES)
    except LOADING_ERRORS as error:
        raise InputError(
            f"the tokenizer of {model} at {revision} cannot be read ({why_not_read(error)}); check both."
        ) from None
