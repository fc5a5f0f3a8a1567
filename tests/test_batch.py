"""Batch mode: the provider's batch files, across restarts; real client, scripted server on loopback."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner
from fake_model import good_answer
from scripted_server import BATCHES, CHAT, ScriptedServer

from petoolbench import InputError
from petoolbench_cli import main
from petoolkit.endpoint.ask import Endpoint
from petoolkit.endpoint.batch import Batches, _sort
from petoolkit.endpoint.llm_settings import LlmSettings, Prices
from petoolkit.endpoint.request import Request, RequestFailed
from petoolkit.endpoint.usage import Usage
from petoolkit.store import batches_under_way

SCRIPT = """
import sys
from petoolkit.endpoint.ask import Endpoint
from petoolkit.endpoint.request import Request
from petoolkit.endpoint.llm_settings import LlmSettings
from petoolkit.endpoint.usage import Usage

async def work(number, ask):
    return (await ask(Request([{"role": "user", "content": f"question {number}"}], 0))).content

settings = LlmSettings(base_url=sys.argv[1], batch=True, batch_size=6, batch_poll=0.1)
print(list(Endpoint(settings, Usage(None)).answer_all(range(12), work)))
"""


@pytest.fixture(autouse=True)
def _key_and_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test")
    monkeypatch.setenv("PETOOLBENCH_CACHE", str(tmp_path / "cache"))


async def ask_number(number: int, ask) -> str:
    try:
        return (await ask(Request([{"role": "user", "content": f"question {number}"}], 0))).content
    except RequestFailed as error:
        return f"failed: {error}"


def answers(server, number: int = 12, usage: Usage | None = None, **settings) -> list[str]:
    llm = LlmSettings(**{"base_url": server.url, "batch": True, "batch_size": 6, "batch_poll": 0.05, **settings})
    return list(Endpoint(llm, usage or Usage(llm.chat_prices)).answer_all(range(number), ask_number))


QUESTIONS = [f"question {number}" for number in range(12)]


def asked(server) -> list[str]:
    return sorted(body["messages"][0]["content"] for body in server.requests)


def start(server) -> subprocess.Popen:
    interruptible = lambda: signal.signal(signal.SIGINT, signal.default_int_handler)  # noqa: E731
    return subprocess.Popen(
        [sys.executable, "-c", SCRIPT, server.url], preexec_fn=interruptible, stdout=subprocess.PIPE
    )


def wait_for(condition) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_all_questions_go_in_batch_files_and_are_answered_in_order():
    usage = Usage(Prices(input=1, output=1))
    with ScriptedServer() as server:
        assert answers(server, usage=usage) == QUESTIONS
        assert (server.counts[CHAT], server.counts[BATCHES]) == (0, 2)
        assert answers(server) == QUESTIONS, "the second time, from the cache"
        assert asked(server) == sorted(QUESTIONS)
    assert (usage.total["calls"], usage.total["prompt_tokens"]) == (12, 24)
    assert batches_under_way() == []


def test_a_batch_costs_the_share_of_the_price_that_the_recipe_says():
    prices = Prices(input=1_000_000, output=0, batch_share=0.5)
    settings = LlmSettings(batch=True, prices=prices)
    assert (
        Usage(settings.chat_prices).cost(Usage(None).total + __import__("collections").Counter(prompt_tokens=3)) == 1.5
    )
    with pytest.raises(ValueError, match="batch_share"):
        LlmSettings(batch=True, prices=Prices(input=1, output=1))


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_a_batch_outlives_the_process_that_sent_it(how):
    with ScriptedServer(batch_polls=10**9) as server:
        process = start(server)
        wait_for(lambda: len(server.requests) == 12 and len(batches_under_way()) == 2)
        process.send_signal(how)
        process.communicate(timeout=30)
        assert process.returncode != 0
        assert "2 batches under way" in CliRunner().invoke(main, ["cache", "info"]).output
        server.batch_polls = 0
        assert answers(server) == QUESTIONS
        assert asked(server) == sorted(QUESTIONS), "something was sent twice"
    assert batches_under_way() == []


def test_a_batch_is_found_again_whose_number_was_never_put_on_record():
    """As after a kill between the provider's beginning and its answer."""
    with ScriptedServer(batch_polls=10**9) as server:
        process = start(server)
        wait_for(lambda: len(server.requests) == 12 and len(batches_under_way()) == 2)
        process.kill()
        process.communicate()
        for record in batches_under_way():
            record.write_text(json.dumps({**json.loads(record.read_text()), "batch": None}))
        server.batch_polls = 0
        assert answers(server) == QUESTIONS
        assert asked(server) == sorted(QUESTIONS)


def test_what_was_put_on_record_and_never_sent_is_sent():
    with ScriptedServer() as server:
        record = Path(os.environ["PETOOLBENCH_CACHE"], "batches", "0" * 32 + ".json")
        record.parent.mkdir(parents=True)
        record.write_text(json.dumps({"base_url": f"{server.url}/", "batch": None, "process": os.getpid()}))
        record.with_suffix(".jsonl").write_text("")
        assert answers(server) == QUESTIONS
    assert batches_under_way() == []


def test_two_processes_wait_for_the_same_batch():
    with ScriptedServer(batch_polls=10**9) as server:
        first = start(server)
        wait_for(lambda: len(server.requests) == 12 and len(batches_under_way()) == 2)
        second = start(server)
        time.sleep(2)
        server.batch_polls = 0
        outputs = [process.communicate(timeout=60)[0].decode().strip() for process in (first, second)]
        assert outputs == [str(QUESTIONS)] * 2
        assert asked(server) == sorted(QUESTIONS)


def test_what_another_process_has_collected_meanwhile_is_not_sent_again(monkeypatch):
    closing = Batches._wait_for_requests

    async def closing_while_another_process_asks_the_same(batches: Batches) -> None:
        await closing(batches)
        if len(server.requests) == 0:
            start(server).communicate(timeout=60)

    monkeypatch.setattr(Batches, "_wait_for_requests", closing_while_another_process_asks_the_same)
    with ScriptedServer() as server:
        assert answers(server) == QUESTIONS
        assert asked(server) == sorted(QUESTIONS)


def test_lines_that_failed_are_sent_again_and_given_up_with_a_reason():
    with ScriptedServer(faults={2: "500", 7: "429"}) as server:
        usage = Usage(None)
        assert answers(server, usage=usage) == QUESTIONS
        assert usage.total["retries"] == 2
    only_third = lambda number, body: "500" if body["messages"][0]["content"] == "question 3" else None  # noqa: E731
    with ScriptedServer(faults=only_third) as server:
        said = answers(server, retries=2)
        assert said[3].startswith("failed: request failed (status 500: ")
        assert asked(server).count("question 3") == 3 and said[4] == "question 4"


@pytest.mark.parametrize("bad", ["{", "[]", "null", "[" * 5_000, '{"custom_id": 5}', '{"custom_id": "question"}'])
def test_a_line_that_cannot_be_read_is_sent_again(monkeypatch, bad):
    spoiled = []

    def store(server, content):
        if b'"response"' in content and not spoiled:
            spoiled.append(True)
            content = bad.encode() + b"\n" + content.partition(b"\n")[2]
        return keep(server, content)

    keep = ScriptedServer._store
    monkeypatch.setattr(ScriptedServer, "_store", store)
    with ScriptedServer() as server:
        assert answers(server) == QUESTIONS and spoiled
        assert len(asked(server)) == len(QUESTIONS) + 1


@pytest.mark.parametrize("error", ["overloaded", ["x"], {"message": ["x"], "code": 7, "param": {}}, 5, None])
def test_errors_of_a_line_in_any_form_are_failures(error):
    replies, failures = {}, {}
    for number, response in enumerate([None, [], "x", {"status_code": "500"}, {"status_code": 500, "body": [error]}]):
        line = {"custom_id": f"{number:02x}", "response": response, "error": error}
        _sort(json.dumps(line), replies, failures)
    assert not replies and len(failures) == 5 and all(failure.is_temporary for failure in failures.values())


def test_what_an_expired_batch_left_unanswered_is_sent_again():
    with ScriptedServer(batch_ends=lambda number: "expired" if number == 0 else "completed") as server:
        assert answers(server) == QUESTIONS


def test_a_refused_batch_stops_the_run_with_the_providers_words():
    said = r"Enqueued token limit reached.*lower llm\.batch_size"
    with ScriptedServer(batch_ends=lambda number: "failed") as server, pytest.raises(InputError, match=said):
        answers(server)
    assert batches_under_way() == []


def test_a_batch_stays_within_the_cost():
    """A question costs $4 here: two words sent, two answered, $1 a word."""
    prices = Prices(input=1_000_000, output=1_000_000, batch_share=1)
    with ScriptedServer() as server:
        with pytest.raises(InputError, match=r"stopped at the limit of \$20"):
            answers(server, prices=prices, max_cost=20, max_tokens=1)
        sent = len(server.requests)
        assert sent == 5, "one as dear as it could be, then four at what that one cost"
        assert answers(server, prices=prices, max_cost=1_000, max_tokens=1) == QUESTIONS
        assert asked(server) == sorted(QUESTIONS)


def test_batch_and_no_cache_exclude_each_other():
    with pytest.raises(ValueError, match="come through the cache"):
        LlmSettings(batch=True, cache=False)


@pytest.mark.slow
def test_a_build_by_batch_gives_the_same_rows_for_half_the_price(tmp_path):
    """Killed while a batch is under way, too."""
    recipe = {
        "design": "paper",
        "catalogue": ["embedded/Weather", "embedded/Travel", "embedded/Food", "embedded/Books"],
        "author": {"instruct": "openai"},
        "users": 4,
        "group": {"eps": 0.3},
        "history": {"min_length": 3, "max_length": 4},
        "llm": {"batch_poll": 0.05, "prices": {"input": 1, "output": 1, "batch_share": 0.5}},
    }
    (tmp_path / "recipe.yaml").write_text(yaml.safe_dump(recipe))
    build = [sys.executable, "-m", "petoolbench_cli", "build", "--recipe", str(tmp_path / "recipe.yaml")]
    written = {}
    with ScriptedServer(good_answer) as server:
        for name, options in (("one by one", ["--no-cache"]), ("batch", ["--batch"])):
            folder = tmp_path / name
            command = [*build, *options, "--base-url", server.url, "--run", str(folder / "run")]
            command += ["--dataset", str(folder / "petoolbench")]
            if name == "batch":
                (Path(os.environ["PETOOLBENCH_CACHE"]) / "replies.sqlite").unlink()
                server.batch_polls = 10**9
                process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
                wait_for(lambda: batches_under_way())
                process.kill()
                process.wait()
                server.batch_polls = 1
            subprocess.run(command, check=True, stderr=subprocess.DEVNULL)
            written[name] = [file.read_bytes() for file in sorted((folder / "petoolbench").rglob("*.parquet"))]
        assert server.counts[BATCHES] >= 1
    assert written["batch"] == written["one by one"]
    costs = [json.loads((tmp_path / name / "run" / "usage.json").read_text())["total"]["cost_usd"] for name in written]
    assert costs[1] == pytest.approx(costs[0] / 2)
