"""An OpenAI-compatible endpoint that answers by script, over real sockets on loopback: for tests and benchmarks.

In a test: `with ScriptedServer(answer, faults={0: "429"}) as server:`, and a client with `base_url=server.url`.
For a benchmark, `python tests/scripted_server.py --latency 0.2` is a process of its own: the first line it prints is
its URL; when its stdin ends it prints its counts as JSON and stops.
"""

import argparse
import asyncio
import base64
import copy
import hashlib
import itertools
import json
import math
import pkgutil
import struct
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import NamedTuple

CHAT, EMBEDDINGS, FILES, BATCHES = "/v1/chat/completions", "/v1/embeddings", "/v1/files", "/v1/batches"
_BAD, _NO_FORMAT = "invalid_request_error", "Invalid parameter: 'response_format' of type '{}' is not supported."
# Faults that are an error reply: status, message, type, param, code.
ERRORS = {
    "429": (429, "Rate limit reached for requests", "requests", None, "rate_limit_exceeded"),
    "429-retry-after": (429, "Rate limit reached for requests", "requests", None, "rate_limit_exceeded"),
    "insufficient-quota": (429, "You exceeded your current quota", "insufficient_quota", None, "insufficient_quota"),
    "500": (500, "The server had an error", "server_error", None, None),
    "503": (503, "The engine is currently overloaded", "server_error", None, None),
    "400-moderation": (400, "The prompt about temperature, seed and max_tokens is refused", _BAD, None, "content"),
    "402": (402, "Insufficient credits", "error", None, None),
    "403": (403, "Your input was flagged by moderation", "error", None, None),
    "401": (401, "Incorrect API key provided", _BAD, None, "invalid_api_key"),
    "404-model": (404, "The model does not exist or you do not have access to it", _BAD, None, "model_not_found"),
    "no-schema": (400, _NO_FORMAT.format("json_schema"), _BAD, "response_format", None),
    "no-max-tokens": (400, "Unsupported parameter: 'max_tokens'", _BAD, "max_tokens", "unsupported_parameter"),
    "no-temperature": (400, "Unsupported value: 'temperature' does not support 0.7", _BAD, "temperature", None),
    "no-json-object": (400, _NO_FORMAT.format("json_object"), _BAD, "response_format", None),
}
CONTENT_FAULTS = {"empty", "length", "refusal", "bad-json", "wrong-schema"}
FAULTS = {*ERRORS, *CONTENT_FAULTS, "drop", "slow"}


class Reply(NamedTuple):
    """An HTTP reply, and the scheduled fault behind it."""

    status: int
    payload: dict | bytes
    fault: str | None = None


def error(status: int, message: str, type: str = _BAD, param: str | None = None, code: str | None = None) -> Reply:
    return Reply(status, {"error": {"message": message, "type": type, "param": param, "code": code}})


def text_of(message: dict) -> str:
    content = message.get("content") or ""
    return content if isinstance(content, str) else "".join(part.get("text", "") for part in content)


def echo(body: dict) -> str:
    """The last user message's text."""
    return next((text_of(message) for message in reversed(body["messages"]) if message["role"] == "user"), "")


def embed(text: str) -> tuple[float, ...]:
    """A unit vector of 8 float32 values that depends on the text only."""
    values = struct.unpack("<8i", hashlib.sha256(text.encode()).digest())
    return struct.unpack("<8f", struct.pack("<8f", *(value / math.hypot(*values) for value in values)))


@dataclass
class ScriptedServer:
    """`with ScriptedServer(answer) as server`: an endpoint at `server.url`, its event loop in a thread.

    `answer` gives the assistant's content, or the whole response as a dictionary; it runs on the event loop as a
    request arrives, so it must be quick. `faults` gives the n-th chat request (from 0, by arrival, a batch's lines
    included) a name of FAULTS. In a batch an error or "drop" becomes status 500 in the error file, "slow" nothing.
    What the script or a malformed request raises is 400 to the client, and raised again on leaving. `latency` holds
    for chat and embeddings. A batch is in progress for `batch_polls` polls; its output is not in the input's order,
    as OpenAI warns, and a file without lines is null. `batch_ends` gives the n-th batch's end: "completed",
    "failed" (with no answer), or "expired" (with every other line answered).
    """

    answer: Callable[[dict], str | dict] = echo
    latency: float = 0.0
    faults: Callable[[int, dict], str | None] | dict[int, str] | None = None
    refuse_json_schema: bool = False
    refuse_json_object: bool = False
    batch_polls: int = 1
    batch_ends: Callable[[int], str] = lambda number: "completed"
    slow_seconds: float = 3.0
    keep_requests: bool = True
    url: str = field(default="", init=False)
    # Bodies of chat requests, with "_path" (BATCHES for a batch's lines).
    requests: list[dict] = field(default_factory=list, init=False)
    # By path and by fault, "connections" and "in_flight_max".
    counts: Counter = field(default_factory=Counter, init=False)
    failures: list[Exception] = field(default_factory=list, init=False)
    # Headers (lower-case names) and query of every request, by arrival.
    headers: list[dict] = field(default_factory=list, init=False)
    queries: list[str] = field(default_factory=list, init=False)

    def __post_init__(self):
        if isinstance(self.faults, dict) and (unknown := set(self.faults.values()) - FAULTS):
            raise ValueError(f"no such faults: {sorted(unknown)}")
        self._numbers, self._ids, self._in_flight = itertools.count(), itertools.count(), 0
        self._files: dict[str, bytes] = {}
        self._batches: dict[str, tuple[dict, list[dict]]] = {}

    def __enter__(self) -> "ScriptedServer":
        ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run(ready)), daemon=True)
        self._thread.start()
        if not ready.wait(10):
            raise RuntimeError("the scripted server did not start")
        return self

    def __exit__(self, exc_type, *_):
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()
        if self.failures and exc_type is None:
            raise self.failures[0]

    async def _run(self, ready: threading.Event):
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=2**20, backlog=1024)
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
        ready.set()
        await self._stop.wait()
        server.close()  # connections still open are cancelled as the loop ends

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter):
        """One connection, request by request."""
        self.counts["connections"] += 1
        try:
            while True:
                first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
                method, path, _ = first.split(" ")
                headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
                body = await reader.readexactly(int(headers.get("content-length", 0)))
                self._in_flight += 1
                self.counts["in_flight_max"] = max(self.counts["in_flight_max"], self._in_flight)
                try:
                    self.headers.append(headers)
                    path, _, query = path.partition("?")
                    self.queries.append(query)
                    reply = self._reply(method, path, headers.get("content-type", ""), body)
                    if path in (CHAT, EMBEDDINGS):
                        await asyncio.sleep(self.latency + self.slow_seconds * (reply.fault == "slow"))
                finally:
                    self._in_flight -= 1
                if reply.fault == "drop":
                    return
                raw = isinstance(reply.payload, bytes)
                payload = reply.payload if raw else json.dumps(reply.payload).encode()
                head = f"HTTP/1.1 {reply.status} {HTTPStatus(reply.status).phrase}\r\n"
                head += f"Content-Type: application/{'octet-stream' if raw else 'json'}\r\n"
                head += "Retry-After: 1\r\n" * (reply.fault == "429-retry-after")
                writer.write(f"{head}Content-Length: {len(payload)}\r\n\r\n".encode() + payload)
                await writer.drain()
        except (asyncio.IncompleteReadError, asyncio.CancelledError, ConnectionError):
            pass  # the client left, or the server stops
        finally:
            writer.close()

    def _reply(self, method: str, path: str, content_type: str, body: bytes) -> Reply:
        self.counts[path] += 1
        parent, _, last = path.rpartition("/")
        file = parent.removeprefix(f"{FILES}/")
        try:
            if method == "POST" and path == CHAT:
                return self._chat(json.loads(body), CHAT)
            if method == "POST" and path == EMBEDDINGS:
                return self._embed(json.loads(body))
            if method == "POST" and path == FILES:
                return Reply(200, self._upload(content_type, body))
            if method == "POST" and path == BATCHES:
                return Reply(200, self._create_batch(json.loads(body)))
            if method == "GET" and path == BATCHES:
                listed = [batch for batch, _ in reversed(self._batches.values())]
                return Reply(200, {"object": "list", "data": listed, "has_more": False})
            if method == "GET" and parent == BATCHES and last in self._batches:
                return Reply(200, self._poll(*self._batches[last]))
            if method == "GET" and last == "content" and file in self._files:
                return Reply(200, self._files[file])
        except Exception as exception:
            self.failures.append(exception)
            return error(400, f"The script failed, or the request is malformed: {exception!r}")
        return error(404, f"Nothing at {method} {path}")

    def _chat(self, body: dict, path: str) -> Reply:
        number = next(self._numbers)
        if self.keep_requests:
            self.requests.append({**body, "_path": path})
        fault = self.faults(number, body) if callable(self.faults) else (self.faults or {}).get(number)
        if fault not in {*FAULTS, None} or body.get("stream"):
            raise ValueError(f"no such fault ({fault}), or a request for a stream, which is not served here")
        refused = {"json_schema": self.refuse_json_schema and "no-schema"}
        refused["json_object"] = self.refuse_json_object and "no-json-object"
        wanted = (body.get("response_format") or {}).get("type")
        failing = fault if fault in ERRORS else refused.get(wanted) or None
        self.counts.update({fault, failing} - {None})
        if fault == "drop" or failing:
            return error(*ERRORS[failing or "500"])._replace(fault=fault)
        answer = self.answer(body)
        response = copy.deepcopy(answer) if isinstance(answer, dict) else _completion(number, body, answer)
        if fault in CONTENT_FAULTS:
            _spoil(response["choices"][0], fault)
        return Reply(200, response, fault)

    def _embed(self, body: dict) -> Reply:
        texts = body["input"] if isinstance(body["input"], list) else [body["input"]]
        vectors: list = [embed(text) for text in texts]
        if body.get("encoding_format") == "base64":
            vectors = [base64.b64encode(struct.pack("<8f", *vector)).decode() for vector in vectors]
        data = [{"object": "embedding", "index": index, "embedding": vector} for index, vector in enumerate(vectors)]
        words = sum(len(text.split()) for text in texts)
        usage = {"prompt_tokens": words, "total_tokens": words}
        return Reply(200, {"object": "list", "data": data, "model": body["model"], "usage": usage})

    def _store(self, content: bytes) -> str:
        self._files[identifier := f"file-{next(self._ids)}"] = content
        return identifier

    def _upload(self, content_type: str, body: bytes) -> dict:
        boundary = content_type.partition("boundary=")[2].strip('"').encode()
        parts = {}
        for part in (b"\r\n" + body).split(b"\r\n--" + boundary)[1:-1]:
            head, _, content = part.partition(b"\r\n\r\n")
            parts[head.partition(b' name="')[2].partition(b'"')[0].decode()] = content
        file = {"id": self._store(parts["file"]), "object": "file", "bytes": len(parts["file"]), "status": "processed"}
        return {**file, "created_at": int(time.time()), "filename": "batch", "purpose": parts["purpose"].decode()}

    def _create_batch(self, body: dict) -> dict:
        lines = [json.loads(line) for line in self._files[body["input_file_id"]].splitlines()]
        if len({line["custom_id"] for line in lines}) < len(lines):
            raise ValueError("a custom_id occurs twice")
        if any((line["method"], line["url"]) != ("POST", body["endpoint"]) for line in lines):
            raise ValueError("a line's method or url is not the batch's")
        batch = {"id": f"batch_{next(self._ids)}", "object": "batch", "status": "validating", "errors": None, **body}
        batch |= {"created_at": int(time.time()), "output_file_id": None, "error_file_id": None}
        batch["request_counts"] = {"total": len(lines), "completed": 0, "failed": 0}
        self._batches[batch["id"]] = batch, [self._line(line) for line in lines]
        return batch

    def _line(self, line: dict) -> dict:
        reply = self._chat(line["body"], BATCHES) if line["url"] == CHAT else self._embed(line["body"])
        if reply.fault in {*ERRORS, "drop"}:
            reply = error(*ERRORS["500"])
        identifier = f"batch_req_{next(self._ids)}"
        response = {"status_code": reply.status, "request_id": identifier, "body": reply.payload}
        return {"id": identifier, "custom_id": line["custom_id"], "response": response, "error": None}

    def _poll(self, batch: dict, lines: list[dict]) -> dict:
        if self.counts[f"{BATCHES}/{batch['id']}"] <= self.batch_polls:
            batch["status"] = "in_progress"
        elif batch["status"] in ("validating", "in_progress"):
            batch["status"] = end = self.batch_ends(list(self._batches).index(batch["id"]))
            if end == "failed":
                batch["errors"] = {
                    "object": "list",
                    "data": [{"code": "token_limit_exceeded", "message": "Enqueued token limit reached"}],
                }
                return batch
            if end == "expired":
                lines = lines[::2]
            for count, key, good in (("completed", "output_file_id", True), ("failed", "error_file_id", False)):
                some = [line for line in reversed(lines) if (line["response"]["status_code"] == 200) is good]
                batch["request_counts"][count] = len(some)
                if some:
                    batch[key] = self._store("".join(json.dumps(line) + "\n" for line in some).encode())
        return batch


def _completion(number: int, body: dict, content: str) -> dict:
    message = {"role": "assistant", "content": content, "refusal": None}
    response = {"id": f"chatcmpl-{number}", "object": "chat.completion", "created": int(time.time())}
    response |= {"model": body["model"], "choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}
    prompt, answer = sum(len(text_of(message).split()) for message in body["messages"]), len(content.split())
    usage = {"prompt_tokens": prompt, "completion_tokens": answer, "total_tokens": prompt + answer}
    return response | {"usage": usage}


def _spoil(choice: dict, fault: str):
    message = choice["message"]
    half = message["content"][: len(message["content"]) // 2]
    if fault == "length":
        choice["finish_reason"] = "length"
    if fault == "refusal":
        message["refusal"] = "I'm sorry, I can't help with that."
    contents = {"empty": "", "length": half, "refusal": None, "wrong-schema": '{"unexpected": 1}'}
    message["content"] = contents.get(fault, half.rstrip("0123456789. \n"))  # half a number is a number


def main():
    parser = argparse.ArgumentParser(description="A scripted OpenAI-compatible endpoint; stops when stdin ends.")
    parser.add_argument("--latency", type=float, default=0.0, help="seconds before each reply")
    parser.add_argument("--answer", default="echo", help='"echo", or "module:function" of the request\'s body')
    args = parser.parse_args()
    answer = echo if args.answer == "echo" else pkgutil.resolve_name(args.answer)
    with ScriptedServer(answer, args.latency, keep_requests=False) as server:
        sys.stdout.write(f"{server.url}\n")
        sys.stdout.flush()
        sys.stdin.read()
    sys.stdout.write(f"{json.dumps(server.counts)}\n")


if __name__ == "__main__":
    main()
