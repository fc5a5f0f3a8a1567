"""Requests to an endpoint: the only file that opens connections. Temporary failures are repeated."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TypeVar
from urllib.parse import parse_qsl, urlsplit

import numpy as np

from petoolbench import InputError
from petoolkit.endpoint.llm_settings import LlmSettings, without_login
from petoolkit.endpoint.request import AnswerError, Dialect, Reply, Request, RequestFailed
from petoolkit.endpoint.usage import Usage
from petoolkit.extras import missing_package
from petoolkit.masking import masked
from petoolkit.text import on_one_line

try:
    import openai
    import tenacity
except ImportError as error:
    raise missing_package("asking an endpoint needs", error.name or "openai", "openai") from None

Result = TypeVar("Result")

_MOST_FAILURES = 20  # failed requests in a row, after which the run ends
_MOST_FIRST_REFUSALS = 3  # refused requests before any answer: then the model's name or an option is wrong
_LONGEST_PAUSE = 120.0  # seconds; a server's Retry-After is followed up to this
LONGEST_MESSAGE = 300  # characters of a server's message


class RunStopped(Exception):
    """The run is ending, so no further request is sent."""


@dataclass(frozen=True)
class Failure:
    """The reason why a request has no answer; `status` and `code` are `None` if they are not known."""

    status: int | None
    code: str | None
    message: str
    kind: str  # such as the type of the error
    param: str | None = None  # the option that the endpoint blames
    words: str | None = None  # the endpoint's own message, without the client's

    @classmethod
    def of(cls, error: BaseException) -> "Failure":
        """The failure behind an exception of the client."""
        if isinstance(error, AnswerError):
            return cls(error.status, error.code, " ".join(str(error).split()).rstrip("."), "AnswerError")
        status = error.status_code if isinstance(error, openai.APIStatusError) else None
        code = error.code if isinstance(error, openai.APIError) else None
        # The client's own message leaves out an answer that does not have OpenAI's form.
        body = error.body if isinstance(error, openai.APIStatusError) else None
        detail = body.get("message") or body.get("detail") if isinstance(body, dict) else body
        text = f"{error}: {detail}" if detail and str(detail) not in str(error) else str(error)
        param = error.param if isinstance(error, openai.APIError) and isinstance(error.param, str) else None
        words = str(detail) if detail else None
        return cls(status, code, " ".join(text.split()).rstrip("."), type(error).__name__, param, words)

    @property
    def is_quota_used_up(self) -> bool:
        """Whether the account has no money left."""
        return self.code == "insufficient_quota" or self.status == 402

    @property
    def is_temporary(self) -> bool:
        """Whether the same request may succeed later."""
        if self.is_quota_used_up:
            return False
        return self.status is None or self.status in (408, 409, 429) or self.status >= 500


class EndpointClient:
    """A client with limits on requests in flight, retries and cost; it belongs to one event loop.

    Args:
        settings: settings of the model.
        base_url: address of the endpoint; `None` is OpenAI's own.
        key: sent to the endpoint, and never shown.
        dialect: the form in which the endpoint takes requests, learnt from its refusals.
        usage: counts retries.
        headers: further headers of each request; their values are never shown.
    """

    def __init__(
        self,
        settings: LlmSettings,
        base_url: str | None,
        key: str,
        dialect: Dialect,
        usage: Usage,
        headers: Mapping[str, str] | None = None,
    ):
        self.dialect = dialect
        self.usage = usage
        self.settings = settings
        self.stopping = asyncio.Event()
        self.run_error = InputError("stopped")  # replaced by the error that ends the run
        # The library's own retries cannot be counted, nor stopped when the run ends, and include a used-up quota.
        address = urlsplit(base_url or "")  # the library would write the path after the parameters
        self.openai = openai.AsyncOpenAI(
            base_url=address._replace(query="").geturl() or None,
            api_key=key,
            timeout=settings.timeout,
            max_retries=0,
            default_headers=headers,
            default_query=dict(parse_qsl(address.query)),
        )
        self._address = without_login(base_url)
        self._secrets = {key: "[key]"} | {value: f"[{name}]" for name, value in (headers or {}).items() if value}
        self._in_flight = asyncio.Semaphore(settings.concurrency)
        self._failures = 0  # in a row
        self._answered = False

    async def chat(self, request: Request) -> Reply:
        """Send a request, and repeat it after temporary failures.

        Raises:
            RequestFailed: if there is no answer after all retries.
            InputError: if the whole run must end: a wrong key or model, a used-up quota, `max_cost` reached, or an
                endpoint that is down.
            RunStopped: if the run is ending.
        """
        async with self._in_flight:
            self._check_limits()
            return await self.with_retries(partial(self._send, request))

    async def embed(self, texts: list[str], model: str) -> tuple[np.ndarray, int]:
        """Vectors of texts, (len(texts), dimension) float32, and the number of tokens; raises what `chat` raises."""
        async with self._in_flight:
            self._check_limits()
            answer = await self.with_retries(partial(self._embed, texts, model))
        items = sorted(answer.data, key=lambda item: item.index)
        return np.array([item.embedding for item in items], dtype=np.float32), answer.usage.prompt_tokens

    async def with_retries(self, send: Callable[[], Awaitable[Result]]) -> Result:
        """Call `send`, and call it again after temporary failures; raises what `chat` raises."""
        retrying = tenacity.AsyncRetrying(
            retry=tenacity.retry_if_exception(
                lambda error: isinstance(error, openai.APIError | AnswerError) and Failure.of(error).is_temporary
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
        except (openai.OpenAIError, AnswerError) as error:
            self._failures += 1
            raise self.error_of(Failure.of(error)) from None
        self._failures, self._answered = 0, True
        return answer

    async def sleep(self, seconds: float) -> None:
        """Wait; raises `RunStopped` as soon as the run is ending."""
        try:
            await asyncio.wait_for(self.stopping.wait(), seconds)
        except TimeoutError:
            return
        raise RunStopped

    def end_run(self, error: InputError) -> InputError:
        """Let no further request begin, of any job; returns the error, to be raised."""
        self.run_error = error
        self.stopping.set()
        return error

    def error_of(self, failure: Failure) -> Exception:
        """The error for a request that failed for good.

        Returns:
            `InputError` if the whole run must end, which it then does; `RequestFailed` if only this request failed.
        """
        where = f" at {self._address}" if failure.kind == "APIConnectionError" and self._address else ""
        message = self.shown(failure.message) + where
        if failure.is_quota_used_up:
            return self.end_run(
                InputError(
                    f"the account's quota is used up ({message}); every reply so far is kept: add credit, "
                    "and run the same command again."
                )
            )
        refused_at_first = not self._answered and not failure.is_temporary and self._failures >= _MOST_FIRST_REFUSALS
        # Status 403 is also the answer to one prompt that the provider's moderation refuses.
        if failure.status == 401 or (failure.status == 403 and refused_at_first):
            return self.end_run(InputError(f"the endpoint refuses the key ({message}); check OPENAI_API_KEY."))
        if failure.status == 404:
            return self.end_run(
                InputError(f"the endpoint does not know this ({message}); check the model's name and the base URL.")
            )
        if refused_at_first or self._failures >= _MOST_FAILURES:
            return self.end_run(
                InputError(
                    f"{self._failures} requests in a row failed, the last with: {message}. Every reply so far is "
                    "kept: run the same command again when the endpoint answers."
                )
            )
        said = self.shown(failure.words or failure.message).rstrip(".") + where
        return RequestFailed(f"request failed ({': '.join(filter(None, (failure.kind, said)))})")

    def shown(self, message: str) -> str:
        """An endpoint's message as it may be shown: on one short line, without the key and the headers' values."""
        return on_one_line(masked(message, self._secrets))[:LONGEST_MESSAGE]

    async def close(self) -> None:
        """Close the connections."""
        await self.openai.close()

    def _check_limits(self) -> None:
        if self.stopping.is_set():
            raise RunStopped
        limit, spent = self.settings.max_cost, self.usage.cost(self.usage.total)
        if limit is not None and spent is not None and spent >= limit:
            raise self.end_run(cost_limit_error(limit, spent))

    async def _send(self, request: Request) -> Reply:
        body = self.dialect.body(request)
        started = time.perf_counter()
        try:
            # Not `chat.completions.create`: it walks the whole typed body, schema included, for each request.
            answer = await self.openai.post(
                "/chat/completions",
                body=body,
                cast_to=object,
                options={"timeout": request.timeout or self.settings.timeout},
            )
        except (openai.BadRequestError, openai.UnprocessableEntityError) as error:
            failure = Failure.of(error)
            if self.dialect.adapt(body, failure.words or failure.message, failure.param):
                return await self._send(request)
            raise
        except (ValueError, RecursionError):
            raise AnswerError("the answer is not JSON; check the base URL") from None
        seconds = time.perf_counter() - started
        return Reply.of(answer, seconds, self.dialect.missing_from(body), self.dialect.renamed_length(body))

    async def _embed(self, texts: list[str], model: str) -> openai.types.CreateEmbeddingResponse:
        try:
            return await self.openai.embeddings.create(input=texts, model=model)
        except (ValueError, RecursionError):  # the library's error for an answer without vectors
            raise AnswerError("the answer does not hold embeddings") from None


def cost_limit_error(limit: float, spent: float) -> InputError:
    """The error that ends a run whose cost has reached `max_cost`; both amounts are US dollars."""
    return InputError(
        f"stopped at the limit of ${limit}: ${spent:.4f} are spent. Every reply is kept: run the same command again "
        "with a higher --max-cost to continue."
    )


_backoff = tenacity.wait_exponential_jitter(multiplier=0.5, max=8)


def _pause(state: tenacity.RetryCallState) -> float:
    """Seconds until the next attempt: the server's Retry-After, else a time that grows with each attempt."""
    error = state.outcome.exception() if state.outcome else None
    if isinstance(error, openai.APIStatusError):
        asked = error.response.headers.get("retry-after", "")
        if asked.replace(".", "", 1).isdecimal():
            return min(float(asked), _LONGEST_PAUSE)
    return _backoff(state)
