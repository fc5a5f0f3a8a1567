"""Models behind an OpenAI-compatible endpoint (`openai:NAME`): OpenAI, vLLM, Ollama, `transformers serve` ..."""

import asyncio
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from petoolkit.endpoint.ask import Endpoint
from petoolkit.endpoint.llm_settings import LlmSettings
from petoolkit.endpoint.request import Ask, Reply, Request, RequestFailed
from petoolkit.endpoint.usage import Usage
from petoolkit.evaluator.models.model import Answer, Prompt, reply_seed
from petoolkit.evaluator.models.native_tools import NativeTools
from petoolkit.evaluator.models.reply_limit import BY_REPLIES, ROOM, ReplyLimit

# The endpoint's tokenizer is not known. With this value, 11 % of the released prompts are longer than 4,000 tokens, as
# with the authors' tokenizer.
CHARACTERS_A_TOKEN = 3.8
_SEEDS = 2**31  # some servers take no larger seed
_SECONDS, _SECONDS_WITH_ROOM = 120, 600  # of a request; the latter is the openai library's own


def seconds_for(max_tokens: int) -> int:
    """The timeout of a request by default, in seconds."""
    return _SECONDS if max_tokens < ROOM else _SECONDS_WITH_ROOM


class OpenAIModel:
    """A model behind an endpoint; replies are neither read from the cache nor stored there.

    Args:
        settings: model, address, temperature, most tokens of a reply, requests in flight.
        native_tools: whether candidate tools are sent as native functions (`--protocol tools`).
        seed: random seed; each reply has its own seed, made from it, for endpoints that support seeds.
        usage: counts calls, tokens and retries.
        headers: further headers of each request; their values are never shown.
        seconds_for_room: timeout of a reply with room for reasoning; `None` if replies keep the most tokens of
            `settings`. Otherwise, the first reply that was cut there, and shows that the model reasons, is asked for
            again with room. If that succeeds, so is every other reply that was cut.
        on_growth: called with the new limit, once the first reply with room is there.

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
        seconds_for_room: float | None = None,
        on_growth: Callable[[ReplyLimit], None] = lambda limit: None,
    ):
        self._endpoint = Endpoint(settings, usage, keep_replies=False, headers=headers)
        self._native_tools = native_tools
        self._seed = seed
        self._limit = settings.max_tokens
        self._seconds_for_room = seconds_for_room
        self._on_growth = on_growth

    def count_tokens(self, messages: list[dict[str, str]], candidate_tools: Sequence[dict] = ()) -> int:
        """See `petoolkit.evaluator.models.model.Model`; estimated from the number of characters."""
        characters = sum(len(message["content"]) for message in messages)
        if self._native_tools:
            characters += len(json.dumps(NativeTools(candidate_tools).functions()))
        return round(characters / CHARACTERS_A_TOKEN)

    def answer_all(self, prompts: Iterable[Prompt]) -> Iterator[Answer]:
        """See `petoolkit.evaluator.models.model.Model`; a second answer to a prompt replaces the first.

        Raises:
            InputError: if the endpoint refuses the key or the model, has no quota left, or is down.
        """
        cut = []
        for answer in self._ask_all(prompts):
            cut += [answer] if answer.cut_at else []
            yield answer
        # Those that did not show reasoning, and were cut before another reply did.
        again = {(one.prompt.row_id, one.prompt.repeat): one for one in cut if one.cut_at != self._limit}
        for answer in self._ask_all([one.prompt for one in again.values()]):
            if answer.reply is not None:
                yield _with_discarded(answer, again[answer.prompt.row_id, answer.prompt.repeat])

    def _ask_all(self, prompts: Iterable[Prompt]) -> Iterator[Answer]:
        # These belong to the event loop of one `answer_all`.
        self._first_with_room = asyncio.Lock()
        self._in_flight = asyncio.Semaphore(self._endpoint.settings.concurrency)
        return self._endpoint.answer_all(prompts, self._answer, in_order=False)

    async def _answer(self, prompt: Prompt, ask: Ask) -> Answer:
        tools = NativeTools(prompt.candidate_tools) if self._native_tools and prompt.candidate_tools else None
        request = Request(
            prompt.messages, reply_seed(self._seed, prompt) % _SEEDS, tools=tools.functions() if tools else None
        )
        async with self._in_flight:
            limit = self._limit  # which may have grown while this waited
            timeout = self._seconds_for_room if limit == ROOM else None
            try:
                reply = await ask(replace(request, max_tokens=limit, timeout=timeout))
            except RequestFailed as error:
                return Answer(prompt, None, str(error))
            answer = self._answer_of(prompt, reply, tools, limit)
            if not answer.cut_at or answer.cut_at >= ROOM:
                return answer
            with_room = await self._ask_with_room(request, reply, ask)
        return _with_discarded(self._answer_of(prompt, with_room, tools, ROOM), answer) if with_room else answer

    async def _ask_with_room(self, request: Request, cut: Reply, ask: Ask) -> Reply | None:
        """The reply with room for reasoning to a request whose reply was cut; `None` if there is none."""
        request = replace(request, max_tokens=ROOM, timeout=self._seconds_for_room)
        try:
            async with self._first_with_room:  # others wait for what becomes of the first one
                if self._limit != ROOM:
                    if self._seconds_for_room is None or not cut.has_reasoning:
                        return None
                    reply = await ask(request)
                    self._limit = ROOM
                    self._on_growth(ReplyLimit(ROOM, BY_REPLIES))
                    return reply
            return await ask(request)
        except RequestFailed:
            if self._limit != ROOM:  # such as from a server whose context is too short
                self._seconds_for_room = None
            return None

    def _answer_of(self, prompt: Prompt, reply: Reply, tools: NativeTools | None, max_tokens: int) -> Answer:
        return Answer(
            prompt,
            tools.reply_of(*reply.called) if tools and reply.called else reply.content or reply.refusal or "",
            None,
            reply.prompt_tokens,
            reply.completion_tokens,
            reply.seconds,
            finish_reason=reply.finish_reason,
            estimated_prompt_tokens=self.count_tokens(prompt.messages, prompt.candidate_tools),
            left_out=reply.left_out,
            length_option=reply.length_option,
            cut_at=max_tokens if reply.finish_reason == "length" else None,
        )


def _with_discarded(answer: Answer, cut: Answer) -> Answer:
    """An answer with the tokens of an earlier one that was cut, which were paid for, too."""
    return replace(
        answer,
        discarded_prompt_tokens=answer.discarded_prompt_tokens + (cut.prompt_tokens or 0),
        discarded_completion_tokens=answer.discarded_completion_tokens + (cut.completion_tokens or 0),
    )
