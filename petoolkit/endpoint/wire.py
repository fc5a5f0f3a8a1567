"""The one file that opens connections: requests bounded in number, and repeated on passing faults."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

import numpy as np
import openai
from openai.types.chat import ChatCompletion

from petoolbench import InputError
from petoolkit.endpoint.llm_settings import LlmSettings
from petoolkit.endpoint.request import Dialect, Reply, Request, RequestFailed
from petoolkit.endpoint.usage import Usage
from petoolkit.extras import missing_package

try:
    import tenacity
except ImportError:
    raise missing_package("asking an endpoint needs", "tenacity", "openai") from None

Got = TypeVar("Got")

_FAILURES_IN_A_ROW = 20  # after which the endpoint counts as down
_REFUSED_AT_FIRST = 3  # requests for good, before any was answered: then the model's name or an option is wrong
_LONGEST_PAUSE = 120.0  # seconds that a server may ask us to wait


class Stopped(Exception):
    """No further request is made: the run is ending."""


@dataclass(frozen=True)
class Fault:
    """Why a request has no answer. `status` is None where no server answered at all."""

    status: int | None
    code: str | None
    said: str
    kind: str

    @classmethod
    def of(cls, error: BaseException) -> "Fault":
        """What an exception of the client says."""
        status = error.status_code if isinstance(error, openai.APIStatusError) else None
        code = error.code if isinstance(error, openai.APIError) else None
        # The client's own message leaves out what does not have OpenAI's form.
        body = error.body if isinstance(error, openai.APIStatusError) else None
        said = body.get("message") or body.get("detail") if isinstance(body, dict) else body
        text = f"{error}: {said}" if said and str(said) not in str(error) else str(error)
        return cls(status, code, " ".join(text.split()).rstrip("."), type(error).__name__)

    @property
    def is_used_up(self) -> bool:
        """Whether the account has nothing left to spend."""
        return self.code == "insufficient_quota"

    @property
    def passes(self) -> bool:
        """Whether it may pass by itself."""
        return not self.is_used_up and (self.status is None or self.status in (408, 409, 429) or self.status >= 500)


class Wire:
    """A client and the limits on its use; belongs to one event loop.

    Args:
        settings: of the model.
        base_url: of the endpoint; `None` is OpenAI's own.
        key: sent to the endpoint, and shown nowhere.
        dialect: the form in which the endpoint takes requests, learnt as it refuses.
        usage: counts retries.
    """

    def __init__(self, settings: LlmSettings, base_url: str | None, key: str, dialect: Dialect, usage: Usage):
        self.dialect = dialect
        self.usage = usage
        self.settings = settings
        self.stopping = asyncio.Event()
        self.end_of_run = InputError("stopped")  # why, once something ends the run
        # Repeating requests is this file's own work.
        self.client = openai.AsyncOpenAI(base_url=base_url, api_key=key, timeout=settings.timeout, max_retries=0)
        self._key = key
        self._in_flight = asyncio.Semaphore(settings.concurrency)
        self._failures = 0  # in a row
        self._answered = False

    async def chat(self, request: Request) -> Reply:
        """Ask once more while faults pass.

        Raises:
            RequestFailed: if there is no answer after all retries.
            InputError: if no request of this run will be answered: a wrong key or model, no quota, `max_cost` reached.
            Stopped: if the run is ending.
        """
        async with self._in_flight:
            self._may_spend()
            return await self.repeatedly(partial(self._send, request))

    async def embed(self, texts: list[str], model: str) -> tuple[np.ndarray, int]:
        """Vectors of texts, (len(texts), dimension) float32, and the tokens read; raises what `chat` raises."""
        async with self._in_flight:
            self._may_spend()
            answer = await self.repeatedly(partial(self.client.embeddings.create, input=texts, model=model))
        items = sorted(answer.data, key=lambda item: item.index)
        return np.array([item.embedding for item in items], dtype=np.float32), answer.usage.prompt_tokens

    async def repeatedly(self, send: Callable[[], Awaitable[Got]]) -> Got:
        """Do what `send` does, again while its fault may pass; raises what `chat` raises."""
        retrying = tenacity.AsyncRetrying(
            retry=tenacity.retry_if_exception(
                lambda error: isinstance(error, openai.APIError) and Fault.of(error).passes
            ),
            wait=_pause,
            stop=tenacity.stop_after_attempt(self.settings.retries + 1),
            sleep=self.sleep,
            reraise=True,
        )
        try:
            async for attempt in retrying:
                with attempt:
                    if attempt.retry_state.attempt_number > 1:
                        self.usage.count(retries=1)
                    answer = await send()
        except openai.OpenAIError as error:
            self._failures += 1
            raise self.final(Fault.of(error)) from None
        self._failures, self._answered = 0, True
        return answer

    async def sleep(self, seconds: float) -> None:
        """Wait, but not when the run is ending."""
        try:
            await asyncio.wait_for(self.stopping.wait(), seconds)
        except TimeoutError:
            return
        raise Stopped

    def end_run(self, why: InputError) -> InputError:
        """Begin no other request, wherever in the order of the jobs the one stands that ends the run."""
        self.end_of_run = why
        self.stopping.set()
        return why

    def final(self, fault: Fault) -> Exception:
        """What a request's last fault means: for the whole run, which then ends, or for its record alone."""
        said = fault.said.replace(self._key, "[key]")[:300]
        if fault.is_used_up:
            return self.end_run(
                InputError(
                    f"the account's quota is used up ({said}); every reply so far is kept: go on when it is filled."
                )
            )
        if fault.status in (401, 403):
            return self.end_run(InputError(f"the endpoint refuses the key ({said}); check OPENAI_API_KEY."))
        if fault.status == 404:
            return self.end_run(
                InputError(f"the endpoint does not know this ({said}); check the model's name and the base URL.")
            )
        refused_at_first = not self._answered and not fault.passes and self._failures >= _REFUSED_AT_FIRST
        if refused_at_first or self._failures >= _FAILURES_IN_A_ROW:
            return self.end_run(
                InputError(
                    f"{self._failures} requests in a row failed, the last with: {said}. Every reply so far is kept: "
                    "the same command goes on from here when the endpoint answers again."
                )
            )
        return RequestFailed(f"request failed ({fault.kind})")

    async def close(self) -> None:
        await self.client.close()

    def _may_spend(self) -> None:
        if self.stopping.is_set():
            raise Stopped
        limit, spent = self.settings.max_cost, self.usage.cost(self.usage.total)
        if limit is not None and spent is not None and spent >= limit:
            raise self.end_run(over_the_limit(limit, spent))

    async def _send(self, request: Request) -> Reply:
        body = self.dialect.body(request)
        started = time.perf_counter()
        try:
            # Not `chat.completions.create`: it walks the whole typed body, schema included, for each request.
            completion = await self.client.post("/chat/completions", body=body, cast_to=ChatCompletion)
        except (openai.BadRequestError, openai.UnprocessableEntityError) as error:
            if self.dialect.adapt(body, Fault.of(error).said):
                return await self._send(request)
            raise
        return Reply.of(completion, time.perf_counter() - started)


def over_the_limit(limit: float, spent: float) -> InputError:
    """What a run says that ends because its cost has reached `max_cost`."""
    return InputError(
        f"stopped at the limit of ${limit}: ${spent:.4f} are spent. Every reply is kept: the same command "
        "with a higher --max-cost goes on from here."
    )


_backoff = tenacity.wait_exponential_jitter(multiplier=0.5, max=8)


def _pause(state: tenacity.RetryCallState) -> float:
    """Seconds until the next attempt: what the server asks for, else longer each time."""
    error = state.outcome.exception() if state.outcome else None
    if isinstance(error, openai.APIStatusError):
        asked = error.response.headers.get("retry-after", "")
        if asked.replace(".", "", 1).isdecimal():
            return min(float(asked), _LONGEST_PAUSE)
    return _backoff(state)
