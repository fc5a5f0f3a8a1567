"""How a model is asked: everything that changes its answers, and what it takes to reach it."""

from dataclasses import dataclass

from petoolbench import InputError, check_choice
from petoolkit.endpoint.llm_settings import Prices
from petoolkit.evaluator.prompts.window import TRUNCATIONS

PROMPTS = ("petoolbench", "released")
PROTOCOLS = ("prompt", "tools")


@dataclass(frozen=True)
class Options:
    """What changes a model's answers; kept in the manifest.

    Args:
        history: whether the interaction history is shown.
        prompt: `petoolbench` is this project's prompt, `released` the authors' own text, of an imported dataset.
        truncate: how a prompt is made to fit (`petoolkit.evaluator.prompts.window`).
        window: the most tokens of a prompt.
        protocol: `prompt` asks for JSON in text, as the paper does; `tools` gives native functions (endpoints only).
        temperature: 0 is greedy.
        max_new_tokens: the longest reply.
        seed: for what is drawn.
        repeat: how often each row is asked.

    Raises:
        InputError: for a value that is none of the choices, or choices that exclude each other.
    """

    history: bool = True
    prompt: str = "petoolbench"
    truncate: str = "oldest"
    window: int = 4000
    protocol: str = "prompt"
    temperature: float = 0.1
    max_new_tokens: int = 256
    seed: int = 0
    repeat: int = 1

    def __post_init__(self) -> None:
        check_choice(self.prompt, PROMPTS, "prompt")
        check_choice(self.truncate, TRUNCATIONS, "truncation")
        check_choice(self.protocol, PROTOCOLS, "protocol")
        if self.prompt == "released" and not self.history:
            raise InputError("the released prompts show the history: leave out --no-history or --prompt released.")
        if self.prompt == "released" and self.protocol == "tools":
            raise InputError("the released prompts hold the tools as text: leave out --protocol or --prompt released.")


@dataclass(frozen=True)
class Connection:
    """How an endpoint is reached; changes no answer, but for the address."""

    base_url: str | None = None
    concurrency: int = 32
    prices: Prices | None = None
