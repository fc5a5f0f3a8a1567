"""Many jobs, each with its questions to a language model: concurrent, in order, no answer paid for twice."""

import asyncio
import os
from collections.abc import Callable, Coroutine, Iterable, Iterator
from contextlib import ExitStack
from itertools import islice
from typing import Any, TypeVar

import numpy as np

from petoolbench import InputError
from petoolkit.endpoint.batch import Batches
from petoolkit.endpoint.llm_settings import LlmSettings
from petoolkit.endpoint.request import Ask, Dialect, OnReply, Reply, Request
from petoolkit.endpoint.usage import Usage
from petoolkit.endpoint.wire import Stopped, Wire
from petoolkit.store import REPLIES, Store, cache_folder

Job = TypeVar("Job")
Result = TypeVar("Result")

_WINDOW = 4  # jobs begun, as a multiple of the requests in flight: a slow one at the head holds up no other


class Endpoint:
    """An OpenAI-compatible endpoint.

    Args:
        settings: model, address, limits. The key is read from `$OPENAI_API_KEY`.
        usage: counts calls, tokens, retries.
        on_reply: gets each request and its reply, to be shown.
        keep_replies: whether replies go to the cache, and come from it; without, each request is sent.

    Raises:
        InputError: if there is no key.
    """

    def __init__(
        self,
        settings: LlmSettings,
        usage: Usage,
        on_reply: OnReply = lambda request, reply: None,
        keep_replies: bool = True,
    ):
        self.settings = settings
        self.usage = usage
        self.base_url = settings.base_url or os.environ.get("OPENAI_BASE_URL")
        self.dialect = Dialect(settings, self.base_url)
        self._on_reply = on_reply
        self._keep_replies = keep_replies
        self._key = os.environ.get("OPENAI_API_KEY", "")
        if not self._key:
            raise InputError("OPENAI_API_KEY is not set; set it (to any text, for a server that asks for none).")

    def answer_all(
        self, jobs: Iterable[Job], work: Callable[[Job, Ask], Coroutine[Any, Any, Result]], in_order: bool = True
    ) -> Iterator[Result]:
        """Do jobs concurrently and give their results in the jobs' order, or else as they come.

        However many jobs there are, few are begun at a time (of a batch: as many as two batch files hold). When the
        run ends early (Ctrl-C, a limit, a refusal), what is in flight is waited for and kept; a second Ctrl-C does not
        wait. A batch is not waited for: the provider goes on with it, and the next run collects it.

        Raises:
            InputError: if the endpoint refuses the key or the model, the quota or `max_cost` is used up, or the
                endpoint is down.
        """

        async def ask_and_work(job: Job, session: "_Session") -> Result:
            return await work(job, session.ask)

        return self._do_all(jobs, ask_and_work, in_order, batch=self.settings.batch)

    def embed_all(self, texts: Iterable[list[str]], model: str) -> Iterator[np.ndarray]:
        """Unit vectors, (len(list), dimension) float32, of each list of texts; raises what `answer_all` raises."""

        async def embed(some: list[str], session: "_Session") -> np.ndarray:
            return await session.embed(some, model)

        return self._do_all(texts, embed, in_order=True, batch=False)

    def _do_all(
        self,
        jobs: Iterable[Job],
        work: Callable[[Job, "_Session"], Coroutine[Any, Any, Result]],
        in_order: bool,
        batch: bool,
    ) -> Iterator[Result]:
        window = 2 * self.settings.batch_size if batch else _WINDOW * self.settings.concurrency
        with asyncio.Runner() as runner, ExitStack() as stack:
            store = stack.enter_context(Store.open(cache_folder() / REPLIES)) if self._keep_replies else None
            session = runner.run(self._begin(store, batch))
            begun: dict[asyncio.Task[Result], None] = {}  # in the jobs' order
            waiting = iter(jobs)
            try:
                while True:
                    for job in islice(waiting, window - len(begun)):
                        begun[runner.get_loop().create_task(work(job, session))] = None
                    if not begun:
                        return
                    for task in runner.run(_first_done([next(iter(begun))] if in_order else list(begun))):
                        try:
                            result = task.result()
                        except Stopped:
                            raise session.wire.end_of_run from None
                        del begun[task]
                        yield result
            except (KeyboardInterrupt, InputError):
                runner.run(session.end(begun))
                if not in_order:  # what was in flight is here by now
                    yield from (task.result() for task in begun if not task.cancelled() and not task.exception())
                raise
            finally:
                runner.run(session.end(begun))

    async def _begin(self, store: Store | None, batch: bool) -> "_Session":
        wire = Wire(self.settings, self.base_url, self._key, self.dialect, self.usage)
        return _Session(wire, store, Batches(wire, store) if batch and store is not None else None, self._on_reply)


class _Session:
    """The questions of one `answer_all`: everything that belongs to one event loop."""

    def __init__(self, wire: Wire, store: Store | None, batches: Batches | None, on_reply: OnReply):
        self.wire = wire
        self._store = store
        self._batches = batches
        self._on_reply = on_reply

    async def ask(self, request: Request) -> Reply:
        """A reply from the store, else from the endpoint.

        Raises:
            RequestFailed: if there is none after all retries.
            InputError: see `Endpoint.answer_all`.
        """
        key = self.wire.dialect.key(request)
        reply = self._kept(key)
        if reply:
            self.wire.usage.count(
                cached=1,
                cached_prompt_tokens=reply.prompt_tokens,
                cached_completion_tokens=reply.completion_tokens,
                cached_seconds=reply.seconds or 0,
            )
        else:
            if self._batches:
                reply = await self._batches.answer(key, request)
            else:
                reply = await self.wire.chat(request)
                if self._store is not None:
                    self._store.put({key: reply.to_bytes()})
            self.wire.usage.count(
                calls=1,
                prompt_tokens=reply.prompt_tokens,
                completion_tokens=reply.completion_tokens,
                seconds=reply.seconds or 0,
            )
        self._on_reply(request, reply)
        return reply

    def _kept(self, key: bytes) -> Reply | None:
        if self._store is None or not self.wire.settings.cache:
            return None
        kept = self._store.get([key]).get(key)
        return Reply.from_bytes(kept) if kept else None

    async def embed(self, texts: list[str], model: str) -> np.ndarray:
        """Unit vectors of texts, (len(texts), dimension) float32; raises what `ask` raises."""
        vectors, tokens = await self.wire.embed(texts, model)
        self.wire.usage.count(calls=1, embedding_tokens=tokens)
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)

    async def end(self, begun: Iterable[asyncio.Task]) -> None:
        """Wait for what is in flight; begin nothing more."""
        self.wire.stopping.set()
        begun = list(begun)
        await asyncio.gather(*begun, return_exceptions=True)
        if self._batches:
            await self._batches.end()
        await self.wire.close()


async def _first_done(tasks: "list[asyncio.Task[Result]]") -> "set[asyncio.Task[Result]]":
    """Those tasks that are done first; Ctrl-C stops the waiting, and not the tasks."""
    done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    return done
