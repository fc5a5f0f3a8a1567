"""Direct preference optimization: the SFT adapter is trained further on pairs of calls (paper, section 4).

    accelerate launch trainer/dpo.py --config llama3.1-8b
    accelerate launch trainer/dpo.py   # the tiny recipe, on what `petoolbench quickstart` left; makes what is missing
    accelerate launch --config_file recipes/accelerate/fsdp2.yaml trainer/dpo.py --config llama3.1-8b

The pairs are made by trainer/pairs.py. `--config` takes a YAML file, or the name of one in recipes/dpo; options on the
command line override it. One adapter on the base model, its tokenizer and its card are written into `output_dir`.
Nothing leaves the machine without --push_to_hub --hub_model_id USER/NAME.
"""

from pathlib import Path

from petoolkit.evaluator.dataset_rows import resolved_revision
from petoolkit.evaluator.models.processes import Rank
from petoolkit.evaluator.results_folder import writing
from petoolkit.folder_lock import check_outside
from petoolkit.training.adapter_folder import write_adapter_folder
from petoolkit.training.arguments import AdapterArguments, DPOArguments, PreferenceArguments
from petoolkit.training.dpo_trainer import ReferenceDPOTrainer, describe_dpo, dpo_dataset
from petoolkit.training.held_out_calls import held_out_calls
from petoolkit.training.model_loading import load_policy, set_model_init_kwargs
from petoolkit.training.option_checks import check_dpo_options, check_options
from petoolkit.training.pair_dataset import answers_of, count_origins, read_pairs
from petoolkit.training.push_adapter import prepare_push
from petoolkit.training.row_fitting import FittedRow, fit_rows
from petoolkit.training.script import RecipeParser, run_script, say
from petoolkit.training.tiny_run import prepare_tiny_run
from petoolkit.training.train_loop import check_no_row_dropped, checkpoint_to_resume, describe_trained_weights, train
from petoolkit.training.training_chat import load_chat


def main(script_args: PreferenceArguments, training_args: DPOArguments, model_args: AdapterArguments) -> None:
    """Train an adapter on preference pairs.

    Raises:
        InputError: if an option, the pairs, a model or the repository to push to cannot be used; if another process
            writes `output_dir`, memory runs out, or the loss is not a finite number.
    """
    folder = Path(str(training_args.output_dir))
    check_options(training_args, model_args)
    check_dpo_options(script_args, model_args.model_name_or_path)
    check_outside(folder, script_args.dataset_name, "--output_dir")
    with writing(folder, Rank(training_args.process_index)):
        train_adapter(script_args, training_args, model_args)


def train_adapter(script_args: PreferenceArguments, training_args: DPOArguments, model_args: AdapterArguments) -> None:
    """Train an adapter, and write it into `output_dir`; raises what `main` raises."""
    # Decide how to train
    checkpoint = checkpoint_to_resume(training_args)
    push_to = prepare_push(training_args)
    set_model_init_kwargs(training_args, model_args)

    # Load the pairs
    revision = resolved_revision(script_args.dataset_name, script_args.dataset_revision)
    chat = load_chat(model_args, script_args.sft_adapter)
    limits = training_args.max_length, script_args.max_unfit_rows
    pairs = read_pairs(script_args.dataset_name, "train", revision)
    train_rows, counts = fit_rows([(pair, answers_of(pair)) for pair in pairs], chat, *limits)
    say(f"Training: {counts}")
    eval_pairs: list[dict] = []
    eval_rows: list[FittedRow] = []
    if training_args.eval_strategy != "no" or training_args.eval_tool_acc_steps:
        eval_pairs = read_pairs(script_args.dataset_name, "validation", revision)
        eval_rows, eval_counts = fit_rows([(pair, answers_of(pair)) for pair in eval_pairs], chat, *limits)
        say(f"Validation: {eval_counts}")

    # Initialize the trainer
    trainer = ReferenceDPOTrainer(
        reference=script_args.reference,
        starts_at_reference=script_args.starts_at_reference,
        model=load_policy(training_args, model_args, script_args.sft_adapter),
        args=training_args,
        train_dataset=dpo_dataset(train_rows),
        eval_dataset=dpo_dataset(eval_rows) if eval_rows else None,
        held_out=held_out_calls(training_args, eval_pairs, eval_rows, chat),
        processing_class=chat.tokenizer,
        peft_config=None if script_args.sft_adapter else model_args.peft_config(),
    )
    check_no_row_dropped(trainer.train_dataset, len(train_rows))
    say(describe_trained_weights(trainer.model))
    say(describe_dpo(script_args))

    # Train the adapter
    train(trainer, checkpoint)

    # Save it with its card, and push it if asked
    counted = {**counts.table(), **count_origins(pairs)}
    write_adapter_folder(
        trainer,
        chat,
        stage="DPO",
        method=describe_dpo(script_args),
        data=script_args,
        adapter=model_args,
        revision=revision,
        rows=pairs,
        counts={**counted, **({"rows for the evaluation loss": len(eval_rows)} if eval_rows else {})},
        push_to=push_to,
    )


def make_parser() -> RecipeParser:
    """The parser of `main`'s arguments."""
    return RecipeParser("dpo", (PreferenceArguments, DPOArguments, AdapterArguments))


if __name__ == "__main__":
    run_script(make_parser(), main, without_options=prepare_tiny_run)
