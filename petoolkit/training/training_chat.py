"""Prompts and answers as token ids, the same as in an evaluation."""

from pathlib import Path
from typing import Any

from huggingface_hub import snapshot_download

from petoolbench import InputError
from petoolkit.evaluator.models.chat_tokenizer import ChatTokenizer
from petoolkit.hub_reading import LOADING_ERRORS, why_not_read
from petoolkit.training.arguments import AdapterArguments
from petoolkit.training.script import say

_TOKENIZER_FILES = ["config.json", "tokenizer*", "special_tokens_map.json", "vocab*", "merges.txt", "*.jinja"]


class TrainingChat(ChatTokenizer):
    """A model's tokenizer that also encodes answers, each closed by the token that ends the assistant's turn."""

    def count_tokens(self, messages: list[dict[str, str]]) -> int:
        """Length of a prompt."""
        return len(self.encode(messages))

    def encode_answer(self, answer: str) -> list[int]:
        """Token ids that the loss covers: an answer as the template renders it, and its end token.

        What a template writes before an answer, such as a channel or a closed reasoning, is a part of it, since a
        model writes it, too. What a template writes after the end token is not.
        """
        text = self.renderer.answer_text(answer)
        return [*self.tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"], self.end_token_id]


def load_chat(adapter: AdapterArguments, earlier_adapter: str | None = None) -> TrainingChat:
    """The tokenizer of the model to train. Its EOS becomes the end token, at which an evaluation will stop.

    Args:
        adapter: names the model, and its chat template if it is not the model's own.
        earlier_adapter: a Hub id or a folder of an adapter that is trained further; its chat template and the
            template's variables are taken where no other ones are given.

    Raises:
        InputError: if the model has no tokenizer or no chat template.
    """
    variables: Any = adapter.chat_template_args
    chat = TrainingChat(
        _folder_at_revision(adapter.model_name_or_path, adapter.model_revision),
        earlier_adapter,
        adapter.chat_template,
        variables,
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
