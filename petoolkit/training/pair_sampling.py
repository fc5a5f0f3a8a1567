"""Sampling a model's calls for the rows that preference pairs are made of."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console

from petoolbench import InputError, check_choice
from petoolkit.dataset_record import is_of_logs
from petoolkit.endpoint.llm_settings import without_login
from petoolkit.endpoint.usage import Usage
from petoolkit.evaluator.evaluate import prediction_line
from petoolkit.evaluator.models.chat_tokenizer import ChatTokenizer
from petoolkit.evaluator.models.model import Answer, Model, Prompt
from petoolkit.evaluator.models.model_kinds import check_options, make_chat, make_model
from petoolkit.evaluator.models.processes import Rank, wait_for_all
from petoolkit.evaluator.models.trained_chat import FORMATS, TOOLS
from petoolkit.evaluator.options import Connection, Options
from petoolkit.evaluator.progress import with_progress
from petoolkit.evaluator.prompts.window import prompt_for
from petoolkit.evaluator.records import AskedOptions, Manifest
from petoolkit.evaluator.results_folder import (
    appending,
    begin_results,
    finish_results,
    read_results,
    stored_date,
)
from petoolkit.evaluator.row_fingerprint import fingerprint
from petoolkit.publisher.local_paths import without_folders
from petoolkit.text import listing
from petoolkit.training.arguments import PairArguments
from petoolkit.training.training_rows import TrainingRows


def sampling_options(args: PairArguments) -> Options:
    """How the model is asked.

    Raises:
        InputError: for an unknown model, options that it does not read, or options with which nothing is sampled.
    """
    if args.samples < 1 or args.temperature <= 0:
        raise InputError("nothing to compare without sampling; give samples of 1 or more, and a temperature above 0.")
    check_choice(args.format, FORMATS, "format")
    chat: dict[str, Any] = {
        "chat_template": args.chat_template,
        "chat_template_args": args.chat_template_args,
        "any_base": args.any_base,
        "protocol": "tools" if args.format == TOOLS else "prompt",
    }
    check_options(args.model, Options(**chat), Connection(args.base_url))  # the tiny recipe samples from a rule
    return Options(
        history=args.history,
        window=args.window,
        temperature=args.temperature,
        max_new_tokens=args.max_new_tokens,
        seed=args.seed,
        repeat=args.samples,
        **chat,
    )


def sample_replies(chosen: TrainingRows, args: PairArguments, options: Options, rank: Rank, console: Console) -> None:
    """Ask the model about each row `args.samples` times, and write the replies into `args.output_dir`.

    Replies that are there already are not asked for again. Each of several processes asks about its share of the rows,
    and returns once all have finished; the first one puts the replies in order.

    Raises:
        InputError: if the folder holds replies of another model or to other rows, the model cannot be asked, or more
            rows are too long than `max_unfit_rows` allows.
    """
    folder = Path(args.output_dir)
    chat = make_chat(args.model, options, stored_date(folder))
    if chat:
        options = replace(options, chat_template_args=chat.arguments or None)
    if rank.index == 0:
        begin_results(folder, _manifest(chosen, args, options, chat))
    wait_for_all(rank)
    samples_there = defaultdict(set)
    for line in read_results(folder).predictions:
        samples_there[line["id"]].add(line["repeat"])
    wait_for_all(rank)  # before a process adds to a file that another is still reading
    rows = [row for row in chosen.rows if len(samples_there[row["id"]]) < args.samples]
    if len(rows) < len(chosen.rows) and rank.index == 0:
        console.print(
            f"{len(chosen.rows) - len(rows):,} rows have their replies already, {len(rows):,} are asked about."
        )
    if share := rows[rank.index :: rank.count]:
        for note in chat.notes_on(options.history) if chat and rank.index == 0 else ():
            console.print(note, markup=False, highlight=False)
        model = make_model(
            args.model,
            options,
            Connection(args.base_url, args.concurrency),
            Usage(None),
            lambda counterfactual: chosen.rows,
            lambda: chosen.rows,
            chat,
        )
        prompts = list(_prompts(share, samples_there, model, options))
        check_unfit([prompt.row_id for prompt in prompts if prompt.over_window], args)
        fitting = [prompt for prompt in prompts if not prompt.over_window]
        with appending(folder, rank) as keep:
            for prompt in prompts:
                if prompt.over_window:
                    keep(prediction_line(Answer(prompt, None, "longer than the window even without history")))
            for answer in with_progress(model.answer_all(fitting), len(fitting), console):
                keep(prediction_line(answer))
    wait_for_all(rank)
    if rank.index == 0:
        finish_results(folder, [row["id"] for row in chosen.rows], args.samples)


def read_samples(args: PairArguments) -> dict[str, list[dict]]:
    """The lines of `predictions.jsonl` in `args.output_dir`, by row id.

    Raises:
        InputError: if more rows are too long than `max_unfit_rows` allows.
    """
    lines = defaultdict(list)
    for line in read_results(Path(args.output_dir)).predictions:
        lines[line["id"]].append(line)
    check_unfit([row_id for row_id, samples in lines.items() if samples[0].get("over_window")], args)
    return lines


def describe_sampling(args: PairArguments, chosen: TrainingRows) -> dict[str, Any]:
    """How the calls were sampled, each value by its description, without this machine's folders."""
    return {
        "model": without_folders(args.model),
        "dataset": without_folders(args.dataset_name),
        "format of tools and calls": args.format,
        "samples a row": args.samples,
        "temperature": args.temperature,
        "window, in tokens": args.window,
        "past calls that prompts show (history)": without_folders(args.history),
        "seed": args.seed,
        "fingerprint of the rows": fingerprint(chosen.rows),
    }


def check_unfit(ids: list[str], args: PairArguments) -> None:
    """Check the number of rows that are too long for the window.

    Args:
        ids: their ids, which may be repeated.
        args: with `window` and `max_unfit_rows`.

    Raises:
        InputError: naming some, if there are more than `max_unfit_rows`.
    """
    unfit = list(dict.fromkeys(ids))
    if len(unfit) > args.max_unfit_rows:
        raise InputError(
            f"{len(unfit)} rows are longer than the window of {args.window} tokens even without history "
            f"({listing(unfit)}); raise window, or let that many be left out with --max_unfit_rows {len(unfit)}."
        )


def _manifest(chosen: TrainingRows, args: PairArguments, options: Options, chat: ChatTokenizer | None) -> Manifest:
    return Manifest(
        model=args.model,
        dataset=args.dataset_name,
        revision=chosen.revision,
        logs=is_of_logs(args.dataset_name, chosen.revision),
        fingerprint=fingerprint(chosen.rows),
        split="train",
        setting=" ".join(args.settings),
        base_url=without_login(args.base_url),
        options=AskedOptions(**asdict(options)),
        chat_template_hash=chat.renderer.fingerprint if chat else None,
        chat_date=chat.renderer.date if chat else None,
    )


def _prompts(rows: list[dict], samples_there: dict[str, set[int]], model: Model, options: Options) -> Iterator[Prompt]:
    """A prompt for each sample that is not there yet."""
    for row in rows:
        count_tokens = partial(model.count_tokens, candidate_tools=row["candidate_tools"])
        prompt = prompt_for(row, 0, count_tokens, options.window, native_tools=options.protocol == "tools")
        for sample in range(options.repeat):
            if sample not in samples_there[row["id"]]:
                yield replace(prompt, repeat=sample)
