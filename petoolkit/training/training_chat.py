"""Prompts and answers as token ids, the same as in an evaluation."""

from functools import cached_property
from pathlib import Path

from huggingface_hub import snapshot_download

from petoolbench import InputError
from petoolkit.evaluator.models.chat_tokenizer import ChatTokenizer
from petoolkit.hub_reading import LOADING_ERRORS, why_not_read
from petoolkit.training.arguments import AdapterArguments

_TOKENIZER_FILES = ["config.json", "tokenizer*", "special_tokens_map.json", "vocab*", "merges.txt", "*.jinja"]
_ANSWER = "7f3a"  # a text that does not occur in a chat template


class TrainingChat(ChatTokenizer):
    """A model's tokenizer that also encodes answers, each closed by the token that ends the assistant's turn."""

    def count_tokens(self, messages: list[dict[str, str]]) -> int:
        """Length of a prompt."""
        return len(self.encode(messages))

    def encode_answer(self, answer: str) -> list[int]:
        """Token ids that the loss covers: an answer and its end token, without what a template writes after it."""
        return [*self.tokenizer(answer, add_special_tokens=False, verbose=False)["input_ids"], self.end_token_id]

    @cached_property
    def end_token_id(self) -> int:
        """The first special token that the chat template writes after an answer, or the tokenizer's EOS without one.

        The two may differ: Llama 3's template ends a turn with `<|eot_id|>`, while its first tokenizers have
        `<|end_of_text|>` as their EOS.
        """
        messages = [{"role": "user", "content": "a"}, {"role": "assistant", "content": _ANSWER}]
        after = self.tokenizer.apply_chat_template(messages, tokenize=False).rpartition(_ANSWER)[2]
        special = {number for number, token in self.tokenizer.added_tokens_decoder.items() if token.special}
        ids = self.tokenizer(after, add_special_tokens=False)["input_ids"]
        return next((number for number in ids if number in special), self.tokenizer.eos_token_id)


def load_chat(adapter: AdapterArguments) -> TrainingChat:
    """The tokenizer of the model to train. Its EOS becomes the end token, at which an evaluation will stop.

    Raises:
        InputError: if the model has no tokenizer or no chat template.
    """
    chat = TrainingChat(_folder_at_revision(adapter.model_name_or_path, adapter.model_revision))
    chat.tokenizer.eos_token = chat.tokenizer.convert_ids_to_tokens(chat.end_token_id)
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
