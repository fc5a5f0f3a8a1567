"""`vllm:` models: what is asked of the package vllm, which stands in here, and what is said where it is missing."""

import json
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest
from conftest import ROOT
from rows import reply, row
from tiny_model import make_tiny_model
from tool_templates import FAMILIES

from petoolbench import InputError, render_messages
from petoolkit.evaluator.models import vllm_model
from petoolkit.evaluator.models.chat_tokenizer import ChatTokenizer
from petoolkit.evaluator.models.model import Prompt, reply_seed
from petoolkit.evaluator.models.model_kinds import check_options, make_chat
from petoolkit.evaluator.models.vllm_model import VllmModel
from petoolkit.evaluator.options import Connection, Options

CONTEXT = 60  # tokens that the model takes
PROMPTS = [
    Prompt(f"u{number}/chronological", 0, [{"role": "user", "content": "Who? " * number}], [])
    for number in range(1, 6)
]


@pytest.fixture(scope="session")
def tiny(tmp_path_factory) -> Path:
    return make_tiny_model(tmp_path_factory.mktemp("tiny"), [(ROOT / "LICENSE").read_text()])


class LLM:
    """As vLLM documents it; remembers what it was asked."""

    reply: list[int] = []  # noqa: RUF012 (token ids of every reply, or some of their own)

    def __init__(self, **options):
        self.options, self.asked = options, []
        self.llm_engine = SimpleNamespace(model_config=SimpleNamespace(max_model_len=CONTEXT))
        LLM.last = self

    def generate(self, prompts, sampling_params, *, lora_request=None, use_tqdm=True):
        self.asked.append((prompts, sampling_params, lora_request, use_tqdm))
        return [
            SimpleNamespace(outputs=[SimpleNamespace(token_ids=self.reply or [7, len(one["prompt_token_ids"]), 1])])
            for one in prompts
        ]


@pytest.fixture
def vllm(monkeypatch) -> None:
    package, lora, request = ModuleType("vllm"), ModuleType("vllm.lora"), ModuleType("vllm.lora.request")
    package.LLM, package.SamplingParams = LLM, lambda **options: options
    request.LoRARequest = lambda name, number, path: (name, number, path)
    for module in (package, lora, request):
        monkeypatch.setitem(sys.modules, module.__name__, module)


def adapter(folder: Path, **config) -> Path:
    folder.mkdir()
    (folder / "adapter_config.json").write_text(json.dumps(config))
    return folder


def test_prompts_go_token_by_token_as_hf_gives_them_each_with_its_own_seed(vllm, tiny):
    model, chat = VllmModel(str(tiny), 0.1, 256, 7), ChatTokenizer(str(tiny))
    answers = list(model.answer_all(PROMPTS))
    ids = [chat.encode(one.messages) for one in PROMPTS]
    assert LLM.last.options == {"model": str(tiny), "seed": 7}
    [(prompts, sampling, lora, bar)] = LLM.last.asked
    assert prompts == [{"prompt_token_ids": one} for one in ids]
    assert sampling == [
        {"temperature": 0.1, "max_tokens": 256, "seed": reply_seed(7, one), "stop_token_ids": [1]} for one in PROMPTS
    ]
    assert (lora, bar) == (None, False)
    assert [(answer.prompt, answer.reply, answer.prompt_tokens, answer.completion_tokens) for answer in answers] == [
        (one, chat.tokenizer.decode([7, len(own)]), len(own), 3) for one, own in zip(PROMPTS, ids, strict=True)
    ]
    assert model.count_tokens(PROMPTS[0].messages) == len(ids[0])


def test_native_tools_go_into_the_prompt_and_a_call_comes_back(vllm, tiny, tmp_path, monkeypatch):
    (tmp_path / "qwen.jinja").write_text(FAMILIES["qwen"][0])
    chat = make_chat(f"vllm:{tiny}", Options(protocol="tools", chat_template=str(tmp_path / "qwen.jinja")), None)
    asked = row("u1", "chronological", "Aerwyn")
    prompt = Prompt(asked["id"], 0, render_messages(asked, native_tools=True), asked["candidate_tools"])
    called = '<tool_call>\n{"name": "Weather_Aerwyn_forecast", "arguments": {"city": "Oslo"}}\n</tool_call></s>'
    ids = chat.tokenizer(called, add_special_tokens=False)["input_ids"]
    monkeypatch.setattr("test_vllm_model.CONTEXT", 8_000)
    monkeypatch.setattr(LLM, "reply", ids)
    model = VllmModel(str(tiny), 0, 256, 0, chat)
    [answer] = model.answer_all([prompt])
    assert answer.reply == reply("Aerwyn")
    [(prompts, *_)] = LLM.last.asked
    shown = chat.tokenizer.decode(prompts[0]["prompt_token_ids"])
    assert '"name": "Weather_Cirrox_forecast"' in shown and "Candidate tools:" not in shown
    assert model.count_tokens(prompt.messages, prompt.candidate_tools) == answer.prompt_tokens
    assert check_options("vllm:m", Options(protocol="tools"), Connection()).name == "vllm"


def test_replies_come_a_part_at_a_time(vllm, tiny, monkeypatch):
    monkeypatch.setattr(vllm_model, "_PROMPTS_PER_CALL", 2)
    answers = VllmModel(str(tiny), 0, 256, 0).answer_all(PROMPTS)
    next(answers)
    assert len(LLM.last.asked) == 1
    assert len(list(answers)) == 4
    assert [len(prompts) for prompts, *_ in LLM.last.asked] == [2, 2, 1]


def test_a_prompt_longer_than_the_model_takes_fails_and_the_others_go_on(vllm, tiny):
    long = Prompt("u9/chronological", 0, [{"role": "user", "content": "Who? " * 40}], [])
    tokens = len(ChatTokenizer(str(tiny)).encode(long.messages))
    answers = list(VllmModel(str(tiny), 0, 256, 0).answer_all([*PROMPTS[:2], long]))
    [failed] = [answer for answer in answers if answer.reply is None]
    assert failed.prompt == long
    assert failed.error == f"the prompt has {tokens} tokens, and the model takes {CONTEXT} with its reply."
    assert len(answers) == 3


@pytest.mark.parametrize(("rank", "reserved"), [(1, 8), (8, 8), (9, 16), (64, 64), (300, 320), (512, 512)])
def test_an_adapter_goes_with_each_request_and_room_for_its_rank(vllm, tiny, tmp_path, rank, reserved):
    folder = adapter(tmp_path / "adapter", r=rank)
    model = VllmModel(f"{tiny}+{folder}", 0, 256, 0)
    list(model.answer_all(PROMPTS))
    assert LLM.last.options == {"model": str(tiny), "seed": 0, "enable_lora": True, "max_lora_rank": reserved}
    assert LLM.last.asked[0][2] == ("adapter", 1, str(folder))


@pytest.mark.parametrize("config", [{}, {"r": 513}, {"r": "8"}])
def test_an_adapter_that_is_not_a_lora_adapter_is_refused(vllm, tiny, tmp_path, config):
    with pytest.raises(InputError, match=r"adapter_config.json is not about a LoRA adapter of a rank `r` up to 512"):
        VllmModel(f"{tiny}+{adapter(tmp_path / 'adapter', **config)}", 0, 256, 0)


def test_a_model_or_adapter_that_cannot_be_loaded_is_refused(vllm, tiny, tmp_path):
    with pytest.raises(InputError, match="the model nobody/nothing cannot be loaded: it is not in the cache"):
        VllmModel("nobody/nothing", 0, 256, 0)
    with pytest.raises(InputError, match="the adapter nobody/nothing cannot be loaded: offline mode is on"):
        VllmModel(f"{tiny}+nobody/nothing", 0, 256, 0)
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=r"adapter_config.json does not exist"):
        VllmModel(f"{tiny}+{tmp_path / 'empty'}", 0, 256, 0)


@pytest.mark.parametrize(
    ("spec", "command", "model"),
    [
        ("org/model", "`vllm serve org/model`", "openai:org/model"),
        ("org/model+me/lora", "`vllm serve org/model --enable-lora --lora-modules tuned=me/lora`", "openai:tuned"),
    ],
)
def test_where_vllm_is_missing_the_message_says_how_to_serve_the_model(monkeypatch, spec, command, model):
    monkeypatch.setitem(sys.modules, "vllm", None)
    with pytest.raises(InputError) as error:
        VllmModel(spec, 0, 256, 0)
    for part in (
        "vllm cannot be imported here",
        "pip install 'vllm>=0.8'",
        command,
        f"--model {model} ",
        "--base-url",
    ):
        assert part in str(error.value)
