"""The scripted endpoint as the real `openai` client sees it."""

import json
import math
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from scripted_server import BATCHES, CHAT, ScriptedServer

openai = pytest.importorskip("openai")

JSON_TEXT = '{"tool": "Weather.now", "parameters": [1, 2, 3]}'


def client_of(server: ScriptedServer, **options):
    return openai.OpenAI(base_url=server.url, api_key="none", max_retries=0, **options)


def ask(client, text="one two three", **options):
    return client.chat.completions.create(model="m", messages=[{"role": "user", "content": text}], **options)


def test_a_chat_reply_echoes_and_counts_words():
    with ScriptedServer() as server, client_of(server) as client:
        messages = [{"role": "system", "content": "be brief"}, {"role": "user", "content": "naïve 🙂"}]
        reply = client.chat.completions.create(model="m", messages=messages, temperature=0)
        choice = reply.choices[0]
        assert (choice.message.content, choice.message.refusal, choice.finish_reason) == ("naïve 🙂", None, "stop")
        assert (reply.usage.prompt_tokens, reply.usage.completion_tokens, reply.usage.total_tokens) == (4, 2, 6)
        assert (reply.id, reply.model, reply.object) == ("chatcmpl-0", "m", "chat.completion")
        assert server.requests == [{"model": "m", "messages": messages, "temperature": 0, "_path": CHAT}]
        assert server.url.startswith("http://127.0.0.1:")


def test_answer_may_give_the_whole_response():
    whole = {"id": "x", "object": "chat.completion", "created": 1, "model": "other", "choices": []}
    with ScriptedServer(lambda body: whole) as server, client_of(server) as client:
        assert ask(client).model == "other"


@pytest.mark.parametrize(
    ("fault", "kind", "status", "code"),
    [
        ("429", "RateLimitError", 429, "rate_limit_exceeded"),
        ("429-retry-after", "RateLimitError", 429, "rate_limit_exceeded"),
        ("insufficient-quota", "RateLimitError", 429, "insufficient_quota"),
        ("500", "InternalServerError", 500, None),
        ("503", "InternalServerError", 503, None),
        ("401", "AuthenticationError", 401, "invalid_api_key"),
        ("404-model", "NotFoundError", 404, "model_not_found"),
        ("no-schema", "BadRequestError", 400, None),
        ("no-json-object", "BadRequestError", 400, None),
    ],
)
def test_error_faults(fault, kind, status, code):
    with ScriptedServer(faults={0: fault}) as server, client_of(server) as client:
        with pytest.raises(getattr(openai, kind)) as caught:
            ask(client)
        assert (caught.value.status_code, caught.value.code) == (status, code)
        retry_after = caught.value.response.headers.get("retry-after")
        assert retry_after == ("1" if fault == "429-retry-after" else None)
        assert ask(client).choices[0].message.content == "one two three"
        assert (server.counts[fault], server.counts[CHAT], server.counts["connections"]) == (1, 2, 1)


def test_connection_faults():
    with ScriptedServer(faults={0: "drop", 1: "slow"}, slow_seconds=0.5) as server, client_of(server) as client:
        with pytest.raises(openai.APIConnectionError):
            ask(client)
        with pytest.raises(openai.APITimeoutError):
            ask(client, timeout=0.2)
        assert ask(client).choices[0].finish_reason == "stop"


@pytest.mark.parametrize("text", [JSON_TEXT, "1234"])
def test_content_faults(text):
    names = ["empty", "length", "refusal", "bad-json", "wrong-schema"]
    with (
        ScriptedServer(lambda body: text, faults=lambda number, body: names[number]) as server,
        client_of(server) as client,
    ):
        choices = {name: ask(client).choices[0] for name in names}
    content = {name: choice.message.content for name, choice in choices.items()}
    assert content["empty"] == "" and content["refusal"] is None and choices["refusal"].message.refusal
    assert (choices["length"].finish_reason, content["length"]) == ("length", text[: len(text) // 2])
    assert json.loads(content["wrong-schema"]) == {"unexpected": 1}
    with pytest.raises(json.JSONDecodeError):
        json.loads(content["bad-json"])


def test_response_formats_refused():
    schema = {"type": "json_schema", "json_schema": {"name": "s", "schema": {"type": "object"}}}
    with ScriptedServer(refuse_json_schema=True) as server, client_of(server) as client:
        with pytest.raises(openai.BadRequestError, match="json_schema"):
            ask(client, response_format=schema)
        ask(client, response_format={"type": "json_object"})
    with ScriptedServer(refuse_json_object=True) as server, client_of(server) as client:
        with pytest.raises(openai.BadRequestError, match="json_object"):
            ask(client, response_format={"type": "json_object"})
        ask(client, response_format=schema)


def test_a_failing_script_is_not_silent():
    with pytest.raises(ValueError, match="no such fault"):
        ScriptedServer(faults={0: "nonsense"})

    def answer(body):
        raise ZeroDivisionError

    with (
        pytest.raises(ZeroDivisionError),
        ScriptedServer(answer) as server,
        client_of(server) as client,
        pytest.raises(openai.BadRequestError, match="ZeroDivisionError"),
    ):
        ask(client)


def test_embeddings_in_both_encodings():
    with ScriptedServer() as server, client_of(server) as client:
        texts = ["a b", "c", "a b"]
        floats = client.embeddings.create(model="e", input=texts, encoding_format="float")
        vectors = [row.embedding for row in floats.data]
        assert vectors[0] == vectors[2] != vectors[1] and floats.usage.prompt_tokens == 5
        assert len(vectors[0]) == 8 and math.hypot(*vectors[0]) == pytest.approx(1, abs=1e-6)
        raw = client.embeddings.create(model="e", input=texts, encoding_format="base64")
        assert isinstance(raw.data[0].embedding, str)
        default = client.embeddings.create(model="e", input="c")  # the client asks for base64 and decodes it
        assert list(default.data[0].embedding) == vectors[1]


def test_batch_round_trip(tmp_path):
    def line(number):
        body = {"model": "m", "messages": [{"role": "user", "content": f"text {number}"}]}
        return {"custom_id": f"c{number}", "method": "POST", "url": CHAT, "body": body}

    path = tmp_path / "input.jsonl"
    path.write_text("".join(json.dumps(line(number)) + "\n" for number in range(4)), "utf-8")
    with ScriptedServer(faults={1: "503", 2: "empty"}, batch_polls=2) as server, client_of(server) as client:
        file = client.files.create(file=path, purpose="batch")
        assert (file.purpose, file.bytes) == ("batch", path.stat().st_size)
        batch = client.batches.create(input_file_id=file.id, endpoint=CHAT, completion_window="24h")
        states = [batch.status] + [(batch := client.batches.retrieve(batch.id)).status for _ in range(4)]
        assert states == ["validating", "in_progress", "in_progress", "completed", "completed"]
        assert batch.request_counts.to_dict() == {"total": 4, "completed": 3, "failed": 1}

        def lines(name):
            rows = [json.loads(row) for row in client.files.content(name).text.splitlines()]
            return {row["custom_id"]: row["response"] for row in rows}

        good, bad = lines(batch.output_file_id), lines(batch.error_file_id)
        contents = {key: reply["body"]["choices"][0]["message"]["content"] for key, reply in good.items()}
        assert contents == {"c0": "text 0", "c2": "", "c3": "text 3"}
        assert {key: reply["status_code"] for key, reply in bad.items()} == {"c1": 500}
        assert [request["_path"] for request in server.requests] == [BATCHES] * 4


def test_parallel_requests_share_the_latency():
    requests, latency = 50, 0.2
    with (
        ScriptedServer(latency=latency) as server,
        client_of(server) as client,
        ThreadPoolExecutor(requests) as pool,
    ):
        start = time.perf_counter()
        replies = list(pool.map(lambda number: ask(client, f"{number}"), range(requests)))
        seconds = time.perf_counter() - start
    assert [reply.choices[0].message.content for reply in replies] == [f"{number}" for number in range(requests)]
    assert seconds < requests * latency / 2
    assert server.counts["in_flight_max"] > requests / 5


def test_as_a_process():
    command = [sys.executable, "tests/scripted_server.py", "--latency", "0.01", "--answer", "echo"]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    with openai.OpenAI(base_url=process.stdout.readline().strip(), api_key="none", max_retries=0) as client:
        assert ask(client).choices[0].message.content == "one two three"
    rest, _ = process.communicate(timeout=20)
    assert process.returncode == 0 and json.loads(rest)[CHAT] == 1
