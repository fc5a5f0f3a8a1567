"""GRPO for real, on a model of a few thousand weights: what is rewarded, what moves, what is said and left."""

from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from huggingface_hub import HfApi
from learnt_calls import REPLY_TOKENS, make_adapter, make_base, write_rows
from peft import PeftModel
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM

import petoolkit.training.adapter_folder
from petoolbench import InputError
from petoolkit.training.rewards import REWARDS
from trainer import grpo

WEIGHTS = "adapter_model.safetensors"

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def base(tmp_path_factory) -> Path:
    return make_base(tmp_path_factory.mktemp("base"))


@pytest.fixture(scope="module")
def sft(base, tmp_path_factory) -> Path:
    return make_adapter(base, tmp_path_factory.mktemp("sft"))


@pytest.fixture(scope="module")
def dataset(tmp_path_factory) -> Path:
    return write_rows(tmp_path_factory.mktemp("data"))


def options(base: Path, dataset: Path, out: Path, *more: object) -> tuple:
    given = {
        "model_name_or_path": base,
        "dataset_name": dataset,
        "output_dir": out,
        "use_cpu": "true",
        "max_length": 2048,
        "max_completion_length": REPLY_TOKENS,
        "learning_rate": 3e-3,
        "num_generations": 4,
        "per_device_train_batch_size": 8,
        "per_device_eval_batch_size": 8,
        "max_steps": 4,
        "save_steps": 2,
        "logging_steps": 1,
        "activation_checkpointing": "false",
        "disable_tqdm": "true",
    }
    words = [word for name, value in given.items() for word in (f"--{name}", str(value))]
    return grpo.make_parser().parse_args_and_config([*words, *map(str, more)])


def train(base, dataset, out, *more: object) -> SimpleNamespace:
    kept = []
    with pytest.MonkeyPatch.context() as patch:
        save = petoolkit.training.adapter_folder.save_adapter
        patch.setattr(petoolkit.training.adapter_folder, "save_adapter", lambda one: (kept.append(one), save(one)))
        patch.setattr(HfApi, "create_repo", no_call)
        patch.setattr(HfApi, "create_commit", no_call)
        grpo.main(*options(base, dataset, out, *more))
    return SimpleNamespace(out=Path(out), trainer=kept[0], log=kept[0].state.log_history)


def no_call(*args, **kwargs):
    raise AssertionError("nothing may leave the machine")


@pytest.fixture(scope="module")
def run(base, sft, dataset, tmp_path_factory) -> SimpleNamespace:
    more = ("--sft_adapter", sft, "--beta", 0.1, "--reward_weights", 1, 0.5, 0.25, 0.25, 0)
    return train(base, dataset, tmp_path_factory.mktemp("run") / "adapter", *more)


def test_each_reward_is_logged_apart_and_their_weighted_sum_is_the_reward(run):
    steps = [entry for entry in run.log if "reward" in entry]
    assert len(steps) == 4
    for entry in steps:
        means = [entry[f"rewards/{name}/mean"] for name in REWARDS]
        assert entry["reward"] == pytest.approx(sum(map(float.__mul__, means, [1.0, 0.5, 0.25, 0.25, 0.0])), abs=1e-6)
    assert any(entry["reward_std"] > 0 for entry in steps)


def test_only_the_adapter_moves_and_the_reference_is_the_sft_model(run, base, sft):
    before, start = AutoModelForCausalLM.from_pretrained(base).state_dict(), load_file(sft / WEIGHTS)
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


def test_the_result_is_one_adapter_with_a_card_that_says_what_was_rewarded(run, base, sft):
    for folder in (run.out, *run.out.glob("checkpoint-*")):
        assert (folder / WEIGHTS).exists() and not (folder / "ref").exists()
    assert list(PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(base), run.out).peft_config) == [
        "default"
    ]
    assert (run.out / "curves.png").exists()
    card = (run.out / "README.md").read_text()
    assert "its reference is the SFT model" in card
    assert "1 for right_tool" in card and "0.5 for right_function" in card and "0 for readable_form" in card
    assert str(sft.parent) not in card


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
def test_what_cannot_work_is_refused_in_one_sentence(base, dataset, tmp_path, more, message):
    with pytest.raises(InputError, match=message):
        grpo.main(*options(base, dataset, tmp_path / "run", *more))


def test_a_group_that_does_not_divide_the_batch_is_refused_in_one_sentence(base, dataset, tmp_path):
    with pytest.raises(
        ValueError, match=r"generation_batch_size \(8\) must be divisible by num_generations \(3\)\. Ch"
    ):
        options(base, dataset, tmp_path, "--num_generations", 3)
