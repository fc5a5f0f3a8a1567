"""Running a trainer: from the start or a checkpoint, with every row, and with advice where memory runs out."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from accelerate.utils.memory import should_reduce_batch_size
from peft import load_peft_weights, set_peft_model_state_dict
from transformers.trainer import TRAINER_STATE_NAME
from transformers.trainer_callback import TrainerState
from transformers.trainer_utils import PREFIX_CHECKPOINT_DIR

from petoolbench import InputError
from petoolkit.training.script import say


def checkpoint_to_resume(training: Any) -> str | None:
    """The checkpoint that `resume_from_checkpoint` asks for: a folder, or for `true` the last one in `output_dir`.

    A checkpoint counts if it is complete: a run that was killed while it wrote one goes on from the one before.

    Args:
        training: an `SFTArguments`, a `DPOArguments` or a `GRPOArguments`.

    Returns:
        `None` if the training begins at its first step.

    Raises:
        InputError: if there is no such checkpoint, or `output_dir` holds checkpoints that are not resumed from.
    """
    folder = Path(training.output_dir)
    last = _last_checkpoint(folder)
    asked = training.resume_from_checkpoint
    if asked is None or str(asked).lower() == "false":
        if last:
            raise InputError(
                f"{folder} holds checkpoints of an earlier run; go on with --resume_from_checkpoint true, or give "
                "another --output_dir."
            )
        return None
    if str(asked).lower() != "true":
        if not _is_complete(Path(asked)):
            raise InputError(
                f"there is no complete checkpoint in {asked}; give a folder checkpoint-N, or true for the last one."
            )
        return str(asked)
    if not last:
        raise InputError(f"there is no complete checkpoint in {folder}; leave --resume_from_checkpoint out to begin.")
    return str(last)


def _last_checkpoint(folder: Path) -> Path | None:
    """The complete checkpoint of the most steps in a folder."""
    by_steps = {
        int(steps): checkpoint
        for checkpoint in folder.glob(f"{PREFIX_CHECKPOINT_DIR}-*")
        if (steps := checkpoint.name.rpartition("-")[2]).isdecimal() and _is_complete(checkpoint)
    }
    return by_steps[max(by_steps)] if by_steps else None


def _is_complete(checkpoint: Path) -> bool:
    """Whether the trainer's state, which is written last, can be read."""
    try:
        TrainerState.load_from_json(str(checkpoint / TRAINER_STATE_NAME))
    except (OSError, ValueError, TypeError):
        return False
    return True


def check_no_row_dropped(dataset: Any, rows: int) -> None:
    """Compare the rows of a trainer's dataset with the number given to it, since TRL drops rows without a message.

    Raises:
        RuntimeError: if the numbers differ, which is an error of this project.
    """
    packed = "seq_lengths" in dataset.column_names
    trained = sum(map(len, dataset["seq_lengths"])) if packed else len(dataset)
    if trained != rows:
        raise RuntimeError(f"{rows} rows were given to the trainer, and it trains on {trained}.")


def describe_trained_weights(model: Any) -> str:
    """A sentence on how many weights are trained, and in which layers."""
    trained = {name: weight.numel() for name, weight in model.named_parameters() if weight.requires_grad}
    layers = sorted({name.partition(".lora_")[0].rpartition(".")[2] for name in trained})
    total = sum(weight.numel() for weight in model.parameters())
    return f"{sum(trained.values()):,} of {total:,} weights are trained, in {', '.join(layers)}."


def train(trainer: Any, checkpoint: str | None) -> None:
    """Run the training, from the start or from a checkpoint.

    A checkpoint of the last step is only loaded: the training was killed after it, and another step would change it.

    Raises:
        InputError: if memory runs out, naming what to lower; if the loss is not a finite number.
    """
    if checkpoint:
        say(f"Going on from {checkpoint}.")
        state = TrainerState.load_from_json(str(Path(checkpoint) / TRAINER_STATE_NAME))
        if _is_finished(state, trainer.args):
            best = state.best_model_checkpoint if trainer.args.load_best_model_at_end else None
            checkpoint = best if best and Path(best).is_dir() else checkpoint
            set_peft_model_state_dict(trainer.model, load_peft_weights(checkpoint, device="cpu"))
            trainer.state = state
            return
    with _advice_on_memory(trainer):
        trainer.train(resume_from_checkpoint=checkpoint)


def _is_finished(state: TrainerState, args: Any) -> bool:
    """Whether a checkpoint is of the last step, and no more steps are asked for than when it was written."""
    if args.max_steps > 0:
        return state.global_step >= args.max_steps
    return state.global_step >= state.max_steps > 0 and state.num_train_epochs == args.num_train_epochs


@contextmanager
def _advice_on_memory(trainer: Any) -> Iterator[None]:
    try:
        yield
    except RuntimeError as error:
        if not should_reduce_batch_size(error):
            raise
        args = trainer.args
        ways = []
        if args.per_device_train_batch_size > 1:
            ways.append(
                f"halve per_device_train_batch_size (now {args.per_device_train_batch_size}) and double "
                f"gradient_accumulation_steps (now {args.gradient_accumulation_steps})"
            )
        if getattr(args, "steps_per_generation", 1) > 1:
            ways.append(
                f"lower steps_per_generation (now {args.steps_per_generation}), to sample fewer replies at once"
            )
        if not args.activation_checkpointing:
            ways.append("turn activation_checkpointing on")
        ways.append(f"lower max_length (now {args.max_length})")
        if not getattr(trainer.model, "is_loaded_in_4bit", False):
            ways.append("take a smaller model, or load it in 4 bits with --load_in_4bit")
        raise InputError(f"memory ran out at step {trainer.state.global_step + 1}: {'; or '.join(ways)}.") from error
