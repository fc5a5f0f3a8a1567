"""The one file that opens connections: a language model behind an OpenAI-compatible endpoint.

Requests are bounded in number, repeated on passing faults, and never paid for twice: each reply is kept on the disk
before it is used, under everything that changes the answer.
"""

import asyncio
import hashlib
import json
import os
import time
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import cache, partial
from itertools import islice
from typing import Any, TypeVar

import numpy as np
from pydantic import BaseModel

from builder.recipe import LlmSettings
from builder.usage import Usage
from petoolbench import InputError
from petoolbench_embedding import encode_once
from petoolbench_store import REPLIES, Store, cache_folder

try:
    import openai
    import tenacity
    from openai.types.chat import ChatCompletion
except ImportError as error:
    raise InputError(
        f"the author `openai` needs the package {error.name}: pip install 'petoolbench[openai]'"
    ) from None

Job = TypeVar("Job")
Result = TypeVar("Result")

_FORMATS = ("json_schema", "json_object", "text")  # of a reply, best first; what a server refuses is not asked again
_WINDOW = 4  # jobs begun, as a multiple of the requests in flight: a slow one at the head holds up no other
_FAILURES_IN_A_ROW = 20  # after which the endpoint counts as down
_EMBEDDED_AT_ONCE = 128  # texts in a request
_LONGEST_PAUSE = 120.0  # seconds that a server may ask us to wait


class RequestFailed(Exception):
    """A request that stayed without an answer after its retries; the message says why."""


class _Stopped(Exception):
    """No further request is made: the run is ending."""


@dataclass(frozen=True)
class Reply:
    """One answer. `finish_reason` and `refusal` are as the endpoint gives them."""

    content: str
    finish_reason: str | None
    refusal: str | None
    prompt_tokens: int
    completion_tokens: int


Ask = Callable[[list[dict[str, str]], type[BaseModel]], Awaitable[Reply]]
OnReply = Callable[[list[dict[str, str]], Reply], None]


class Endpoint:
    """An OpenAI-compatible endpoint.

    Args:
        settings: model, address, limits. The key is read from `$OPENAI_API_KEY`.
        seed: sent along, for endpoints that honour it.
        usage: counts calls, tokens, retries.
        on_reply: gets each conversation and its reply, to be shown.

    Raises:
        InputError: if there is no key.
    """

    def __init__(
        self, settings: LlmSettings, seed: int, usage: Usage, on_reply: OnReply = lambda messages, reply: None
    ):
        self.on_reply = on_reply
        self.settings = settings
        self.usage = usage
        self.format = 0  # index in _FORMATS of the best that the server takes, as far as is known
        self._seed = seed
        self.base_url = settings.base_url or os.environ.get("OPENAI_BASE_URL")
        self._key = os.environ.get("OPENAI_API_KEY", "")
        if not self._key:
            raise InputError("OPENAI_API_KEY is not set; set it (to any text, for a server that asks for none).")

    def answer_all(
        self, jobs: Iterable[Job], work: Callable[[Job, Ask], Coroutine[Any, Any, Result]]
    ) -> Iterator[Result]:
        """Do jobs concurrently and give their results in order.

        However many jobs there are, few are begun at a time. When the run ends early (Ctrl-C, a limit, a refusal),
        what is in flight is waited for and kept; a second Ctrl-C does not wait.

        Raises:
            InputError: if the endpoint refuses the key or the model, the quota or `max_cost` is used up, or the
                endpoint is down.
        """

        async def ask_and_work(job: Job, session: "_Session") -> Result:
            return await work(job, session.ask)

        return self._in_order(jobs, ask_and_work)

    def _in_order(
        self, jobs: Iterable[Job], work: Callable[[Job, "_Session"], Coroutine[Any, Any, Result]]
    ) -> Iterator[Result]:
        with asyncio.Runner() as runner, Store.open(cache_folder() / REPLIES) as store:
            session = runner.run(_Session.begin(self, store))
            begun: deque[asyncio.Task[Result]] = deque()
            waiting = iter(jobs)
            try:
                while True:
                    for job in islice(waiting, self.settings.concurrency * _WINDOW - len(begun)):
                        begun.append(runner.get_loop().create_task(work(job, session)))
                    if not begun:
                        return
                    try:
                        result = runner.run(_settled(begun[0]))
                    except _Stopped:
                        raise session.end_of_run from None
                    begun.popleft()
                    yield result
            finally:
                runner.run(session.end(begun))

    def embed_all(self, batches: Iterable[list[str]], model: str) -> Iterator[np.ndarray]:
        """Unit vectors, (len(batch), dimension) float32, of each batch of texts; raises what `answer_all` raises."""

        async def embed(batch: list[str], session: "_Session") -> np.ndarray:
            return await session.embed(batch, model)

        return self._in_order(batches, embed)

    def client(self) -> openai.AsyncOpenAI:
        """A client of the running event loop; repeating requests is this file's own work."""
        return openai.AsyncOpenAI(
            base_url=self.base_url, api_key=self._key, timeout=self.settings.timeout, max_retries=0
        )

    def request(self, messages: list[dict[str, str]]) -> dict[str, Any]:
        """What is sent, but for the reply's format."""
        return {
            "model": self.settings.model,
            "messages": messages,
            "temperature": self.settings.temperature,
            "max_tokens": self.settings.max_tokens,
            "seed": self._seed,
        }

    def key(self, messages: list[dict[str, str]], schema: type[BaseModel]) -> bytes:
        """Names everything that changes the answer; the reply's schema, not the form in which the server takes it."""
        asked = [self.base_url, self.request(messages), _json_schema(schema)]
        return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).digest()

    def without_key(self, text: str) -> str:
        """Other people's words as they may be shown: should they repeat the key, it is taken out."""
        return text.replace(self._key, "[key]")


class _Session:
    """The requests of one `answer_all`: everything that belongs to one event loop."""

    def __init__(self, endpoint: Endpoint, store: Store):
        self._endpoint = endpoint
        self._store = store
        self._client = endpoint.client()
        self._in_flight = asyncio.Semaphore(endpoint.settings.concurrency)
        self._stopping = asyncio.Event()
        self.end_of_run = InputError("stopped")  # why, once something ends the run
        self._failures = 0  # in a row

    @classmethod
    async def begin(cls, endpoint: Endpoint, store: Store) -> "_Session":
        return cls(endpoint, store)

    async def end(self, begun: Iterable[asyncio.Task]) -> None:
        """Wait for what is in flight; begin nothing more."""
        self._stopping.set()
        await asyncio.gather(*begun, return_exceptions=True)
        await self._client.close()

    async def ask(self, messages: list[dict[str, str]], schema: type[BaseModel]) -> Reply:
        """A reply from the store, else from the endpoint.

        Raises:
            RequestFailed: if there is none after all retries.
            InputError: see `Endpoint.answer_all`.
        """
        key = self._endpoint.key(messages, schema)
        if self._endpoint.settings.cache and (kept := self._store.get([key]).get(key)):
            reply = Reply(**json.loads(kept))
            self._endpoint.usage.count(
                cached=1,
                cached_prompt_tokens=reply.prompt_tokens,
                cached_completion_tokens=reply.completion_tokens,
            )
            self._endpoint.on_reply(messages, reply)
            return reply
        async with self._in_flight:
            if self._stopping.is_set():
                raise _Stopped
            self._check_cost()
            reply = await self._repeatedly(partial(self._send, messages, schema))
        self._store.put({key: json.dumps(asdict(reply)).encode()})
        self._endpoint.usage.count(
            calls=1, prompt_tokens=reply.prompt_tokens, completion_tokens=reply.completion_tokens
        )
        self._endpoint.on_reply(messages, reply)
        return reply

    async def embed(self, texts: list[str], model: str) -> np.ndarray:
        """Unit vectors of texts, (len(texts), dimension) float32; raises what `ask` raises."""
        async with self._in_flight:
            if self._stopping.is_set():
                raise _Stopped
            self._check_cost()
            answer = await self._repeatedly(partial(self._client.embeddings.create, input=texts, model=model))
        self._endpoint.usage.count(calls=1, embedding_tokens=answer.usage.prompt_tokens)
        vectors = np.array(
            [item.embedding for item in sorted(answer.data, key=lambda item: item.index)], dtype=np.float32
        )
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)

    def _check_cost(self) -> None:
        usage, limit = self._endpoint.usage, self._endpoint.settings.max_cost
        spent = usage.cost(usage.total)
        if limit is not None and spent is not None and spent >= limit:
            over = InputError(
                f"stopped at the limit of ${limit}: ${spent:.4f} are spent. Every reply is kept: the same command "
                "with a higher --max-cost goes on from here."
            )
            self._end_run(over)
            raise over

    def _end_run(self, why: InputError) -> None:
        """Begin no other request, wherever in the order of the jobs the one stands that ends the run."""
        self.end_of_run = why
        self._stopping.set()

    async def _repeatedly(self, send: Callable[[], Awaitable[Any]]) -> Any:
        """Send a request, again while its fault may pass."""
        retrying = tenacity.AsyncRetrying(
            retry=tenacity.retry_if_exception(_passes),
            wait=_pause,
            stop=tenacity.stop_after_attempt(self._endpoint.settings.retries + 1),
            sleep=self._sleep,
            reraise=True,
        )
        try:
            async for attempt in retrying:
                with attempt:
                    if attempt.retry_state.attempt_number > 1:
                        self._endpoint.usage.count(retries=1)
                    answer = await send()
        except openai.OpenAIError as error:
            final = self._final(error)
            if isinstance(final, InputError):
                self._end_run(final)
            raise final from None
        self._failures = 0
        return answer

    async def _sleep(self, seconds: float) -> None:
        """Wait, but not when the run is ending."""
        try:
            await asyncio.wait_for(self._stopping.wait(), seconds)
        except TimeoutError:
            return
        raise _Stopped

    async def _send(self, messages: list[dict[str, str]], schema: type[BaseModel]) -> Reply:
        tried = self._endpoint.format
        request = {**self._endpoint.request(messages), **_response_format(_FORMATS[tried], schema)}
        try:
            # Not `chat.completions.create`: it walks the whole typed body, schema included, for each request.
            completion = await self._client.post("/chat/completions", body=request, cast_to=ChatCompletion)
        except openai.BadRequestError as error:
            if tried + 1 < len(_FORMATS) and "response_format" in str(error):
                self._endpoint.format = max(self._endpoint.format, tried + 1)
                return await self._send(messages, schema)
            raise
        choice = completion.choices[0] if completion.choices else None
        usage = completion.usage
        return Reply(
            content=(choice.message.content if choice else None) or "",
            finish_reason=choice.finish_reason if choice else None,
            refusal=choice.message.refusal if choice else None,
            prompt_tokens=usage.prompt_tokens if usage else 0,
            completion_tokens=usage.completion_tokens if usage else 0,
        )

    def _final(self, error: openai.OpenAIError) -> Exception:
        """What a request's last error means: for the whole run, or for its record alone."""
        said = self._endpoint.without_key(" ".join(str(error).split()))[:300]
        if _is_used_up(error):
            return InputError(
                f"the account's quota is used up ({said}); every reply so far is kept: go on when it is filled."
            )
        if isinstance(error, openai.AuthenticationError | openai.PermissionDeniedError):
            return InputError(f"the endpoint refuses the key ({said}); check OPENAI_API_KEY.")
        if isinstance(error, openai.NotFoundError):
            return InputError(f"the endpoint does not know this ({said}); check --model and --base-url.")
        self._failures += 1
        if self._failures >= _FAILURES_IN_A_ROW:
            return InputError(
                f"{self._failures} requests in a row failed, the last with: {said}. Every reply so far is kept: the "
                "same command goes on from here when the endpoint answers again."
            )
        return RequestFailed(f"request failed ({type(error).__name__})")


class EndpointEncoder:
    """An embedding model behind the endpoint, in the place of `petoolbench_embedding.Encoder`.

    Args:
        model: its name there, such as `text-embedding-ada-002` (the paper's).
        endpoint: where to ask.
    """

    def __init__(self, model: str, endpoint: Endpoint):
        self.model = model
        self.fingerprint = hashlib.sha256(f"{endpoint.base_url} {model}".encode()).hexdigest()[:32]
        self.texts_embedded = 0
        self.seconds_embedding = 0.0
        self._endpoint = endpoint

    def encode(self, texts: Sequence[str], what: str = "texts") -> np.ndarray:
        """See `petoolbench_embedding.TextEncoder`."""
        return encode_once(texts, self.fingerprint, self._embed)

    def _embed(self, texts: list[str]) -> Iterator[tuple[list[str], np.ndarray]]:
        started = time.perf_counter()
        batches = [texts[start : start + _EMBEDDED_AT_ONCE] for start in range(0, len(texts), _EMBEDDED_AT_ONCE)]
        yield from zip(batches, self._endpoint.embed_all(batches, self.model), strict=True)
        self.texts_embedded += len(texts)
        self.seconds_embedding += time.perf_counter() - started


async def _settled(task: "asyncio.Task[Result]") -> Result:
    """A task's result; shielded, so that Ctrl-C stops the waiting and not the task."""
    return await asyncio.shield(task)


def _passes(error: BaseException) -> bool:
    """Whether a fault may pass by itself."""
    if isinstance(error, openai.APIConnectionError | openai.InternalServerError):
        return True
    return isinstance(error, openai.APIStatusError) and error.status_code in (408, 409, 429) and not _is_used_up(error)


def _is_used_up(error: BaseException) -> bool:
    return isinstance(error, openai.APIError) and error.code == "insufficient_quota"


_backoff = tenacity.wait_exponential_jitter(multiplier=0.5, max=8)


def _pause(state: tenacity.RetryCallState) -> float:
    """Seconds until the next attempt: what the server asks for, else longer each time."""
    error = state.outcome.exception() if state.outcome else None
    if isinstance(error, openai.APIStatusError):
        asked = error.response.headers.get("retry-after", "")
        if asked.replace(".", "", 1).isdecimal():
            return min(float(asked), _LONGEST_PAUSE)
    return _backoff(state)


@cache
def _json_schema(schema: type[BaseModel]) -> dict[str, Any]:
    return schema.model_json_schema()


def _response_format(name: str, schema: type[BaseModel]) -> dict[str, Any]:
    if name == "json_schema":
        described = {"name": schema.__name__, "schema": _json_schema(schema), "strict": True}
        return {"response_format": {"type": name, "json_schema": described}}
    return {"response_format": {"type": name}} if name == "json_object" else {}
