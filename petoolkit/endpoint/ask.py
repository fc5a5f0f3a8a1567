"""Many jobs that each ask a language model: they run concurrently, and a reply in the cache is not paid for again."""

import asyncio
import os
from collections.abc import Callable, Coroutine, Iterable, Iterator, Mapping
from contextlib import ExitStack
from copy import copy
from itertools import islice
from typing import Any, TypeVar

import numpy as np

from petoolbench import InputError
from petoolkit.endpoint.batch import Batches
from petoolkit.endpoint.client import EndpointClient, RunStopped
from petoolkit.endpoint.llm_settings import LlmSettings
from petoolkit.endpoint.loop_runner import LoopRunner
from petoolkit.endpoint.request import Ask, Dialect, OnReply, Reply, Request
from petoolkit.endpoint.usage import Usage
from petoolkit.store import REPLIES, Store, cache_folder

Job = TypeVar("Job")
Result = TypeVar("Result")

_JOBS_PER_REQUEST = 4  # jobs begun for each request in flight, so that a slow first job does not block the others


class Endpoint:
    """An OpenAI-compatible endpoint.

    Args:
        settings: model, address, limits. The key is read from `$OPENAI_API_KEY`.
        usage: counts calls, tokens, retries.
        on_reply: called with each request and its reply, for example to show them.
        keep_replies: whether replies are stored in the cache and read from it; if not, every request is sent.
        headers: further headers of each request by name; their values are never shown.

    Raises:
        InputError: if `$OPENAI_API_KEY` is not set.
    """

    def __init__(
        self,
        settings: LlmSettings,
        usage: Usage,
        on_reply: OnReply = lambda request, reply: None,
        keep_replies: bool = True,
        headers: Mapping[str, str] | None = None,
    ):
        self.settings = settings
        self.usage = usage
        self.base_url = settings.base_url or os.environ.get("OPENAI_BASE_URL")
        self.dialect = Dialect(settings, self.base_url)
        self._on_reply = on_reply
        self._keep_replies = keep_replies
        self._headers = dict(headers or {})
        self._key = os.environ.get("OPENAI_API_KEY", "")
        if not self._key:
            raise InputError("OPENAI_API_KEY is not set; set it (to any text, for a server that asks for none).")

    def counting_into(self, usage: Usage) -> "Endpoint":
        """The same endpoint, with what it has learnt of the form of requests; its calls are counted in `usage`."""
        other = copy(self)
        other.usage = usage
        return other

    def answer_all(
        self, jobs: Iterable[Job], work: Callable[[Job, Ask], Coroutine[Any, Any, Result]], in_order: bool = True
    ) -> Iterator[Result]:
        """Run jobs concurrently, and yield their results.

        A limited number of jobs is begun at a time (with batches: as many as two batch files hold). If the run ends
        early (Ctrl-C, a limit, a refusal), it waits for the requests in flight and keeps their replies; a second
        Ctrl-C does not wait. It does not wait for batches: the provider continues them, and the next run collects
        their replies.

        Args:
            jobs: arguments of `work`.
            work: does one job; it gets a function that sends a request and returns the reply.
            in_order: whether results come in the order of the jobs; if not, as they are ready.

        Raises:
            InputError: if the endpoint refuses the key or the model, the quota or `max_cost` is used up, or the
                endpoint is down.
        """

        async def ask_and_work(job: Job, session: "_Session") -> Result:
            return await work(job, session.ask)

        return self._do_all(jobs, ask_and_work, in_order, batch=self.settings.batch)

    def embed_all(self, texts: Iterable[list[str]], model: str) -> Iterator[np.ndarray]:
        """Unit vectors, (len(list), dimension) float32, of each list of texts; raises what `answer_all` raises."""

        async def embed(one_list: list[str], session: "_Session") -> np.ndarray:
            return await session.embed(one_list, model)

        return self._do_all(texts, embed, in_order=True, batch=False)

    def _do_all(
        self,
        jobs: Iterable[Job],
        work: Callable[[Job, "_Session"], Coroutine[Any, Any, Result]],
        in_order: bool,
        batch: bool,
    ) -> Iterator[Result]:
        if batch:
            most_begun = 2 * self.settings.batch_size
        elif in_order:
            most_begun = _JOBS_PER_REQUEST * self.settings.concurrency
        else:  # no more than are in flight: if the process is killed, no more replies are lost than that
            most_begun = self.settings.concurrency
        with LoopRunner() as runner, ExitStack() as stack:
            store = stack.enter_context(Store.open(cache_folder() / REPLIES)) if self._keep_replies else None
            session = runner.run(self._begin(store, batch))
            begun: dict[asyncio.Task[Result], None] = {}  # in the jobs' order
            waiting = iter(jobs)
            try:
                while True:
                    for job in islice(waiting, most_begun - len(begun)):
                        begun[runner.create_task(work(job, session))] = None
                    if not begun:
                        return
                    for task in runner.run(_first_done([next(iter(begun))] if in_order else list(begun))):
                        try:
                            result = task.result()
                        except RunStopped:
                            raise session.client.run_error from None
                        del begun[task]
                        yield result
            except (KeyboardInterrupt, InputError):
                runner.run(session.end(begun))
                if not in_order:  # by now, the requests that were in flight are answered
                    yield from (task.result() for task in begun if not task.cancelled() and not task.exception())
                raise
            finally:
                runner.run(session.end(begun))

    async def _begin(self, store: Store | None, batch: bool) -> "_Session":
        client = EndpointClient(self.settings, self.base_url, self._key, self.dialect, self.usage, self._headers)
        batches = Batches(client, store) if batch and store is not None else None
        return _Session(client, store, batches, self._on_reply)


class _Session:
    """The requests of one call of `answer_all`; it belongs to one event loop."""

    def __init__(self, client: EndpointClient, store: Store | None, batches: Batches | None, on_reply: OnReply):
        self.client = client
        self._store = store
        self._batches = batches
        self._on_reply = on_reply

    async def ask(self, request: Request) -> Reply:
        """The reply to a request, from the store or from the endpoint.

        Raises:
            RequestFailed: if there is no reply after all retries.
            InputError: see `Endpoint.answer_all`.
        """
        key = self.client.dialect.key(request)
        reply = self._cached(key)
        if reply:
            self.client.usage.count(
                cached=1,
                cached_prompt_tokens=reply.prompt_tokens,
                cached_completion_tokens=reply.completion_tokens,
                cached_seconds=reply.seconds or 0,
            )
        else:
            if self._batches:
                reply = await self._batches.answer(key, request)
            else:
                reply = await self.client.chat(request)
                if self._store is not None:
                    self._store.put({key: reply.to_bytes()})
            self.client.usage.count(
                calls=1,
                prompt_tokens=reply.prompt_tokens,
                completion_tokens=reply.completion_tokens,
                seconds=reply.seconds or 0,
            )
        self._on_reply(request, reply)
        return reply

    def _cached(self, key: bytes) -> Reply | None:
        if self._store is None or not self.client.settings.cache:
            return None
        stored = self._store.get([key]).get(key)
        reply = Reply.from_bytes(stored) if stored else None
        return None if reply is None or reply.is_failure else reply

    async def embed(self, texts: list[str], model: str) -> np.ndarray:
        """Unit vectors of texts, (len(texts), dimension) float32; raises what `ask` raises."""
        vectors, tokens = await self.client.embed(texts, model)
        self.client.usage.count(calls=1, embedding_tokens=tokens)
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)

    async def end(self, begun: Iterable[asyncio.Task]) -> None:
        """Send no further request, and wait for those in flight."""
        self.client.stopping.set()
        begun = list(begun)
        await asyncio.gather(*begun, return_exceptions=True)
        if self._batches:
            await self._batches.end()
        await self.client.close()


async def _first_done(tasks: "list[asyncio.Task[Result]]") -> "set[asyncio.Task[Result]]":
    """The tasks that are done first; Ctrl-C ends the waiting, and does not cancel the tasks."""
    done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    return done
