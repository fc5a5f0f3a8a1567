"""`petoolbench evaluate --model openai:NAME`: real client, scripted server; what is kept, and how it goes on."""

import json
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from click.testing import CliRunner
from petoolkit.builder.dataset_folder import write_dataset
from rows import CITY, DATASET_FACTS, past_call, reply, row, tool
from scripted_server import ScriptedServer

from petoolbench import InputError
from petoolbench_cli import main
from petoolkit.endpoint.llm_settings import Prices
from petoolkit.evaluator.evaluate import evaluate
from petoolkit.evaluator.models.native_tools import NativeTools
from petoolkit.evaluator.options import Connection, Options
from petoolkit.evaluator.records import Scores

SETTINGS = ("preferred_only", "rating_integrated", "chronological")
RATINGS = {"rating_integrated": 1}
ROWS = [
    row(f"u{n}", setting, "Aerwyn", [past_call("Aerwyn", RATINGS.get(setting))] * 3, group=f"g{n % 4}")
    for setting in SETTINGS
    for n in range(8)
]
KEY = "sk-secret-9876543210"


@pytest.fixture(autouse=True)
def _key(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory) -> str:
    folder = tmp_path_factory.mktemp("data") / "petoolbench"
    write_dataset(folder, [("test", one) for one in ROWS], lambda: DATASET_FACTS)
    return str(folder)


def run(dataset, out, server, model="openai:m", prices=None, **options) -> Scores:
    connection = Connection(base_url=server.url, concurrency=4, prices=prices)
    return evaluate(dataset, "all", model, out, Options(**options), connection)


def right(body) -> str:
    return reply("Aerwyn")


def lines(out: Path) -> list[dict]:
    return [json.loads(line) for line in (out / "predictions.jsonl").read_text().splitlines()]


def test_an_endpoint_that_is_not_there_is_named_without_its_password(dataset, tmp_path, monkeypatch):
    monkeypatch.setattr("petoolkit.endpoint.client._pause", lambda state: 0)
    nobody = SimpleNamespace(url="http://user:word@127.0.0.1:9/v1")
    said = (
        r"requests in a row failed, the last with: Connection error at http://127\.0\.0\.1:9/v1\. Every reply so far"
    )
    with pytest.raises(InputError, match=said):
        run(dataset, tmp_path / "out", nobody)


def test_every_row_is_asked_once_and_kept_with_tokens_and_time(dataset, tmp_path):
    with ScriptedServer(right) as server:
        scored = run(dataset, tmp_path / "out", server, prices=Prices(input=1_000_000, output=0))
        assert len(server.requests) == len(ROWS)
        body = server.requests[0]
        assert (body["temperature"], body["max_tokens"]) == (0.1, 256)
        assert len({request["seed"] for request in server.requests}) == len(ROWS), "each reply has a seed of its own"
        assert server.counts["in_flight_max"] <= 4
    kept = lines(tmp_path / "out")
    assert [line["id"] for line in kept] == [one["id"] for one in ROWS]
    assert all(line["prompt_tokens"] > 0 and line["completion_tokens"] > 0 and line["seconds"] > 0 for line in kept)
    assert scored.score("all", "tool_acc").value == 1
    assert scored.usage.cost_usd == sum(line["prompt_tokens"] for line in kept)
    assert scored.best_rule["all"]["robust"]["tool_acc"].name


def test_a_second_run_asks_nothing_and_another_model_dataset_or_option_is_refused(dataset, tmp_path):
    with ScriptedServer(right) as server:
        first = run(dataset, tmp_path / "out", server)
        again = run(dataset, tmp_path / "out", server)
        assert len(server.requests) == len(ROWS)
        assert again.scores == first.scores
        write_dataset(tmp_path / "other", [("test", one) for one in ROWS[1:]], lambda: DATASET_FACTS)
        for change, what in (
            ({"model": "openai:n"}, "model is 'openai:m' there and 'openai:n' here"),
            ({"temperature": 0.5}, "options.temperature is 0.1 there and 0.5 here"),
            ({"history": "none"}, "options.history|prompt_fingerprint"),
            ({"dataset": str(tmp_path / "other")}, "dataset|fingerprint"),
        ):
            with pytest.raises(InputError, match=f"holds another evaluation: ({what})"):
                run(**{"dataset": dataset, "out": tmp_path / "out", "server": server, **change})
    assert len(lines(tmp_path / "out")) == len(ROWS), "nothing is lost"


def test_failed_requests_count_as_wrong_and_are_asked_again(dataset, tmp_path):
    def refuse_some(number, body):
        return "no-schema" if number in (3, 5) else None  # status 400: no retry mends it

    with ScriptedServer(right, faults=refuse_some) as server:
        scored = run(dataset, tmp_path / "out", server)
        assert scored.counts["all"].missing == 2
        assert scored.score("all", "tool_acc").value == pytest.approx(22 / 24)
        assert [line["error"] for line in lines(tmp_path / "out") if line["reply"] is None] == [
            "request failed (BadRequestError: Invalid parameter: 'response_format' of type 'json_schema' is not "
            "supported)"
        ] * 2
        scored = run(dataset, tmp_path / "out", server)
        assert scored.counts["all"].missing == 0
        assert len(server.requests) == len(ROWS) + 2


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_a_run_that_is_stopped_goes_on_and_equals_one_that_never_was(dataset, tmp_path, how):
    with ScriptedServer(lambda body: reply("Aerwyn", json.dumps({"seed": body["seed"]})), latency=0.3) as server:
        command = [sys.executable, "-m", "petoolbench_cli", "evaluate", "--dataset", dataset, "--model", "openai:m"]
        command += ["--base-url", server.url, "--concurrency", "4", "--out", str(tmp_path / "stopped")]
        process = subprocess.Popen(
            command,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
        )
        stored = tmp_path / "stopped" / "predictions.jsonl"
        deadline = time.monotonic() + 60
        while not stored.exists() or len(stored.read_text().splitlines()) < 6:
            assert time.monotonic() < deadline and process.poll() is None
            time.sleep(0.02)
        process.send_signal(how)
        assert process.wait() == (130 if how == signal.SIGINT else -how)
        stopped_after = len(server.requests)
        assert stopped_after < len(ROWS)
        with open(stored, "a") as file:
            file.write('{"id": "u0/pre')  # half a line
        server.latency = 0
        run(dataset, tmp_path / "stopped", server)
        asked_twice = len(server.requests) - len(ROWS)
        # Of a kill: what was in flight, and what had arrived with no time to be written.
        assert asked_twice <= (8 if how == signal.SIGKILL else 0)
        run(dataset, tmp_path / "never", server)
    replies = [[(line["id"], line["reply"]) for line in lines(tmp_path / name)] for name in ("stopped", "never")]
    assert replies[0] == replies[1]


def test_repeats_ask_each_row_again_with_another_seed(dataset, tmp_path):
    with ScriptedServer(right) as server:
        run(dataset, tmp_path / "out", server, repeat=2)
        assert len({body["seed"] for body in server.requests}) == 2 * len(ROWS)
    assert [line["repeat"] for line in lines(tmp_path / "out")] == [0, 1] * len(ROWS)


def test_without_history_no_past_call_is_shown(dataset, tmp_path):
    with ScriptedServer(right) as server:
        run(dataset, tmp_path / "with", server)
        run(dataset, tmp_path / "without", server, history="none")
        shown = ["<Aerwyn>.<other>" in body["messages"][0]["content"] for body in server.requests]
    assert shown == [True] * len(ROWS) + [False] * len(ROWS)


def test_a_small_window_drops_interactions_and_says_so(dataset, tmp_path):
    with ScriptedServer(right) as server:
        scored = run(dataset, tmp_path / "out", server, window=430)
    dropped = [line["dropped_interactions"] for line in lines(tmp_path / "out")]
    assert scored.counts["all"].shortened == sum(number > 0 for number in dropped) > 0


def native(body, arguments='{"city": "Oslo"}'):
    name = next(f["function"]["name"] for f in body["tools"] if "Aerwyn" in f["function"]["description"])
    call = {"id": "c1", "type": "function", "function": {"name": name, "arguments": arguments}}
    message = {"role": "assistant", "content": None, "tool_calls": [call]}
    usage = {"prompt_tokens": 9, "completion_tokens": 3, "total_tokens": 12}
    choice = {"index": 0, "finish_reason": "tool_calls", "message": message}
    return {"id": "x", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice], "usage": usage}


def test_native_function_calls_are_scored_as_calls_in_text_are(dataset, tmp_path):
    with ScriptedServer(native) as server:
        scored = run(dataset, tmp_path / "out", server, protocol="tools")
        body = server.requests[0]
    assert "Candidate tools:" not in body["messages"][0]["content"]
    names = [function["function"]["name"] for function in body["tools"]]
    assert all(re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", name) for name in names) and len(set(names)) == 4
    assert scored.score("all", "joint_acc", "robust").value == 1
    assert scored.score("all", "joint_acc", "paper").value == 1


def test_names_that_an_endpoint_refuses_go_there_and_back():
    odd = {"name": "größe [cm]", "type": "NUMBER", "description": "", "default": "7", "schema": None}
    twin = {**odd, "name": "größe (cm)", "type": "STRING", "default": None}
    long = "x" * 80
    tools = NativeTools(
        [
            tool("Öl & Co", "/v1/{id}", "First", required=[odd, twin, CITY]),
            tool("Öl + Co", "/v1/{id}", "Second"),
            tool("P", long, "Third"),
            tool("Q", long, "Fourth"),
        ]
    )
    functions = [function["function"] for function in tools.functions()]
    names = [function["name"] for function in functions]
    assert len(set(names)) == 4 and all(re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", name) for name in names)
    first, second, city = functions[0]["parameters"]["properties"]
    assert functions[0]["parameters"]["properties"][first]["type"] == "number"
    assert functions[0]["parameters"]["required"] == [first, second, city]
    back = json.loads(tools.reply_of(names[0], json.dumps({first: 1, second: "b", city: "Oslo", "new": 2})))
    assert back["tool_name"] == "<Weather>.<Öl & Co>.</v1/{id}>"
    assert back["parameters"] == {"größe [cm]": 1, "größe (cm)": "b", "city": "Oslo", "new": 2}
    assert json.loads(tools.reply_of(names[3], ""))["tool_name"] == f"<Weather>.<Q>.<{long}>"
    assert json.loads(tools.reply_of("made_up", "{}"))["tool_name"] == "made_up"
    assert json.loads(tools.reply_of(names[0], '{"half'))["parameters"] == '{"half'


def test_a_parameters_schema_goes_to_the_endpoint_with_its_description():
    plain = {"description": "How many", "default": None}
    schema = {"type": "array", "items": {"enum": ["a", "b"]}, "description": "Of the schema"}
    parameters = [
        {"name": "known", "type": "ARRAY", **plain, "schema": json.dumps(schema)},
        {"name": "bare", "type": "ARRAY", **plain, "description": None, "schema": json.dumps(schema)},
        {"name": "anything", "type": "NUMBER", **plain, "schema": "true"},
        {"name": "none", "type": "NUMBER", **plain, "default": "3", "schema": None},
    ]
    (function,) = NativeTools([tool("P", "a", "First", required=parameters)]).functions()
    assert function["function"]["parameters"]["properties"] == {
        "known": {**schema, "description": "How many"},
        "bare": schema,
        "anything": {"type": "number", "description": "How many"},
        "none": {"type": "number", "description": "How many", "default": 3},
    }


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--model", "gpt-4o"], "unknown model 'gpt-4o'"),
        (["--model", "openai:"], "unknown model 'openai:'"),
        (["--model", "baseline:best"], "unknown model 'baseline:best'"),
        (["--model", "baseline:random", "--protocol", "tools"], "baseline:random does not read --protocol"),
        (["--model", "openai:m", "--prompt", "released"], "only a dataset made by `petoolbench import`"),
        (
            ["--model", "openai:m", "--prompt", "released", "--no-history"],
            "the released prompts show the whole history",
        ),
        (["--model", "openai:m", "--revision", "main"], "is a folder here and has no revisions"),
    ],
)
def test_a_mistake_gives_one_sentence(dataset, tmp_path, options, message):
    result = CliRunner().invoke(main, ["evaluate", "--dataset", dataset, "--out", str(tmp_path / "out"), *options])
    assert result.exit_code == 2
    assert message in " ".join(result.output.split())


def test_a_wrong_key_stops_at_once_and_is_written_nowhere(dataset, tmp_path):
    with ScriptedServer(right, faults=lambda number, body: "401" if number > 5 else None) as server:
        with pytest.raises(InputError, match="the endpoint refuses the key"):
            run(dataset, tmp_path / "out", server)
        assert len(server.requests) < len(ROWS)
    assert len(lines(tmp_path / "out")) == 6, "what was answered is kept"
    assert all(KEY.encode() not in file.read_bytes() for file in (tmp_path / "out").iterdir())


def test_stored_replies_are_scored_again_without_a_model(dataset, tmp_path):
    with ScriptedServer(right) as server:
        run(dataset, tmp_path / "out", server)
    scores = (tmp_path / "out" / "scores.json").read_bytes()
    (tmp_path / "out" / "scores.json").unlink()
    result = CliRunner().invoke(main, ["score", str(tmp_path / "out")])
    assert result.exit_code == 0, result.output
    assert (tmp_path / "out" / "scores.json").read_bytes() == scores
    assert CliRunner().invoke(main, ["score", str(tmp_path)]).exit_code == 2
