"""Training rows with native tool calls: the tokens and labels of TRL's own rows, the loss on the call alone."""

import json
from pathlib import Path
from types import SimpleNamespace

import pytest
from conftest import ROOT
from datasets import Dataset
from peft import LoraConfig
from petoolkit.builder.dataset_folder import write_dataset
from rows import CITY, DATASET_FACTS, past_call, row, tool
from tiny_model import make_tiny_model
from tool_templates import FAMILIES
from transformers import AutoTokenizer
from trl import DPOConfig, DPOTrainer, SFTConfig, SFTTrainer

from petoolbench import InputError, render_messages, to_json_text
from petoolkit.call_forms import ToolCall, as_call
from petoolkit.evaluator.chat_rows import gold_call
from petoolkit.evaluator.models.native_tools import NativeTools
from petoolkit.training.row_fitting import fit_row, fit_rows
from petoolkit.training.sft_trainer import sft_dataset
from petoolkit.training.training_chat import TrainingChat

HISTORY = [past_call(provider) for provider in ("Cirrox", "Equandra", "Dovarque", "Cirrox")]
ROW = row("u1", "chronological", "Aerwyn", HISTORY)
GOLD = gold_call(ROW)
REJECTED = GOLD.replace("Aerwyn", "Cirrox").replace("Oslo", 'Oslo "by the sea"')

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def tiny(tmp_path_factory) -> Path:
    return make_tiny_model(tmp_path_factory.mktemp("tiny"), [(ROOT / "LICENSE").read_text()])


@pytest.fixture
def chat(tiny, tmp_path):
    """Makes the tokenizer of a family."""

    def make(name: str) -> TrainingChat:
        template, special = FAMILIES[name]
        tokenizer = AutoTokenizer.from_pretrained(tiny)
        tokenizer.add_special_tokens({"additional_special_tokens": list(special)})
        tokenizer.chat_template = template
        tokenizer.save_pretrained(tmp_path / name)
        return TrainingChat(str(tmp_path / name), native_tools=True)

    return make


# --- tokens and labels ----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def trl(tiny) -> SimpleNamespace:
    """TRL's trainers, whose preparation of rows is asked."""
    plain = {"output_dir": "unused", "use_cpu": True, "bf16": False, "report_to": "none", "max_length": None}
    prompt = [{"role": "user", "content": "a"}]
    answer = [{"role": "assistant", "content": "b"}]
    rows = Dataset.from_list([{"prompt": prompt, "completion": answer}])
    pairs = Dataset.from_list([{"prompt": prompt, "chosen": answer, "rejected": [{**answer[0], "content": "c"}]}])
    lora = LoraConfig(task_type="CAUSAL_LM", target_modules="all-linear")
    return SimpleNamespace(
        sft=SFTTrainer(str(tiny), SFTConfig(**plain), train_dataset=rows, peft_config=lora),
        dpo=DPOTrainer(str(tiny), args=DPOConfig(**plain), train_dataset=pairs, peft_config=lora),
    )


def conversation(fitted, template: str) -> dict:
    """A fitted row as TRL takes it: messages, and the tools in a column of their own."""
    native = NativeTools(ROW["candidate_tools"])
    answers = [[native.message_of(as_call(json.loads(answer)))] for answer in fitted.answers]
    return {"prompt": _without_system(fitted.messages, template), "tools": to_json_text(native.functions())} | (
        {"completion": answers[0]} if len(answers) == 1 else dict(zip(("chosen", "rejected"), answers, strict=True))
    )


def _without_system(messages: list[dict], template: str) -> list[dict]:
    """The messages that a template without system messages is given: TRL has to be given them so."""
    if "raise_exception('no system')" not in template and "turns only" not in template:
        return messages
    return [{"role": "user", "content": "\n\n".join(message["content"] for message in messages)}]


def prepared(trainer, made: TrainingChat, example: dict) -> dict:
    """An example as TRL's trainer prepares it."""
    trainer.chat_template = None
    given = trainer._prepare_dataset(Dataset.from_list([example]), made.tokenizer, trainer.args, *_more(trainer))
    return given[0]


def _more(trainer) -> tuple:
    return (False, None, "train") if isinstance(trainer, SFTTrainer) else ("train",)


@pytest.mark.parametrize("name", FAMILIES)
def test_tokens_and_labels_of_sft_are_those_of_trl(chat, trl, name):
    made = chat(name)
    fitted = fit_row(ROW, [GOLD], made, 8_000)
    ours = sft_dataset([fitted])[0]
    theirs = prepared(trl.sft, made, conversation(fitted, FAMILIES[name][0]))
    end = len(ours["input_ids"])
    assert ours["input_ids"] == theirs["input_ids"][:end]
    assert ours["labels"] == theirs["labels"][:end]
    assert made.tokenizer.decode(theirs["input_ids"][end:]).strip() == "", "what stands behind the end of the turn"


@pytest.mark.parametrize("name", FAMILIES)
def test_tokens_of_dpo_are_those_of_trl(chat, trl, name):
    made = chat(name)
    fitted = fit_row(ROW, [GOLD, REJECTED], made, 8_000)
    theirs = prepared(trl.dpo, made, conversation(fitted, FAMILIES[name][0]))
    assert fitted.prompt_ids == theirs["prompt_ids"]
    for ours, side in zip(fitted.answer_ids, ("chosen", "rejected"), strict=True):
        assert ours == theirs[f"{side}_ids"][: len(ours)]
        assert made.tokenizer.decode(theirs[f"{side}_ids"][len(ours) :]).strip() == ""


CALLED = '"name": "Weather_Aerwyn_forecast", '
OSLO = '{"city": "Oslo"}'


@pytest.mark.parametrize(
    ("name", "learnt"),
    {
        "llama": f'{{{CALLED}"parameters": {OSLO}}}<|eot|>',
        "qwen": f'<tool_call>\n{{{CALLED}"arguments": {OSLO}}}\n</tool_call><|stop|>',
        "mistral": f'[TOOL_CALLS] [{{{CALLED}"arguments": {OSLO}}}]</s>',
        "phi": f'<|tool_call|>[{{{CALLED}"arguments": {OSLO}}}]<|/tool_call|><|end|>',
        "gemma": '[Weather_Aerwyn_forecast(city="Oslo")]</turn>',
        "deepseek": "<\uff5ccalls\uff5c><\uff5ccall\uff5c>function<\uff5csep\uff5c>Weather_Aerwyn_forecast\n```json\n"
        f"{OSLO}\n```<\uff5c/call\uff5c><\uff5c/calls\uff5c></s>",
    }.items(),
)
def test_the_loss_is_on_the_call_and_its_end_token_only(chat, name, learnt):
    made = chat(name)
    example = sft_dataset([fit_row(ROW, [GOLD], made, 8_000)])[0]
    labels = [label for label in example["labels"] if label != -100]
    assert made.tokenizer.decode(labels) == learnt
    assert example["input_ids"][-len(labels) :] == labels
    assert labels[-1] in made.end_token_ids
    prompt = made.encode(render_messages(ROW, native_tools=True), ROW["candidate_tools"])
    assert example["input_ids"][: -len(labels)] == prompt
    assert made.read(labels, ROW["candidate_tools"]) == GOLD  # what an evaluation makes of it


@pytest.mark.parametrize("kept", [0, 1, 3])
def test_a_row_that_is_too_long_loses_the_fewest_oldest_interactions(chat, kept):
    made = chat("qwen")
    shorter = render_messages({**ROW, "history": HISTORY[len(HISTORY) - kept :]}, native_tools=True)
    answer = made.encode_answer(GOLD, ROW["candidate_tools"])
    limit = len(made.encode(shorter, ROW["candidate_tools"])) + len(answer)
    fitted = fit_row(ROW, [GOLD], made, limit)
    assert fitted.messages == shorter
    assert fitted.dropped_interactions == len(HISTORY) - kept
    assert len(fitted.prompt_ids) + len(fitted.answer_ids[0]) == limit


def test_a_row_that_does_not_fit_is_named_and_counted(chat):
    made = chat("qwen")
    with pytest.raises(InputError, match=r"1 of 1 rows .*\(u1/chronological\).*--max_unfit_rows 1"):
        fit_rows([(ROW, [GOLD])], made, 400, 0)


def test_a_rejected_call_of_a_tool_that_does_not_exist_and_names_that_change_are_trained_on(chat):
    made = chat("qwen")
    odd = {"name": "gr\u00f6\u00dfe [cm]", "type": "NUMBER", "description": "", "default": None, "schema": None}
    tools = [tool("\u00d6l & Co", "/v1/{id}", "First", required=[odd, CITY])]
    for called in (
        ToolCall(tools[0]["tool_name"], {"gr\u00f6\u00dfe [cm]": 1.5, "city": "Oslo", "new": [None]}),
        ToolCall("<Weather>.<Nobody>.<none>", {"a": {}}),
    ):
        answer = to_json_text({"tool_name": called.tool_name, "parameters": called.parameters})
        ids = made.encode_answer(f"Sure: {answer}", tools)
        assert made.read(ids, tools) == answer
        assert "Sure" not in made.tokenizer.decode(ids)
