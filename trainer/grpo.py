"""Group relative policy optimization: replies are sampled, and rewarded where their calls are right.

    accelerate launch trainer/grpo.py --config llama3.1-8b
    accelerate launch trainer/grpo.py --config recipes/grpo/tiny.yaml --model_name_or_path DIR --max_steps 5
    accelerate launch --config_file recipes/accelerate/several_gpus.yaml trainer/grpo.py --config llama3.1-8b

It trains the adapter of trainer/sft.py further, or a new one. The rewards are in petoolkit/training/rewards.py, and
their weights are the option `reward_weights`. `--config` takes a YAML file, or the name of one in recipes/grpo;
options on the command line override it. One adapter on the base model, its tokenizer and its card are written into
`output_dir`. Nothing leaves the machine without --push_to_hub --hub_model_id USER/NAME.
"""

from pathlib import Path

from petoolkit.evaluator.chat_rows import gold_call
from petoolkit.evaluator.models.processes import Rank
from petoolkit.evaluator.results_folder import writing
from petoolkit.folder_lock import check_outside
from petoolkit.training.adapter_folder import write_adapter_folder
from petoolkit.training.arguments import AdapterArguments, GRPOArguments, PolicyArguments
from petoolkit.training.grpo_trainer import (
    RewardedTrainer,
    check_gold_calls_fit,
    describe_grpo,
    explain_vllm_errors,
    grpo_dataset,
)
from petoolkit.training.held_out_calls import held_out_calls
from petoolkit.training.model_loading import load_policy, set_model_init_kwargs
from petoolkit.training.option_checks import check_grpo_options, check_options
from petoolkit.training.push_adapter import prepare_push
from petoolkit.training.row_fitting import FittedRow, fit_rows
from petoolkit.training.script import RecipeParser, run_script, say
from petoolkit.training.train_loop import check_no_row_dropped, checkpoint_to_resume, describe_trained_weights, train
from petoolkit.training.training_chat import load_chat
from petoolkit.training.training_rows import choose_rows


def main(script_args: PolicyArguments, training_args: GRPOArguments, model_args: AdapterArguments) -> None:
    """Train an adapter with rewards on rows of a benchmark's train split.

    Raises:
        InputError: if an option, the rows, a model or the repository to push to cannot be used; if another process
            writes `output_dir`, memory runs out, or the loss is not a finite number.
    """
    folder = Path(str(training_args.output_dir))
    check_options(training_args, model_args)
    check_grpo_options(script_args, training_args, model_args.model_name_or_path)
    check_outside(folder, script_args.dataset_name, "--output_dir")
    with writing(folder, Rank(training_args.process_index)):
        train_adapter(script_args, training_args, model_args)


def train_adapter(script_args: PolicyArguments, training_args: GRPOArguments, model_args: AdapterArguments) -> None:
    """Train an adapter, and write it into `output_dir`; raises what `main` raises."""
    # Decide how to train
    checkpoint = checkpoint_to_resume(training_args)
    push_to = prepare_push(training_args)
    set_model_init_kwargs(training_args, model_args)

    # Load the rows; gold calls set their length, as in SFT, and are not shown to the model
    rows = choose_rows(script_args, training_args.seed)
    chat = load_chat(model_args, script_args.sft_adapter)
    limits = training_args.max_length, script_args.max_unfit_rows
    train_rows, counts = fit_rows([(row, [gold_call(row)]) for row in rows.train], chat, *limits)
    check_gold_calls_fit(train_rows, training_args.max_completion_length)
    say(f"Training: {counts}")
    eval_rows: list[FittedRow] = []
    if rows.validation:
        eval_rows, eval_counts = fit_rows([(row, [gold_call(row)]) for row in rows.validation], chat, *limits)
        say(f"Validation: {eval_counts}")

    # Initialize the trainer
    with explain_vllm_errors():
        trainer = RewardedTrainer(
            chat=chat,
            rows=rows.rows,
            model=load_policy(training_args, model_args, script_args.sft_adapter),
            args=training_args,
            train_dataset=grpo_dataset(train_rows),
            eval_dataset=grpo_dataset(eval_rows) if eval_rows else None,
            held_out=held_out_calls(training_args, rows.validation, eval_rows, chat),
            peft_config=None if script_args.sft_adapter else model_args.peft_config(),
        )
    check_no_row_dropped(trainer.train_dataset, len(train_rows))
    say(describe_trained_weights(trainer.model))
    say(describe_grpo(script_args, training_args))

    # Train the adapter
    train(trainer, checkpoint)

    # Save it with its card, and push it if asked
    write_adapter_folder(
        trainer,
        chat,
        stage="GRPO",
        method=describe_grpo(script_args, training_args),
        data=script_args,
        adapter=model_args,
        revision=rows.revision,
        rows=rows.train,
        counts={**counts.table(), **({"rows kept out, for evaluation": len(eval_rows)} if eval_rows else {})},
        push_to=push_to,
    )


def make_parser() -> RecipeParser:
    """The parser of `main`'s arguments."""
    return RecipeParser("grpo", (PolicyArguments, GRPOArguments, AdapterArguments))


if __name__ == "__main__":
    run_script(make_parser(), main)
