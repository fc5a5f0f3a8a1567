"""Models behind an OpenAI-compatible endpoint (`openai:NAME`): OpenAI, vLLM, Ollama, `transformers serve` ..."""

import json
from collections.abc import Iterator, Mapping

from petoolkit.endpoint.ask import Endpoint
from petoolkit.endpoint.llm_settings import LlmSettings
from petoolkit.endpoint.request import Ask, Request, RequestFailed
from petoolkit.endpoint.usage import Usage
from petoolkit.evaluator.models.model import Answer, Prompt, reply_seed
from petoolkit.evaluator.models.native_tools import NativeTools

# The endpoint's tokenizer is not known. With this value, 11 % of the released prompts are longer than 4,000 tokens, as
# with the authors' tokenizer.
CHARACTERS_A_TOKEN = 3.8
_SEEDS = 2**31  # some servers take no larger seed


class OpenAIModel:
    """A model behind an endpoint; replies are neither read from the cache nor stored there.

    Args:
        settings: model, address, temperature, most tokens of a reply, requests in flight.
        native_tools: whether candidate tools are sent as native functions (`--protocol tools`).
        seed: random seed; each reply has its own seed, made from it, for endpoints that support seeds.
        usage: counts calls, tokens and retries.
        headers: further headers of each request; their values are never shown.

    Raises:
        InputError: if `$OPENAI_API_KEY` is not set, or a package is missing.
    """

    def __init__(
        self,
        settings: LlmSettings,
        native_tools: bool,
        seed: int,
        usage: Usage,
        headers: Mapping[str, str] | None = None,
    ):
        self._endpoint = Endpoint(settings, usage, keep_replies=False, headers=headers)
        self._native_tools = native_tools
        self._seed = seed

    def count_tokens(self, messages: list[dict[str, str]]) -> int:
        """See `petoolkit.evaluator.models.model.Model`; estimated from the number of characters."""
        return round(sum(len(message["content"]) for message in messages) / CHARACTERS_A_TOKEN)

    def answer_all(self, prompts: list[Prompt]) -> Iterator[Answer]:
        """See `petoolkit.evaluator.models.model.Model`.

        Raises:
            InputError: if the endpoint refuses the key or the model, has no quota left, or is down.
        """
        return self._endpoint.answer_all(prompts, self._answer, in_order=False)

    async def _answer(self, prompt: Prompt, ask: Ask) -> Answer:
        tools = NativeTools(prompt.candidate_tools) if self._native_tools else None
        request = Request(
            prompt.messages, reply_seed(self._seed, prompt) % _SEEDS, tools=tools.functions() if tools else None
        )
        try:
            reply = await ask(request)
        except RequestFailed as error:
            return Answer(prompt, None, str(error))
        text = tools.reply_of(*reply.called) if tools and reply.called else reply.content or reply.refusal or ""
        return Answer(
            prompt,
            text,
            None,
            reply.prompt_tokens,
            reply.completion_tokens,
            reply.seconds,
            finish_reason=reply.finish_reason,
            estimated_prompt_tokens=self.count_tokens(prompt.messages),
            left_out=reply.left_out,
        )


def tokens_of_functions(candidate_tools: list[dict]) -> int:
    """Estimated number of tokens that candidate tools add to a prompt as native functions."""
    return round(len(json.dumps(NativeTools(candidate_tools).functions())) / CHARACTERS_A_TOKEN)
