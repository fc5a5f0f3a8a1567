"""Prompts as token ids, by a model's tokenizer and chat template."""

from pathlib import Path
from typing import Any

from jinja2 import TemplateError

from petoolbench import InputError
from petoolkit.hub_reading import LOADING_ERRORS, why_not_read


class ChatTokenizer:
    """A model's tokenizer with its chat template; the adapter's own if it has one, since it was trained with it.

    Args:
        model: a Hub id or a local folder.
        adapter: a Hub id or a local folder, or `None`.

    Raises:
        InputError: if there is no tokenizer, or it has no chat template.
    """

    def __init__(self, model: str, adapter: str | None = None):
        self.tokenizer = _load(model, adapter)
        if not self.tokenizer.chat_template:
            raise InputError(
                f"{model} has no chat template, which marks the turns of a prompt; take the model's instruction-tuned "
                "version, or put a chat_template.jinja into its folder."
            )
        bos = self.tokenizer.bos_token_id
        self._bos = [bos] if bos is not None and self.tokenizer("a")["input_ids"][:1] == [bos] else []
        self._takes_system = self._renders([{"role": "system", "content": "a"}, {"role": "user", "content": "a"}])

    def encode(self, messages: list[dict[str, str]]) -> list[int]:
        """Token ids of a prompt, up to the start of the reply; they begin with one BOS if the tokenizer adds BOS.

        If the chat template refuses system messages, the system message becomes the start of the user message.
        """
        if not self._takes_system:
            messages = [{"role": "user", "content": "\n\n".join(message["content"] for message in messages)}]
        text = self.tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
        ids = self.tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"]
        return ids if ids[:1] == self._bos else self._bos + ids  # most templates write BOS themselves

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
