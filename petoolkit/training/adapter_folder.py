"""The folder that a training run leaves: adapter, tokenizer, record, loss curves and card."""

from collections.abc import Sequence
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file

from petoolbench import InputError
from petoolkit.evaluator.models.trained_chat import TEXT, TOOLS
from petoolkit.evaluator.row_fingerprint import fingerprint
from petoolkit.publisher.hub import Target
from petoolkit.publisher.local_paths import without_folders
from petoolkit.training.adapter_card import write_card
from petoolkit.training.arguments import AdapterArguments, DataArguments, PolicyArguments, PreferenceArguments
from petoolkit.training.curves import draw_curves
from petoolkit.training.push_adapter import push_adapter
from petoolkit.training.script import say
from petoolkit.training.training_chat import TrainingChat
from petoolkit.training.training_history import history_of
from petoolkit.training.training_record import TrainingRecord, changed_options, logged_numbers

_PACKAGES = ("petoolbench", "trl", "peft", "transformers", "torch")


def write_adapter_folder(
    trainer: Any,
    chat: TrainingChat,
    *,
    stage: str,
    method: str,
    data: DataArguments | PreferenceArguments,
    adapter: AdapterArguments,
    revision: str | None,
    rows: Sequence[dict],
    counts: dict[str, int],
    push_to: Target | None,
) -> None:
    """Save the trained adapter with its record, curves and card in `output_dir`, and push them if asked.

    Args:
        trainer: after its training.
        chat: the tokenizer and chat template that the rows were written with.
        stage: `SFT`, `DPO` or `GRPO`.
        method: what was done, in a sentence or two.
        data: the options that chose the rows.
        adapter: the options of model and adapter.
        revision: the dataset's commit on the Hub.
        rows: the rows given, for their fingerprint.
        counts: numbers of rows, by what they count.
        push_to: the repository on the Hub, or `None`.

    Raises:
        InputError: if the adapter holds a weight that is not finite, or cannot be pushed; in the latter case,
            everything is in its folder.
    """
    save_adapter(trainer)
    folder, is_first = Path(trainer.args.output_dir), trainer.is_world_process_zero()
    if is_first:
        numbers, warning = logged_numbers(trainer.state.log_history)
        if trainer.args.load_best_model_at_end and trainer.state.best_global_step:
            numbers["step of the checkpoint that was kept as the best"] = trainer.state.best_global_step
        if warning:
            say(warning)
        _record(trainer, chat, stage, method, data, adapter, revision, rows, counts, numbers).write(folder)
        if problem := draw_curves(trainer.state.log_history, folder):
            say(problem)
        write_card(folder, hub_id=push_to.repo_id if push_to else None)
    say(f"The adapter and its card are in {folder}.")
    _leave_process_group(trainer)
    if push_to and is_first:
        push_adapter(folder, push_to, say)
        say(f"They are at {push_to.url} too.")


def save_adapter(trainer: Any) -> None:
    """Write adapter and tokenizer into `output_dir`.

    Raises:
        InputError: if a weight of the adapter is not finite.
    """
    trainer.save_model(trainer.args.output_dir)
    if not trainer.is_world_process_zero():
        return
    folder = Path(trainer.args.output_dir)
    for name, weight in load_file(folder / "adapter_model.safetensors").items():
        if not torch.isfinite(weight).all():
            raise InputError(f"the adapter in {folder} cannot be used, {name} is not finite; lower learning_rate.")


def _record(
    trainer: Any,
    chat: TrainingChat,
    stage: str,
    method: str,
    data: DataArguments | PreferenceArguments,
    adapter: AdapterArguments,
    revision: str | None,
    rows: Sequence[dict],
    counts: dict[str, int],
    numbers: dict[str, float],
) -> TrainingRecord:
    if isinstance(data, PreferenceArguments | PolicyArguments) and data.sft_adapter:
        data = replace(data, sft_adapter=without_folders(data.sft_adapter))
    args = trainer.args
    return TrainingRecord(
        stage=stage,
        method=method,
        base_model=adapter.model_name_or_path,
        base_revision=None if adapter.model_revision == "main" else adapter.model_revision,
        dataset=data.dataset_name,
        dataset_revision=revision,
        fingerprint=fingerprint(rows),
        counts={**counts, **trainer.held_out_counts},
        batch=args.train_batch_size * args.gradient_accumulation_steps * trainer.accelerator.num_processes,
        steps=trainer.state.global_step,
        epochs=trainer.state.epoch,
        options=changed_options(args, data, adapter),
        numbers=numbers,
        versions={package: version(package) for package in _PACKAGES},
        history=history_of(data),
        chat_template_hash=chat.renderer.fingerprint,
        chat_template_args=chat.arguments,
        format=TOOLS if chat.native_tools else TEXT,
    )


def _leave_process_group(trainer: Any) -> None:
    """End the connection to the other processes."""
    # DDP's reducer must not be the last owner of the process group: gloo's threads would wait for Python's lock, which
    # waits for them.
    trainer.model_wrapped = trainer.model
    trainer.accelerator.free_memory()
    trainer.end()
