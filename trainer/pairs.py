"""Preference pairs: calls for the training rows are sampled from a model, and compared (paper, section 4).

    accelerate launch trainer/pairs.py --config llama3.1-8b
    python trainer/pairs.py --config llama3.1-8b --model openai:NAME --base_url http://HOST:8000/v1

`--config` takes a YAML file, or the name of one in recipes/pairs; options on the command line override it. The replies
and the dataset made of them are written into `output_dir`: `load_dataset` reads it, and `petoolbench push dataset DIR
USER/NAME` pushes it. A run that was stopped goes on when it is started again. Each of several processes asks about its
share of the rows.
"""

from pathlib import Path

from petoolkit.console import make_console
from petoolkit.evaluator.models.processes import this_rank
from petoolkit.evaluator.results_folder import writing
from petoolkit.folder_lock import check_outside
from petoolkit.training.arguments import PairArguments
from petoolkit.training.pair_dataset import count_pairs, counts_table, find_pairs, pair_records, write_pairs
from petoolkit.training.pair_sampling import describe_sampling, read_samples, sample_replies, sampling_options
from petoolkit.training.script import RecipeParser, run_script
from petoolkit.training.training_rows import choose_rows


def main(script_args: PairArguments) -> None:
    """Make preference pairs of rows of a benchmark's train split.

    Raises:
        InputError: if an option, the rows, the model or `output_dir` cannot be used; if another process writes
            `output_dir`, more rows are too long than `max_unfit_rows` allows, or no row gives a pair.
    """
    options = sampling_options(script_args)
    check_outside(Path(script_args.output_dir), script_args.dataset_name, "--output_dir")
    console, rank = make_console(stderr=True), this_rank()

    # Load the rows
    chosen = choose_rows(script_args, script_args.seed)

    with writing(Path(script_args.output_dir), rank):
        # Sample the model's calls
        sample_replies(chosen, script_args, options, rank, console)
        if rank.index > 0:
            return

        # Compare the calls of each row
        samples = read_samples(script_args)
        outcomes = find_pairs(chosen.rows, samples)
        counts = count_pairs(chosen.rows, outcomes)
        records = pair_records(chosen.rows, outcomes, samples, chosen.validation_users)

        # Save the pairs
        write_pairs(Path(script_args.output_dir), records, counts, describe_sampling(script_args, chosen))
        console.print(counts_table(counts))
        console.print(f"The pairs and the replies that they were made of are in {script_args.output_dir}.")


def make_parser() -> RecipeParser:
    """The parser of `main`'s argument."""
    return RecipeParser("pairs", (PairArguments,))


if __name__ == "__main__":
    run_script(make_parser(), main)
