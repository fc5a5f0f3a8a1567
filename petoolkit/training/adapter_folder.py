"""The end of a training run: adapter, tokenizer, facts, loss curves and card in its folder."""

from collections.abc import Sequence
from dataclasses import asdict, fields
from importlib.metadata import version
from pathlib import Path
from typing import Any

from petoolkit.evaluator.results_folder import fingerprint
from petoolkit.files import write_json
from petoolkit.publisher.hub import Target
from petoolkit.training.adapter_card import FACTS, Facts, write_card
from petoolkit.training.curves import draw_curves
from petoolkit.training.push_adapter import push_adapter
from petoolkit.training.training_run import save_adapter, say

_PACKAGES = ("petoolbench", "trl", "peft", "transformers", "torch")
# Names and places, which the card tells elsewhere or nobody else needs; secrets; old names of other options.
_UNTOLD = {
    "accelerator_config",
    "dataset_name",
    "dataset_revision",
    "gradient_checkpointing",
    "gradient_checkpointing_kwargs",
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
    "rewards/margins",
    "rewards/accuracies",
    "eval_rewards/margins",
    "eval_rewards/accuracies",
)


def finish(
    trainer: Any,
    *,
    stage: str,
    method: str,
    options: tuple[Any, Any],
    revision: str | None,
    trained_on: Sequence[dict],
    counts: dict[str, int],
    push_to: Target | None,
) -> None:
    """Save what was trained, and tell about it; push it if asked.

    Args:
        trainer: after its training.
        stage: `SFT` or `DPO`.
        method: a sentence or two on what was done.
        options: the script's data arguments (`DataArguments`, with `dataset_name`), and its `AdapterArguments`.
        revision: the dataset's commit on the Hub.
        trained_on: the rows given, for the fingerprint.
        counts: what became of the rows, with what each number counts.
        push_to: where on the Hub, or `None`.

    Raises:
        InputError: if the adapter is of no use, or can't be pushed; in the latter case all of it is in its folder.
    """
    save_adapter(trainer)
    folder, first = Path(trainer.args.output_dir), trainer.is_world_process_zero()
    if first:
        data, adapter = options
        facts = Facts(
            stage=stage,
            method=method,
            base_model=adapter.model_name_or_path,
            base_revision=None if adapter.model_revision == "main" else adapter.model_revision,
            dataset=data.dataset_name,
            dataset_revision=revision,
            fingerprint=fingerprint(trained_on),
            counts=counts,
            batch=trainer.args.train_batch_size
            * trainer.args.gradient_accumulation_steps
            * trainer.accelerator.num_processes,
            steps=trainer.state.global_step,
            epochs=trainer.state.epoch,
            options=changed_options(trainer.args, data, adapter),
            numbers=logged_numbers(trainer.state.log_history),
            versions={package: version(package) for package in _PACKAGES},
        )
        write_json(folder / FACTS, asdict(facts))
        if problem := draw_curves(trainer.state.log_history, folder):
            say(problem)
        write_card(folder, hub_id=push_to.repo_id if push_to else None)
    say(f"The adapter and its card are in {folder}.")
    _leave(trainer)
    if push_to and first:
        push_adapter(folder, push_to)
        say(f"They are at {push_to.url} too.")


def _leave(trainer: Any) -> None:
    """Leave the other processes."""
    # DDP's reducer must not be the last to hold the process group: gloo's threads then wait for Python's lock, which
    # waits for them.
    trainer.model_wrapped = trainer.model
    trainer.accelerator.free_memory()
    trainer.end()


def changed_options(training: Any, data: Any, adapter: Any) -> dict[str, Any]:
    """Options whose value is not the library's default, by name; where the library is TRL, its own classes count."""
    library = next(kind for kind in type(training).__mro__ if kind.__module__.startswith("trl."))
    # Defaults that cannot be made on every machine, or warn about their own names, are filled in.
    defaults = vars(library(output_dir=training.output_dir, bf16=False, use_cpu=True, activation_checkpointing=True))
    defaults |= {"bf16": True, "use_cpu": False}
    given = {field.name: getattr(training, field.name) for field in fields(training) if field.init}
    for options in (data, adapter):
        library = next((kind for kind in type(options).__mro__ if kind.__module__.startswith("trl.")), type(options))
        defaults |= vars(library())
        given |= vars(options)
    return {
        name: plain(value)
        for name, value in sorted(given.items())
        if name not in _UNTOLD and not name.startswith("hub_") and plain(value) != plain(defaults.get(name))
    }


def plain(value: Any) -> Any:
    """An option's value as JSON can hold it."""
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set):
        return [plain(item) for item in value]
    if hasattr(value, "value"):  # enumerations
        return value.value
    return value if isinstance(value, str | int | float | bool | None) else str(value)


def logged_numbers(history: list[dict]) -> dict[str, float]:
    """The first and last of what the trainer logged of losses and rewards."""
    numbers = {}
    for name in _LOGGED:
        values = [entry[name] for entry in history if name in entry]
        if values:
            numbers[f"{name}, first logged"] = values[0]
        if len(values) > 1:
            numbers[f"{name}, last logged"] = values[-1]
    return numbers
