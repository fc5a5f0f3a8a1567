"""Requests in the provider's batch files: answered within a day, for less.

A batch outlives the process that sent it: it is on record beside the cache, under a name that the provider is told,
before it is sent; whoever asks the same endpoint next collects it. Replies go to the store under the requests' keys.
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
from typing import Final

from openai.types import Batch
from openai.types.chat import ChatCompletion

from petoolbench import InputError
from petoolkit.endpoint.request import Reply, Request, RequestFailed
from petoolkit.endpoint.wire import Fault, Stopped, Wire, over_the_limit
from petoolkit.files import is_alive, read_json_lines, write_json, write_json_lines
from petoolkit.store import BATCHES, Store, batches_under_way, cache_folder

_PATH: Final = "/v1/chat/completions"
_WINDOW: Final = "24h"  # the only one that there is
_ENDED = ("completed", "failed", "expired", "cancelled")
_QUIET = 0.5  # seconds without a further request, after which a batch file is closed
_CHARACTERS_A_TOKEN = 3  # at most so many prompts' characters are taken for a token, before a reply says better


class Batches:
    """Gathers requests into batch files, sends these, and waits for their replies.

    Args:
        wire: to the endpoint.
        store: gets each reply under its request's key.
    """

    def __init__(self, wire: Wire, store: Store):
        self._wire = wire
        self._store = store
        self._folder = cache_folder() / BATCHES
        self._asked: dict[bytes, Request] = {}
        self._waiting: dict[bytes, asyncio.Future[Reply]] = {}
        self._queue: dict[bytes, None] = {}
        self._queued = asyncio.Event()
        self._failures: Counter[bytes] = Counter()
        self._progress: dict[str, str] = {}
        self._tasks = {asyncio.create_task(self._or_fail_all(self._run()))}

    async def answer(self, key: bytes, request: Request) -> Reply:
        """The reply to a request, when its batch is there; raises what `Wire.chat` raises."""
        if self._wire.stopping.is_set():
            raise Stopped
        if key not in self._waiting:
            self._asked[key] = request
            self._waiting[key] = asyncio.get_running_loop().create_future()
            self._enqueue(key)
        return await self._waiting[key]

    async def end(self) -> None:
        """Wait for nothing more: batches under way stay on record."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._fail_all(Stopped())

    def _enqueue(self, key: bytes) -> None:
        self._queue[key] = None
        self._queued.set()

    async def _run(self) -> None:
        for record in self._left_on_record():
            await self._collect(record)
        while True:
            await self._closing_of_a_file()
            if self._wire.settings.cache:  # another process may have collected a batch meanwhile
                kept = self._store.get(list(self._queue))
                self._deliver({key: Reply.from_bytes(reply) for key, reply in kept.items()})
            if not self._queue:
                continue
            keys = list(islice(self._queue, self._affordable()))
            for key in keys:
                del self._queue[key]
            sending = self._send(keys)
            if self._wire.settings.max_cost:  # the next one waits, until this one's cost is known
                await sending
            else:
                self._tasks.add(asyncio.create_task(self._or_fail_all(sending)))

    async def _closing_of_a_file(self) -> None:
        """Wait until there are requests for a whole file, or no more come."""
        while not self._queue:
            self._queued.clear()
            await self._queued.wait()
        while True:
            seen = len(self._queue)
            await asyncio.sleep(_QUIET)
            if len(self._queue) == seen or len(self._queue) >= self._wire.settings.batch_size:
                return

    def _affordable(self) -> int:
        """How many of the queue's requests may go into the next file.

        Raises:
            InputError: if not even one is within `max_cost`.
        """
        settings, usage = self._wire.settings, self._wire.usage
        spent = usage.cost(usage.total)
        if settings.max_cost is None or spent is None:
            return settings.batch_size
        each = usage.mean_cost()
        if each is None:  # no reply so far: the dearest that it could be
            longest = max(len(json.dumps(self._asked[key].messages)) for key in self._queue)
            dearest = Counter(prompt_tokens=longest // _CHARACTERS_A_TOKEN, completion_tokens=settings.max_tokens)
            each = usage.cost(dearest) or 0
        number = int((settings.max_cost - spent) / each) if each else settings.batch_size
        if number < 1:
            raise self._wire.end_run(over_the_limit(settings.max_cost, spent))
        return min(number, settings.batch_size)

    async def _send(self, keys: list[bytes]) -> None:
        """Send a batch and wait for it."""
        name = uuid.uuid4().hex
        record = self._folder / f"{name}.json"
        lines = (
            {"custom_id": key.hex(), "method": "POST", "url": _PATH, "body": self._wire.dialect.body(self._asked[key])}
            for key in keys
        )
        write_json_lines(record.with_suffix(".jsonl"), lines)
        self._write(record, None)
        create_file = partial(self._wire.client.files.create, file=record.with_suffix(".jsonl"), purpose="batch")
        file = await self._wire.repeatedly(create_file)
        tried = False

        async def create() -> Batch:
            """A connection may break after the provider has begun: then there is a batch of this name already."""
            nonlocal tried
            found = await self._find(name) if tried else None
            tried = True
            return found or await self._wire.client.batches.create(
                input_file_id=file.id, endpoint=_PATH, completion_window=_WINDOW, metadata={"petoolbench": name}
            )

        batch = await self._wire.repeatedly(create)
        self._write(record, batch.id)
        await self._collect(record)

    def _write(self, record: Path, identifier: str | None) -> None:
        endpoint = str(self._wire.client.base_url)
        write_json(record, {"base_url": endpoint, "batch": identifier, "process": os.getpid()})

    async def _find(self, name: str) -> Batch | None:
        """The provider's batch of this name."""
        async for batch in self._wire.client.batches.list(limit=100):
            if (batch.metadata or {}).get("petoolbench") == name:
                return batch
        return None

    def _left_on_record(self) -> list[Path]:
        """Batches that an earlier process, or another one that runs now, has sent to this endpoint."""
        endpoint = str(self._wire.client.base_url)
        return [record for record in batches_under_way() if _read(record).get("base_url") == endpoint]

    async def _identifier(self, record: Path) -> str | None:
        """The provider's name of a batch on record; `None` if it was never sent, or collected by another process."""
        while (known := _read(record)) and known["batch"] is None and _runs_elsewhere(known["process"]):
            await self._wire.sleep(_QUIET)  # another process is sending it
        if known and known["batch"] is None:
            found = await self._wire.repeatedly(partial(self._find, record.stem))
            return found.id if found else None
        return known.get("batch")

    async def _collect(self, record: Path) -> None:
        """Wait for a batch, keep its replies, and queue again what has none."""
        identifier = await self._identifier(record)
        if identifier is None:
            self._forget(record)
            return
        try:
            lines = list(read_json_lines(record.with_suffix(".jsonl")))
        except FileNotFoundError:  # another process has collected it just now
            return
        bodies = {bytes.fromhex(line["custom_id"]): line["body"] for line in lines}
        batch = await self._ended(identifier)
        if batch.status == "failed":
            self._forget(record)
            said = "; ".join(error.message or "" for error in (batch.errors.data if batch.errors else None) or [])
            raise self._wire.end_run(
                InputError(
                    f"the provider refused the batch ({said[:300] or 'it does not say why'}); if its queue is full, "
                    "lower llm.batch_size, or wait; every reply so far is kept."
                )
            )
        answered: dict[bytes, Reply] = {}
        faults: dict[bytes, Fault] = {}
        for file in filter(None, (batch.output_file_id, batch.error_file_id)):
            content = await self._wire.repeatedly(partial(self._wire.client.files.content, file))
            for line in content.text.splitlines():
                _sort(json.loads(line), answered, faults)
        self._store.put({key: reply.to_bytes() for key, reply in answered.items()})
        self._forget(record)
        self._deliver(answered)
        for key in bodies.keys() - answered.keys():
            if key in self._waiting and key not in self._queue:
                self._again(key, bodies[key], faults.get(key) or Fault(None, None, f"batch {batch.status}", "Batch"))

    def _deliver(self, answered: Mapping[bytes, Reply]) -> None:
        """Give replies to those who wait for them."""
        for key, reply in answered.items():
            self._queue.pop(key, None)
            if waiting := self._waiting.pop(key, None):
                waiting.set_result(reply)

    async def _ended(self, identifier: str) -> Batch:
        while True:
            batch = await self._wire.repeatedly(partial(self._wire.client.batches.retrieve, identifier))
            if counts := batch.request_counts:
                self._progress[identifier] = f"{counts.completed + counts.failed:,} of {counts.total:,}"
            self._wire.usage.waiting = "batches: " + ", ".join(self._progress.values())
            if batch.status in _ENDED:
                self._progress.pop(identifier, None)
                return batch
            await self._wire.sleep(self._wire.settings.batch_poll)

    def _again(self, key: bytes, body: Mapping, fault: Fault) -> None:
        """Queue a request again, unless its fault is for good."""
        adapted = fault.status in (400, 422) and self._wire.dialect.adapt(dict(body), fault.said)
        if not adapted:
            self._failures[key] += 1
            if not fault.passes or self._failures[key] > self._wire.settings.retries:
                final = self._wire.final(fault)
                if isinstance(final, InputError):
                    self._fail_all(final)
                else:
                    self._waiting.pop(key).set_exception(final)
                return
            self._wire.usage.count(retries=1)
        self._enqueue(key)

    async def _or_fail_all(self, work: Awaitable[None]) -> None:
        try:
            await work
        except RequestFailed as error:
            why = InputError(f"a batch could not be sent or fetched ({error}); the same command goes on from here.")
            self._fail_all(self._wire.end_run(why))
        except (InputError, Stopped) as error:
            self._fail_all(error)

    def _fail_all(self, error: Exception) -> None:
        for waiting in self._waiting.values():
            if not waiting.done():
                waiting.set_exception(error)

    def _forget(self, record: Path) -> None:
        for file in (record, record.with_suffix(".jsonl")):
            file.unlink(missing_ok=True)


def _read(record: Path) -> dict:
    """What is on record; nothing, once another process has collected it."""
    try:
        return json.loads(record.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}


def _runs_elsewhere(process: int) -> bool:
    return process != os.getpid() and is_alive(process)


def _sort(line: dict, answered: dict[bytes, Reply], faults: dict[bytes, Fault]) -> None:
    """Put a line of a batch's files with the answers or with the faults."""
    key, response = bytes.fromhex(line["custom_id"]), line.get("response") or {}
    if response.get("status_code") == 200:
        answered[key] = Reply.of(ChatCompletion.construct(**response["body"]))
        return
    error = line.get("error") or (response.get("body") or {}).get("error") or {}
    said = str(error.get("message") or "")
    faults[key] = Fault(response.get("status_code"), error.get("code"), said, f"status {response.get('status_code')}")
