"""Training rows with native tool calls: the tokens and labels of TRL's own rows, the loss on the call alone."""

import json
import math
from pathlib import Path
from types import SimpleNamespace

import pytest
from conftest import ROOT
from datasets import Dataset, load_dataset
from peft import LoraConfig
from petoolkit.builder.dataset_folder import write_dataset
from rows import CITY, DATASET_FACTS, past_call, row, tool
from script_options import ON_CPU, run_script
from tiny_model import make_tiny_model
from tool_templates import FAMILIES, REAL, WITH_CALLS, special_tokens
from transformers import AutoTokenizer
from trl import DPOConfig, DPOTrainer, SFTConfig, SFTTrainer

from petoolbench import SETTINGS, InputError, render_messages, to_json_text
from petoolkit.call_forms import ToolCall, as_call
from petoolkit.evaluator.chat_rows import gold_call
from petoolkit.evaluator.evaluate import evaluate
from petoolkit.evaluator.models import hf_batch
from petoolkit.evaluator.models.model_kinds import make_chat
from petoolkit.evaluator.models.native_tools import NativeTools
from petoolkit.evaluator.options import Options
from petoolkit.evaluator.prompts.window import shown_messages
from petoolkit.exporter.export_dataset import export_dataset
from petoolkit.training.grpo_fast_steps import FastGRPOTrainer
from petoolkit.training.grpo_trainer import RewardedTrainer
from petoolkit.training.pair_dataset import answers_of, count_pairs, pair_record, read_pairs, write_pairs
from petoolkit.training.pairing import Pair
from petoolkit.training.row_fitting import fit_row, fit_rows
from petoolkit.training.sft_trainer import sft_dataset
from petoolkit.training.training_chat import TrainingChat
from petoolkit.training.training_record import TrainingRecord
from trainer import dpo, pairs, sft

HISTORY = [past_call(provider) for provider in ("Cirrox", "Equandra", "Dovarque", "Cirrox")]
ROW = row("u1", "chronological", "Aerwyn", HISTORY)
GOLD = gold_call(ROW)
# With these, TRL leaves the end of the prompt out of its rows, and says so.
OTHER_CONTEXT = {name for name in WITH_CALLS if name.startswith("nemotron")}
REJECTED = GOLD.replace("Aerwyn", "Cirrox").replace("Oslo", "Oslo, (by the 'sea')")

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def tiny(tmp_path_factory) -> Path:
    return make_tiny_model(tmp_path_factory.mktemp("tiny"), [(ROOT / "LICENSE").read_text()])


@pytest.fixture
def chat(tiny, tmp_path):
    """Makes the tokenizer of a family, or of a real template."""

    def make(name: str) -> TrainingChat:
        template, special = (
            FAMILIES[name] if name in FAMILIES else (REAL[name].read_text(), special_tokens(REAL[name]))
        )
        tokenizer = AutoTokenizer.from_pretrained(tiny)
        tokenizer.add_special_tokens({"additional_special_tokens": list(special)})
        tokenizer.chat_template = template
        tokenizer.save_pretrained(tmp_path / name)
        return TrainingChat(str(tmp_path / name), native_tools=True)

    return make


# --- tokens and labels ----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def trl(tiny, tmp_path_factory) -> SimpleNamespace:
    """TRL's trainers, whose preparation of rows is asked."""
    plain = {
        "output_dir": str(tmp_path_factory.mktemp("trl")),
        "use_cpu": True,
        "bf16": False,
        "report_to": "none",
        "max_length": None,
    }
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


@pytest.mark.parametrize("name", [*FAMILIES, *sorted(WITH_CALLS - OTHER_CONTEXT)])
def test_tokens_and_labels_of_sft_are_those_of_trl(chat, trl, name):
    made = chat(name)
    fitted = fit_row(ROW, [GOLD], made, 8_000)
    ours = sft_dataset([fitted])[0]
    theirs = prepared(trl.sft, made, conversation(fitted, made.tokenizer.chat_template))
    ids, labels = ours["input_ids"], ours["labels"]
    if ids[0] != theirs["input_ids"][0]:  # the tiny tokenizer puts a BOS, and these models' own tokenizers do not
        assert ids[0] == made.tokenizer.bos_token_id
        ids, labels = ids[1:], labels[1:]
    assert ids == theirs["input_ids"][: len(ids)]
    assert labels == theirs["labels"][: len(ids)]
    assert made.tokenizer.decode(theirs["input_ids"][len(ids) :]).strip() == "", "what stands behind the turn's end"


@pytest.mark.parametrize("name", sorted(OTHER_CONTEXT))
def test_the_prompt_stays_the_evaluations_where_a_template_writes_another_one_before_calls(chat, name):
    made = chat(name)
    fitted = fit_row(ROW, [GOLD], made, 8_000)
    assert made.tokenizer.decode(fitted.prompt_ids).endswith("<think>\n")
    assert made.tokenizer.decode(fitted.answer_ids[0]).startswith("</think>\n<tool_call>")


@pytest.mark.parametrize("name", FAMILIES)
def test_tokens_of_dpo_are_those_of_trl(chat, trl, name):
    made = chat(name)
    fitted = fit_row(ROW, [GOLD, REJECTED], made, 8_000)
    theirs = prepared(trl.dpo, made, conversation(fitted, made.tokenizer.chat_template))
    assert fitted.prompt_ids == theirs["prompt_ids"]
    for ours, side in zip(fitted.answer_ids, ("chosen", "rejected"), strict=True):
        assert ours == theirs[f"{side}_ids"][: len(ours)]
        assert made.tokenizer.decode(theirs[f"{side}_ids"][len(ours) :]).strip() == ""


@pytest.mark.parametrize("name", ["qwen", "llama"])
def test_exported_pairs_have_the_tokens_of_ours_with_trls_own_trainer(chat, trl, tmp_path, name):
    """Two rows whose calls have other parameters, written as pairs, exported, and loaded by `load_dataset`."""
    made, days = chat(name), {**CITY, "name": "days", "type": "NUMBER"}
    tools = [
        {**tool(provider, "forecast", "Weather", required=[CITY]), "optional_parameters": [days]}
        for provider in ("Aerwyn", "Cirrox")
    ]
    rows = [ROW, row("u2", "rating_integrated", "Aerwyn", [past_call("Aerwyn", 1)], tools)]
    other = GOLD.replace("Aerwyn", "Cirrox").replace('"Oslo"', '"Oslo", "days": 3')
    replies = [Pair(GOLD, "gold", REJECTED, "TPM"), Pair(GOLD, "sampled", other, "TPM")]
    records = {"train": [pair_record(*one) for one in zip(rows, replies, strict=True)], "validation": []}
    (tmp_path / "pairs").mkdir()
    write_pairs(tmp_path / "pairs", records, count_pairs(rows, replies), {})
    export_dataset("trl-dpo-tools", str(tmp_path / "pairs"), tmp_path / "out")
    loaded = load_dataset("json", data_files=str(tmp_path / "out" / "train.jsonl"), split="train")
    trl.dpo.chat_template = None
    prepared_rows = trl.dpo._prepare_dataset(loaded, made.tokenizer, trl.dpo.args, "train")
    for pair, theirs in zip(read_pairs(str(tmp_path / "pairs"), "train"), prepared_rows, strict=True):
        ours = fit_row(pair, answers_of(pair), made, 8_000)
        assert ours.prompt_ids == theirs["prompt_ids"]
        for ids, side in zip(ours.answer_ids, ("chosen", "rejected"), strict=True):
            assert ids == theirs[f"{side}_ids"][: len(ids)]
            assert made.tokenizer.decode(theirs[f"{side}_ids"][len(ids) :]).strip() == ""


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
    shorter = shown_messages({**ROW, "history": HISTORY[len(HISTORY) - kept :]}, native_tools=True)
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


def test_grpo_rewards_the_call_that_a_native_reply_is(chat, monkeypatch):
    made = chat("qwen")
    ids = [made.encode_answer(answer, ROW["candidate_tools"]) for answer in (GOLD, REJECTED)]
    monkeypatch.setattr(FastGRPOTrainer, "_generate", lambda self, prompts: ([], ids, None, None, "logs"))
    trainer = object.__new__(RewardedTrainer)
    trainer._chat, trainer._row_ids = made, [ROW["id"], ROW["id"]]
    trainer._candidate_tools = {ROW["id"]: ROW["candidate_tools"]}
    _, _, _, completions, logs = trainer._generate([])
    assert [one[0]["content"] for one in completions] == [GOLD, REJECTED]
    assert logs == "logs"


# --- whole runs -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def bench(tmp_path_factory, tiny) -> SimpleNamespace:
    """A dataset's folder, a base model and a template with tools."""
    folder = tmp_path_factory.mktemp("bench")
    rows = [
        ("train" if n < 4 else "test", row(f"u{n}", setting, ("Aerwyn", "Cirrox")[n % 2], HISTORY))
        for n in range(5)
        for setting in SETTINGS
    ]
    write_dataset(folder / "petoolbench", rows, lambda: DATASET_FACTS)
    template = folder / "mistral.jinja"
    template.write_text(FAMILIES["mistral"][0])
    return SimpleNamespace(folder=folder, dataset=folder / "petoolbench", base=tiny, template=template)


def train(script, bench, out: Path, *more: object) -> TrainingRecord:
    given = {
        **ON_CPU,
        "model_name_or_path": bench.base,
        "dataset_name": bench.dataset,
        "output_dir": out,
        "chat_template": bench.template,
        "format": "tools",
        "learning_rate": 1e-2,
        "per_device_train_batch_size": 2,
        "max_steps": 1,
        "save_strategy": "no",
        "logging_steps": 1,
    }
    run_script(script, given, *more)
    return TrainingRecord.read(out)


@pytest.fixture(scope="module")
def adapter(bench) -> Path:
    train(sft, bench, bench.folder / "sft")
    return bench.folder / "sft"


def test_the_record_and_the_card_say_the_format_and_an_evaluation_in_the_other_one_too(bench, adapter):
    assert TrainingRecord.read(adapter).format == "tools"
    card = " ".join((adapter / "README.md").read_text().split())
    assert "| format of tools and calls | native functions |" in card and "--protocol tools --out" in card
    spec = f"hf:{bench.base}+{adapter}"
    for protocol, said in (("tools", []), ("prompt", ["native functions, and is asked with them in text"])):
        notes = [one for one in make_chat(spec, Options(protocol=protocol), None).notes if "trained" in one]
        assert [part in one for part, one in zip(said, notes, strict=True)] == [True] * len(said)


def test_a_template_without_tools_and_an_unknown_format_are_refused_in_one_sentence(bench, tmp_path):
    (tmp_path / "plain.jinja").write_text("{% for m in messages %}{{ m['role'] + m['content'] }}</s>{% endfor %}")
    with pytest.raises(InputError, match=r"shows no tools: .* or format tools in training"):
        train(sft, bench, tmp_path, "--chat_template", tmp_path / "plain.jinja")
    with pytest.raises(InputError, match="unknown format 'native'"):
        train(sft, bench, tmp_path, "--format", "native")


@pytest.mark.slow
def test_calls_are_sampled_and_compared_and_preferred_in_native_form(bench, adapter, tmp_path, capsys):
    """From the SFT adapter: pairs of sampled calls, DPO, and an evaluation."""
    spec, out = f"hf:{bench.base}+{adapter}", tmp_path / "pairs"
    calls = [GOLD, REJECTED]

    def replies(model, prompts, *rest):
        made = make_chat(spec, Options(protocol="tools"), None)
        native = NativeTools(ROW["candidate_tools"])
        texts = [
            made.renderer.call_text(native.message_of(as_call(json.loads(calls[n % 2]))), native.functions())
            for n, _ in enumerate(prompts)
        ]
        assert "[TOOLS]" in made.tokenizer.decode(prompts[0])
        return [made.tokenizer(text, add_special_tokens=False)["input_ids"] for text in texts]

    sampled = {"model": spec, "dataset_name": bench.dataset, "output_dir": out, "samples": 2}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(hf_batch, "generate_replies", replies)
        run_script(pairs, {**sampled, "format": "tools", "window": 8_000})
    made = read_pairs(str(out), "train")
    assert {tuple(answers_of(one)) for one in made} == {(GOLD, REJECTED), tuple(_of_cirrox())}
    record = train(dpo, bench, tmp_path / "dpo", "--dataset_name", out, "--sft_adapter", adapter)
    assert record.format == "tools"
    assert record.numbers["loss, first logged"] == pytest.approx(math.log(2), abs=1e-4)
    said = capsys.readouterr().out
    assert "Steps are fast" in said and "trained with tools and calls in text" not in said
    scores = evaluate(
        str(bench.dataset), "all", f"hf:{bench.base}+{tmp_path / 'dpo'}", tmp_path / "scores",
        Options(protocol="tools", max_new_tokens=4, temperature=0),
    )  # fmt: skip
    assert scores.counts["all"].missing == 0
    train(dpo, bench, tmp_path / "text", "--dataset_name", out, "--sft_adapter", adapter, "--format", "text")
    assert "was trained with tools and calls as native functions, and is asked with them in text" in (
        " ".join(capsys.readouterr().out.split())
    )


def _of_cirrox() -> tuple[str, str]:
    """The pair of a row whose gold tool is of Cirrox: its other call was not sampled as it is right."""
    gold = gold_call(row("u2", "chronological", "Cirrox", HISTORY))
    return gold, GOLD
