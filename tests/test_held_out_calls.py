"""Calls of the model under training for held-out rows: what they score, when they are asked, what is kept by them."""

import json
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from learnt_calls import REPLY_TOKENS, TRAIN
from rows import reply
from safetensors.torch import load_file
from script_options import ON_CPU, run_script

from petoolbench import InputError, render_messages
from petoolkit.evaluator.chat_rows import gold_call
from petoolkit.evaluator.models.hf_model import HfModel
from petoolkit.evaluator.models.model import Prompt
from petoolkit.training import held_out_calls
from petoolkit.training.fast_steps import fast_forward, read_rows
from petoolkit.training.grpo_fast_steps import read_groups
from petoolkit.training.held_out_calls import HeldOutCalls
from petoolkit.training.row_fitting import fit_rows
from petoolkit.training.training_chat import TrainingChat
from trainer import dpo, grpo, pairs, sft

pytestmark = pytest.mark.usefixtures("one_thread")
ROWS = [row for row in TRAIN if row["id"].endswith("chronological")]  # three blocks of two users


def run(script, learnt_base: Path, learnt_dataset: Path, out: Path, *more: object) -> list[dict]:
    """Run a training script of four steps on two of three blocks; returns its log."""
    given = {
        **ON_CPU,
        "model_name_or_path": learnt_base,
        "dataset_name": learnt_dataset,
        "output_dir": out,
        "learning_rate": 1e-3,
        "per_device_train_batch_size": 4,
        "per_device_eval_batch_size": 4,
        "max_steps": 4,
        "save_steps": 2,
        "eval_tool_acc_steps": 2,
        **({} if script is dpo else {"validation_share": 0.34}),
        **({"max_completion_length": REPLY_TOKENS, "num_generations": 2} if script is grpo else {}),
    }
    run_script(script, given, *more)
    return json.loads((out / "checkpoint-4" / "trainer_state.json").read_text())["log_history"]


def by_step(log: list[dict], name: str) -> list[int]:
    return [entry["step"] for entry in log if name in entry]


def test_scores_are_those_counted_by_hand(learnt_base, monkeypatch):
    chat = TrainingChat(str(learnt_base))
    replies = [
        reply("Aerwyn"), reply("Cirrox"),  # both users get what they prefer
        reply("Aerwyn"), reply("Aerwyn"),  # both calls do the job, and one is right
        reply("Aerwyn"), reply("Dovarque", api="convert"),  # a pair in which one call does not do the job
    ]  # fmt: skip
    given = {tuple(chat.encode(render_messages(row))): text for row, text in zip(ROWS, replies, strict=True)}
    monkeypatch.setattr(
        held_out_calls,
        "generate_replies",
        lambda model, prompts, *_: [
            chat.tokenizer(given[tuple(ids)], add_special_tokens=False)["input_ids"] for ids in prompts
        ],
    )
    scores = calls_of(ROWS, chat).scores(trainer_of())
    assert scores == {"eval_tool_acc": 4 / 6, "eval_preference_acc": 4 / 5, "eval_pair_acc": 1 / 2}


def calls_of(rows, chat: TrainingChat, most: int = 64) -> HeldOutCalls:
    fitted, _ = fit_rows([(row, [gold_call(row)]) for row in rows], chat, 2048, 0)
    return HeldOutCalls(rows, fitted, most, chat, REPLY_TOKENS)


def trainer_of(model=None) -> SimpleNamespace:
    """What the calls need of a trainer, in one process."""
    accelerator = {"process_index": 0, "num_processes": 1, "autocast": nullcontext, "unwrap_model": lambda one: one}
    return SimpleNamespace(
        accelerator=SimpleNamespace(**accelerator),
        args=SimpleNamespace(per_device_eval_batch_size=4, disable_tqdm=True),
        is_world_process_zero=lambda: True,
        model=SimpleNamespace(get_base_model=lambda: model),
    )


@pytest.mark.parametrize("read", [None, read_rows, read_groups])
def test_replies_are_those_of_an_evaluation(learnt_base, learnt_adapter, read):
    """Also while the steps are fast, as they are in a training; the prompts' lengths differ."""
    chat = TrainingChat(str(learnt_base))
    model = HfModel(f"{learnt_base}+{learnt_adapter}", 0.0, REPLY_TOKENS, 0)
    asked = [Prompt(row["id"], 0, render_messages(row), []) for row in ROWS]
    expected = {answer.prompt.row_id: answer.reply for answer in model.answer_all(asked)}
    with fast_forward(model._model, read) if read else nullcontext():
        found = calls_of(ROWS, chat)._predictions(trainer_of(model._model), list(range(len(ROWS))))
    assert {line["id"]: line["reply"] for line in found} == expected
    assert any(gold_call(row) in expected.values() for row in ROWS)


@pytest.mark.parametrize(("most", "rows"), [(64, 6), (5, 4), (4, 4), (3, 2), (1, 2)])
def test_rows_are_taken_in_whole_blocks_and_at_least_one(learnt_base, most, rows):
    taken = calls_of(ROWS, TrainingChat(str(learnt_base)), most).rows
    assert [row["id"] for row in taken] == [row["id"] for row in ROWS[:rows]]


def test_pairs_are_scored_in_whole_blocks_and_what_is_left_out_is_counted(learnt_base):
    """As in DPO, where a row that gave no pair is missing, or where a row is too long."""
    chat = TrainingChat(str(learnt_base))
    calls = calls_of(ROWS, chat)
    assert calls.scores_pairs and calls.note == "calls are asked of 6 held-out rows in whole blocks."
    assert calls.counts == {"held-out rows asked for calls": 6}
    without_a_pair = calls_of([ROWS[0], *ROWS[2:]], chat)
    assert [row["id"] for row in without_a_pair.rows] == [row["id"] for row in ROWS[2:]]
    assert without_a_pair.left_out == 1 and without_a_pair.scores_pairs
    assert without_a_pair.note.endswith("4 held-out rows in whole blocks (1 row left out, of incomplete blocks).")
    fitted, _ = fit_rows([(row, [gold_call(row)]) for row in ROWS[1:]], chat, 2048, 0)
    too_long = HeldOutCalls(ROWS, fitted, 64, chat, REPLY_TOKENS)
    assert (len(too_long.rows), too_long.left_out) == (4, 2)
    halves = calls_of(ROWS[::2], chat)
    assert (len(halves.rows), halves.left_out, halves.scores_pairs) == (3, 0, False)
    assert halves.note == "calls are asked of 3 held-out rows; no block is whole, so pairs are not scored."
    alone = [{**row, "block_id": ""} for row in ROWS]
    without_blocks = HeldOutCalls(alone, fitted, 64, chat, REPLY_TOKENS)
    assert without_blocks.note == "calls are asked of 5 held-out rows (1 row left out, too long or without a pair)."


def test_no_pair_is_scored_where_no_block_is_whole(learnt_base, monkeypatch):
    """Also where two of three users of a block are there, which are a pair."""
    chat = TrainingChat(str(learnt_base))
    rows = [
        {**row, "same_function_tools": [*row["same_function_tools"], "<Weather>.<Third>.<forecast>"]} for row in ROWS
    ]
    calls = calls_of(rows, chat)
    gold = [chat.tokenizer(gold_call(row), add_special_tokens=False)["input_ids"] for row in ROWS]
    of_prompt = dict(zip(map(tuple, calls._prompts), gold, strict=True))
    monkeypatch.setattr(
        held_out_calls, "generate_replies", lambda model, prompts, *_: [of_prompt[tuple(one)] for one in prompts]
    )
    assert calls.scores(trainer_of()) == {"eval_tool_acc": 1.0, "eval_preference_acc": 1.0}


def test_losses_and_calls_each_have_their_steps(learnt_base, learnt_dataset, tmp_path):
    more = ("--eval_strategy", "steps", "--eval_steps", 4, "--eval_on_start", "true")
    log = run(sft, learnt_base, learnt_dataset, tmp_path / "run", *more)
    assert by_step(log, "eval_tool_acc") == [0, 2, 4]
    assert by_step(log, "eval_loss") == [0, 4]


@pytest.mark.parametrize("script", [sft, pytest.param(grpo, marks=pytest.mark.slow)])
def test_the_best_checkpoint_is_kept(learnt_base, learnt_dataset, tmp_path, monkeypatch, script):
    of_steps = {2: 0.75, 4: 0.5}
    monkeypatch.setattr(
        HeldOutCalls, "scores", lambda _, trainer: {"eval_tool_acc": of_steps[trainer.state.global_step]}
    )
    more = ["--eval_strategy", "steps", "--eval_steps", 2, "--load_best_model_at_end", "true"]
    log = run(script, learnt_base, learnt_dataset, tmp_path / "run", *more, "--metric_for_best_model", "tool_acc")
    assert by_step(log, "eval_reward" if script is grpo else "eval_loss") == [2, 4]
    kept, best = (
        load_file(folder / "adapter_model.safetensors")
        for folder in (tmp_path / "run", tmp_path / "run" / "checkpoint-2")
    )
    assert all(torch.equal(weight, best[name]) for name, weight in kept.items())
    numbers = json.loads((tmp_path / "run" / "training.json").read_text())["numbers"]
    assert numbers["step of the checkpoint that was kept as the best"] == 2
    assert "| eval_tool_acc, last logged | 0.5 |" in (tmp_path / "run" / "README.md").read_text()
    # A run that was killed after its last step keeps the same one.
    (tmp_path / "run" / "adapter_model.safetensors").unlink()
    run(
        script,
        learnt_base,
        learnt_dataset,
        tmp_path / "run",
        *more,
        "--metric_for_best_model",
        "tool_acc",
        "--resume_from_checkpoint",
        "true",
    )
    again = load_file(tmp_path / "run" / "adapter_model.safetensors")
    assert all(torch.equal(weight, best[name]) for name, weight in again.items())


def test_dpo_asks_rows_of_its_validation_pairs(learnt_base, learnt_adapter, learnt_dataset, tmp_path):
    sampled = {"dataset_name": learnt_dataset, "output_dir": tmp_path / "pairs", "model": "baseline:random"}
    run_script(pairs, {**sampled, "samples": 8, "validation_share": 0.34})
    more = ("--sft_adapter", learnt_adapter, "--eval_on_start", "true")
    log = run(dpo, learnt_base, tmp_path / "pairs", tmp_path / "run", *more)
    assert by_step(log, "eval_tool_acc") == [0, 2, 4]
    assert not by_step(log, "eval_loss")
    counts = json.loads((tmp_path / "run" / "training.json").read_text())["counts"]
    assert counts["held-out rows asked for calls"] == 6
    assert "| held-out rows asked for calls | 6 |" in (tmp_path / "run" / "README.md").read_text()


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (("--validation_share", 0), "eval_tool_acc_steps needs rows that are not trained on; give --validation_share"),
        (("--eval_tool_acc_steps", 0), "eval_tool_acc_steps and eval_tool_acc_rows are numbers from 1"),
        (("--metric_for_best_model", "pair_acc"), "pair_acc has no value where no call counts"),
        (("--metric_for_best_model", "tool_acc"), "metric_for_best_model tool_acc needs calls at each evaluation"),
    ],
)
def test_what_cannot_work_is_refused_in_one_sentence(learnt_base, learnt_dataset, tmp_path, more, message):
    with pytest.raises(InputError, match=message):
        run(sft, learnt_base, learnt_dataset, tmp_path / "run", *more)
