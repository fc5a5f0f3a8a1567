"""Every training recipe is read by the script it is for, and holds what it says; accelerate reads its own."""

import re
import subprocess
import sys
from pathlib import Path

import base
import pytest
import yaml
from accelerate.commands.config.config_args import load_config_from_file
from accelerate.utils import DistributedType
from conftest import ROOT
from petoolkit.builder.recipe import load_recipe

from petoolbench import InputError
from petoolkit.training.rewards import REWARDS
from trainer import dpo, grpo, pairs, sft

RECIPES = ROOT / "recipes"
SCRIPTS = {"base": base, "sft": sft, "pairs": pairs, "dpo": dpo, "grpo": grpo}
TRAINING = [path for stage in SCRIPTS for path in sorted((RECIPES / stage).glob("*.yaml"))]
PROOF = sorted((ROOT / "benchmarks" / "tiny").glob("*recipes/*.yaml"))  # on two cores, and on a GPU
EVERY = TRAINING + [path for path in PROOF if not path.stem.startswith("build")]
# What a GPU without bfloat16 refuses as soon as the options are parsed; this machine may have none.
ANYWHERE = ["--bf16", "false", "--use_cpu", "true"]


def script(path: Path) -> str:
    """The key in `SCRIPTS`: sft for sft/NAME.yaml, and for the proof's sft.yaml and sft-NAME.yaml."""
    return path.parent.name if path.parent.name in SCRIPTS else path.stem.partition("-")[0]


def parse(path: Path, *more: str, name: str | None = None) -> tuple:
    words = ["--config", name or str(path), *(ANYWHERE if script(path) in ("sft", "dpo", "grpo") else []), *more]
    return SCRIPTS[script(path)].make_parser().parse_args_and_config(words)


def test_there_is_a_recipe_for_every_model_and_stage():
    models = {
        "llama3-8b-authors", "llama3.1-8b", "llama3.1-8b-qlora", "qwen2.5-7b", "qwen3-1.7b", "qwen3-8b", "tiny",
    }  # fmt: skip
    assert {path.stem for path in TRAINING if path.parent.name == "sft"} == models
    assert {path.stem for path in TRAINING if path.parent.name == "dpo"} == {*models, "without-sft"}
    reinforced = {path.stem for path in TRAINING if path.parent.name == "grpo"}
    assert reinforced == {"llama3.1-8b", "llama3.1-8b-qlora", "qwen3-8b", "tiny"}


@pytest.mark.parametrize("name", ["llama3.1-8b", "llama3.1-8b-qlora", "qwen3-8b", "tiny"])
def test_a_grpo_recipe_goes_on_from_its_sft_recipe_and_weighs_every_reward(name):
    path = RECIPES / "grpo" / f"{name}.yaml"
    policy, training, adapter = parse(path)
    _, earlier, of_earlier = parse(RECIPES / "sft" / f"{name}.yaml")
    assert policy.sft_adapter == earlier.output_dir
    assert adapter.model_name_or_path == of_earlier.model_name_or_path
    assert adapter.chat_template_args == of_earlier.chat_template_args
    assert (training.max_length, adapter.load_in_4bit) == (earlier.max_length, of_earlier.load_in_4bit)
    assert re.findall(r"- [\d.]+ # (\w+)", path.read_text()) == list(REWARDS)
    assert len(training.reward_weights) == len(REWARDS)
    assert training.eval_tool_acc_steps and policy.validation_share


@pytest.mark.parametrize("path", EVERY, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_every_recipe_is_read_by_its_script_and_an_unknown_key_is_refused(path, tmp_path):
    given = yaml.safe_load(path.read_text())
    parsed = [vars(part) for part in parse(path)]
    for key, value in given.items():
        if key not in ("bf16", "use_cpu"):
            read = [part[key] for part in parsed if key in part]
            assert value in read or [value] in read, key  # TRL makes lists of some
    mistaken = tmp_path / script(path) / "recipe.yaml"
    mistaken.parent.mkdir()
    mistaken.write_text(path.read_text() + "learning_rat: 1.0e-4\n")
    with pytest.raises(ValueError, match="learning_rat"):
        parse(mistaken)


@pytest.mark.parametrize("path", TRAINING, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_a_shipped_recipe_is_found_by_its_name_from_any_folder(path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    named = parse(path, name=path.stem)
    assert [_comparable(part) for part in named] == [_comparable(part) for part in parse(path)]
    with pytest.raises(InputError, match=f"recipe nowhere does not exist; .*{path.stem}"):
        parse(path, name="nowhere")


def _comparable(part) -> dict:
    """Options without objects that differ in identity only, such as the state of the processes."""
    return {name: repr(value) for name, value in vars(part).items() if not name.startswith("_")}


@pytest.mark.parametrize("path", [path for path in PROOF if path not in EVERY], ids=lambda path: path.parent.name)
def test_the_proofs_other_recipes_are_those_of_a_build(path):
    assert load_recipe(path).candidates.number == {"recipes": 2, "gpu_recipes": 10}[path.parent.name]


@pytest.mark.parametrize("path", TRAINING, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_no_recipe_pushes_anything_or_takes_the_librarys_length(path):
    given = yaml.safe_load(path.read_text())
    assert "push_to_hub" not in given
    assert script(path) == "pairs" or given["max_length"] >= 4096


def test_the_papers_recipe_has_the_papers_numbers():
    data, training, adapter = parse(RECIPES / "sft" / "llama3.1-8b.yaml")
    assert adapter.use_peft
    assert training.learning_rate == 1e-4
    assert training.per_device_train_batch_size * training.gradient_accumulation_steps == 16
    assert training.warmup_steps == 0.1
    assert data.settings == ["all"]
    assert data.max_unfit_rows == 0


def test_todays_recipes_have_the_rates_of_adapters_and_one_chat_template_in_all_stages():
    for name in ("qwen3-1.7b", "qwen3-8b"):
        _, sft_training, sft_adapter = parse(RECIPES / "sft" / f"{name}.yaml")
        (pair_options,) = parse(RECIPES / "pairs" / f"{name}.yaml")
        data, dpo_training, dpo_adapter = parse(RECIPES / "dpo" / f"{name}.yaml")
        assert (sft_training.learning_rate, dpo_training.learning_rate) == (2e-4, 1e-5)
        assert sft_training.per_device_train_batch_size * sft_training.gradient_accumulation_steps < 32
        assert sft_adapter.lora_target_modules == dpo_adapter.lora_target_modules == "all-linear"
        templates = [each.chat_template_args for each in (sft_adapter, pair_options, dpo_adapter)]
        assert templates == [{"enable_thinking": False}] * 3
        assert data.sft_adapter == sft_training.output_dir
        assert data.dataset_name == pair_options.output_dir
        assert pair_options.model.endswith(f"{sft_adapter.model_name_or_path}+{sft_training.output_dir}")


def test_the_command_line_goes_over_the_recipe():
    _, training, _ = parse(RECIPES / "sft" / "llama3.1-8b.yaml", "--learning_rate", "3.0e-5", "--max_length", "2048")
    assert (training.learning_rate, training.max_length) == (3e-5, 2048)


def test_length_and_adapter_are_not_the_librarys_defaults():
    _, training, adapter = sft.make_parser().parse_args_and_config(ANYWHERE)
    assert training.max_length == 4096
    assert adapter.use_peft
    assert adapter.lora_target_modules == "all-linear"


@pytest.mark.parametrize(
    ("name", "kind", "processes"),
    [
        ("one_gpu", DistributedType.NO, 1),
        ("several_gpus", DistributedType.MULTI_GPU, 8),
        ("fsdp2", DistributedType.FSDP, 8),
        ("deepspeed_zero3", DistributedType.DEEPSPEED, 8),
        ("two_cpu", DistributedType.MULTI_GPU, 2),
    ],
)
def test_accelerate_reads_its_recipes(name, kind, processes):
    config = load_config_from_file(str(RECIPES / "accelerate" / f"{name}.yaml"))
    assert config.distributed_type == kind
    assert config.num_processes == processes


def test_help_names_every_option_of_ours():
    shown = subprocess.run(
        [sys.executable, "trainer/sft.py", "--help"], cwd=ROOT, capture_output=True, text=True, timeout=120
    )
    assert shown.returncode == 0, shown.stderr
    for option in ("--dataset_name", "--settings", "--validation_share", "--max_unfit_rows", "--max_length"):
        assert option in shown.stdout


def test_without_trl_a_script_says_what_to_install():
    code = "import runpy, sys; sys.modules['trl'] = None; runpy.run_path('trainer/pairs.py', run_name='__main__')"
    ended = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert ended.returncode == 1
    assert re.fullmatch(r"Error: training needs the package trl: pip install .*'trl>=.*\n", ended.stderr)
