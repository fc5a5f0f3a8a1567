"""Direct preference optimization: the SFT adapter goes on learning from pairs of calls (the paper's section 4).

    accelerate launch trainer/dpo.py --config recipes/dpo/llama3.1-8b.yaml
    accelerate launch trainer/dpo.py   # the tiny recipe, on what `make quickstart` left; makes what it lacks
    accelerate launch --config_file recipes/accelerate/fsdp2.yaml trainer/dpo.py --config recipes/dpo/llama3.1-8b.yaml

The pairs are those that trainer/pairs.py makes. Options on the command line go over the recipe's. The result is one
adapter on the base model, in `output_dir`, with its tokenizer and card; nothing leaves the machine without
--push_to_hub --hub_model_id USER/NAME.
"""

import sys
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from petoolbench import InputError, check_choice
from petoolkit.training.training_run import (
    check_nothing_dropped,
    check_options,
    describe_weights,
    resume_point,
    run_script,
    say,
    set_model_options,
    train,
)

if TYPE_CHECKING:
    from trl import TrlParser

    from petoolkit.training.arguments import AdapterArguments, DPOArguments
    from petoolkit.training.training_rows import FittedRow, RowCounts


# What a run is, by whether it goes on with an SFT adapter, and by its reference.
_METHODS = {
    (True, "sft"): "DPO goes on with the adapter of the SFT stage; its reference is the SFT model, as in the paper.",
    (
        True,
        "base",
    ): "DPO goes on with the adapter of the SFT stage; its reference is the base model without adapter, as "
    "in the authors' repository.",
    (False, "base"): "DPO begins a new adapter on the base model, which is its reference; there was no SFT stage.",
}


@dataclass
class PreferenceArguments:
    """Which pairs, where training starts, and what it is held to."""

    dataset_name: str = field(
        default="runs/pairs", metadata={"help": "Preference pairs: a folder of trainer/pairs.py, or an id on the Hub."}
    )
    dataset_revision: str | None = field(
        default=None, metadata={"help": "Branch, tag or commit of a dataset on the Hub."}
    )
    max_unfit_rows: int = field(
        default=0,
        metadata={"help": "How many rows may be left out for being longer than max_length even without history."},
    )
    sft_adapter: str | None = field(
        default=None,
        metadata={
            "help": "Adapter of trainer/sft.py to go on with; without it, a new one is begun on the bare model."
        },
    )
    reference: str = field(
        default="sft",
        metadata={"help": "sft: the model before DPO, as in the paper; base: without adapter, as in its repository."},
    )


def main(script_args: PreferenceArguments, training_args: "DPOArguments", model_args: "AdapterArguments") -> None:
    """Train an adapter on preference pairs.

    Raises:
        InputError: for options, pairs, a model or a place that are of no use; if memory runs out, or the loss is no
            number.
    """
    from datasets import Dataset
    from trl import get_peft_config

    from petoolkit.evaluator.dataset_rows import resolved_revision
    from petoolkit.publisher.local_paths import told
    from petoolkit.training.adapter_folder import finish
    from petoolkit.training.pair_dataset import count_origins, read_pairs
    from petoolkit.training.push_adapter import prepare_push
    from petoolkit.training.reference import REFERENCES, ReferenceDPOTrainer, load_model
    from petoolkit.training.training_chat import load_chat
    from petoolkit.training.training_rows import fit_rows

    check_options(training_args, model_args)
    sft_adapter, reference = script_args.sft_adapter, script_args.reference
    check_choice(reference, REFERENCES, "reference")
    if reference == "sft" and not sft_adapter:
        raise InputError("no SFT model to be the reference; give --sft_adapter, or --reference base to go without.")
    max_length = training_args.max_length
    assert max_length is not None  # `check_options`
    checkpoint = resume_point(training_args)
    push_to = prepare_push(training_args)
    set_model_options(training_args, model_args)

    revision = resolved_revision(script_args.dataset_name, script_args.dataset_revision)
    chat = load_chat(model_args)

    def fitted(split: str, what: str) -> "tuple[list[dict], list[FittedRow], RowCounts]":
        rows = read_pairs(script_args.dataset_name, split, revision)
        if not rows:
            raise InputError(
                f"{script_args.dataset_name} has no {split} pairs; make them with trainer/pairs.py{what}."
            )
        answered = ((row, [row[side][0]["content"] for side in ("chosen", "rejected")]) for row in rows)
        return rows, *fit_rows(answered, chat, max_length, script_args.max_unfit_rows)

    rows, train_rows, counts = fitted("train", "")
    say(f"Training: {counts}")
    eval_rows: list[FittedRow] = []
    validated = {}
    if training_args.eval_strategy != "no":
        _, eval_rows, eval_counts = fitted("validation", " --validation_share, or leave --eval_strategy out")
        say(f"Validation: {eval_counts}")
        validated["rows for the evaluation loss"] = len(eval_rows)
    trainer = ReferenceDPOTrainer(
        reference=reference,
        starts_there=(reference == "sft") == (sft_adapter is not None),
        model=load_model(training_args, model_args, sft_adapter),
        args=training_args,
        train_dataset=Dataset.from_list([as_tokens(row) for row in train_rows]),
        eval_dataset=Dataset.from_list([as_tokens(row) for row in eval_rows]) if eval_rows else None,
        processing_class=chat.tokenizer,
        peft_config=None if sft_adapter else get_peft_config(model_args),
    )
    check_nothing_dropped(trainer.train_dataset, len(train_rows))
    say(describe_weights(trainer.model))
    method = _METHODS[sft_adapter is not None, reference]
    say(method)
    train(trainer, checkpoint)
    finish(
        trainer,
        stage="DPO",
        method=method,
        options=(replace(script_args, sft_adapter=told(sft_adapter) if sft_adapter else None), model_args),
        revision=revision,
        trained_on=rows,
        counts={**counts.table(), **count_origins(rows), **validated},
        push_to=push_to,
    )


def as_tokens(row: "FittedRow") -> dict[str, list[int]]:
    """Token ids of a row's prompt, and of its two answers with their end tokens."""
    chosen, rejected = row.answer_ids
    return {"prompt_ids": row.prompt_ids, "chosen_ids": chosen, "rejected_ids": rejected}


def make_parser() -> "TrlParser":
    """The parser of `main`'s three arguments."""
    from trl import TrlParser

    from petoolkit.training.arguments import AdapterArguments, DPOArguments

    kinds: Any = (PreferenceArguments, DPOArguments, AdapterArguments)
    return TrlParser(kinds)


def parse_options() -> tuple:
    """Those of the command line; without any, the tiny recipe's, whose model and pairs are made if missing."""
    if sys.argv[1:]:
        return make_parser().parse_args_and_config()
    from petoolkit.training.tiny_run import make_what_is_missing, tiny_options

    make_what_is_missing()
    return make_parser().parse_args_and_config(tiny_options())


if __name__ == "__main__":
    run_script(parse_options, main)
