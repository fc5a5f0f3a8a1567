"""Supervised fine-tuning: a LoRA adapter that writes the gold call behind the prompt (the paper's section 4.1).

    accelerate launch trainer/sft.py --config recipes/sft/llama3.1-8b.yaml
    accelerate launch trainer/sft.py --config recipes/sft/tiny.yaml --model_name_or_path DIR --max_steps 5
    accelerate launch --config_file recipes/accelerate/fsdp2.yaml trainer/sft.py --config recipes/sft/llama3.1-8b.yaml

Options on the command line go over the recipe's. The adapter, its tokenizer and its card are in `output_dir`; nothing
leaves the machine without --push_to_hub --hub_model_id USER/NAME.
"""

from typing import TYPE_CHECKING, Any

from petoolbench import InputError
from petoolkit.training.training_run import (
    check_nothing_dropped,
    check_options,
    describe_weights,
    obstacle_to_packing,
    resume_point,
    run_script,
    say,
    set_model_options,
    telling_load_errors,
    train,
)

if TYPE_CHECKING:
    from trl import TrlParser

    from petoolkit.training.arguments import AdapterArguments, DataArguments, SFTArguments
    from petoolkit.training.training_rows import FittedRow


def main(script_args: "DataArguments", training_args: "SFTArguments", model_args: "AdapterArguments") -> None:
    """Train an adapter on the rows that `script_args` choose.

    Raises:
        InputError: for options, rows, a model or a place that are of no use; if memory runs out, or the loss is no
            number.
    """
    from datasets import Dataset
    from trl import get_peft_config, get_quantization_config

    from petoolkit.evaluator.dataset_rows import resolved_revision
    from petoolkit.training.adapter_folder import finish
    from petoolkit.training.held_out import check_held_out
    from petoolkit.training.push_adapter import prepare_push
    from petoolkit.training.trainers import CarefulSFTTrainer
    from petoolkit.training.training_chat import load_chat
    from petoolkit.training.training_rows import (
        FittedRow,
        RowCounts,
        fit_rows,
        gold_call,
        load_training_rows,
        split_users,
    )

    check_options(training_args, model_args)
    if training_args.eval_strategy != "no" and not script_args.validation_share:
        raise InputError("eval_strategy needs rows that are not trained on; give --validation_share, or leave it out.")
    model, max_length = model_args.model_name_or_path, training_args.max_length
    assert model is not None and max_length is not None  # `check_options`
    checkpoint = resume_point(training_args)
    push_to = prepare_push(training_args)
    if obstacle := obstacle_to_packing(training_args, model_args):
        training_args.packing = False
        say(obstacle)
    set_model_options(training_args, model_args)

    dataset = script_args.dataset_name
    revision = resolved_revision(dataset, script_args.dataset_revision)
    rows = load_training_rows(dataset, script_args.settings, training_args.seed, revision)
    check_held_out(rows, dataset, revision)
    to_train, to_validate = split_users(rows, script_args.validation_share, training_args.seed)
    to_train = to_train[: script_args.max_samples]
    chat = load_chat(model_args)

    def fitted(rows: list[dict]) -> tuple[list[FittedRow], RowCounts]:
        answered = ((row, [gold_call(row)]) for row in rows)
        return fit_rows(answered, chat, max_length, script_args.max_unfit_rows)

    train_rows, counts = fitted(to_train)
    say(f"Training: {counts}")
    eval_rows: list[FittedRow] = []
    if to_validate:
        eval_rows, eval_counts = fitted(to_validate)
        say(f"Validation: {eval_counts}")
    with telling_load_errors(model, model_args.model_revision):
        trainer = CarefulSFTTrainer(
            model=model,
            args=training_args,
            train_dataset=Dataset.from_list([labelled(row) for row in train_rows]),
            eval_dataset=Dataset.from_list([labelled(row) for row in eval_rows]) if eval_rows else None,
            processing_class=chat.tokenizer,
            quantization_config=get_quantization_config(model_args),
            peft_config=get_peft_config(model_args),
        )
    check_nothing_dropped(trainer.train_dataset, len(train_rows))
    say(describe_weights(trainer.model))
    train(trainer, checkpoint)
    finish(
        trainer,
        stage="SFT",
        method="Supervised fine-tuning on the gold calls: the loss is on the call and its end token only.",
        options=(script_args, model_args),
        revision=revision,
        trained_on=to_train,
        counts={**counts.table(), **({"rows for the evaluation loss": len(eval_rows)} if eval_rows else {})},
        push_to=push_to,
    )


def labelled(row: "FittedRow") -> dict[str, list[int]]:
    """Token ids of a row with its first answer, and the labels: the answer's ids, and -100 where there is no loss."""
    answer = row.answer_ids[0]
    return {"input_ids": row.prompt_ids + answer, "labels": [-100] * len(row.prompt_ids) + answer}


def make_parser() -> "TrlParser":
    """The parser of `main`'s three arguments."""
    from trl import TrlParser

    from petoolkit.training.arguments import AdapterArguments, DataArguments, SFTArguments

    kinds: Any = (DataArguments, SFTArguments, AdapterArguments)
    return TrlParser(kinds)


if __name__ == "__main__":
    run_script(make_parser().parse_args_and_config, main)
