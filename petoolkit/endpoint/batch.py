"""Requests in the provider's batch files: answered within a day, for a lower price.

A batch continues after its process has ended. Before a batch is sent, a record of it is written beside the cache,
under a name that is also in the batch's metadata; the next run that asks the same endpoint collects it. Replies are
stored under the keys of their requests.
"""

import asyncio
import json
import os
import uuid
from collections import Counter
from collections.abc import Awaitable, Mapping
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from petoolbench import InputError
from petoolkit.decoding import decode_json, read_json
from petoolkit.endpoint.client import EndpointClient, Failure, RunStopped, cost_limit_error
from petoolkit.endpoint.request import AnswerError, Reply, Request, RequestFailed
from petoolkit.files import is_alive, read_json_lines, write_json, write_json_lines
from petoolkit.store import BATCHES, Store, batches_under_way, cache_folder

if TYPE_CHECKING:
    from openai.types import Batch

_PATH: Final = "/v1/chat/completions"
_WINDOW: Final = "24h"  # providers have no other one
_ENDED = ("completed", "failed", "expired", "cancelled")
_SECONDS_TO_CLOSE = 0.5  # a batch file is closed after this time without a further request
_CHARACTERS_PER_TOKEN = 3  # of a prompt; a low estimate, used until a reply shows the real number


class Batches:
    """Collects requests in batch files, sends the files, and waits for the replies.

    Args:
        client: client of the endpoint.
        store: stores each reply under the key of its request.
    """

    def __init__(self, client: EndpointClient, store: Store):
        self._client = client
        self._store = store
        self._folder = cache_folder() / BATCHES
        self._requests: dict[bytes, Request] = {}
        self._waiting: dict[bytes, asyncio.Future[Reply]] = {}
        self._queue: dict[bytes, None] = {}
        self._queued = asyncio.Event()
        self._failures: Counter[bytes] = Counter()
        self._progress: dict[str, str] = {}
        self._tasks = {asyncio.create_task(self._or_fail_all(self._run()))}

    async def answer(self, key: bytes, request: Request) -> Reply:
        """The reply to a request, once its batch is answered; raises what `EndpointClient.chat` raises."""
        if self._client.stopping.is_set():
            raise RunStopped
        if key not in self._waiting:
            self._requests[key] = request
            self._waiting[key] = asyncio.get_running_loop().create_future()
            self._enqueue(key)
        return await self._waiting[key]

    async def end(self) -> None:
        """Stop waiting for replies; the records of unanswered batches stay."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._fail_all(RunStopped())

    def _enqueue(self, key: bytes) -> None:
        self._queue[key] = None
        self._queued.set()

    async def _run(self) -> None:
        for record in self._records():
            await self._collect(record)
        while True:
            await self._wait_for_requests()
            if self._client.settings.cache:  # another process may have collected a batch meanwhile
                cached = self._store.get(list(self._queue))
                replies = {key: Reply.from_bytes(reply) for key, reply in cached.items()}
                self._deliver({key: reply for key, reply in replies.items() if not reply.is_failure})
            if not self._queue:
                continue
            keys = list(islice(self._queue, self._affordable()))
            for key in keys:
                del self._queue[key]
            sending = self._send(keys)
            if self._client.settings.max_cost:  # the next batch must wait until the cost of this one is known
                await sending
            else:
                self._tasks.add(asyncio.create_task(self._or_fail_all(sending)))

    async def _wait_for_requests(self) -> None:
        """Wait until there are enough requests for a whole file, or no further request comes."""
        while not self._queue:
            self._queued.clear()
            await self._queued.wait()
        while True:
            seen = len(self._queue)
            await asyncio.sleep(_SECONDS_TO_CLOSE)
            if len(self._queue) == seen or len(self._queue) >= self._client.settings.batch_size:
                return

    def _affordable(self) -> int:
        """The largest number of requests that may go into the next file.

        Raises:
            InputError: if one more request would cost more than `max_cost` allows.
        """
        settings, usage = self._client.settings, self._client.usage
        spent = usage.cost(usage.total)
        if settings.max_cost is None or spent is None:
            return settings.batch_size
        each = usage.mean_cost()
        if each is None:  # no reply so far: assume the highest possible cost
            longest = max(len(json.dumps(self._requests[key].messages)) for key in self._queue)
            highest = Counter(prompt_tokens=longest // _CHARACTERS_PER_TOKEN, completion_tokens=settings.max_tokens)
            each = usage.cost(highest) or 0
        number = int((settings.max_cost - spent) / each) if each else settings.batch_size
        if number < 1:
            raise self._client.end_run(cost_limit_error(settings.max_cost, spent))
        return min(number, settings.batch_size)

    async def _send(self, keys: list[bytes]) -> None:
        """Send a batch and wait for it."""
        name = uuid.uuid4().hex
        record = self._folder / f"{name}.json"
        bodies = {key: self._client.dialect.body(self._requests[key]) for key in keys}
        lines = (
            {"custom_id": key.hex(), "method": "POST", "url": _PATH, "body": body} for key, body in bodies.items()
        )
        write_json_lines(record.with_suffix(".jsonl"), lines)
        self._write(record, None)
        openai = self._client.openai
        create_file = partial(openai.files.create, file=record.with_suffix(".jsonl"), purpose="batch")
        file = await self._client.with_retries(create_file)
        is_retry = False

        async def create() -> "Batch":
            """If the connection broke after the provider had created the batch, it is found by its name."""
            nonlocal is_retry
            found = await self._find(name) if is_retry else None
            is_retry = True
            return found or await openai.batches.create(
                input_file_id=file.id, endpoint=_PATH, completion_window=_WINDOW, metadata={"petoolbench": name}
            )

        batch = await self._client.with_retries(create)
        self._write(record, batch.id)
        await self._collect(record)

    def _write(self, record: Path, identifier: str | None) -> None:
        endpoint = str(self._client.openai.base_url)
        write_json(record, {"base_url": endpoint, "batch": identifier, "process": os.getpid()})

    async def _find(self, name: str) -> "Batch | None":
        """The provider's batch with this name in its metadata; `None` if there is none."""
        async for batch in self._client.openai.batches.list(limit=100):
            if (batch.metadata or {}).get("petoolbench") == name:
                return batch
        return None

    def _records(self) -> list[Path]:
        """Records of batches that an earlier process, or another one that runs now, has sent to this endpoint."""
        endpoint = str(self._client.openai.base_url)
        return [record for record in batches_under_way() if _read(record).get("base_url") == endpoint]

    async def _identifier(self, record: Path) -> str | None:
        """The provider's id of a recorded batch; `None` if it was never sent, or another process has collected it."""
        while (known := _read(record)) and known["batch"] is None and _is_other_process(known["process"]):
            await self._client.sleep(_SECONDS_TO_CLOSE)  # the other process is sending it
        if known and known["batch"] is None:
            found = await self._client.with_retries(partial(self._find, record.stem))
            return found.id if found else None
        return known.get("batch")

    async def _collect(self, record: Path) -> None:
        """Wait for a batch, store its replies, and queue the requests without a reply again."""
        identifier = await self._identifier(record)
        if identifier is None:
            self._forget(record)
            return
        try:
            lines = list(read_json_lines(record.with_suffix(".jsonl")))
        except FileNotFoundError:  # another process has just collected it
            return
        bodies = {bytes.fromhex(line["custom_id"]): line["body"] for line in lines}
        batch = await self._wait_for_end(identifier)
        if batch.status == "failed":
            self._forget(record)
            errors = (batch.errors.data if batch.errors else None) or []
            message = self._client.shown("; ".join(error.message or "" for error in errors))
            raise self._client.end_run(
                InputError(
                    f"the provider refused the batch ({message or 'it does not say why'}); if its queue is full, "
                    "lower llm.batch_size, or wait; every reply so far is kept."
                )
            )
        replies: dict[bytes, Reply] = {}
        failures: dict[bytes, Failure] = {}
        for file in filter(None, (batch.output_file_id, batch.error_file_id)):
            content = await self._client.with_retries(partial(self._client.openai.files.content, file))
            for line in content.text.splitlines():
                _sort(line, replies, failures)
        self._store.put({key: reply.to_bytes() for key, reply in replies.items()})
        self._forget(record)
        self._deliver(replies)
        unknown = Failure(None, None, f"batch {batch.status}", "Batch")
        for key in bodies.keys() - replies.keys():
            if key in self._waiting and key not in self._queue:
                self._send_again(key, bodies[key], failures.get(key, unknown))

    def _deliver(self, replies: Mapping[bytes, Reply]) -> None:
        """Hand replies to the calls of `answer` that wait for them."""
        for key, reply in replies.items():
            self._queue.pop(key, None)
            if waiting := self._waiting.pop(key, None):
                waiting.set_result(reply)

    async def _wait_for_end(self, identifier: str) -> "Batch":
        while True:
            batch = await self._client.with_retries(partial(self._client.openai.batches.retrieve, identifier))
            if counts := batch.request_counts:
                self._progress[identifier] = f"{counts.completed + counts.failed:,} of {counts.total:,}"
            self._client.usage.waiting = "batches: " + ", ".join(self._progress.values())
            if batch.status in _ENDED:
                self._progress.pop(identifier, None)
                return batch
            await self._client.sleep(self._client.settings.batch_poll)

    def _send_again(self, key: bytes, body: Mapping, failure: Failure) -> None:
        """Queue a request again, unless it cannot succeed or has no retries left."""
        adapted = failure.status in (400, 422) and self._client.dialect.adapt(
            dict(body), failure.message, failure.param
        )
        if not adapted:
            self._failures[key] += 1
            if not failure.is_temporary or self._failures[key] > self._client.settings.retries:
                error = self._client.error_of(failure)
                if isinstance(error, InputError):
                    self._fail_all(error)
                else:
                    self._waiting.pop(key).set_exception(error)
                return
            self._client.usage.count(retries=1)
        self._enqueue(key)

    async def _or_fail_all(self, work: Awaitable[None]) -> None:
        try:
            await work
        except RequestFailed as error:
            message = f"a batch could not be sent or fetched ({error}); run the same command again to continue."
            self._fail_all(self._client.end_run(InputError(message)))
        except (InputError, RunStopped) as error:
            self._fail_all(error)

    def _fail_all(self, error: Exception) -> None:
        for waiting in self._waiting.values():
            if not waiting.done():
                waiting.set_exception(error)

    def _forget(self, record: Path) -> None:
        for file in (record, record.with_suffix(".jsonl")):
            file.unlink(missing_ok=True)


def _read(record: Path) -> dict:
    """The content of a record; empty once another process has collected the batch."""
    try:
        content = read_json(record)
    except InputError:
        if not record.exists():
            return {}
        raise
    if not isinstance(content, dict):
        raise InputError(f"{record} is not the record of a batch; remove it.")
    return content


def _is_other_process(process: int) -> bool:
    return process != os.getpid() and is_alive(process)


def _sort(text: str, replies: dict[bytes, Reply], failures: dict[bytes, Failure]) -> None:
    """Add a line of a batch's result files to the replies or to the failures.

    A line that cannot be read is left out: its request has no answer then, and is sent again.
    """
    try:
        line = decode_json(text)
        key = bytes.fromhex(line["custom_id"])
    except (ValueError, KeyError, TypeError):
        return
    response = _object(line.get("response"))
    status = response.get("status_code")
    if status == 200:
        try:
            replies[key] = Reply.of(response.get("body"))
        except AnswerError as answer_error:
            failures[key] = Failure.of(answer_error)
        return
    error = line.get("error") or _object(response.get("body")).get("error")
    code, param = _object(error).get("code"), _object(error).get("param")
    failures[key] = Failure(
        status if isinstance(status, int) else None,
        code if isinstance(code, str) else None,
        str(_object(error).get("message") or ("" if isinstance(error, dict) else error or "")),
        f"status {status}",
        param if isinstance(param, str) else None,
    )


def _object(value: object) -> dict[str, Any]:
    """The value if it is a JSON object, and otherwise an empty one."""
    return value if isinstance(value, dict) else {}
