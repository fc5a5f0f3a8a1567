"""What providers do otherwise than OpenAI: errors with status 200, other forms of replies, refused options."""

import json
from base64 import b64encode

import pytest
from click.testing import CliRunner
from petoolkit.builder.dataset_folder import write_dataset
from rows import DATASET_FACTS, past_call, reply, row
from scripted_server import CHAT, ScriptedServer

from petoolbench import InputError
from petoolbench_cli import main
from petoolkit.endpoint import client
from petoolkit.endpoint.llm_settings import LlmSettings
from petoolkit.endpoint.request import AnswerError, Dialect, Reply, Request
from petoolkit.evaluator import dataset_rows
from petoolkit.evaluator.evaluate import evaluate
from petoolkit.evaluator.options import Connection, Options
from petoolkit.evaluator.records import Manifest, Scores
from petoolkit.evaluator.report.write_report import write_report

ROWS = [row(f"u{n}", "preferred_only", "Aerwyn", [past_call("Aerwyn")] * 3, group=f"g{n % 4}") for n in range(8)]
MESSAGE = {"role": "assistant", "content": reply("Aerwyn")}


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret-9876543210")
    monkeypatch.setattr(client, "_backoff", lambda state: 0.0)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory) -> str:
    folder = tmp_path_factory.mktemp("data") / "petoolbench"
    write_dataset(folder, [("test", one) for one in ROWS], lambda: DATASET_FACTS)
    return str(folder)


def run(dataset, out, server, model="openai:m", url=None, connection=None, **options):
    connection = {"base_url": url or server.url, "concurrency": 1, **(connection or {})}
    return evaluate(dataset, "all", model, out, Options(**options), Connection(**connection))


def answer(message=MESSAGE, finish_reason="stop", prompt_tokens=9, **others) -> dict:
    usage = {"prompt_tokens": prompt_tokens, "completion_tokens": 3}
    return {"choices": [{"message": message, "finish_reason": finish_reason, **others}], "usage": usage}


def lines(out) -> list[dict]:
    return [json.loads(line) for line in (out / "predictions.jsonl").read_text().splitlines()]


@pytest.mark.parametrize(
    "failed",
    [
        {"error": {"message": "Provider returned error", "code": 502}},
        {"error": "overloaded"},
        {"id": "x", "choices": []},
        {"choices": None},
        {"choices": [{"finish_reason": "stop"}]},
        answer({"role": "assistant", "content": ""}, "error", error={"code": 502, "message": "cut off"}),
    ],
)
def test_an_answer_that_holds_an_error_is_asked_again_and_never_kept(dataset, tmp_path, failed):
    asked = []

    def fails_once(body):
        asked.append(body)
        return failed if len(asked) == 1 else reply("Aerwyn")

    with ScriptedServer(fails_once) as server:
        scored = run(dataset, tmp_path / "out", server)
        assert len(asked) == len(ROWS) + 1
    assert all(line["reply"] == reply("Aerwyn") for line in lines(tmp_path / "out"))
    assert scored.counts["all"].missing == 0


def test_an_error_for_good_leaves_the_reply_missing_and_the_next_run_asks_again(dataset, tmp_path):
    def fails_for_one(body):
        bad = body["seed"] == asked_first[0] if asked_first else not asked_first.append(body["seed"])
        return {"error": {"message": "moderated", "code": 403}} if bad and not mended else reply("Aerwyn")

    asked_first, mended = [], []
    with ScriptedServer(fails_for_one) as server:
        assert run(dataset, tmp_path / "out", server).counts["all"].missing == 1
        mended.append(True)
        assert run(dataset, tmp_path / "out", server).counts["all"].missing == 0


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ({"content": [{"type": "text", "text": "a"}, {"type": "output_text", "text": "b"}, "c"]}, ("abc", None, None)),
        ({"content": [{"type": "thinking", "thinking": [{"text": "x"}]}, {"text": "b"}]}, ("b", None, None)),
        ({"content": [{"type": "refusal", "refusal": "no"}]}, ("", "no", None)),
        ({"content": None, "refusal": "no"}, ("", "no", None)),
        ({"content": None, "reasoning_content": "x", "reasoning": "y"}, ("", None, None)),
        ({"tool_calls": [{"function": {"name": "f", "arguments": "{}"}}]}, ("", None, ("f", "{}"))),
        ({"tool_calls": [{"function": {"name": "f", "arguments": {"a": 1}}}]}, ("", None, ("f", '{"a": 1}'))),
        ({"tool_calls": [{"type": None, "function": {"name": "f"}}]}, ("", None, ("f", ""))),
        ({"tool_calls": [{"type": "custom", "custom": {}}, None, {"function": None}]}, ("", None, None)),
        ({"function_call": {"name": "f", "arguments": "{}"}}, ("", None, ("f", "{}"))),
    ],
)  # fmt: skip
def test_other_forms_of_a_reply_are_read(message, expected):
    read = Reply.of({"choices": [{"message": message, "finish_reason": "stop"}]})
    assert (read.content, read.refusal, read.called) == expected
    assert Reply.from_bytes(read.to_bytes()) == read


@pytest.mark.parametrize("body", ["<html>", None, [], {"choices": {}}, {"error": None}, {"choices": [None]}])
def test_other_answers_are_errors(body):
    with pytest.raises(AnswerError):
        Reply.of(body)


def test_lists_of_parts_are_kept_as_text_that_the_next_run_reads(dataset, tmp_path):
    parts = answer({"role": "assistant", "content": [{"type": "text", "text": reply("Aerwyn")}]})
    with ScriptedServer(lambda body: parts) as server:
        run(dataset, tmp_path / "out", server)
        again = run(dataset, tmp_path / "out", server)
        assert server.counts[CHAT] == len(ROWS)
    assert again.score("all", "tool_acc").value == 1


def dialect(*refusals) -> Dialect:
    learning = Dialect(LlmSettings(), None)
    for message, param in refusals:
        learning.adapt(learning.body(Request([], 1)), message, param)
    return learning


@pytest.mark.parametrize(
    ("message", "param", "left_out"),
    [
        ("Unsupported value: 'temperature' does not support 0.7 with this model.", "temperature", {"temperature"}),
        ("`temperature` is deprecated for this model.", None, {"temperature"}),
        ("[{'loc': ['body', 'seed'], 'msg': 'Extra inputs are not permitted'}]", None, {"seed"}),
        ("The prompt about temperature, seed and max_tokens is refused", None, set()),
        ("Unsupported parameter: 'logit_bias'. The prompt speaks of temperature", "logit_bias", set()),
        ("Unknown tool. What is the temperature in Oslo", None, set()),
        ("random_seed is not supported", None, set()),
    ],
)  # fmt: skip
def test_an_option_is_left_out_only_where_it_was_refused(message, param, left_out):
    assert dialect((message, param)).left_out == left_out
    assert "max_tokens" in dialect((message, param)).body(Request([], 1))


def test_a_prompt_that_is_too_long_does_not_change_the_length_option():
    too_long = "'max_tokens' or 'max_completion_tokens' is too large: 256. This model's maximum context length is 64"
    assert "max_tokens" in dialect((too_long, None)).body(Request([], 1))
    other_name = "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens'."
    assert "max_completion_tokens" in dialect((other_name, "max_tokens")).body(Request([], 1))


def test_a_refused_prompt_is_one_missing_reply(dataset, tmp_path):
    with ScriptedServer(faults={2: "403", 4: "400-moderation"}) as server:
        assert run(dataset, tmp_path / "out", server).counts["all"].missing == 2
        assert all({"temperature", "seed", "max_tokens"} <= body.keys() for body in server.requests)


def test_first_requests_that_are_all_forbidden_blame_the_key(dataset, tmp_path):
    with (
        ScriptedServer(faults=lambda number, body: "403") as server,
        pytest.raises(InputError, match="refuses the key"),
    ):
        run(dataset, tmp_path / "out", server)
    assert server.counts[CHAT] == 3


def test_a_failed_request_says_why_on_one_line_without_the_key(dataset, tmp_path):
    key = "sk-secret-9876543210"
    said = f"no\x1b[31m: {key.upper()} {b64encode(f':{key}'.encode()).decode()}\n\u202e for {key} " + "x" * 500
    failing = {"error": {"message": said, "code": 400}}
    with ScriptedServer(lambda body: failing if len(server.requests) == 4 else reply("Aerwyn")) as server:
        run(dataset, tmp_path / "out", server)
    (error,) = (line["error"] for line in lines(tmp_path / "out") if line["error"])
    assert error.startswith("request failed (AnswerError: no\ufffd[31m: [key] ")
    assert "9876" not in error and "\n" not in error and "\x1b" not in error and len(error) < 340


@pytest.mark.parametrize("form", ["status", "body"])
def test_used_up_credit_ends_the_run(dataset, tmp_path, form):
    error = {"error": {"message": "Insufficient credits", "code": 402}}
    with (
        ScriptedServer(lambda body: error, faults=lambda number, body: "402" if form == "status" else None) as server,
        pytest.raises(InputError, match=r"quota is used up .*add credit"),
    ):
        run(dataset, tmp_path / "out", server)
    assert server.counts[CHAT] == 1


def command(dataset, out, server, *options):
    arguments = ["evaluate", "--dataset", dataset, "--model", "openai:m", "--base-url", server.url, "--out", str(out)]
    result = CliRunner().invoke(main, [*arguments, "--concurrency", "1", *options])
    return result.exit_code, " ".join(result.output.split())


def test_cut_replies_are_kept_counted_shown_and_named_with_what_to_change(dataset, tmp_path):
    thinking = {"role": "assistant", "content": None, "reasoning_content": reply("Aerwyn")}

    def reasons(body):
        return reply("Aerwyn") if len(server.requests) > 6 else answer(thinking, "length")

    with ScriptedServer(reasons) as server:
        code, output = command(dataset, tmp_path / "out", server, "--max-new-tokens", "paper")
    assert code == 0, output
    assert "m: 6 replies were cut at the most tokens of a reply" in output
    assert "m: 6 replies do not hold a readable call" in output
    assert "6 of 8 replies were cut at 256 tokens" in output and "higher --max-new-tokens" in output
    assert sorted(line["finish_reason"] for line in lines(tmp_path / "out")) == ["length"] * 6 + ["stop"] * 2
    scores = Scores.read(tmp_path / "out")
    assert scores.counts["all"].cut_replies == 6 and scores.score("all", "tool_acc").value == 0.25
    page = write_report([tmp_path / "out"], tmp_path / "report", lambda text: None)
    assert "6 of 8 replies were cut at the most tokens" in page.with_suffix(".md").read_text()


def test_a_rule_has_no_finish_reason(dataset, tmp_path):
    evaluate(dataset, "all", "baseline:random", tmp_path / "out")
    assert all("finish_reason" not in line for line in lines(tmp_path / "out"))


def test_a_refused_option_is_recorded(dataset, tmp_path):
    with ScriptedServer(faults=lambda number, body: "no-temperature" if "temperature" in body else None) as server:
        scored = run(dataset, tmp_path / "out", server)
    assert scored.left_out == ["temperature"]
    assert Manifest.read(tmp_path / "out").left_out == ["temperature"]
    assert all(line["left_out"] == ["temperature"] for line in lines(tmp_path / "out"))


def test_prompts_that_the_server_cuts_are_counted(dataset, tmp_path):
    def cuts(body):
        whole = round(sum(len(message["content"]) for message in body["messages"]) / 4.2)
        return answer(prompt_tokens=whole // 2 if len(server.requests) > 3 else whole)

    with ScriptedServer(cuts) as server:
        code, output = command(dataset, tmp_path / "out", server)
    assert code == 0 and "5 prompts were cut by the server" in output
    assert Scores.read(tmp_path / "out").cut_prompts == 5


def test_extra_body_headers_and_azures_address_are_sent_and_no_header_value_is_written(dataset, tmp_path):
    with ScriptedServer(lambda body: reply("Aerwyn")) as server:
        url = f"{server.url}?api-version=2024-10-21&code=hush-hush"
        options = ["--extra-body", '{"reasoning_effort": "low"}', "--header", "api-key=top-secret", "--timeout", "9"]
        code, output = command(dataset, tmp_path / "out", server, *options, "--base-url", url)
        assert code == 0, output
        assert all(body["reasoning_effort"] == "low" for body in server.requests)
        assert all(headers["api-key"] == "top-secret" for headers in server.headers)
        assert set(server.queries) == {"api-version=2024-10-21&code=hush-hush"}
        code, output = command(dataset, tmp_path / "out", server, "--base-url", url)
        assert code == 2 and "options.extra_body is {'reasoning_effort': 'low'} there" in output
    written = "".join(file.read_text() for file in (tmp_path / "out").iterdir() if file.is_file())
    assert "top-secret" not in written and "hush" not in written
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert manifest["headers"] == ["api-key"] and "api-version=2024-10-21" in manifest["base_url"]


def test_a_header_that_the_server_repeats_is_hidden(dataset, tmp_path):
    error = {"error": {"message": "top-secret has no credit", "code": 402}}
    connection = {"headers": {"X-Title": "top-secret"}}
    with ScriptedServer(lambda body: error) as server, pytest.raises(InputError, match=r"\[X-Title\] has no credit"):
        run(dataset, tmp_path / "out", server, connection=connection)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--extra-body", "[1]"], "it is not a JSON object"),
        (["--extra-body", '{"x": NaN}'], "it is not a JSON object"),
        (["--extra-body", '{"seed": 1}'], "--extra-body cannot set seed"),
        (["--header", "top-secret"], "a header is not of the form NAME=VALUE"),
        (["--header", "A=top-secret\n"], "the value of A has characters"),
        (["--timeout", "0"], "--timeout"),
        (["--model", "baseline:random", "--timeout", "9"], "does not read"),
    ],
)
def test_a_mistake_in_an_option_gives_one_sentence(dataset, tmp_path, options, message):
    result = CliRunner().invoke(
        main, ["evaluate", "--model", "openai:m", "--dataset", dataset, "--out", str(tmp_path / "out"), *options]
    )
    assert result.exit_code == 2 and message in " ".join(result.output.split())
    assert "top-secret" not in result.output


def test_several_processes_do_not_ask_an_endpoint_twice(dataset, tmp_path, monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    with ScriptedServer() as server, pytest.raises(InputError, match="2 processes were started"):
        run(dataset, tmp_path / "out", server)
    assert not server.requests and not (tmp_path / "out").exists()


def test_an_unreachable_dataset_is_not_one_without_a_train_split(dataset, monkeypatch):
    assert dataset_rows.load_split_if_any(dataset, "all", "train") == []
    monkeypatch.setattr(dataset_rows, "load_setting", lambda *arguments: (_ for _ in ()).throw(InputError("no route")))
    with pytest.raises(InputError, match="no route"):
        dataset_rows.load_split_if_any(dataset, "preferred_only", "train")
