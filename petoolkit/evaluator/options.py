"""Options of an evaluation: those that change a model's answers, and the connection to an endpoint."""

from dataclasses import dataclass, field
from typing import Any, Literal

from petoolbench import InputError, check_choice
from petoolkit.endpoint.llm_settings import Prices, own_fields
from petoolkit.evaluator.history_methods.method_table import FULL, parse_history_method
from petoolkit.evaluator.prompts.window import TRUNCATIONS

PROMPTS = ("petoolbench", "released")
PROTOCOLS = ("prompt", "tools")


@dataclass(frozen=True)
class Options:
    """Options that change a model's answers; they are stored in the manifest.

    Args:
        history: what is shown of the interaction history (`petoolkit.evaluator.history_methods.method_table`).
        prompt: `petoolbench` is this project's prompt, `released` is the authors' own text (imported datasets only).
        truncate: how a prompt is shortened to fit (`petoolkit.evaluator.prompts.window`).
        window: most tokens of a prompt.
        protocol: `prompt` asks for JSON in text, as the paper does; `tools` sends native functions.
        extra_body: further fields of each request, such as `reasoning_effort` (endpoints only).
        temperature: 0 or more; 0 is greedy.
        max_new_tokens: most tokens of a reply; `paper` for 256, `auto` for 256 or, if the model reasons before it
            answers, 4,096 (`petoolkit.evaluator.models.reply_limit`).
        seed: random seed.
        repeat: number of replies to each row.
        chat_template: file with a chat template that is taken instead of the model's (`hf:`, `vllm:`).
        chat_template_args: variables of the chat template, such as `enable_thinking` (`hf:`, `vllm:`).
        any_base: whether an adapter may have been trained on another model (`hf:`, `vllm:`).

    Raises:
        InputError: for an unknown choice, or for choices that exclude each other.
    """

    history: str = FULL
    prompt: str = "petoolbench"
    truncate: str = "oldest"
    window: int = 4000
    protocol: str = "prompt"
    extra_body: dict[str, Any] | None = None
    temperature: float = 0.1
    max_new_tokens: int | Literal["auto", "paper"] = "auto"
    seed: int = 0
    repeat: int = 1
    chat_template: str | None = None
    chat_template_args: dict[str, Any] | None = None
    any_base: bool = False

    def __post_init__(self) -> None:
        check_choice(self.prompt, PROMPTS, "prompt")
        check_choice(self.truncate, TRUNCATIONS, "truncation")
        check_choice(self.protocol, PROTOCOLS, "protocol")
        if own := own_fields(self.extra_body or {}):
            raise InputError(f"--extra-body cannot set {', '.join(own)}; use petoolbench's own options for them.")
        parse_history_method(self.history)
        if self.prompt == "released" and self.history != FULL:
            raise InputError("the released prompts show the whole history; leave out --history or --prompt released.")
        if self.prompt == "released" and self.protocol == "tools":
            raise InputError("the released prompts hold the tools as text; leave out --protocol or --prompt released.")


@dataclass(frozen=True)
class Connection:
    """Connection to an endpoint; except for the address, it does not change the answers.

    Args:
        base_url: address of the endpoint.
        concurrency: requests in flight.
        prices: prices of the model.
        headers: further headers of each request by name; their values may be secrets, and are written nowhere.
        timeout: seconds of a request, after which it is sent again; `None` for 120, or 600 for a reply with room for
            reasoning.
    """

    base_url: str | None = None
    concurrency: int = 32
    prices: Prices | None = None
    headers: dict[str, str] | None = field(default=None, repr=False)
    timeout: float | None = None
