"""GRPO for real, on a model of a few thousand weights: what is rewarded, what moves, what is said and left."""

import json
import shutil
import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from accelerate import Accelerator
from conftest import ROOT
from huggingface_hub import HfApi
from learnt_calls import REPLY_TOKENS, TRAIN
from peft import PeftModel
from safetensors.torch import load_file
from script_options import ON_CPU, no_call, parsed
from transformers import AutoModelForCausalLM

import petoolkit.training.adapter_folder
from petoolbench import InputError
from petoolkit.evaluator.chat_rows import gold_call
from petoolkit.training import grpo_fast_steps, grpo_trainer
from petoolkit.training.fast_steps import fast_forward
from petoolkit.training.grpo_fast_steps import read_groups
from petoolkit.training.grpo_trainer import RewardedTrainer
from petoolkit.training.rewards import REWARDS
from trainer import grpo

WEIGHTS = "adapter_model.safetensors"
SETTINGS = ("--beta", 0.1, "--reward_weights", 1, 0.5, 0.25, 0.25, 0)
ACCELERATE = Path(sys.executable).parent / "accelerate"

pytestmark = pytest.mark.usefixtures("one_thread")


def options(learnt_base: Path, learnt_dataset: Path, out: Path, *more: object) -> tuple:
    given = {
        **ON_CPU,
        "model_name_or_path": learnt_base,
        "dataset_name": learnt_dataset,
        "output_dir": out,
        "max_completion_length": REPLY_TOKENS,
        "learning_rate": 3e-3,
        "num_generations": 4,
        "per_device_train_batch_size": 8,
        "per_device_eval_batch_size": 8,
        "max_steps": 4,
        "save_steps": 2,
        "logging_steps": 1,
    }
    return parsed(grpo, given, *more)


def train(learnt_base, learnt_dataset, out, *more: object) -> SimpleNamespace:
    """Run the script: its folder, its trainer at the end, what it logged, and its batches."""
    kept, batches = [], []
    with pytest.MonkeyPatch.context() as patch:
        compute = RewardedTrainer._compute_loss
        patch.setattr(RewardedTrainer, "_compute_loss", lambda *args: (batches.append(args[2]), compute(*args))[1])
        save = petoolkit.training.adapter_folder.save_adapter
        patch.setattr(petoolkit.training.adapter_folder, "save_adapter", lambda one: (kept.append(one), save(one)))
        patch.setattr(HfApi, "create_repo", no_call)
        patch.setattr(HfApi, "create_commit", no_call)
        grpo.main(*options(learnt_base, learnt_dataset, out, *more))
    return SimpleNamespace(out=Path(out), trainer=kept[0], log=kept[0].state.log_history, batches=batches)


@pytest.fixture(scope="module")
def run(learnt_base, learnt_adapter, learnt_dataset, tmp_path_factory) -> SimpleNamespace:
    return train(
        learnt_base,
        learnt_dataset,
        tmp_path_factory.mktemp("run") / "adapter",
        *SETTINGS,
        "--sft_adapter",
        learnt_adapter,
    )


def test_each_reward_is_logged_apart_and_their_weighted_sum_is_the_reward(run):
    steps = [entry for entry in run.log if "reward" in entry]
    assert len(steps) == 4
    for entry in steps:
        means = [entry[f"rewards/{name}/mean"] for name in REWARDS]
        assert entry["reward"] == pytest.approx(sum(map(float.__mul__, means, [1.0, 0.5, 0.25, 0.25, 0.0])), abs=1e-6)
    assert any(entry["reward_std"] > 0 for entry in steps)


def test_only_the_adapter_moves_and_the_reference_is_the_sft_model(run, learnt_base, learnt_adapter):
    before, start = AutoModelForCausalLM.from_pretrained(learnt_base).state_dict(), load_file(learnt_adapter / WEIGHTS)
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
    assert run.log[0]["kl"] == pytest.approx(0, abs=1e-6)


def test_the_result_is_one_adapter_with_a_card_that_says_what_was_rewarded(run, learnt_base, learnt_adapter):
    for folder in (run.out, *run.out.glob("checkpoint-*")):
        assert (folder / WEIGHTS).exists() and not (folder / "ref").exists()
    assert list(PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(learnt_base), run.out).peft_config) == [
        "default"
    ]
    assert (run.out / "curves.png").exists()
    card = (run.out / "README.md").read_text()
    assert "its reference is the SFT model" in card
    assert "1 for right_tool" in card and "0.5 for right_function" in card and "0 for readable_form" in card
    assert str(learnt_adapter.parent) not in card


@pytest.mark.parametrize("cut", [False, True])
def test_losses_and_gradients_are_those_of_trls_plain_step(run, cut):
    """Also where a reply is left out of the loss, as with `mask_truncated_completions`."""
    trainer, batch = run.trainer, max(run.batches, key=lambda one: one["advantages"].abs().sum())
    prompts = {tuple(ids) for ids in batch["prompt_ids"].tolist()}
    assert 1 < len(prompts) < len(batch["prompt_ids"]) and batch["advantages"].abs().sum() > 0
    if cut:
        mask = batch["completion_mask"].clone()
        mask[1] = 0
        batch = {**batch, "completion_mask": mask}
    plain, quick = of_step(trainer, batch, nullcontext()), of_step(trainer, batch, fast(trainer))
    torch.testing.assert_close(quick[0], plain[0], atol=1e-6, rtol=1e-5)
    torch.testing.assert_close(quick[1], plain[1], atol=1e-6, rtol=1e-4)
    assert plain[1].norm() > 0


def fast(trainer):
    return fast_forward(trainer.model.get_base_model(), read_groups)


def of_step(trainer, batch, context) -> tuple[torch.Tensor, torch.Tensor]:
    """A step's loss, and its gradient as one vector."""
    Accelerator(cpu=True)  # the run has ended, and its state with it
    trainer.model.train()
    trainer.current_gradient_accumulation_steps = 1
    with context:
        loss = trainer._compute_loss(trainer.model, batch)
    weights = [weight for weight in trainer.model.parameters() if weight.requires_grad]
    return loss.detach(), torch.cat([part.flatten() for part in torch.autograd.grad(loss, weights)])


def test_every_reply_left_out_of_the_loss_is_no_error(run):
    batch = {**run.batches[0], "completion_mask": torch.zeros_like(run.batches[0]["completion_mask"])}
    loss, gradient = of_step(run.trainer, batch, fast(run.trainer))
    assert loss == 0 and not gradient.any()


@pytest.mark.slow
def test_a_run_that_went_on_from_a_checkpoint_gives_the_same_adapter_to_the_bit(
    run, learnt_base, learnt_adapter, learnt_dataset, tmp_path
):
    shutil.copytree(run.out / "checkpoint-2", tmp_path / "run" / "checkpoint-2")
    resumed = train(
        learnt_base,
        learnt_dataset,
        tmp_path / "run",
        *SETTINGS,
        "--sft_adapter",
        learnt_adapter,
        "--resume_from_checkpoint",
        "true",
    )
    whole = load_file(run.out / WEIGHTS)
    for name, weight in load_file(resumed.out / WEIGHTS).items():
        assert torch.equal(weight, whole[name]), name
    test_only_the_adapter_moves_and_the_reference_is_the_sft_model(run, learnt_base, learnt_adapter)
    assert resumed.log[2]["reward"] == run.log[2]["reward"]


@pytest.mark.slow
def test_two_processes_share_the_replies_and_the_held_out_rows(learnt_base, learnt_adapter, learnt_dataset, tmp_path):
    words = [str(ACCELERATE), "launch", "--config_file", "recipes/accelerate/two_cpu.yaml", "trainer/grpo.py"]
    recipe = [
        "--config",
        "recipes/grpo/tiny.yaml",
        "--validation_share",
        "0.34",
        "--max_steps",
        "2",
        "--save_steps",
        "2",
    ]
    paths = ["--model_name_or_path", learnt_base, "--dataset_name", learnt_dataset, "--output_dir", tmp_path / "run"]
    more = [
        "--sft_adapter",
        learnt_adapter,
        "--eval_tool_acc_steps",
        1,
        "--beta",
        0.1,
        "--max_completion_length",
        REPLY_TOKENS,
    ]
    command = [*words, *recipe, *map(str, [*paths, *more])]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert ended.returncode == 0, ended.stderr[-2000:]
    assert ended.stdout.count("weights are trained") == 1
    assert "Steps are fast" in ended.stdout
    facts = json.loads((tmp_path / "run" / "training.json").read_text())
    assert facts["batch"] == 16  # 8 in each process
    state = json.loads((tmp_path / "run" / "checkpoint-2" / "trainer_state.json").read_text())
    assert [entry["step"] for entry in state["log_history"] if "eval_tool_acc" in entry] == [0, 1, 2]


def test_a_training_that_learns_nothing_is_told_so_once(learnt_base, learnt_dataset, tmp_path, capsys, monkeypatch):
    def never_ended(model, prompts, seeds, temperature, config):
        return [[5] * config.max_new_tokens for _ in prompts]

    monkeypatch.setattr(grpo_trainer, "_STEPS_WITHOUT_SIGNAL", 2)
    monkeypatch.setattr(grpo_fast_steps, "generate_to_shared_prompts", never_ended)
    train(learnt_base, learnt_dataset, tmp_path / "run", "--save_strategy", "no", "--max_steps", 3)
    said = capsys.readouterr().out
    assert said.count(f"Warning: all replies of step 1 are cut at max_completion_length {REPLY_TOKENS}; raise it") == 1
    assert said.count("Warning: in 2 steps, no two replies to one prompt differed in their reward, so nothing") == 1


def test_native_calls_are_rewarded_as_calls_in_text(learnt_base, learnt_dataset, tmp_path, monkeypatch):
    """In the format `tools`, of gold calls as the chat template renders them."""
    asked = []

    def gold_calls(model, prompts, *_):
        row_ids, chat = asked[0]._row_ids, asked[0]._chat
        rows = {row["id"]: row for row in TRAIN}
        return [chat.encode_answer(gold_call(rows[one]), rows[one]["candidate_tools"]) for one in row_ids]

    begin = RewardedTrainer.__init__
    monkeypatch.setattr(
        RewardedTrainer, "__init__", lambda self, **given: (asked.append(self), begin(self, **given))[1]
    )
    monkeypatch.setattr(grpo_fast_steps, "generate_to_shared_prompts", gold_calls)
    more = ("--format", "tools", "--max_steps", 1, "--save_strategy", "no", "--max_completion_length", 120)
    native = train(learnt_base, learnt_dataset, tmp_path / "run", *more)
    assert {name: native.log[0][f"rewards/{name}/mean"] for name in REWARDS} == dict.fromkeys(REWARDS, 1)
    assert json.loads((tmp_path / "run" / "training.json").read_text())["batch"] == 8
    assert "| replies an update | 8 |" in (tmp_path / "run" / "README.md").read_text()


def test_a_vllm_server_that_is_not_there_is_one_sentence():
    said = r"can't be reached\. See vllm_server_base_url, or leave use_vllm out"
    with pytest.raises(InputError, match=said), grpo_trainer.explain_vllm_errors():
        raise ConnectionError("The vLLM server can't be reached.")


def test_sampling_that_only_trl_knows_is_left_to_it(learnt_base, learnt_dataset, tmp_path, monkeypatch):
    monkeypatch.setattr(grpo_fast_steps, "generate_to_shared_prompts", no_call)
    train(learnt_base, learnt_dataset, tmp_path / "run", "--top_k", 5, "--max_steps", 1, "--save_strategy", "no")


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (("--reward_weights", 1, 1), "reward_weights is 1, 1; give a number for each of right_tool, right_function,"),
        (("--reward_weights", 0, 0, 0, 0, 0), "of which one is not 0"),
        (("--use_vllm", "true"), "use_vllm needs the package vllm: pip install"),
        (("--max_completion_length", 8), "18 gold calls have more tokens than max_completion_length 8, up to"),
        (("--eval_strategy", "steps"), "give --validation_share, or leave it out"),
        (("--sft_adapter", "runs/nowhere"), "the adapter runs/nowhere cannot be put on .*; train it with"),
        (("--chat_template_kwargs", '{"a": 1}'), "chat_template_kwargs .* has no effect here"),
    ],
)
def test_what_cannot_work_is_refused_in_one_sentence(learnt_base, learnt_dataset, tmp_path, more, message):
    with pytest.raises(InputError, match=message):
        grpo.main(*options(learnt_base, learnt_dataset, tmp_path / "run", *more))


def test_a_group_that_does_not_divide_the_batch_is_refused_in_one_sentence(learnt_base, learnt_dataset, tmp_path):
    with pytest.raises(
        ValueError, match=r"generation_batch_size \(8\) must be divisible by num_generations \(3\)\. Ch"
    ):
        options(learnt_base, learnt_dataset, tmp_path, "--num_generations", 3)
