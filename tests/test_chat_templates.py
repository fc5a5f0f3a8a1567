"""Chat templates: what is sent comes out, one BOS, the end of a turn, reasoning, and templates that cannot be used.

The templates that TRL ships are those of real models; the tokenizers here are tiny ones with the templates' tokens.
"""

import datetime
import json
import re
from pathlib import Path

import pytest
import trl
from click.testing import CliRunner
from conftest import ROOT
from petoolkit.builder.dataset_folder import write_dataset
from rows import DATASET_FACTS, past_call, row
from tiny_model import make_tiny_model
from transformers import AutoTokenizer

from petoolbench import InputError
from petoolbench_cli import main
from petoolkit.evaluator.models.chat_tokenizer import ChatTokenizer
from petoolkit.evaluator.records import Manifest
from petoolkit.training.training_chat import TrainingChat

REAL = {path.stem: path for path in sorted((Path(trl.__file__).parent / "chat_templates").glob("*.jinja"))}
SPECIAL = re.compile(r"<\|?[\w/:\uff5c\u2581]{2,}\|?>|<\uff5c[^\uff5c]+\uff5c>|\[/?[A-Z_]+\]")
MESSAGES = [{"role": "system", "content": "MARKER ONE"}, {"role": "user", "content": "MARKER TWO"}]
CALL = '{"tool_name": "a", "parameters": {}}'
TURNS = "{% for m in messages %}<|{{ m['role'] }}|>{{ m['content'] }}</s>{% endfor %}"


@pytest.fixture(scope="session")
def tiny(tmp_path_factory) -> Path:
    return make_tiny_model(tmp_path_factory.mktemp("tiny"), [(ROOT / "LICENSE").read_text()])


@pytest.fixture
def chat(tiny, tmp_path):
    """Makes a tokenizer with a template, whose special tokens it knows."""

    def make(template: str | Path, **options) -> TrainingChat:
        file = template
        if isinstance(template, str):
            file = tmp_path / "given.jinja"
            file.write_text(template)
        tokenizer = AutoTokenizer.from_pretrained(tiny)
        tokens = set(SPECIAL.findall(file.read_text())) - {"<s>", "</s>", "<think>", "</think>"}
        tokenizer.add_special_tokens({"additional_special_tokens": sorted(tokens)})
        tokenizer.save_pretrained(tmp_path / "model")
        return TrainingChat(str(tmp_path / "model"), None, file, **options)

    return make


def test_there_are_real_templates():
    assert len(REAL) > 50


@pytest.mark.parametrize("name", REAL)
def test_a_real_template_shows_each_message_with_one_bos_and_an_end_of_its_own(chat, name):
    made = chat(REAL[name])
    ids = made.encode(MESSAGES)
    text = made.tokenizer.decode(ids)
    assert 0 <= text.find("MARKER ONE") < text.find("MARKER TWO")
    assert ids.count(made.tokenizer.bos_token_id) == 1
    answer = made.encode_answer(CALL)
    assert CALL in made.tokenizer.decode(answer)
    assert answer[-1] in made.end_token_ids
    whole = text + made.tokenizer.decode(answer)
    assert whole.count("<think>") == whole.count("</think>")
    assert made.decode(answer).endswith(CALL)


@pytest.mark.parametrize(
    ("name", "end"),
    {
        "gemma3": "<end_of_turn>",
        "llama3": "<|eot_id|>",
        "gptoss": "<|return|>",
        "glm4moe": "<|user|>",
        "phi3": "<|end|>",
        "qwen3": "<|im_end|>",
    }.items(),
)
def test_the_end_of_a_turn_ends_a_reply(chat, name, end):
    made = chat(REAL[name])
    assert made.tokenizer.convert_tokens_to_ids(end) in made.end_token_ids
    assert made.tokenizer.eos_token_id in made.end_token_ids


@pytest.mark.parametrize(
    ("template", "shown"),
    {
        "{% if messages[0]['role'] == 'system' %}{{ raise_exception('no system') }}{% endif %}" + TURNS: "refused",
        TURNS.replace("<|{{", "{% if m['role'] != 'system' %}<|{{").replace("</s>", "</s>{% endif %}"): "swallowed",
        "{{ messages[0]['content'] + 1 if messages[0]['role'] == 'system' }}" + TURNS: "TypeError",
    }.items(),
)
def test_a_system_message_that_does_not_come_out_stands_in_the_users(chat, template, shown):
    made = chat(template)
    assert made.tokenizer.decode(made.encode(MESSAGES)) == "<s><|user|>MARKER ONE\n\nMARKER TWO</s>", shown
    assert "the system message stands at the start of the user's message" in made.renderer.note


def test_nothing_is_said_where_a_system_message_comes_out(chat):
    assert chat(TURNS).renderer.note is None


@pytest.mark.parametrize(
    ("template", "reason"),
    {
        "You are a helpful assistant.": "does not show the user's message",
        "{% for m in messages %}{{ m['content'] }": "TemplateSyntaxError",
        "{{ 1 + 'a' }}": "TypeError",
        "{{ raise_exception('only with tools') }}": "only with tools",
        "{{ messages[5]['content']['text'] }}": "UndefinedError",
        "  ": "is empty",
    }.items(),
)
def test_a_template_that_cannot_be_used_is_one_sentence(chat, template, reason):
    with pytest.raises(InputError, match=reason) as raised:
        chat(template)
    assert str(raised.value).count("\n") == 0


def test_a_template_file_that_does_not_exist_is_named(tiny):
    with pytest.raises(InputError, match=r"none\.jinja cannot be read"):
        ChatTokenizer(str(tiny), template="none.jinja")


@pytest.mark.parametrize(
    ("own", "taken"),
    [
        ({"default": TURNS, "tool_use": "x"}, "shown"),
        ({"tool_use": TURNS}, "shown"),
        ({"tool_use": TURNS, "rag": TURNS}, r"2 chat templates \(tool_use, rag\)"),
        ({}, "--chat-template FILE"),
        (None, "--chat-template FILE"),
        (5, "is not text"),
    ],
)
def test_of_several_templates_the_default_is_taken(tiny, monkeypatch, own, taken):
    tokenizer = AutoTokenizer.from_pretrained(tiny)
    tokenizer.chat_template = own
    monkeypatch.setattr("petoolkit.evaluator.models.chat_tokenizer._load", lambda model, adapter: tokenizer)
    if taken == "shown":
        chat = ChatTokenizer("model")
        assert "MARKER ONE" in chat.tokenizer.decode(chat.encode(MESSAGES))
    else:
        with pytest.raises(InputError, match=taken):
            ChatTokenizer("model")


@pytest.mark.parametrize("start", ["", "<s>", "\n", "\n<s>", "<s><s>", "\n<s>\n<s>", "A chat. <s>"])
def test_a_prompt_has_one_bos(chat, start):
    made = chat("{{ '" + start.replace("\n", "\\n") + "' }}" + TURNS)
    assert made.encode(MESSAGES).count(made.tokenizer.bos_token_id) == 1


def test_the_date_that_a_template_writes_is_fixed(chat):
    template = "{{ strftime_now('%d %b %Y') if strftime_now is defined }}" + TURNS
    made = chat(template, date=datetime.date(2024, 7, 26))
    assert made.tokenizer.decode(made.encode(MESSAGES)).startswith("<s>26 Jul 2024<|system|>")
    assert made.renderer.date == datetime.date(2024, 7, 26)
    assert chat(template).renderer.date == datetime.date.today()
    assert chat(TURNS).renderer.date is None


def test_a_templates_arguments_reach_it(chat):
    def prompt(**options) -> str:
        made = chat(REAL["qwen3"], **options)
        return made.tokenizer.decode(made.encode(MESSAGES))

    assert prompt(arguments={"enable_thinking": False}).endswith("<think>\n\n</think>\n\n")
    assert prompt().endswith("assistant\n")


def test_a_reply_whose_reasoning_the_prompt_opened_begins_with_the_mark(chat):
    made = chat(REAL["deepseek_r1_distill"])

    def ids(text: str) -> list[int]:
        return made.tokenizer(text, add_special_tokens=False)["input_ids"]

    assert made.decode(ids(f"Hm.\n</think>\n{CALL}")) == f"<think>\nHm.\n</think>\n{CALL}"
    assert made.decode(ids("Cut in its draft")) == "<think>\nCut in its draft"
    assert made.decode(ids(f"<think>Hm.</think>{CALL}")) == f"<think>Hm.</think>{CALL}"


def test_a_reply_keeps_its_channels_and_no_other_special_token(chat):
    made = chat(REAL["gptoss"])
    reply = f"<|channel|>analysis<|message|>Hm.<|end|><|start|>assistant<|channel|>final<|message|>{CALL}"
    ids = made.tokenizer(f"<s>{reply}<|return|>{CALL}", add_special_tokens=False)["input_ids"]
    assert made.decode(ids) == reply


@pytest.mark.parametrize(
    ("name", "trained"),
    {
        "gptoss": f"<|channel|>final<|message|>{CALL}<|return|>",
        "deepseek_r1_distill": f"</think>\n\n{CALL}<\uff5cend\u2581of\u2581sentence\uff5c>",
        "qwen3_5_think": f"\n</think>\n\n{CALL}<|im_end|>",
        "qwen3": f"<think>\n\n</think>\n\n{CALL}<|im_end|>",
        "llama3": f"{CALL}<|eot_id|>",
    }.items(),
)
def test_the_trained_text_is_what_the_template_writes_for_an_answer(chat, name, trained):
    made = chat(REAL[name])
    assert made.tokenizer.decode(made.encode_answer(CALL)) == trained


def test_an_answer_with_its_own_reasoning_is_trained_as_it_is(chat):
    made = chat(REAL["deepseek_r1_distill"])
    ids = made.encode_answer(f"<think>\nHm.\n</think>\n{CALL}")
    assert made.tokenizer.decode(ids[:-1]) == f"\nHm.\n</think>\n{CALL}"


DATED = "{{ strftime_now('%d %b %Y') }}{% if thinking is defined %}{{ thinking }}{% endif %}" + TURNS


@pytest.fixture
def evaluate(tiny, tmp_path):
    """Runs `petoolbench evaluate` with the tiny model on two rows; returns exit code and output."""
    rows = [row(f"u{number}", "chronological", "Cirrox", [past_call("Cirrox")]) for number in (1, 2)]
    write_dataset(tmp_path / "petoolbench", [("test", one) for one in rows], lambda: DATASET_FACTS)
    (tmp_path / "dated.jinja").write_text(DATED)

    def run(*options: str) -> tuple[int, str]:
        words = [
            "evaluate",
            "--dataset",
            str(tmp_path / "petoolbench"),
            "--model",
            f"hf:{tiny}",
            "--max-new-tokens",
            "2",
        ]
        done = CliRunner().invoke(main, [*words, "--out", str(tmp_path / "out"), *options])
        return done.exit_code, " ".join(done.output.split())

    return run


def test_template_arguments_and_date_are_recorded_and_a_run_continues_with_the_same_date(evaluate, tmp_path):
    file = tmp_path / "dated.jinja"
    options = ["--chat-template", str(file), "--chat-template-args", "thinking=false", "--chat-template-args", "a=b"]
    code, output = evaluate(*options)
    assert code == 0, output
    manifest = Manifest.read(tmp_path / "out")
    assert manifest.options.chat_template == str(file)
    assert manifest.options.chat_template_args == {"thinking": False, "a": "b"}
    assert manifest.chat_date == datetime.date.today()
    manifest.chat_date = datetime.date(2024, 7, 26)
    manifest.write(tmp_path / "out")
    predictions = tmp_path / "out" / "predictions.jsonl"
    predictions.write_text(predictions.read_text().splitlines()[0] + "\n")
    code, output = evaluate(*options)
    assert code == 0, output
    assert "1 replies are there already" in output
    assert Manifest.read(tmp_path / "out").chat_date == datetime.date(2024, 7, 26)
    file.write_text(DATED + " ")
    code, output = evaluate(*options)
    assert code != 0
    assert "holds another evaluation: chat_template_hash is" in output


def test_a_folded_system_message_is_said_once(evaluate, tmp_path):
    (tmp_path / "user.jinja").write_text(
        "{% for m in messages if m['role'] == 'user' %}{{ m['content'] }}{% endfor %}"
    )
    code, output = evaluate("--chat-template", str(tmp_path / "user.jinja"))
    assert code == 0, output
    assert output.count("does not show system messages") == 1
    [first, _] = (tmp_path / "out" / "predictions.jsonl").read_text().splitlines()
    assert json.loads(first)["prompt_tokens"] > 100


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--chat-template-args", "enable_thinking"], "is not of the form KEY=VALUE"),
        (["--chat-template", "none.jinja"], "none.jinja cannot be read"),
        (["--model", "baseline:random", "--chat-template", "x"], "--chat-template; leave out what has no effect"),
        (["--model", "openai:x", "--chat-template-args", "a=1"], "does not read --chat-template-args"),
        (["--model", "openai:x", "--any-base"], "does not read --any-base"),
    ],
)
def test_options_that_cannot_be_used_are_refused(evaluate, tmp_path, options, said):
    code, output = evaluate(*options)
    assert code != 0
    assert said in output
    assert not (tmp_path / "out").exists()


def test_the_vicuna_template_of_the_docs_can_be_used(chat):
    template = re.search(r"```jinja\n(.*?)\n```", (ROOT / "docs" / "evaluate.md").read_text(), re.DOTALL)[1]
    made = chat(template)
    assert made.tokenizer.decode(made.encode(MESSAGES)) == "<s>MARKER ONE USER: MARKER TWO ASSISTANT:"
    assert made.tokenizer.decode(made.encode_answer(CALL)) == f" {CALL}</s>"
