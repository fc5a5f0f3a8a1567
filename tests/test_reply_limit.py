"""The most tokens of a reply: the user's number, the paper's, or room for models that reason before they answer."""

import json
from pathlib import Path

import pytest
import trl
from click.testing import CliRunner
from conftest import ROOT
from petoolkit.builder.dataset_folder import write_dataset
from rows import DATASET_FACTS, past_call, reply, row
from scripted_server import CHAT, ScriptedServer
from tiny_model import make_tiny_model

from petoolbench_cli import main
from petoolkit.endpoint import client
from petoolkit.evaluator.models.chat_tokenizer import ChatTokenizer
from petoolkit.evaluator.models.reply_limit import (
    BY_NAME,
    BY_REPLIES,
    BY_REQUEST,
    BY_TEMPLATE,
    DIRECT,
    GIVEN,
    PAPER,
    PAPER_TOKENS,
    ROOM,
    SWITCHED_OFF,
    ReplyLimit,
    find_reply_limit,
)
from petoolkit.evaluator.options import Options
from petoolkit.evaluator.records import Manifest, Scores
from petoolkit.evaluator.results_folder import update_manifest
from petoolkit.evaluator.scores.rescore import score_folder

ROWS = [row(f"u{n}", "preferred_only", "Aerwyn", [past_call("Aerwyn")] * 3, group=f"g{n % 4}") for n in range(8)]
TEMPLATES = Path(trl.__file__).parent / "chat_templates"
ANSWER = reply("Aerwyn")
DIRECT_NAMES = """
gpt-4o gpt-4o-mini gpt-4.1 gpt-3.5-turbo gpt-5-chat-latest deepseek-chat deepseek-ai/DeepSeek-V3 qwen-max
qwen2.5:7b Qwen/Qwen3-30B-A3B-Instruct-2507 qwen3-coder-plus Qwen3-VL-8B-Instruct mistral-small-2506
grok-4-fast-non-reasoning grok-3 gemini-2.0-flash gemini-2.5-flash-lite meta-llama/Llama-3.1-8B-Instruct
microsoft/phi-4 vicuna-7b-v1.5 moonshotai/Kimi-K2-Instruct claude-sonnet-4-5 glm-4-9b-chat o1/my-own-model r1/other
"""
REASONING = """
o1 o3-mini o4-mini-2025-04-16 openai/o3 gpt-5 gpt-5-mini gpt-oss:20b openai/gpt-oss-120b deepseek/deepseek-r1:free
deepseek-reasoner DeepSeek-R1-Distill-Qwen-7B QwQ-32B qwen3:8b Qwen/Qwen3-8B Qwen/Qwen3-4B-Thinking-2507 qwen3.5-9b
qwen3-max-thinking magistral-small-2506 grok-3-mini grok-4 gemini-2.5-pro gemini-3-flash-preview
HuggingFaceTB/SmolLM3-3B microsoft/Phi-4-reasoning-plus Phi-4-mini-reasoning zai-org/GLM-4.5-Air glm-5
moonshotai/Kimi-K2-Thinking kimi-k2.5 MiniMaxAI/MiniMax-M2 ByteDance-Seed/Seed-OSS-36B-Instruct
grok-4-fast-reasoning Olmo-3-7B-Think claude-sonnet-4:thinking
"""


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret-9876543210")
    monkeypatch.setattr(client, "_backoff", lambda state: 0.0)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory) -> str:
    folder = tmp_path_factory.mktemp("data") / "petoolbench"
    write_dataset(folder, [("test", one) for one in ROWS], lambda: DATASET_FACTS)
    return str(folder)


@pytest.mark.parametrize(
    "name",
    REASONING.split(),
)
def test_reasoning_models_are_known_by_their_names(name):
    assert find_reply_limit(f"openai:{name}", Options()) == ReplyLimit(ROOM, BY_NAME)


@pytest.mark.parametrize(
    "name",
    DIRECT_NAMES.split(),
)
def test_other_models_have_the_papers_limit(name):
    assert find_reply_limit(f"openai:{name}", Options()) == ReplyLimit(PAPER_TOKENS, DIRECT)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ({"enable_thinking": False}, SWITCHED_OFF),
        ({"chat_template_kwargs": {"enable_thinking": False}}, SWITCHED_OFF),
        ({"thinking": {"type": "disabled"}}, SWITCHED_OFF),
        ({"reasoning": {"enabled": False}}, SWITCHED_OFF),
        ({"reasoning_effort": "none"}, SWITCHED_OFF),
        ({"think": False}, SWITCHED_OFF),
        ({"google": {"thinking_config": {"thinking_budget": 0}}}, SWITCHED_OFF),
        ({"thinking": {"type": "enabled", "budget_tokens": 2000}}, BY_REQUEST),
        ({"reasoning": {"effort": "high", "exclude": True}}, BY_REQUEST),
        ({"reasoning_effort": "low"}, BY_REQUEST),
        ({"top_k": 5}, BY_NAME),
    ],
)
def test_a_request_switches_reasoning_on_or_off(body, reason):
    limit = find_reply_limit("openai:qwen3:8b", Options(extra_body=body))
    assert limit == ReplyLimit(PAPER_TOKENS if reason == SWITCHED_OFF else ROOM, reason)


def test_the_users_number_and_the_papers_are_taken_as_they_are():
    stored = ReplyLimit(ROOM, BY_REPLIES)
    assert find_reply_limit("openai:o3", Options(max_new_tokens=300), stored=stored) == ReplyLimit(300, GIVEN)
    assert find_reply_limit("openai:o3", Options(max_new_tokens="paper"), stored=stored) == ReplyLimit(256, PAPER)


def test_what_was_chosen_once_stays_unless_the_user_chose_it():
    assert find_reply_limit("openai:m", Options(), stored=ReplyLimit(ROOM, BY_REPLIES)) == ReplyLimit(ROOM, BY_REPLIES)
    assert find_reply_limit("openai:o3", Options(), stored=ReplyLimit(256, None)) == ReplyLimit(256, None)
    assert find_reply_limit("openai:o3", Options(), stored=ReplyLimit(300, GIVEN)) == ReplyLimit(ROOM, BY_NAME)


@pytest.fixture(scope="session")
def tiny(tmp_path_factory) -> Path:
    return make_tiny_model(tmp_path_factory.mktemp("tiny"), [(ROOT / "LICENSE").read_text()])


@pytest.mark.parametrize(
    ("template", "arguments", "name", "reason"),
    [
        ("qwen3", {}, "tuned", BY_TEMPLATE),  # has a switch, which is on
        ("qwen3", {"enable_thinking": False}, "tuned", SWITCHED_OFF),
        ("qwen3_5_think", {}, "tuned", BY_TEMPLATE),  # the prompt opens the reasoning
        ("qwen3_5_nothink", {}, "qwen3.5-2b", SWITCHED_OFF),  # has a switch, which is off
        ("gemma4", {}, "gemma-4", SWITCHED_OFF),
        ("gemma4", {"enable_thinking": True}, "gemma-4", BY_REQUEST),
        ("gptoss", {}, "tuned", BY_TEMPLATE),  # has channels
        ("deepseek_r1_distill", {}, "tuned", BY_TEMPLATE),
        ("deepseekv3", {}, "deepseek-v3", DIRECT),  # shares its template with R1
        ("qwen3_instruct_2507", {}, "tuned", DIRECT),
        ("llama3_1", {}, "tuned", DIRECT),
        ("llama3_1", {}, "phi-4-reasoning", BY_NAME),  # a template that does not show it
    ],
)
def test_a_chat_template_shows_whether_its_model_reasons(tiny, template, arguments, name, reason):
    chat = ChatTokenizer(str(tiny), None, TEMPLATES / f"{template}.jinja", arguments)
    limit = find_reply_limit(f"hf:me/{name}", Options(chat_template_args=arguments or None), chat.renderer)
    assert limit == ReplyLimit(PAPER_TOKENS if reason in (SWITCHED_OFF, DIRECT) else ROOM, reason)


def command(dataset, out, server, *options):
    arguments = ["evaluate", "--dataset", dataset, "--model", "openai:m", "--base-url", server.url, "--out", str(out)]
    result = CliRunner().invoke(main, [*arguments, "--concurrency", "1", *options])
    return result.exit_code, " ".join(result.output.split())


def answer(content, finish_reason="stop", tokens=3, message=None, **usage) -> dict:
    message = {"role": "assistant", "content": content, **(message or {})}
    counts = {"prompt_tokens": 9, "completion_tokens": tokens, **usage}
    return {"choices": [{"message": message, "finish_reason": finish_reason}], "usage": counts}


def lines(out) -> list[dict]:
    return [json.loads(line) for line in (out / "predictions.jsonl").read_text().splitlines()]


COUNTED = {"completion_tokens_details": {"reasoning_tokens": 256}}


@pytest.mark.parametrize(
    "cut",
    [
        answer("", "length", 256, **COUNTED),
        answer(None, "length", 256, {"reasoning_content": "Let me see"}),
        answer(None, "length", 256, {"reasoning": "Let me see"}),
        answer("<think>Let me see", "length", 256),
        answer([{"type": "thinking", "thinking": "Let me see"}], "length", 256),
    ],
)
def test_cut_replies_of_a_model_that_reasons_are_asked_for_again_with_room(dataset, tmp_path, cut):
    def reasons(body):
        return cut if body["max_tokens"] < 1000 and len(server.requests) > 4 else answer(ANSWER)

    with ScriptedServer(reasons) as server:
        code, output = command(dataset, tmp_path / "out", server)
        asked = [body["max_tokens"] for body in server.requests]
    assert code == 0, output
    assert asked == [256] * 5 + [ROOM] * 4, "the one that was cut, and those after it"
    assert "A reply was cut in its reasoning: from now on replies have up to 4,096 tokens" in output
    scores, manifest = Scores.read(tmp_path / "out"), Manifest.read(tmp_path / "out")
    for record in (scores, manifest):
        assert record.most_tokens == ROOM and record.max_new_tokens_reason == BY_REPLIES
    assert scores.counts["all"].cut_replies == 0 and scores.score("all", "tool_acc").value == 1
    assert scores.usage.completion_tokens == 8 * 3 + 256, "the discarded reply was paid for"


def test_the_next_run_keeps_what_was_learnt(dataset, tmp_path):
    def reasons(body):
        short = body["max_tokens"] < 1000
        return answer("", "length", 256, **COUNTED) if short else answer(ANSWER)

    with ScriptedServer(reasons, faults={3: "400-moderation"}) as server:
        assert command(dataset, tmp_path / "out", server)[0] == 0
        server.requests.clear()
        code, output = command(dataset, tmp_path / "out", server)
        assert code == 0 and "up to 4,096 tokens (reasoning model by its replies)" in output
        assert [body["max_tokens"] for body in server.requests] == [ROOM]
        code, output = command(dataset, tmp_path / "out", server, "--max-new-tokens", "paper")
        assert code == 2 and "options.max_new_tokens is 4096 there and 256 here" in output


def test_replies_that_were_cut_before_another_one_showed_its_reasoning_are_asked_for_again(dataset, tmp_path):
    def reasons(body):
        if body["max_tokens"] == ROOM:
            return answer(ANSWER)
        return answer("So", "length", 256, **(COUNTED if len(server.requests) == 3 else {}))

    with ScriptedServer(reasons) as server:
        code, output = command(dataset, tmp_path / "out", server)
        asked = [body["max_tokens"] for body in server.requests]
    assert code == 0, output
    assert asked == [256] * 3 + [ROOM] * 8
    assert len(lines(tmp_path / "out")) == 8 and all(line["reply"] == ANSWER for line in lines(tmp_path / "out"))
    assert Scores.read(tmp_path / "out").usage.completion_tokens == 8 * 3 + 3 * 256


def test_a_run_that_was_stopped_between_asks_for_them_again(dataset, tmp_path):
    def cuts(body):
        return answer(ANSWER) if body["max_tokens"] == ROOM else answer("So", "length", 256)

    with ScriptedServer(cuts) as server:
        assert command(dataset, tmp_path / "out", server)[0] == 0
        assert {line["cut_at"] for line in lines(tmp_path / "out")} == {256}
        update_manifest(tmp_path / "out", {"max_new_tokens": ROOM}, max_new_tokens_reason=BY_REPLIES)
        server.requests.clear()
        assert command(dataset, tmp_path / "out", server)[0] == 0
        assert [body["max_tokens"] for body in server.requests] == [ROOM] * 8


def test_a_run_without_a_reply_claims_nothing(dataset, tmp_path):
    with ScriptedServer(faults=lambda number, body: "400-moderation") as server:
        assert command(dataset, tmp_path / "out", server, "--model", "openai:o3")[0] == 2
    assert (tmp_path / "out" / "manifest.json").is_file()
    with ScriptedServer(lambda body: answer(ANSWER)) as server:
        code, output = command(dataset, tmp_path / "out", server, "--history", "none")
        assert code == 0, output
        assert [body["max_tokens"] for body in server.requests] == [256] * 8
    assert Manifest.read(tmp_path / "out").model == "openai:m" and len(lines(tmp_path / "out")) == 8


def test_a_server_without_room_leaves_the_replies_cut(dataset, tmp_path):
    """Such as one with a context of 4,096 tokens; nothing that was paid for is lost."""
    with ScriptedServer(
        lambda body: answer("", "length", 256, **COUNTED),
        faults=lambda number, body: "400-moderation" if body["max_tokens"] == ROOM else None,
    ) as server:
        code, output = command(dataset, tmp_path / "out", server)
        assert code == 0 and server.counts[CHAT] == 9
    assert "8 of 8 replies were cut at 256 tokens" in output
    assert Manifest.read(tmp_path / "out").most_tokens == 256


@pytest.mark.parametrize(
    ("options", "cut"),
    [(["--max-new-tokens", "paper"], COUNTED), (["--max-new-tokens", "256"], COUNTED), ([], {})],
    ids=["paper", "given", "without a sign of reasoning"],
)
def test_other_cut_replies_are_not_asked_for_again(dataset, tmp_path, options, cut):
    with ScriptedServer(lambda body: answer("So", "length", 256, **cut)) as server:
        code, output = command(dataset, tmp_path / "out", server, *options)
        assert code == 0 and server.counts[CHAT] == 8
    assert "8 of 8 replies were cut at 256 tokens" in output
    assert ("Replies have up to" in output) == (not options)
    assert Scores.read(tmp_path / "out").max_new_tokens_reason == {"paper": PAPER, "256": GIVEN}.get(
        options[-1] if options else "", DIRECT
    )


@pytest.mark.parametrize("number", ["0", "-1", "many", "2.5"])
def test_what_is_no_number_of_tokens_is_refused(number):
    result = CliRunner().invoke(main, ["evaluate", "--model", "openai:m", "--out", "x", "--max-new-tokens", number])
    assert result.exit_code == 2 and "is not a number of tokens, 1 or more, nor paper or auto" in result.output


def test_another_name_of_the_option_is_recorded(dataset, tmp_path):
    def refuses(number, body):
        return "no-max-tokens" if "max_tokens" in body else None

    with ScriptedServer(lambda body: answer(ANSWER), faults=refuses) as server:
        code, output = command(dataset, tmp_path / "out", server)
    assert code == 0 and "takes max_tokens as max_completion_tokens" in output
    assert Scores.read(tmp_path / "out").length_option == "max_completion_tokens"
    assert Manifest.read(tmp_path / "out").length_option == "max_completion_tokens"
    assert score_folder(tmp_path / "out", _quiet()).length_option == "max_completion_tokens"


def _quiet():
    from petoolkit.console import make_console

    return make_console(stderr=True)
