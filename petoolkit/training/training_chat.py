"""Prompts and answers as token ids, as the evaluation will show and read them."""

from functools import cached_property
from pathlib import Path

from petoolbench import InputError
from petoolkit.evaluator.models.chat_tokenizer import ChatTokenizer
from petoolkit.training.arguments import AdapterArguments

_TOKENIZER_FILES = ["config.json", "tokenizer*", "special_tokens_map.json", "vocab*", "merges.txt", "*.jinja"]
_MARK = "7f3a"  # an answer that stands in no template


class TrainingChat(ChatTokenizer):
    """A model's tokenizer that also encodes answers, each closed by the token that ends the assistant's turn."""

    def count_tokens(self, messages: list[dict[str, str]]) -> int:
        """Length of a prompt."""
        return len(self.encode(messages))

    def encode_answer(self, answer: str) -> list[int]:
        """Token ids of an answer and its end token: what the loss covers, without what a template puts after."""
        return [*self.tokenizer(answer, add_special_tokens=False, verbose=False)["input_ids"], self.end_token_id]

    @cached_property
    def end_token_id(self) -> int:
        """The first special token that the chat template puts behind an answer; the tokenizer's EOS if there is none.

        They are not always the same: Llama 3's template ends a turn with `<|eot_id|>`, while its first tokenizers
        have `<|end_of_text|>` as their EOS.
        """
        messages = [{"role": "user", "content": "a"}, {"role": "assistant", "content": _MARK}]
        after = self.tokenizer.apply_chat_template(messages, tokenize=False).rpartition(_MARK)[2]
        special = {number for number, token in self.tokenizer.added_tokens_decoder.items() if token.special}
        ids = self.tokenizer(after, add_special_tokens=False)["input_ids"]
        return next((number for number in ids if number in special), self.tokenizer.eos_token_id)


def load_chat(adapter: AdapterArguments) -> TrainingChat:
    """The tokenizer of the model to train; its EOS becomes the end token, at which evaluation will stop.

    Raises:
        InputError: if the model has none, or no chat template.
    """
    chat = TrainingChat(_at_revision(adapter.model_name_or_path or "", adapter.model_revision))
    chat.tokenizer.eos_token = chat.tokenizer.convert_ids_to_tokens(chat.end_token_id)
    return chat


def _at_revision(model: str, revision: str) -> str:
    """The model, or a folder with the tokenizer of one of its revisions on the Hub."""
    if revision == "main" or Path(model).is_dir():
        return model
    from huggingface_hub import snapshot_download

    try:
        return snapshot_download(model, revision=revision, allow_patterns=_TOKENIZER_FILES)
    except (OSError, ValueError) as error:
        raise InputError(f"the tokenizer of {model} at {revision} cannot be had ({error}); check both.") from None
