"""Preference pairs: sample calls for the training rows from a model, and compare them (the paper's section 4).

    accelerate launch trainer/pairs.py --config recipes/pairs/llama3.1-8b.yaml
    python trainer/pairs.py --config recipes/pairs/llama3.1-8b.yaml --model openai:NAME --base_url http://HOST:8000/v1

The replies and the dataset made of them are in `output_dir`: `load_dataset` reads it, and `petoolbench push dataset
DIR USER/NAME` pushes it. A run that was stopped goes on when it is started again; of several processes each asks about
its share.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from trl import TrlParser

from petoolbench import InputError
from petoolkit.endpoint.llm_settings import without_login
from petoolkit.endpoint.usage import Usage
from petoolkit.evaluator.dataset_rows import resolved_revision
from petoolkit.evaluator.evaluate import prediction_line
from petoolkit.evaluator.models.model import Answer, Model, Prompt
from petoolkit.evaluator.models.model_kinds import check_model, make_model
from petoolkit.evaluator.models.ranks import Rank, this_rank, wait_for_all
from petoolkit.evaluator.options import Connection, Options
from petoolkit.evaluator.progress import with_progress
from petoolkit.evaluator.prompts.window import prompt_for
from petoolkit.evaluator.results_folder import appending, begin_results, fingerprint, finish_results, read_results
from petoolkit.publisher.local_paths import told
from petoolkit.training.arguments import DataArguments
from petoolkit.training.held_out import check_held_out
from petoolkit.training.pair_dataset import count_lines, count_pairs, pair_record, write_pairs
from petoolkit.training.pairing import NoPair, Pair, pair_of
from petoolkit.training.training_rows import gold_call, load_training_rows, split_users
from petoolkit.training.training_run import run_script


@dataclass
class PairArguments(DataArguments):
    """Which rows, which model, and how it is asked."""

    model: str = field(
        default="", metadata={"help": "Who is asked: hf:MODEL[+ADAPTER], vllm:MODEL[+ADAPTER] or openai:NAME."}
    )
    base_url: str | None = field(default=None, metadata={"help": "Address of the endpoint of an openai: model."})
    concurrency: int = field(default=32, metadata={"help": "Requests in flight at the endpoint."})
    samples: int = field(default=8, metadata={"help": "How many calls are sampled for each row."})
    temperature: float = field(default=1.0, metadata={"help": "Of the sampling, above 0."})
    window: int = field(default=4000, metadata={"help": "The most tokens of a prompt; histories are shortened."})
    max_new_tokens: int = field(default=256, metadata={"help": "The longest reply."})
    seed: int = field(
        default=42, metadata={"help": "For what is drawn; the SFT run's keeps its validation users out."}
    )
    output_dir: str = field(
        default="runs/pairs", metadata={"help": "Folder for the replies and the dataset made of them."}
    )


def main(args: PairArguments, console: Console | None = None) -> None:
    """Sample, label and write; see the module.

    Raises:
        InputError: for options without sampling, for what `load_training_rows`, `check_held_out`, `make_model` and
            `begin_results` refuse; if more rows are too long than `max_unfit_rows` allows, or none gives a pair.
    """
    console = console or Console(stderr=True)
    if args.samples < 1 or args.temperature <= 0:
        raise InputError("nothing to compare without sampling; give samples of 1 or more, and a temperature above 0.")
    rank = this_rank()
    folder = Path(args.output_dir)
    options = Options(
        window=args.window,
        temperature=args.temperature,
        max_new_tokens=args.max_new_tokens,
        seed=args.seed,
        repeat=args.samples,
    )
    check_model(args.model, options)
    commit = resolved_revision(args.dataset_name, args.dataset_revision)
    revision = commit or args.dataset_revision
    every_row = load_training_rows(args.dataset_name, args.settings, args.seed, revision)
    check_held_out(every_row, args.dataset_name, revision)
    to_train, to_validate = split_users(every_row, args.validation_share, args.seed)
    asked = {row["id"] for row in to_train[: args.max_samples] + to_validate}
    rows = [row for row in every_row if row["id"] in asked]
    manifest = {
        "model": args.model,
        "dataset": args.dataset_name,
        "revision": commit,
        "fingerprint": fingerprint(rows),
        "split": "train",
        "setting": " ".join(args.settings),
        "base_url": without_login(args.base_url),
        "options": asdict(options),
    }
    if rank.index == 0:
        begin_results(folder, manifest)
    wait_for_all(rank)
    _sample(rows, args, options, rank, console)
    wait_for_all(rank)
    if rank.index == 0:
        finish_results(folder, [(row["id"], sample) for row in rows for sample in range(args.samples)])
        _write(rows, {row["user_id"] for row in to_validate}, args, manifest, console)


def _sample(rows: list[dict], args: PairArguments, options: Options, rank: Rank, console: Console) -> None:
    """Ask about this process's share of what has no reply yet, and keep the replies."""
    folder = Path(args.output_dir)
    kept = defaultdict(set)
    for line in read_results(folder).predictions:
        kept[line["id"]].add(line["repeat"])
    wait_for_all(rank)  # before anyone adds to what the others are reading
    asked = [row for row in rows if len(kept[row["id"]]) < args.samples]
    if len(asked) < len(rows) and rank.index == 0:
        console.print(f"{len(rows) - len(asked):,} rows have their replies already, {len(asked):,} are asked about.")
    mine = asked[rank.index :: rank.count]
    if not mine:
        return
    connection = Connection(args.base_url, args.concurrency)
    model = make_model(args.model, options, connection, Usage(None), rows, lambda: rows)
    prompts = list(_prompts(mine, kept, model, options))
    _refuse_unfit([prompt.row_id for prompt in prompts if prompt.over_window], args)
    fitting = [prompt for prompt in prompts if not prompt.over_window]
    with appending(folder, rank) as keep:
        for prompt in prompts:
            if prompt.over_window:
                keep(prediction_line(Answer(prompt, None, "longer than the window even without history")))
        for answer in with_progress(model.answer_all(fitting), rows, len(fitting), console):
            keep(prediction_line(answer))


def _prompts(rows: list[dict], kept: dict[str, set[int]], model: Model, options: Options) -> Iterator[Prompt]:
    """One for each sample that is not there yet."""
    for row in rows:
        prompt = prompt_for(row, 0, model.count_tokens, options.window)
        yield from (replace(prompt, repeat=n) for n in range(options.repeat) if n not in kept[row["id"]])


def _refuse_unfit(ids: list[str], args: PairArguments) -> None:
    unfit = list(dict.fromkeys(ids))
    if len(unfit) > args.max_unfit_rows:
        raise InputError(
            f"{len(unfit)} rows are longer than the window of {args.window} tokens even without history "
            f"({', '.join(unfit[:5])}{', ...' if len(unfit) > 5 else ''}); raise window, or let that many be left out "
            f"with --max_unfit_rows {len(unfit)}."
        )


def _write(
    rows: list[dict], validation_users: set[str], args: PairArguments, manifest: dict, console: Console
) -> None:
    """Label the rows by their replies, write the dataset and print where its pairs came from."""
    folder = Path(args.output_dir)
    lines = defaultdict(list)
    for line in read_results(folder).predictions:
        lines[line["id"]].append(line)
    outcomes = [_outcome(row, lines[row["id"]]) for row in rows]
    _refuse_unfit([row["id"] for row, one in zip(rows, outcomes, strict=True) if one is NoPair.TOO_LONG], args)
    records: dict[str, list[dict]] = {"train": [], "validation": []}
    for row, outcome in zip(rows, outcomes, strict=True):
        if isinstance(outcome, Pair):
            history = row["history"][lines[row["id"]][0]["dropped_interactions"] :]
            shown = {**row, "history": history, "history_length": len(history)}
            split = "validation" if row["user_id"] in validation_users else "train"
            records[split].append(pair_record(shown, outcome))
    counts = count_pairs(rows, outcomes)
    options = {"samples a row": args.samples, "temperature": args.temperature, "window, in tokens": args.window}
    made = {"model": told(args.model), "dataset": told(args.dataset_name), **options, "seed": args.seed}
    write_pairs(folder, records, counts, {**made, "fingerprint of the rows": manifest["fingerprint"]})
    head, *body = count_lines(counts)
    table = Table(*head, title=f"{args.output_dir}: {counts['all']['pairs']:,} pairs")
    for cells in body:
        table.add_row(*cells)
    console.print(table)


def _outcome(row: dict, lines: list[dict]) -> Pair | NoPair:
    if lines[0].get("over_window"):
        return NoPair.TOO_LONG
    return pair_of(row, [line["reply"] for line in lines], gold_call(row))


def make_parser() -> TrlParser:
    """The parser of `main`'s argument."""
    kinds: Any = [PairArguments]
    return TrlParser(kinds)


if __name__ == "__main__":
    run_script(make_parser().parse_args_and_config, main)
