"""What is known of a training run once it has ended: a file beside its adapter, from which the card is written."""

import math
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from petoolbench import InputError
from petoolkit.decoding import read_json
from petoolkit.evaluator.models.trained_chat import TEXT, TRAINING_RECORD
from petoolkit.files import write_json
from petoolkit.training.held_out_calls import CALL_SCORES
from petoolkit.training.rewards import REWARDS, logged_reward

# Options that the card shows elsewhere, that only matter on this machine or are secret, and former names of others.
_OPTIONS_LEFT_OUT = {
    "accelerator_config",
    "chat_template",
    "chat_template_args",
    "dataset_name",
    "dataset_revision",
    "format",
    "gradient_checkpointing",
    "gradient_checkpointing_kwargs",
    "history",
    "logging_dir",
    "model_init_kwargs",
    "model_name_or_path",
    "output_dir",
    "push_to_hub",
    "resume_from_checkpoint",
    "run_name",
}
_LOGGED = (
    "loss",
    "eval_loss",
    "reward",
    "eval_reward",
    *CALL_SCORES,
    "rewards/margins",
    "rewards/accuracies",
    "eval_rewards/margins",
    "eval_rewards/accuracies",
)


@dataclass(frozen=True)
class TrainingRecord:
    """A training run. A field is `None` where its value is not known or does not exist.

    Args:
        stage: `SFT`, `DPO` or `GRPO`.
        method: what was done, in a sentence or two.
        base_model: a folder or a Hub id.
        base_revision: its branch, tag or commit on the Hub.
        dataset: a folder or a Hub id.
        dataset_revision: its commit on the Hub.
        fingerprint: of the rows given, 16 hexadecimal digits.
        counts: numbers of rows, by what they count.
        batch: rows of an update; in GRPO, sampled replies.
        steps: number of updates.
        epochs: passes over the rows to train on.
        options: options that differ from the library's defaults, by name.
        numbers: the first and last logged losses and rewards.
        versions: of the software, by package.
        chat_template_hash: of the chat template that prompts were written with, 16 hexadecimal digits.
        chat_template_args: its further variables.
        history: what prompts showed of past calls (`--history`).
        format: of tools and calls in the rows: `text`, or `tools` for native functions.
    """

    stage: str
    method: str
    base_model: str
    base_revision: str | None
    dataset: str
    dataset_revision: str | None
    fingerprint: str
    counts: dict[str, int]
    batch: int
    steps: int
    epochs: float
    options: dict[str, Any]
    numbers: dict[str, float]
    versions: dict[str, str]
    chat_template_hash: str | None = None
    chat_template_args: dict[str, Any] | None = None
    history: str | None = None
    format: str = TEXT

    def write(self, folder: Path) -> None:
        """Write the record into an adapter's folder."""
        write_json(folder / TRAINING_RECORD, asdict(self))

    @classmethod
    def read(cls, folder: Path) -> "TrainingRecord":
        """Read the record of an adapter's folder.

        Raises:
            InputError: if there is none, or its fields are those of another version.
        """
        try:
            record = cls(**read_json(folder / TRAINING_RECORD))
            return TypeAdapter(cls).validate_python(asdict(record))
        except (TypeError, ValidationError):
            raise InputError(
                f"{folder / TRAINING_RECORD} was written by another version; write the card with the version that "
                "trained."
            ) from None


def changed_options(training: Any, data: Any, adapter: Any) -> dict[str, Any]:
    """Options whose value is not the default, by name. For subclasses of TRL's classes, TRL's defaults count.

    Args:
        training: an `SFTArguments`, a `DPOArguments` or a `GRPOArguments`.
        data: a `DataArguments` or a `PreferenceArguments`.
        adapter: an `AdapterArguments`.
    """
    # Two defaults cannot be used on every machine, and the default of a third one warns about its own name.
    defaults = vars(
        _library_class(training)(
            output_dir=training.output_dir, bf16=False, use_cpu=True, activation_checkpointing=True
        )
    )
    defaults |= {"bf16": True, "use_cpu": False}
    given = {field.name: getattr(training, field.name) for field in fields(training) if field.init}
    for options in (data, adapter):
        defaults |= vars(_library_class(options)())
        given |= vars(options)
    return {
        name: _as_json_value(value)
        for name, value in sorted(given.items())
        if name not in _OPTIONS_LEFT_OUT
        and not name.startswith("hub_")
        and _as_json_value(value) != _as_json_value(defaults.get(name))
    }


def _library_class(options: Any) -> type:
    """The TRL class of which the options are a subclass, or their own class."""
    return next((kind for kind in type(options).__mro__ if kind.__module__.startswith("trl.")), type(options))


def _as_json_value(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _as_json_value(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set):
        return [_as_json_value(item) for item in value]
    if hasattr(value, "value"):  # enumerations
        return value.value
    if isinstance(value, float) and not math.isfinite(value):  # JSON has no such number
        return str(value)
    return value if isinstance(value, str | int | float | bool | None) else str(value)


def logged_numbers(history: list[dict]) -> tuple[dict[str, float], str | None]:
    """The first and last values of losses and rewards that a trainer logged, each by its description.

    Args:
        history: `trainer.state.log_history`.

    Returns:
        The values that are finite numbers, and a sentence that names the others, if there are some.
    """
    numbers: dict[str, float] = {}
    for name in (*_LOGGED, *map(logged_reward, REWARDS)):
        values = [entry[name] for entry in history if name in entry]
        if values:
            numbers[f"{name}, first logged"] = values[0]
        if len(values) > 1:
            numbers[f"{name}, last logged"] = values[-1]
    broken = {name: numbers.pop(name) for name in list(numbers) if not math.isfinite(numbers[name])}
    if not broken:
        return numbers, None
    named = "; ".join(f"{name}: {value}" for name, value in broken.items())
    return numbers, (
        f"Warning: not all that was logged is a finite number ({named}), so the adapter may be of no use; evaluate it "
        "before you rely on it, or train again with a lower learning_rate."
    )
