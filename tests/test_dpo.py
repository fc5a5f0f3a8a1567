"""DPO for real, on a model of a few thousand weights: which model is the reference, what moves, what is left."""

import json
import math
import re
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from conftest import ROOT
from datasets import load_dataset
from folder_holder import held
from huggingface_hub import HfApi
from peft import LoraConfig, PeftModel, get_peft_model
from petoolkit.builder.dataset_folder import write_dataset
from rows import DATASET_FACTS, past_call, row
from safetensors.torch import load_file
from script_options import ON_CPU, no_call, parsed, run_script
from tiny_model import make_tiny_model
from torch.nn.functional import log_softmax, logsigmoid
from transformers import AutoModelForCausalLM, AutoTokenizer

import petoolkit.training.adapter_folder
from petoolbench import SETTINGS, InputError, render_messages
from petoolkit.evaluator.evaluate import evaluate
from petoolkit.evaluator.models.chat_tokenizer import ChatTokenizer
from petoolkit.evaluator.options import Options
from petoolkit.evaluator.records import Manifest
from trainer import dpo, pairs
from trainer import sft as sft_script

BETA = 0.5


def example(user, setting, provider):
    return row(user, setting, provider, [past_call(provider, 1 if setting == "rating_integrated" else None)] * 2)


TRAIN = [example(f"u{n}", setting, ("Aerwyn", "Cirrox")[n % 2]) for n in range(4) for setting in SETTINGS]
TEST = [example("t1", "chronological", "Aerwyn")]
VALIDATION_USERS = 1


pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def base(tmp_path_factory) -> Path:
    texts = [message["content"] for each in TRAIN for message in render_messages(each)]
    sizes = {"hidden_size": 16, "intermediate_size": 32, "initializer_range": 0.1}
    return make_tiny_model(tmp_path_factory.mktemp("base"), texts, **sizes)


@pytest.fixture(scope="module")
def sft(base, tmp_path_factory) -> Path:
    """An adapter that changes the base, with a dropout that DPO must not use."""
    torch.manual_seed(1)
    config = LoraConfig(r=4, target_modules="all-linear", lora_dropout=0.2, init_lora_weights=False)
    folder = tmp_path_factory.mktemp("sft")
    get_peft_model(AutoModelForCausalLM.from_pretrained(base), config).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def preferences(tmp_path_factory) -> Path:
    """A pair a row, the rejected call drawn among the wrong ones; one user's are for validation."""
    folder = tmp_path_factory.mktemp("preferences")
    rows = [("train", one) for one in TRAIN] + [("test", one) for one in TEST]
    write_dataset(folder / "petoolbench", rows, lambda: DATASET_FACTS)
    sampled = {"dataset_name": folder / "petoolbench", "output_dir": folder / "pairs", "model": "baseline:random"}
    run_script(pairs, {**sampled, "samples": 8, "validation_share": 0.25})
    return folder / "pairs"


def options(base: Path, preferences: Path, out: Path, *more: object) -> tuple:
    given = {
        **ON_CPU,
        "model_name_or_path": base,
        "dataset_name": preferences,
        "output_dir": out,
        "beta": BETA,
        "learning_rate": 1e-2,
        "per_device_train_batch_size": 2,
        "per_device_eval_batch_size": 2,
        "max_steps": 4,
        "save_steps": 2,
        "logging_steps": 1,
    }
    return parsed(dpo, given, *more)


def train(base, preferences, out, *more: object) -> SimpleNamespace:
    """Run the script: its folder, its trainer at the end, and the first batch with its reference and its loss, in the
    first step and at the end."""
    kept, first = [], {}

    def at_the_end(trained):
        kept.append(trained)
        with torch.no_grad():
            first["loss_at_the_end"] = compute(trained, trained.model.eval(), first["batch"]).item()
        save(trained)

    with pytest.MonkeyPatch.context() as patch:
        save = petoolkit.training.adapter_folder.save_adapter
        patch.setattr(petoolkit.training.adapter_folder, "save_adapter", at_the_end)
        patch.setattr(HfApi, "create_repo", no_call)
        patch.setattr(HfApi, "create_commit", no_call)
        patch.setattr("trl.trainer.base_trainer.send_telemetry", no_call)
        compute = dpo_trainer().compute_loss

        def computing(self, model, inputs, *args, **kwargs):
            loss = compute(self, model, inputs, *args, **kwargs)
            if not first:
                first.update(batch=inputs, loss=loss.item(), reference=self.compute_ref_log_probs(model, inputs))
            return loss

        patch.setattr(dpo_trainer(), "compute_loss", computing)
        dpo.main(*options(base, preferences, out, *more))
    return SimpleNamespace(out=Path(out), trainer=kept[0], **first)


def dpo_trainer():
    from petoolkit.training.dpo_trainer import ReferenceDPOTrainer

    return ReferenceDPOTrainer


@pytest.fixture(scope="module")
def run(base, sft, preferences, tmp_path_factory) -> SimpleNamespace:
    validated = ("--eval_strategy", "steps", "--eval_steps", 2)
    return train(base, preferences, tmp_path_factory.mktemp("run") / "adapter", "--sft_adapter", sft, *validated)


@pytest.fixture(scope="module")
def authors_run(base, sft, preferences, tmp_path_factory) -> SimpleNamespace:
    out = tmp_path_factory.mktemp("authors") / "adapter"
    return train(base, preferences, out, "--sft_adapter", sft, "--reference", "base")


def log_probabilities(base: Path, adapter: Path | None, batch: dict) -> torch.Tensor:
    """Of the answers in a batch, each by itself and without padding, with plain transformers and peft."""
    model = AutoModelForCausalLM.from_pretrained(base)
    model = (PeftModel.from_pretrained(model, adapter) if adapter else model).eval()
    sums = []
    for ids, attended, answered in zip(
        *(batch[n] for n in ("input_ids", "attention_mask", "completion_mask")), strict=True
    ):
        ids = ids[: attended.sum()]
        with torch.no_grad():
            chances = log_softmax(model(input_ids=ids[None]).logits[0].double(), dim=-1)
        positions = answered[: len(ids)].nonzero().flatten()
        sums.append(chances[positions - 1, ids[positions]].sum())
    return torch.stack(sums)


def formula_3(policy: torch.Tensor, reference: torch.Tensor) -> float:
    """The paper's loss; chosen answers are the first half."""
    chosen, rejected = (policy - reference).chunk(2)
    return -logsigmoid(BETA * chosen - BETA * rejected).mean().item()


def test_the_reference_is_the_sft_model(run, base, sft):
    reference = torch.cat(run.reference).double()
    torch.testing.assert_close(reference, log_probabilities(base, sft, run.batch), atol=1e-4, rtol=0)
    assert (reference - log_probabilities(base, None, run.batch)).abs().min() > 0.01


def test_reference_base_is_the_bare_base(authors_run, base, sft):
    reference = torch.cat(authors_run.reference).double()
    torch.testing.assert_close(reference, log_probabilities(base, None, authors_run.batch), atol=1e-4, rtol=0)
    by_hand = formula_3(log_probabilities(base, sft, authors_run.batch), reference)
    assert authors_run.loss == pytest.approx(by_hand, abs=1e-5)
    assert abs(authors_run.loss - math.log(2)) > 1e-3


def test_the_first_loss_is_ln_2(run):
    assert run.loss == pytest.approx(math.log(2), abs=1e-6)
    assert run.trainer.state.log_history[0]["loss"] == pytest.approx(math.log(2), abs=1e-3)


def test_the_loss_is_formula_3_worked_by_hand(run, base, sft):
    """At the end, where the trained model is no longer the reference."""
    policy, reference = (log_probabilities(base, adapter, run.batch) for adapter in (run.out, sft))
    assert run.loss_at_the_end == pytest.approx(formula_3(policy, reference), abs=1e-5)
    assert abs(run.loss_at_the_end - math.log(2)) > 0.01


def test_a_reference_that_is_not_the_start_stops_the_first_step(base, sft, preferences, tmp_path, monkeypatch):
    from trl import DPOTrainer

    begin = DPOTrainer.__init__

    def with_another_reference(self, *args, **kwargs):
        begin(self, *args, **kwargs)
        self.model.delete_adapter("ref")

    monkeypatch.setattr(DPOTrainer, "__init__", with_another_reference)
    with pytest.raises(RuntimeError, match=r"first step's loss is \d\.\d+ and not ln 2 = 0.6931"):
        dpo.main(*options(base, preferences, tmp_path / "run", "--sft_adapter", sft))
    assert not list((tmp_path / "run").glob("checkpoint-*"))


def test_only_the_adapter_moves(run, base, sft):
    before, start = (
        AutoModelForCausalLM.from_pretrained(base).state_dict(),
        load_file(sft / "adapter_model.safetensors"),
    )
    moved = frozen = 0
    for name, weight in run.trainer.model.get_base_model().named_parameters():
        if ".default." in name:
            assert not torch.equal(weight, start[f"base_model.model.{name.replace('.default', '')}"]), name
            moved += 1
        elif ".ref." in name:
            assert torch.equal(weight, start[f"base_model.model.{name.replace('.ref', '')}"]), name
            frozen += 1
        else:
            assert torch.equal(weight, before[name.replace(".base_layer", "")]), name
    assert moved == frozen == 2 * 7 * 2  # A and B, on seven linear layers, in two blocks


def test_the_result_is_one_adapter_that_reloads_in_plain_peft_with_equal_logits(run, base):
    for folder in (run.out, *run.out.glob("checkpoint-*")):
        assert len(list(folder.glob("**/adapter_model.safetensors"))) == (3 if folder == run.out else 1)
        assert not (folder / "ref").exists()
    reloaded = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(base), run.out).eval()
    assert list(reloaded.peft_config) == ["default"]
    ids = AutoTokenizer.from_pretrained(run.out)("Which tool forecasts the weather?", return_tensors="pt")["input_ids"]
    with torch.no_grad():
        trained = run.trainer.model.eval()(input_ids=ids).logits
        assert torch.equal(reloaded(input_ids=ids).logits, trained)


def test_the_loss_is_on_the_calls_and_their_end_tokens_only(run, base, preferences):
    tokenizer = AutoTokenizer.from_pretrained(base)
    parts = ("prompt_ids", "chosen_ids", "rejected_ids")
    found = [tuple(tokenizer.decode(example[part]) for part in parts) for example in run.trainer.train_dataset]
    expected = []
    for pair in load_dataset(str(preferences))["train"]:
        prompt = tokenizer.apply_chat_template(pair["prompt"], tokenize=False, add_generation_prompt=True)
        expected.append((prompt, *(f"{pair[side][0]['content']}</s>" for side in ("chosen", "rejected"))))
    assert found == expected
    masked = [ids[mask.bool()] for ids, mask in zip(run.batch["input_ids"], run.batch["completion_mask"], strict=True)]
    assert {tokenizer.decode(ids) for ids in masked} <= {answer for _, *answers in expected for answer in answers}


def test_an_adapter_of_another_base_is_refused_unless_the_options_allow_it(base, sft, preferences, tmp_path):
    elsewhere = shutil.copytree(base, tmp_path / "elsewhere")
    words = ("--sft_adapter", sft, "--max_steps", 1)
    with pytest.raises(InputError, match=f"{sft} was trained on {base}, not on {elsewhere}; .*--any-base"):
        dpo.main(*options(elsewhere, preferences, tmp_path / "other", *words))
    train(elsewhere, preferences, tmp_path / "other", *words, "--any-base")
    moved = shutil.copytree(base, tmp_path / "moved" / base.name)
    train(moved, preferences, tmp_path / "same", *words)


def test_an_output_folder_in_the_pairs_is_refused(base, sft, preferences):
    with pytest.raises(InputError, match="give another --output_dir"):
        dpo.main(*options(base, preferences, preferences / "run", "--sft_adapter", sft))


def test_the_sft_adapters_template_and_its_variables_go_on_in_dpo_and_in_the_evaluation(
    base, preferences, tmp_path, capsys
):
    given = tmp_path / "own.jinja"
    given.write_text("{{ mood }}" + AutoTokenizer.from_pretrained(base).chat_template)
    trained = {"model_name_or_path": base, "dataset_name": preferences.parent / "petoolbench"}
    trained |= {"output_dir": tmp_path / "sft", "use_cpu": "true", "max_length": 2048, "max_steps": 1}
    run_script(sft_script, {**trained, "chat_template": given, "chat_template_args": '{"mood": "calm"}'})
    train(base, preferences, tmp_path / "dpo", "--sft_adapter", tmp_path / "sft", "--max_steps", 1)
    records = [json.loads((tmp_path / stage / "training.json").read_text()) for stage in ("sft", "dpo")]
    assert [record["chat_template_args"] for record in records] == [{"mood": "calm"}] * 2
    assert records[0]["chat_template_hash"] == records[1]["chat_template_hash"]
    capsys.readouterr()
    chat = ChatTokenizer(str(base), str(tmp_path / "dpo"))
    assert chat.renderer.fingerprint == records[0]["chat_template_hash"]
    assert chat.renderer.render([{"role": "user", "content": "a"}]).startswith("calm") and not chat.notes
    other = ChatTokenizer(str(base), str(tmp_path / "dpo"), arguments={"mood": "loud"})
    assert [note for note in other.notes if '"calm"' in note and '"loud"' in note]
    plain = tmp_path / "plain.jinja"
    plain.write_text(AutoTokenizer.from_pretrained(base).chat_template)
    assert "another chat template" in ChatTokenizer(str(base), str(tmp_path / "dpo"), plain).notes[0]
    asked = Options(window=2048, max_new_tokens=4)
    data = str(preferences.parent / "petoolbench")
    evaluate(data, "chronological", f"hf:{base}+{tmp_path / 'dpo'}", tmp_path / "out", asked)
    assert Manifest.read(tmp_path / "out").options.model_dump()["chat_template_args"] == {"mood": "calm"}


def test_margins_and_accuracies_are_logged_for_training_and_validation(run, sft, preferences):
    logged = {name for entry in run.trainer.state.log_history for name in entry}
    for name in ("rewards/margins", "rewards/accuracies"):
        assert {name, f"eval_{name}"} <= logged
    assert (run.out / "curves.png").exists()
    card = (run.out / "README.md").read_text()
    assert "its reference is the SFT model" in card
    chosen = load_dataset(str(preferences))["train"]["chosen_from"][:]
    assert f"| chosen: a sampled call that is right | {chosen.count('sampled')} |" in card
    assert str(sft.parent) not in card


def test_an_adapter_that_another_process_trains_is_left_to_it(run, base, sft, preferences):
    with held(run.out) as process, pytest.raises(InputError, match=f"is being written by process {process.pid} on"):
        dpo.main(*options(base, preferences, run.out, "--sft_adapter", sft))


def test_a_run_that_went_on_from_a_checkpoint_gives_the_same_adapter_to_the_bit(run, base, sft, preferences, tmp_path):
    shutil.copytree(run.out / "checkpoint-2", tmp_path / "run" / "checkpoint-2")
    validated = ("--eval_strategy", "steps", "--eval_steps", 2)
    more = ("--sft_adapter", sft, "--resume_from_checkpoint", "true", *validated)
    resumed = train(base, preferences, tmp_path / "run", *more)
    whole = load_file(run.out / "adapter_model.safetensors")
    for name, weight in load_file(resumed.out / "adapter_model.safetensors").items():
        assert torch.equal(weight, whole[name]), name
    # The reference is where the first run started, not where the checkpoint is.
    reference = torch.cat(resumed.reference).double()
    torch.testing.assert_close(reference, log_probabilities(base, sft, resumed.batch), atol=1e-4, rtol=0)


def test_without_an_sft_stage_a_new_adapter_starts_at_the_bare_base(base, preferences, tmp_path):
    begun = train(base, preferences, tmp_path / "run", "--reference", "base", "--lora_r", 4)
    assert begun.loss == pytest.approx(math.log(2), abs=1e-6)
    reference = torch.cat(begun.reference).double()
    torch.testing.assert_close(reference, log_probabilities(base, None, begun.batch), atol=1e-4, rtol=0)
    policy = log_probabilities(base, begun.out, begun.batch)
    assert (policy - reference).abs().max() > 0.01
    assert "there was no SFT stage" in (begun.out / "README.md").read_text()


def test_the_authors_reference_leaves_one_adapter_too(authors_run, base):
    assert not (authors_run.out / "ref").exists()
    reloaded = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(base), authors_run.out)
    assert list(reloaded.peft_config) == ["default"]


def test_with_log_probabilities_of_the_reference_computed_beforehand_the_loss_is_the_same(
    run, base, sft, preferences, tmp_path
):
    dpo.main(*options(base, preferences, tmp_path / "run", "--sft_adapter", sft, "--precompute_ref_log_probs", "true"))
    state = json.loads((tmp_path / "run" / "checkpoint-4" / "trainer_state.json").read_text())
    losses = [entry["loss"] for entry in state["log_history"] if "loss" in entry]
    usual = [entry["loss"] for entry in run.trainer.state.log_history if "loss" in entry]
    assert losses == pytest.approx(usual, abs=1e-4)


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ((), "no SFT model to be the reference; give --sft_adapter, or --reference base"),
        (("--reference", "both", "--sft_adapter", "x"), "unknown reference 'both'; choose one of: sft, base"),
        (("--sft_adapter", "runs/nowhere"), "the adapter runs/nowhere cannot be put on .*; train it with"),
        (
            ("--reference", "base", "--precompute_ref_log_probs", "true"),
            "precompute_ref_log_probs does not work with reference base",
        ),
        (("--reference", "base", "--disable_dropout", "false"), "with dropout, model and reference differ by chance"),
        (("--reference", "base", "--max_length", "100"), "rows are longer than max_length 100 even without history"),
        (("--reference", "base", "--dataset_name", "runs/nowhere"), "runs/nowhere"),
    ],
)
def test_what_cannot_work_is_refused_in_one_sentence(base, preferences, tmp_path, more, message):
    with pytest.raises(InputError, match=message):
        dpo.main(*options(base, preferences, tmp_path / "run", *more))


def test_an_evaluation_without_validation_pairs_is_refused(base, sft, preferences, tmp_path):
    only_training = tmp_path / "pairs"
    shutil.copytree(preferences, only_training)
    next((only_training / "data").glob("validation-*")).unlink()
    card = only_training / "README.md"
    card.write_text(re.sub(r"  - split: validation\n.*\n", "", card.read_text()))
    with pytest.raises(InputError, match=r"no validation pairs; make them with trainer/pairs\.py --validation_share"):
        dpo.main(*options(base, only_training, tmp_path / "run", "--sft_adapter", sft, "--eval_strategy", "epoch"))


def test_a_pair_too_long_loses_its_oldest_calls_for_both_answers(base, sft, preferences, run, tmp_path):
    def length(pair):
        return len(pair["prompt_ids"]) + max(len(pair["chosen_ids"]), len(pair["rejected_ids"]))

    whole = [length(pair) for pair in run.trainer.train_dataset]
    limit = sorted(whole)[len(whole) // 2]
    shortened = train(base, preferences, tmp_path / "run", "--sft_adapter", sft, "--max_length", limit)
    lengths = [length(pair) for pair in shortened.trainer.train_dataset]
    assert len(lengths) == len(whole)
    assert max(lengths) <= limit < max(whole)
    counts = json.loads((shortened.out / "training.json").read_text())["counts"]
    assert counts["of them with a shortened history"] == sum(one > limit for one in whole)


def test_the_recipes_have_the_papers_numbers_and_the_authors_where_they_differ():
    def parse(name):
        recipe = str(ROOT / "recipes" / "dpo" / f"{name}.yaml")
        return dpo.make_parser().parse_args_and_config(["--config", recipe, "--bf16", "false", "--use_cpu", "true"])

    for name, reference, rate in (("llama3.1-8b", "sft", 1e-6), ("llama3-8b-authors", "base", 5e-6)):
        data, training, _ = parse(name)
        assert (data.reference, training.learning_rate, training.beta) == (reference, rate, 0.1)
        assert training.per_device_train_batch_size * training.gradient_accumulation_steps == 32
    data, _, adapter = parse("without-sft")
    assert (data.reference, data.sft_adapter, adapter.use_peft) == ("base", None, True)
