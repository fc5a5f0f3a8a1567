"""Supervised fine-tuning: a LoRA adapter that writes the gold call after the prompt (paper, section 4.1).

    accelerate launch trainer/sft.py --config llama3.1-8b
    accelerate launch trainer/sft.py --config recipes/sft/tiny.yaml --model_name_or_path DIR --max_steps 5
    accelerate launch --config_file recipes/accelerate/fsdp2.yaml trainer/sft.py --config llama3.1-8b

`--config` takes a YAML file, or the name of one in recipes/sft; options on the command line override it. The adapter,
its tokenizer and its card are written into `output_dir`. Nothing leaves the machine without --push_to_hub
--hub_model_id USER/NAME.
"""

from pathlib import Path

from petoolkit.evaluator.chat_rows import gold_call
from petoolkit.evaluator.models.processes import Rank
from petoolkit.evaluator.results_folder import writing
from petoolkit.folder_lock import check_outside
from petoolkit.training.adapter_folder import write_adapter_folder
from petoolkit.training.arguments import AdapterArguments, DataArguments, SFTArguments
from petoolkit.training.held_out_calls import held_out_calls
from petoolkit.training.model_loading import explain_loading_errors, set_model_init_kwargs
from petoolkit.training.option_checks import check_evaluation, check_options, why_not_packed
from petoolkit.training.push_adapter import prepare_push
from petoolkit.training.row_fitting import FittedRow, fit_rows
from petoolkit.training.script import RecipeParser, run_script, say
from petoolkit.training.sft_trainer import AdapterSFTTrainer, sft_dataset
from petoolkit.training.train_loop import check_no_row_dropped, checkpoint_to_resume, describe_trained_weights, train
from petoolkit.training.training_chat import load_chat
from petoolkit.training.training_rows import choose_rows


def main(script_args: DataArguments, training_args: SFTArguments, model_args: AdapterArguments) -> None:
    """Train an adapter on rows of a benchmark's train split.

    Raises:
        InputError: if an option, the rows, the model or the repository to push to cannot be used; if another process
            writes `output_dir`, memory runs out, or the loss is not a finite number.
    """
    folder = Path(str(training_args.output_dir))
    check_options(training_args, model_args)
    check_evaluation(script_args, training_args)
    check_outside(folder, script_args.dataset_name, "--output_dir")
    with writing(folder, Rank(training_args.process_index)):
        train_adapter(script_args, training_args, model_args)


def train_adapter(script_args: DataArguments, training_args: SFTArguments, model_args: AdapterArguments) -> None:
    """Train an adapter, and write it into `output_dir`; raises what `main` raises."""
    # Decide how to train
    if reason := why_not_packed(training_args, model_args):
        training_args.packing = False
        say(reason)
    checkpoint = checkpoint_to_resume(training_args)
    push_to = prepare_push(training_args)
    set_model_init_kwargs(training_args, model_args)

    # Load the rows
    rows = choose_rows(script_args, training_args.seed)
    chat = load_chat(model_args)
    limits = training_args.max_length, script_args.max_unfit_rows
    train_rows, counts = fit_rows([(row, [gold_call(row)]) for row in rows.train], chat, *limits)
    say(f"Training: {counts}")
    eval_rows: list[FittedRow] = []
    if rows.validation:
        eval_rows, eval_counts = fit_rows([(row, [gold_call(row)]) for row in rows.validation], chat, *limits)
        say(f"Validation: {eval_counts}")

    # Initialize the trainer
    with explain_loading_errors(model_args):
        trainer = AdapterSFTTrainer(
            model=model_args.model_name_or_path,
            args=training_args,
            train_dataset=sft_dataset(train_rows),
            eval_dataset=sft_dataset(eval_rows) if eval_rows else None,
            held_out=held_out_calls(training_args, rows.validation, eval_rows, chat),
            processing_class=chat.tokenizer,
            quantization_config=model_args.quantization_config(),
            peft_config=model_args.peft_config(),
        )
    check_no_row_dropped(trainer.train_dataset, len(train_rows))
    say(describe_trained_weights(trainer.model))

    # Train the adapter
    train(trainer, checkpoint)

    # Save it with its card, and push it if asked
    write_adapter_folder(
        trainer,
        chat,
        stage="SFT",
        method="Supervised fine-tuning on the gold calls; the loss is on the call and its end token only.",
        data=script_args,
        adapter=model_args,
        revision=rows.revision,
        rows=rows.train,
        counts={**counts.table(), **({"rows for the evaluation loss": len(eval_rows)} if eval_rows else {})},
        push_to=push_to,
    )


def make_parser() -> RecipeParser:
    """The parser of `main`'s arguments."""
    return RecipeParser("sft", (DataArguments, SFTArguments, AdapterArguments))


if __name__ == "__main__":
    run_script(make_parser(), main)
