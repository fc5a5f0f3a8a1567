"""SFT for real, on a model of a few thousand weights: what moves, what is learnt, what is left behind."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
import yaml
from conftest import ROOT
from folder_holder import held
from huggingface_hub import HfApi, ModelCard
from peft import PeftModel
from petoolkit.builder.dataset_folder import write_dataset
from report_folders import folders, scores
from rows import DATASET_FACTS, past_call, row
from safetensors import SafetensorError
from safetensors.torch import load_file
from script_options import ON_CPU, no_call, parsed
from tiny_model import make_tiny_model
from transformers import AutoModelForCausalLM, AutoTokenizer

import petoolkit.training.adapter_folder
from petoolbench import SETTINGS, InputError, render_messages
from petoolkit.training import model_loading, script, train_loop
from petoolkit.training.adapter_card import write_card
from petoolkit.training.sft_trainer import AdapterSFTTrainer
from petoolkit.training.training_record import TrainingRecord
from trainer import sft

ACCELERATE = Path(sys.executable).parent / "accelerate"
PROVIDERS = ("Aerwyn", "Cirrox")
CITIES = ("Oslo", "Lima", "Accra", "Hanoi")


def example(user, number, setting):
    provider, city = PROVIDERS[number % 2], CITIES[number]
    made = row(user, setting, provider, [past_call(provider, 1 if setting == "rating_integrated" else None)])
    call = {**made["tool_call"], "parameters": json.dumps({"city": city})}
    return {**made, "instruction": f"I want the weather forecast for the city '{city}'.", "tool_call": call}


TRAIN = [example(f"u{number}", number, setting) for number in range(4) for setting in SETTINGS]
TEST = [example("t1", 0, setting) for setting in SETTINGS]
ROWS = len(TRAIN)


pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def base(tmp_path_factory) -> Path:
    texts = [message["content"] for each in TRAIN for message in render_messages(each)]
    sizes = {"hidden_size": 16, "intermediate_size": 32, "initializer_range": 0.1}
    return make_tiny_model(tmp_path_factory.mktemp("base"), texts, **sizes)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("dataset") / "petoolbench"
    write_dataset(folder, [("train", one) for one in TRAIN] + [("test", one) for one in TEST], lambda: DATASET_FACTS)
    return folder


def options(base: Path, dataset: Path, out: Path, *more: object) -> tuple:
    given = {
        **ON_CPU,
        "model_name_or_path": base,
        "dataset_name": dataset,
        "output_dir": out,
        "lora_r": 4,
        "learning_rate": 1e-2,
        "per_device_train_batch_size": 4,
        "max_steps": 4,
        "save_steps": 2,
        "logging_steps": 1,
    }
    return parsed(sft, given, *more)


@pytest.fixture(scope="module")
def run(base, dataset, tmp_path_factory) -> SimpleNamespace:
    """A run of four steps: its folder, and the trainer as it was at the end."""
    out, kept = tmp_path_factory.mktemp("run") / "adapter", []
    with pytest.MonkeyPatch.context() as patch:
        save = petoolkit.training.adapter_folder.save_adapter
        patch.setattr(
            petoolkit.training.adapter_folder, "save_adapter", lambda trained: (kept.append(trained), save(trained))
        )
        patch.setattr(HfApi, "create_repo", no_call)
        patch.setattr(HfApi, "create_commit", no_call)
        patch.setattr("trl.trainer.base_trainer.send_telemetry", no_call)
        sft.main(*options(base, dataset, out))
    return SimpleNamespace(out=out, trainer=kept[0])


def logits(model, tokenizer) -> torch.Tensor:
    ids = tokenizer("Which tool forecasts the weather?", return_tensors="pt")["input_ids"]
    with torch.no_grad():
        return model.eval()(input_ids=ids).logits


def test_all_adapter_weights_move_and_no_other(run, base):
    before = AutoModelForCausalLM.from_pretrained(base).state_dict()
    halfway = load_file(run.out / "checkpoint-2" / "adapter_model.safetensors")
    moved = 0
    for name, weight in run.trainer.model.get_base_model().named_parameters():
        if "lora_" in name:
            saved = halfway[f"base_model.model.{name.replace('.default', '')}"]
            assert not torch.equal(weight, saved), name
            moved += 1
        else:
            assert torch.equal(weight, before[name.replace(".base_layer", "")]), name
    assert moved == 2 * 7 * 2  # A and B, on seven linear layers, in two blocks


def test_labels_cover_the_call_and_its_end_token_only(run, base):
    tokenizer = AutoTokenizer.from_pretrained(base)
    expected = {}
    for one in TRAIN:
        prompt = tokenizer.apply_chat_template(render_messages(one), tokenize=False, add_generation_prompt=True)
        name, parameters = one["tool_call"].values()
        expected[prompt] = f'{{"tool_name": "{name}", "parameters": {parameters}}}</s>'
    found = {}
    for example in run.trainer.train_dataset:
        learnt = [label for label in example["labels"] if label != -100]
        assert example["input_ids"][-len(learnt) :] == learnt
        assert example["labels"][: -len(learnt)] == [-100] * (len(example["input_ids"]) - len(learnt))
        found[tokenizer.decode(example["input_ids"][: -len(learnt)])] = tokenizer.decode(learnt)
    assert found == expected
    assert len(run.trainer.train_dataset) == len(expected) == ROWS


def test_the_first_loss_is_the_mean_over_the_calls_tokens_worked_by_hand(base, dataset, tmp_path):
    """All rows in one batch; before the first step, the adapter changes nothing."""
    sft.main(
        *options(base, dataset, tmp_path / "run", "--per_device_train_batch_size", ROWS, "--max_steps", 1),
    )
    logged = json.loads((tmp_path / "run" / "checkpoint-1" / "trainer_state.json").read_text())["log_history"]
    tokenizer, model = AutoTokenizer.from_pretrained(base), AutoModelForCausalLM.from_pretrained(base).eval()
    total, number = 0.0, 0
    for one in TRAIN:
        call = '{"tool_name": "%s", "parameters": %s}' % tuple(one["tool_call"].values())  # noqa: UP031
        prompt = tokenizer.apply_chat_template(render_messages(one), tokenize=False, add_generation_prompt=True)
        before = tokenizer(prompt, add_special_tokens=False)["input_ids"]
        after = [*tokenizer(call, add_special_tokens=False)["input_ids"], tokenizer.eos_token_id]
        with torch.no_grad():
            scores = model(input_ids=torch.tensor([before + after])).logits[0].log_softmax(-1)
        total -= sum(scores[len(before) - 1 + index, token].item() for index, token in enumerate(after))
        number += len(after)
    assert logged[0]["loss"] == pytest.approx(total / number, abs=1e-4)


def test_the_adapter_loads_in_plain_peft_with_equal_logits(run, base):
    tokenizer = AutoTokenizer.from_pretrained(run.out)
    loaded = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(base), run.out)
    assert torch.equal(logits(loaded, tokenizer), logits(run.trainer.model, tokenizer))
    with loaded.disable_adapter():
        assert not torch.equal(logits(loaded, tokenizer), logits(run.trainer.model, tokenizer))
    assert json.loads((run.out / "adapter_config.json").read_text())["base_model_name_or_path"] == str(base)


def test_a_resumed_run_gives_the_same_adapter_to_the_bit(run, base, dataset, tmp_path, capsys):
    shutil.copytree(run.out / "checkpoint-2", tmp_path / "run" / "checkpoint-2")
    sft.main(*options(base, dataset, tmp_path / "run", "--resume_from_checkpoint", "true"))
    out = capsys.readouterr().out
    assert "Going on from" in out
    assert out.count("{'loss': ") == 2  # the steps that were left
    resumed = (tmp_path / "run" / "adapter_model.safetensors").read_bytes()
    assert resumed == (run.out / "adapter_model.safetensors").read_bytes()


def test_a_run_does_not_mix_with_an_earlier_ones_checkpoints(run, base, dataset):
    with pytest.raises(InputError, match="holds checkpoints of an earlier run"):
        sft.main(*options(base, dataset, run.out))


@pytest.mark.parametrize("given", ["true", "nowhere"])
def test_no_checkpoint_to_resume_from_is_said(base, dataset, tmp_path, given):
    with pytest.raises(InputError, match=r"no complete checkpoint"):
        sft.main(*options(base, dataset, tmp_path / "run", "--resume_from_checkpoint", given))


def test_a_run_goes_on_from_the_last_checkpoint_that_is_complete(run, base, dataset, tmp_path, capsys):
    """The run was killed while it wrote checkpoint-4; the trainer's state is written last."""
    shutil.copytree(run.out / "checkpoint-2", tmp_path / "run" / "checkpoint-2")
    shutil.copytree(run.out / "checkpoint-4", tmp_path / "run" / "checkpoint-4")
    for half in ('{"epoch": 1.0, "glo', None):
        state = tmp_path / "run" / "checkpoint-4" / "trainer_state.json"
        state.write_text(half) if half else state.unlink()
        sft.main(*options(base, dataset, tmp_path / "run", "--resume_from_checkpoint", "true"))
        assert "Going on from" in (out := capsys.readouterr().out) and out.count("{'loss': ") == 2
        resumed = (tmp_path / "run" / "adapter_model.safetensors").read_bytes()
        assert resumed == (run.out / "adapter_model.safetensors").read_bytes()


def test_a_run_that_was_killed_after_its_last_checkpoint_takes_no_further_step(run, base, dataset, tmp_path, capsys):
    shutil.copytree(run.out / "checkpoint-4", tmp_path / "run" / "checkpoint-4")
    sft.main(*options(base, dataset, tmp_path / "run", "--resume_from_checkpoint", "true"))
    assert "{'loss': " not in capsys.readouterr().out
    assert [folder.name for folder in (tmp_path / "run").glob("checkpoint-*")] == ["checkpoint-4"]
    resumed = (tmp_path / "run" / "adapter_model.safetensors").read_bytes()
    assert resumed == (run.out / "adapter_model.safetensors").read_bytes()
    numbers = [json.loads((folder / "training.json").read_text())["numbers"] for folder in (tmp_path / "run", run.out)]
    assert numbers[0] == numbers[1]


def test_a_finished_run_goes_on_where_more_steps_are_asked_for(run, base, dataset, tmp_path, capsys):
    shutil.copytree(run.out / "checkpoint-4", tmp_path / "run" / "checkpoint-4")
    more = ["--resume_from_checkpoint", "true", "--max_steps", 5]
    sft.main(*options(base, dataset, tmp_path / "run", *more))
    assert capsys.readouterr().out.count("{'loss': ") == 1
    assert json.loads((tmp_path / "run" / "training.json").read_text())["steps"] == 5


def test_a_run_that_was_killed_in_its_first_checkpoint_begins_again(base, dataset, tmp_path):
    (tmp_path / "run" / "checkpoint-1").mkdir(parents=True)
    with pytest.raises(InputError, match=r"no complete checkpoint in .*; leave --resume_from_checkpoint out"):
        sft.main(*options(base, dataset, tmp_path / "run", "--resume_from_checkpoint", "true"))
    sft.main(*options(base, dataset, tmp_path / "run", "--max_steps", 1, "--save_steps", 1))
    assert (tmp_path / "run" / "checkpoint-1" / "trainer_state.json").exists()


def test_an_adapter_that_another_process_trains_is_left_to_it(run, base, dataset):
    before = {path: path.stat().st_mtime_ns for path in run.out.rglob("*")}
    with held(run.out) as process, pytest.raises(InputError, match=f"is being written by process {process.pid} on"):
        sft.main(*options(base, dataset, run.out))
    assert {path: path.stat().st_mtime_ns for path in run.out.rglob("*")} == before


def card_of(folder: Path) -> ModelCard:
    return ModelCard.load(folder / "README.md")


def test_the_card_describes_the_run_and_has_no_empty_field(run, base):
    card = card_of(run.out)
    assert card.data.to_dict() == {
        "library_name": "peft",
        "pipeline_tag": "text-generation",
        "tags": ["lora", "trl", "sft", "tool-use", "personalization"],
    }
    cells = [cell.strip() for line in card.text.splitlines() if line.startswith("|") for cell in line.split("|")[1:-1]]
    assert cells.count("") == 1  # the head of the record's second column
    assert not re.search(r"None|nan|Undefined|\[\]|\{\{|More Information", card.text.partition("## Citation")[0])
    facts = dict(re.findall(r"^\| `?([^|`]+)`? \| `?([^|`]+)`? \|$", card.text, re.MULTILINE))
    assert facts["rows given"] == facts["rows to train on"] == "12"
    assert facts["rows given, chronological"] == "4"
    assert facts["updates"] == facts["rows an update"] == "4"
    assert facts["passes over the rows"] == "1.33"
    assert facts["learning_rate"] == "0.01"
    assert facts["use_peft"] == facts["use_cpu"] == "True"
    assert facts["base model"] == base.name
    assert "seed" not in facts  # as TRL has it
    assert float(facts["loss, last logged"]) < float(facts["loss, first logged"])
    assert str(base) not in card.text  # no path of this machine
    assert str(run.out.parent) not in card.text
    assert "has not been evaluated" in card.text
    assert (run.out / "curves.png").read_bytes().startswith(b"\x89PNG")


def test_the_card_takes_an_evaluations_scores_with_their_intervals(run, base, tmp_path):
    out = Path(shutil.copytree(run.out, tmp_path / "adapter"))
    result = scores(model=f"hf:{base}+{out}")
    write_card(out, *folders(tmp_path / "evaluations", result))
    card = card_of(out)
    value = result["scores"]["all"]["robust"]["tool_acc"]
    found = [one for one in card.data.eval_results if (one.dataset_config, one.metric_type) == ("all", "tool_acc")]
    assert [one.metric_value for one in found] == [value["value"]]
    assert found[0].metric_args == {"confidence_interval_95": [value["low"], value["high"]]}
    shown = f"{100 * value['value']:.1f} ({100 * value['low']:.1f}\N{EN DASH}{100 * value['high']:.1f})"
    assert re.search(rf"^\| all settings \| 300 \| {re.escape(shown)} \|", card.text, re.MULTILINE)
    assert "has not been evaluated" not in card.text


def test_scores_without_interval_or_value_leave_no_empty_cell(run, base, tmp_path):
    out = Path(shutil.copytree(run.out, tmp_path / "adapter"))
    result = scores(model=f"hf:{base}+{out}")
    result["scores"]["all"]["robust"]["tool_acc"] = {"value": 0.5, "low": None, "high": None}
    result["scores"]["all"]["robust"]["preference_acc"] = {"value": None, "low": None, "high": None}
    write_card(out, *folders(tmp_path / "evaluations", result))
    card = card_of(out)
    assert re.search(r"^\| all settings \| \d+ \| 50.0 \|.*\| \N{EN DASH} \|$", card.text, re.MULTILINE)
    over_all = {one.metric_type: one for one in card.data.eval_results if one.dataset_config == "all"}
    assert list(over_all) == ["tool_acc", "param_acc", "joint_acc"]
    assert over_all["tool_acc"].metric_args is None


@pytest.mark.parametrize("model", ["openai:gpt-4o", "hf:some/base+another/adapter"])
def test_another_models_scores_do_not_go_into_the_card(run, tmp_path, model):
    with pytest.raises(InputError, match="not of the adapter"):
        write_card(run.out, *folders(tmp_path, scores(model=model)))


def test_validation_rows_give_an_evaluation_loss_and_are_not_trained_on(base, dataset, tmp_path, capsys):
    more = ("--validation_share", 0.25, "--eval_strategy", "steps", "--eval_steps", 1, "--max_steps", 2)
    sft.main(*options(base, dataset, tmp_path / "run", *more))
    out = capsys.readouterr().out
    assert "Training: 9 rows in (3 " in out
    assert "Validation: 3 rows in (1 " in out
    facts = json.loads((tmp_path / "run" / "training.json").read_text())
    assert facts["counts"]["rows for the evaluation loss"] == 3
    assert facts["numbers"]["eval_loss, last logged"] < facts["numbers"]["eval_loss, first logged"]


def test_training_stops_at_the_step_whose_loss_is_no_number(base, dataset, tmp_path):
    with pytest.raises(InputError, match=r"loss of step 2 is (nan|inf)"):
        sft.main(*options(base, dataset, tmp_path / "run", "--learning_rate", 1e30))
    assert not (tmp_path / "run" / "adapter_model.safetensors").exists()


def test_a_logged_number_that_is_not_finite_is_said_and_left_out_of_the_record(base, dataset, tmp_path, monkeypatch):
    said = []
    monkeypatch.setattr(petoolkit.training.adapter_folder, "say", said.append)
    monkeypatch.setattr(
        AdapterSFTTrainer, "evaluate", lambda self, **kwargs: self.log({"eval_loss": float("nan"), "epoch": 1.0})
    )
    out = tmp_path / "run"
    words = ["--validation_share", 0.25, "--eval_strategy", "steps", "--eval_steps", 2, "--max_grad_norm", "inf"]
    sft.main(*options(base, dataset, out, *words))
    assert "eval_loss, first logged: nan" in said[0] and "evaluate it" in said[0]
    record = TrainingRecord.read(out)
    assert "loss, last logged" in record.numbers and not any("eval_loss" in name for name in record.numbers)
    assert record.options["max_grad_norm"] == "inf"
    write_card(out)


@pytest.mark.parametrize("given", ["[1]", "no JSON", '{"a": NaN}'])
def test_template_variables_that_are_not_an_object_are_refused(base, dataset, tmp_path, given):
    with pytest.raises(ValueError, match="give a JSON object"):
        options(base, dataset, tmp_path / "run", "--chat_template_args", given)


def cut_weights(folder):
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-500])


def unknown_kind(folder):
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "model_type": "nobody-knows"}))


@pytest.mark.parametrize(
    "damage",
    [
        cut_weights,
        unknown_kind,
        lambda folder: (folder / "config.json").unlink(),
        lambda folder: (folder / "model.safetensors").unlink(),
    ],
    ids=["cut weights", "unknown kind", "no config", "no weights"],
)
def test_a_model_that_cannot_be_loaded_is_named_in_one_sentence(base, dataset, tmp_path, damage):
    damaged = Path(shutil.copytree(base, tmp_path / "damaged"))
    damage(damaged)
    with pytest.raises(
        InputError, match=r"the model \S+/damaged cannot be loaded \(.*\); give the folder of a causal"
    ):
        sft.main(*options(damaged, dataset, tmp_path / "run"))
    adapter = options(damaged, dataset, tmp_path / "run")[2]
    with pytest.raises(InputError, match=r"the model \S+/damaged cannot be loaded"):
        model_loading.load_policy(SimpleNamespace(model_init_kwargs=None), adapter, None)


def test_rows_too_long_are_refused_before_training(base, dataset, tmp_path):
    with pytest.raises(InputError, match=r"12 of 12 rows are longer than max_length 100 even without history"):
        sft.main(*options(base, dataset, tmp_path / "run", "--max_length", 100))


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--use_peft", "false"], "LoRA adapters only"),
        (["--completion_only_loss", "false"], "completion_only_loss False has no effect"),
        (["--chat_template_path", "x"], "chat_template_path 'x' has no effect"),
        (["--push_to_hub"], "--hub_model_id USER/NAME"),
        (["--eval_strategy", "steps"], "give --validation_share"),
        (["--model_name_or_path", "nowhere"], "the model nowhere cannot be loaded"),
        (["--dataset_name", "nowhere"], "no dataset folder nowhere/"),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_options_of_no_use_are_refused(base, dataset, tmp_path, more, message):
    with pytest.raises(InputError, match=message):
        sft.main(*options(base, dataset, tmp_path / "run", *more))


def test_packing_is_turned_off_where_the_attention_would_pay_for_it(base, dataset, tmp_path, capsys):
    sft.main(*options(base, dataset, tmp_path / "run", "--packing", "true", "--max_steps", 1))
    assert "Packing is off" in capsys.readouterr().out


def test_packed_rows_are_counted_one_by_one():
    packed = type("Packed", (), {"column_names": ["seq_lengths"], "__getitem__": lambda s, n: [[3, 4], [5]]})()
    train_loop.check_no_row_dropped(packed, 3)
    with pytest.raises(RuntimeError, match="4 rows were given to the trainer, and it trains on 3"):
        train_loop.check_no_row_dropped(packed, 4)


def test_out_of_memory_says_what_to_lower():
    def fail(**_):
        raise RuntimeError("CUDA out of memory. Tried to allocate 2 GiB")

    args = SimpleNamespace(
        per_device_train_batch_size=16, gradient_accumulation_steps=2, activation_checkpointing=False, max_length=4096
    )
    stuck = SimpleNamespace(train=fail, args=args, state=SimpleNamespace(global_step=6), model=None)
    with pytest.raises(
        InputError, match=r"step 7: halve per_device_train_batch_size \(now 16\).*max_length \(now 4096\)"
    ):
        train_loop.train(stuck, None)


def test_other_errors_are_not_taken_for_a_lack_of_memory():
    def fail(**_):
        raise RuntimeError("shapes differ")

    with pytest.raises(RuntimeError, match="shapes differ"):
        train_loop.train(SimpleNamespace(train=fail), None)


def test_accelerate_launch_runs_the_tiny_recipe(base, dataset, tmp_path):
    launched = [
        str(ACCELERATE), "launch", "--cpu", "trainer/sft.py",
        "--config", "recipes/sft/tiny.yaml", "--model_name_or_path", str(base), "--dataset_name", str(dataset),
        "--output_dir", str(tmp_path / "run"), "--max_steps", "2", "--validation_share", "0.25",
    ]  # fmt: skip
    ended = subprocess.run(launched, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert ended.returncode == 0, ended.stderr[-2000:]
    assert "weights are trained" in ended.stdout
    assert yaml.safe_load((ROOT / "recipes" / "sft" / "tiny.yaml").read_text())["report_to"] == "tensorboard"
    assert list((tmp_path / "run" / "runs").rglob("events.out.tfevents.*"))
    assert card_of(tmp_path / "run").data.library_name == "peft"


@pytest.mark.slow
def test_two_processes_share_the_batches_and_write_one_adapter(base, dataset, tmp_path):
    words = [str(ACCELERATE), "launch", "--config_file", "recipes/accelerate/two_cpu.yaml"]
    recipe = ["trainer/sft.py", "--config", "recipes/sft/tiny.yaml", "--validation_share", "0.25", "--max_steps", "1"]
    paths = ["--model_name_or_path", str(base), "--dataset_name", str(dataset), "--output_dir", str(tmp_path / "run")]
    ended = subprocess.run([*words, *recipe, *paths], cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert ended.returncode == 0, ended.stderr[-2000:]
    assert ended.stdout.count("weights are trained") == 1
    facts = json.loads((tmp_path / "run" / "training.json").read_text())
    assert facts["batch"] == 4  # 2 in each process
    assert facts["counts"]["rows to train on"] == 9
    assert (tmp_path / "run" / "adapter_model.safetensors").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["--dataset_name", "nowhere", "--model_name_or_path", "x", "--use_cpu"],
            "there is no dataset folder nowhere/",
        ),
        (["--config", "nowhere"], "recipe nowhere does not exist; give .* or one of: .*llama3.1-8b, .*tiny"),
    ],
)
def test_a_mistake_ends_the_script_with_one_sentence(words, message, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["sft.py", *words, "--output_dir", str(tmp_path)])
    with pytest.raises(SystemExit, match=r"^2$"):
        script.run_script(sft.make_parser(), sft.main)
    assert re.search(f"(?m)^Error: .*{message}", capsys.readouterr().err)


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (OSError(28, "No space left on device", "run/x"), "run/x cannot be written (no space left on device)"),
        (RuntimeError("[enforce fail at inline_container.cc:672] . unexpected pos 1 vs 2"), "the disk is full"),
        (SafetensorError("I/O error: No space left on device (os error 28)"), "the disk is full"),
    ],
)
def test_a_full_disk_ends_the_script_with_one_sentence(error, message, tmp_path, monkeypatch, capsys):
    def full(*options):
        raise error

    monkeypatch.setattr(sys, "argv", ["sft.py", "--output_dir", str(tmp_path)])
    with pytest.raises(SystemExit, match=r"^2$"):
        script.run_script(sft.make_parser(), full)
    (said,) = capsys.readouterr().err.strip().splitlines()
    assert message in said and "free some space" in said
