"""What models that run in this process share: their spec, their tokenizer, and a seed for each reply."""

import hashlib
from pathlib import Path
from typing import Any

from jinja2 import TemplateError

from petoolbench import InputError
from petoolkit.evaluator.models.model import Prompt

# What `from_pretrained` raises for a folder or repository that is missing, incomplete or of another kind.
LOADING_ERRORS = (OSError, ValueError, KeyError, ImportError)


def split_spec(spec: str) -> tuple[str, str | None]:
    """Model and adapter of `MODEL_OR_FOLDER[+ADAPTER]`; what is a folder as a whole is a model, `+` or not.

    Raises:
        InputError: if it names no model.
    """
    model, _, adapter = (spec, "", "") if Path(spec).is_dir() else spec.partition("+")
    if not model:
        raise InputError(f"the model {spec!r} has no name; write a folder or a Hub id, and +ADAPTER behind it.")
    return model, adapter or None


def why(error: Exception) -> str:
    """The first sentence of another library's message."""
    return " ".join(str(error).split()).partition(". ")[0].rstrip(".")[:300]


def reply_seed(seed: int, prompt: Prompt) -> int:
    """A reply's own seed, 0 to 2^63 - 1: it does not depend on what else is asked, nor on what was answered before."""
    digest = hashlib.sha256(f"{seed}:{prompt.repeat}:{prompt.row_id}".encode()).digest()
    return int.from_bytes(digest[:8]) >> 1


class ChatTokenizer:
    """A model's tokenizer with its chat template; the adapter's own where it brings them, since it learned on them.

    Args:
        model: a Hub id or a local folder.
        adapter: the same, or `None`.

    Raises:
        InputError: if there is none, or it has no chat template.
    """

    def __init__(self, model: str, adapter: str | None = None):
        self.tokenizer = _load(model, adapter)
        if not self.tokenizer.chat_template:
            raise InputError(
                f"{model} has no chat template, so it can't be told who says what; take the model's instruction-tuned "
                "version, or put a chat_template.jinja into its folder."
            )
        bos = self.tokenizer.bos_token_id
        self._bos = [bos] if bos is not None and self.tokenizer("a")["input_ids"][:1] == [bos] else []
        self._takes_system = self._renders([{"role": "system", "content": "a"}, {"role": "user", "content": "a"}])

    def encode(self, messages: list[dict[str, str]]) -> list[int]:
        """Token ids of a prompt up to where the reply begins, with one BOS if the tokenizer puts one by default.

        Templates that refuse a system message get it as the start of the user's.
        """
        if not self._takes_system:
            messages = [{"role": "user", "content": "\n\n".join(message["content"] for message in messages)}]
        text = self.tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
        ids = self.tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"]
        return ids if ids[:1] == self._bos else self._bos + ids  # most templates write it themselves

    def _renders(self, messages: list[dict[str, str]]) -> bool:
        try:
            self.tokenizer.apply_chat_template(messages, tokenize=False)
        except TemplateError:
            return False
        return True


def _load(model: str, adapter: str | None) -> Any:
    from transformers import AutoTokenizer

    if adapter is not None:
        try:
            own = AutoTokenizer.from_pretrained(adapter, trust_remote_code=False)
        except LOADING_ERRORS:
            pass  # most adapters have none
        else:
            if own.chat_template:
                return own
    try:
        return AutoTokenizer.from_pretrained(model, trust_remote_code=False)
    except LOADING_ERRORS as error:
        place = "the folder holds no tokenizer" if Path(model).is_dir() else "no such folder here, none from the Hub"
        raise InputError(
            f"the model {model} cannot be had: {place} ({why(error)}); give a model's folder or a Hub id."
        ) from None
