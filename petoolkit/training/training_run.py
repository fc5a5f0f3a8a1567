"""A training run from its options to the adapter's folder: what the scripts for SFT and DPO share."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from petoolbench import InputError
from petoolkit.evaluator.models.chat_tokenizer import LOADING_ERRORS, why

if TYPE_CHECKING:
    from petoolkit.training.arguments import AdapterArguments

# TRL's options that would be read by nobody here, since rows come to its trainers as token ids, with their value.
_UNREAD = {
    "assistant_only_loss": False,
    "chat_template_path": None,
    "completion_only_loss": None,
    "eos_token": None,
    "pad_token": None,
}


def say(text: str) -> None:
    """Print a line, in the main process only."""
    from accelerate import PartialState

    PartialState().print(text)


def check_options(training: Any, adapter: "AdapterArguments") -> None:
    """Refuse what would go wrong, or be passed over, after a long while.

    Args:
        training: an `SFTArguments` or a `DPOArguments`.
        adapter: the model and the adapter.

    Raises:
        InputError: naming the option.
    """
    if not adapter.model_name_or_path:
        raise InputError("no model to train; give --model_name_or_path, a folder or a Hub id, or a --config.")
    if not adapter.use_peft:
        raise InputError("use_peft is off, but these scripts train LoRA adapters only; leave it out.")
    if training.max_length is None:
        raise InputError("max_length is not set, so nothing would say which rows are too long; give a number.")
    for name, unset in _UNREAD.items():
        if (value := getattr(training, name, unset)) != unset:
            raise InputError(
                f"{name} {value!r} has no effect here: the loss is on the call and the token that the chat template "
                "ends it with; leave it out."
            )
    if training.push_to_hub and not training.hub_model_id:
        raise InputError("push_to_hub needs a place; give --hub_model_id USER/NAME.")


def obstacle_to_packing(training: Any, adapter: "AdapterArguments") -> str | None:
    """Why rows cannot be packed, where `training.packing` asks for it; `None` if they can.

    Packed rows are one long sequence a batch. Flash attention passes over what lies between two rows; any other keeps
    them apart with a mask that grows with the square of the batch.
    """
    attention = adapter.attn_implementation or "the model's own"
    if not training.packing or "flash" in attention:
        return None
    return (
        f"Packing is off: it needs flash attention, and the attention is {attention}; give --attn_implementation "
        "flash_attention_2 or kernels-community/flash-attn2."
    )


def set_model_options(training: Any, adapter: "AdapterArguments") -> None:
    """Hand TRL what it loads a model's name with."""
    training.model_init_kwargs = {
        "revision": adapter.model_revision,
        "attn_implementation": adapter.attn_implementation,
        "dtype": adapter.dtype,
        **(training.model_init_kwargs or {}),
    }


@contextmanager
def telling_load_errors(model: str, revision: str) -> Iterator[None]:
    """Tell in one sentence that a model can't be loaded, where TRL loads it by its name.

    Raises:
        InputError: for a folder or repository that is missing, damaged or of another kind.
    """
    from safetensors import SafetensorError
    from transformers import AutoConfig

    try:
        try:
            AutoConfig.from_pretrained(model, revision=revision)
        except LOADING_ERRORS as error:
            raise OSError(why(error)) from None
        yield  # a ValueError in here may be about TRL's options
    except (OSError, SafetensorError) as error:
        raise InputError(
            f"the model {model} cannot be loaded ({why(error)}); give the folder of a causal language model, or a Hub "
            "id."
        ) from None


def resume_point(training: Any) -> str | None:
    """The checkpoint to go on from: a folder given, or the last one of `output_dir` for `true`; `None` to begin.

    Raises:
        InputError: if there is none, or `output_dir` holds another run's and nothing was said about them.
    """
    from transformers.trainer_utils import get_last_checkpoint

    folder = Path(training.output_dir)
    last = get_last_checkpoint(training.output_dir) if folder.is_dir() else None
    asked = training.resume_from_checkpoint
    if asked is None or str(asked).lower() == "false":
        if last:
            raise InputError(
                f"{folder} holds checkpoints of an earlier run; go on with --resume_from_checkpoint true, or give "
                "another --output_dir."
            )
        return None
    if str(asked).lower() != "true":
        if not Path(asked, "trainer_state.json").is_file():
            raise InputError(f"{asked} is no checkpoint; give a folder checkpoint-N, or true for the last one.")
        return str(asked)
    if not last:
        raise InputError(f"{folder} holds no checkpoint to go on from; leave --resume_from_checkpoint out to begin.")
    return last


def check_nothing_dropped(dataset: Any, rows: int) -> None:
    """Hold what TRL made of the rows against their number; it drops rows without a word.

    Raises:
        RuntimeError: if some are gone; that is a fault of ours.
    """
    packed = "seq_lengths" in dataset.column_names
    trained = sum(map(len, dataset["seq_lengths"])) if packed else len(dataset)
    if trained != rows:
        raise RuntimeError(f"{rows} rows were given to the trainer, and it trains on {trained}.")


def describe_weights(model: Any) -> str:
    """How many weights move, and where they are."""
    moving = {name: weight.numel() for name, weight in model.named_parameters() if weight.requires_grad}
    layers = sorted({name.partition(".lora_")[0].rpartition(".")[2] for name in moving})
    total = sum(weight.numel() for weight in model.parameters())
    return f"{sum(moving.values()):,} of {total:,} weights move, in {', '.join(layers)}."


def train(trainer: Any, checkpoint: str | None) -> None:
    """Run the training, to its end or from a checkpoint on.

    Raises:
        InputError: if the memory does not suffice, saying what to lower; if the loss is no number.
    """
    if checkpoint:
        say(f"Going on from {checkpoint}.")
    with _advice_on_memory(trainer):
        trainer.train(resume_from_checkpoint=checkpoint)


@contextmanager
def _advice_on_memory(trainer: Any) -> Iterator[None]:
    from accelerate.utils.memory import should_reduce_batch_size

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
        if not args.activation_checkpointing:
            ways.append("turn activation_checkpointing on")
        ways.append(f"lower max_length (now {args.max_length})")
        if not getattr(trainer.model, "is_loaded_in_4bit", False):
            ways.append("take a smaller model, or load it in 4 bits with --load_in_4bit")
        raise InputError(f"memory ran out at step {trainer.state.global_step + 1}: {'; or '.join(ways)}.") from error


def save_adapter(trainer: Any) -> None:
    """Write adapter and tokenizer into `output_dir`.

    Raises:
        InputError: if a weight of the adapter is no number.
    """
    trainer.save_model(trainer.args.output_dir)
    if not trainer.is_world_process_zero():
        return
    import torch
    from safetensors.torch import load_file

    folder = Path(trainer.args.output_dir)
    for name, weight in load_file(folder / "adapter_model.safetensors").items():
        if not torch.isfinite(weight).all():
            raise InputError(f"the adapter in {folder} is of no use, {name} is not finite; lower learning_rate.")


def run_script(parse: Callable[[], tuple], main: Callable[..., None]) -> None:
    """Parse a script's options and run it; a user's mistakes end it with one sentence."""
    try:
        options = parse()
    except (ValueError, OSError) as error:  # an unknown key of a recipe, a recipe that is not there
        raise SystemExit(f"Error: {error}") from None
    try:
        main(*options)
    except InputError as error:
        raise SystemExit(f"Error: {error}") from None
