"""Fast steps: the same losses, gradients and metrics as TRL's plain steps, and plain steps where they are not."""

import random
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from datasets import Dataset
from peft import LoraConfig, get_peft_model
from tiny_model import make_tiny_model
from transformers import AutoModelForCausalLM, AutoTokenizer
from trl.trainer import utils

from petoolkit.training import fast_steps
from petoolkit.training.arguments import DPOArguments, SFTArguments
from petoolkit.training.fast_steps import FastDPOTrainer, FastSFTTrainer

VOCABULARY = 258  # two special tokens and the bytes
SIZES = {"hidden_size": 16, "intermediate_size": 32, "initializer_range": 0.1}


pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def base(tmp_path_factory) -> Path:
    return make_tiny_model(tmp_path_factory.mktemp("base"), ["a text to learn a vocabulary of"], VOCABULARY, **SIZES)


def drawn(number: int) -> list[dict]:
    """Prompts of 4 to 300 tokens, each with two answers of 1 to 9; neither a length nor a token is like another."""
    draw = random.Random(3)

    def tokens(least: int, most: int) -> list[int]:
        return [draw.randrange(2, VOCABULARY) for _ in range(draw.randint(least, most))]

    rows = [{"prompt_ids": tokens(4, 300), "chosen_ids": tokens(1, 9)} for _ in range(number)]
    return [{**row, "rejected_ids": tokens(1, 9)} for row in rows]


def labelled(row: dict) -> dict:
    prompt, answer = row["prompt_ids"], row["chosen_ids"]
    return {"input_ids": prompt + answer, "labels": [-100] * len(prompt) + answer}


class TokensDPOTrainer(FastDPOTrainer):
    def _prepare_dataset(self, dataset, *args):
        return dataset


def run(base, out, stage, *, dropout=0.0, two_adapters=True, config=None, settings=None, **options) -> SimpleNamespace:
    """Three steps and an evaluation: what was logged, the gradients, and the weights at the end."""
    torch.manual_seed(5)
    model = AutoModelForCausalLM.from_pretrained(base, **(config or {}))
    for name, value in (settings or {}).items():
        setattr(model.config, name, value)
    # Not 0 at the start, as LoRA's weights usually are: half of the gradients would be.
    lora = LoraConfig(r=4, target_modules="all-linear", lora_dropout=dropout, init_lora_weights=False)
    given = {
        "output_dir": str(out),
        "use_cpu": True,
        "max_length": None,
        "learning_rate": 1e-2,
        "per_device_train_batch_size": 3,
        "per_device_eval_batch_size": 2,
        "max_steps": 3,
        "eval_strategy": "steps",
        "eval_steps": 3,
        "save_strategy": "no",
        "logging_steps": 1,
        "activation_checkpointing": False,
        "report_to": "none",
        "disable_tqdm": True,
        **options,
    }
    rows, eval_rows = drawn(9), drawn(12)[9:]
    if stage == "SFT":
        kind, arguments = FastSFTTrainer, SFTArguments(**given)
        rows, eval_rows = [labelled(row) for row in rows], [labelled(row) for row in eval_rows]
    else:
        kind, arguments = TokensDPOTrainer, DPOArguments(**given)
    trainer = kind(
        model=get_peft_model(model, lora) if two_adapters else model,
        args=arguments,
        train_dataset=Dataset.from_list(rows),
        eval_dataset=Dataset.from_list(eval_rows),
        processing_class=AutoTokenizer.from_pretrained(base),
        peft_config=None if two_adapters else lora,
    )
    gradients, masks, read = [], [], []
    step = trainer.training_step

    def kept_step(*args, **kwargs):
        masks.clear()
        read.clear()
        loss = step(*args, **kwargs)
        gradients.append({n: w.grad.clone() for n, w in trainer.model.named_parameters() if w.grad is not None})
        return loss

    def look(_, args, kwargs):
        masks.append(kwargs["attention_mask"])
        read.append(args[0].shape[:2].numel())

    trainer.training_step = kept_step
    trainer.model.get_base_model().model.layers[0].register_forward_pre_hook(look, with_kwargs=True)
    trainer.train()
    weights = {name: weight.detach() for name, weight in trainer.model.named_parameters() if weight.requires_grad}
    times = {"eval_runtime", "eval_samples_per_second", "eval_steps_per_second", "train_runtime"}
    times |= {"train_samples_per_second", "train_steps_per_second"}
    log = [{name: value for name, value in entry.items() if name not in times} for entry in trainer.state.log_history]
    return SimpleNamespace(trainer=trainer, log=log, gradients=gradients, weights=weights, masks=masks, read=read)


def assert_equal(plain, quick):
    assert len(quick.log) == len(plain.log) == 3 + 1 + 1  # steps, the evaluation, the end
    for one, other in zip(plain.log, quick.log, strict=True):
        assert one.keys() == other.keys()
        for name, value in one.items():
            if name.endswith("rewards/accuracies") and abs(one[name.replace("accuracies", "margins")]) < 1e-6:
                continue  # at the start, rounding decides which reward is higher
            assert other[name] == pytest.approx(value, rel=1e-4, abs=1e-5), name
    for one, other in zip(plain.gradients, quick.gradients, strict=True):
        assert one.keys() == other.keys()
        for name, gradient in one.items():
            assert (other[name] - gradient).norm() <= 1e-4 * gradient.norm(), name


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"per_device_train_batch_size": 1},
        {"activation_checkpointing": True},
        {"dropout": 0.3},  # drawn alike: the check leaves the random state as it was
        {"config": {"attn_implementation": "eager"}},
        {"loss_type": "dft", "gradient_accumulation_steps": 2},
    ],
    ids=str,
)
def test_sft_is_the_same_in_fast_steps(base, tmp_path, capsys, options):
    plain = run(base, tmp_path / "plain", "SFT", score_answers_only=False, **options)
    assert "Steps are TRL's plain ones: score_answers_only is off." in capsys.readouterr().out
    quick = run(base, tmp_path / "fast", "SFT", **options)
    assert "Steps are fast: the head scores answers only" in capsys.readouterr().out
    assert {"loss", "entropy", "mean_token_accuracy", "num_tokens"} <= plain.log[0].keys()
    assert_equal(plain, quick)


def test_memory_that_cannot_be_kept_is_said(base, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("petoolkit.training.fast_steps.keep_freed_memory", lambda: True)
    run(base, tmp_path / "kept", "SFT")
    kept = capsys.readouterr().out
    monkeypatch.setattr("petoolkit.training.fast_steps.keep_freed_memory", lambda: False)
    run(base, tmp_path / "given-back", "SFT")
    given_back = capsys.readouterr().out
    assert "Steps are fast" in kept and "Steps are fast" in given_back
    assert "this needs glibc" in given_back and "glibc" not in kept


def test_fast_sft_takes_no_mask_and_scores_answers_only(base, tmp_path, monkeypatch):
    scored = []
    score = utils._ChunkedLogProbFunction.apply

    def counted(states, *others):
        scored.append(len(states))
        return score(states, *others)

    monkeypatch.setattr(utils._ChunkedLogProbFunction, "apply", counted)
    quick = run(base, tmp_path, "SFT", per_device_train_batch_size=9, max_steps=1, eval_strategy="no")
    assert quick.masks == [None]
    assert scored[-1] == sum(len(row["chosen_ids"]) for row in drawn(9))


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"per_device_train_batch_size": 1},
        {"activation_checkpointing": True},
        {"two_adapters": False},
        {"precompute_ref_log_probs": True},
        {"loss_type": ["ipo"], "ld_alpha": 0.5},
        {"loss_type": ["sigmoid_norm"], "use_weighting": True, "gradient_accumulation_steps": 2},
    ],
    ids=str,
)
def test_dpo_is_the_same_in_fast_steps(base, tmp_path, capsys, options):
    plain = run(base, tmp_path / "plain", "DPO", share_prompt=False, **options)
    assert "Steps are TRL's plain ones: share_prompt is off." in capsys.readouterr().out
    quick = run(base, tmp_path / "fast", "DPO", **options)
    assert "Steps are fast: a pair's prompt is read once" in capsys.readouterr().out
    logged = {"loss", "entropy", "logits/chosen", "logps/rejected", "rewards/margins", "rewards/accuracies"}
    assert logged <= plain.log[0].keys()
    assert "eval_rewards/margins" in plain.log[3]
    assert_equal(plain, quick)


def test_fast_dpo_reads_a_prompt_once(base, tmp_path):
    plain = run(base, tmp_path / "plain", "DPO", share_prompt=False, per_device_train_batch_size=1)
    quick = run(base, tmp_path / "fast", "DPO", per_device_train_batch_size=1)
    assert sum(quick.read) < 0.6 * sum(plain.read)


def test_half_precision_is_not_taken_for_a_difference(base, tmp_path, capsys):
    for stage in ("SFT", "DPO"):
        run(base, tmp_path / stage, stage, bf16=True, max_steps=1, eval_strategy="no")
        assert "Steps are fast" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("stage", "options", "reason"),
    [
        ("DPO", {"config": {"attn_implementation": "eager"}}, "needs the attention sdpa, and it is eager"),
        (
            "DPO",
            {"settings": {"sliding_window": 64}},
            "full attention in all layers, and this model has other layers",
        ),
        ("DPO", {"config": {"rope_parameters": {"rope_type": "dynamic", "rope_theta": 1e4, "factor": 2.0}}}, "length"),
        (
            "DPO",
            {"activation_checkpointing": True, "activation_checkpointing_kwargs": {"use_reentrant": True}},
            "reentrant activation checkpointing loses",
        ),
        ("SFT", {"packing": True, "max_length": 512}, "rows are packed"),
    ],
    ids=str,
)
def test_plain_steps_say_why(base, tmp_path, capsys, stage, options, reason):
    plain = run(base, tmp_path, stage, max_steps=1, eval_strategy="no", **options)
    said = capsys.readouterr().out
    assert "Steps are TRL's plain ones: " in said
    assert reason in said
    assert "loss" in plain.log[0]


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ({"is_fsdp_enabled": True}, r"a plugin (FSDP, DeepSpeed) moves the model's weights"),
        ({"is_deepspeed_enabled": True}, r"a plugin (FSDP, DeepSpeed) moves the model's weights"),
        ({"aux_loss_enabled": True}, "balances its experts"),
        ({"args": SimpleNamespace(use_liger_kernel=True)}, "use_liger_kernel changes the model"),
    ],
    ids=str,
)
def test_what_cannot_be_had_here_is_an_obstacle_too(fault, reason):
    """No FSDP, DeepSpeed, liger or mixture of experts runs in these tests, so only the reasons are checked."""
    usual = {"is_fsdp_enabled": False, "is_deepspeed_enabled": False, "aux_loss_enabled": False}
    usual |= {"args": SimpleNamespace(use_liger_kernel=False), "accelerator": SimpleNamespace(parallelism_config=None)}
    model = SimpleNamespace(base_model=None)
    assert fast_steps._known_obstacle(SimpleNamespace(**usual), model) is None
    assert reason in fast_steps._known_obstacle(SimpleNamespace(**usual | fault), model)


@pytest.mark.parametrize("stage", ["SFT", "DPO"])
def test_a_difference_means_plain_steps(base, tmp_path, capsys, monkeypatch, stage):
    off, name = ("score_answers_only", "read_rows") if stage == "SFT" else ("share_prompt", "_read_pairs")
    plain = run(base, tmp_path / "plain", stage, **{off: False})
    read = getattr(fast_steps, name)

    def a_little_off(*args, scored=None, **kwargs):
        outputs = read(*args, scored=scored, **kwargs)
        if scored is not None:
            outputs.last_hidden_state = outputs.last_hidden_state * 1.01
        return outputs

    monkeypatch.setattr(fast_steps, name, a_little_off)
    capsys.readouterr()
    fallen_back = run(base, tmp_path / "off", stage)
    assert "Steps are TRL's plain ones: fast ones differ on a few rows by" in capsys.readouterr().out
    for key, weight in plain.weights.items():
        assert torch.equal(weight, fallen_back.weights[key])


def test_a_model_that_refuses_fast_steps_gets_plain_ones(base, tmp_path, capsys, monkeypatch):
    def refuse(*args, scored=None, **kwargs):
        raise TypeError("no past here")

    monkeypatch.setattr(fast_steps, "_read_pairs", refuse)
    run(base, tmp_path, "DPO", max_steps=1, eval_strategy="no")
    said = capsys.readouterr().out
    assert "plain ones: LlamaForCausalLM does not take fast ones (TypeError: no past here)." in said


def test_after_training_the_model_is_as_it_was(base, tmp_path):
    quick = run(base, tmp_path / "fast", "DPO")
    assert not quick.trainer.model.get_base_model().model.layers[0]._can_checkpoint_with_cache
    assert quick.trainer.evaluate()["eval_loss"] == pytest.approx(quick.log[3]["eval_loss"], abs=1e-5)
