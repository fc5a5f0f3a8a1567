"""One evaluation of a model on a dataset, stored in a folder with predictions and scores."""

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import Any

from rich.console import Console

from petoolbench import InputError, setting_of
from petoolkit.console import make_console
from petoolkit.dataset_record import is_of_logs
from petoolkit.endpoint.llm_settings import without_login
from petoolkit.endpoint.usage import Usage
from petoolkit.engines.engine import HERE, Engine
from petoolkit.evaluator.counterfactuals.asked_rows import AskedRows
from petoolkit.evaluator.counterfactuals.changed_rows import (
    ChangedRows,
    changed_rows,
    check_made,
    chosen_counterfactuals,
    named_in,
    rows_of_other_kinds,
)
from petoolkit.evaluator.counterfactuals.counterfactual_table import COUNTERFACTUALS
from petoolkit.evaluator.dataset_rows import chosen_settings, load_split, load_split_if_any, resolved_revision
from petoolkit.evaluator.history_methods.memories import Memory, finish_memories
from petoolkit.evaluator.history_methods.memory_function import MemoryFunction
from petoolkit.evaluator.history_methods.method_table import NONE, parse_history_method
from petoolkit.evaluator.history_methods.remembering import remember
from petoolkit.evaluator.history_methods.shown_rows import HistoryView, RowsInView, ShownRow, known_rows
from petoolkit.evaluator.history_methods.written_memory import written_memories
from petoolkit.evaluator.models.model import Answer, Prompt
from petoolkit.evaluator.models.model_kinds import check_options, make_chat, make_model
from petoolkit.evaluator.models.model_replica import ModelReplica
from petoolkit.evaluator.models.processes import Rank, started_processes, this_rank, wait_for_all
from petoolkit.evaluator.models.reply_limit import ReplyLimit, find_reply_limit
from petoolkit.evaluator.options import Connection, Options
from petoolkit.evaluator.progress import with_progress
from petoolkit.evaluator.prompts.row_prompts import make_prompts, prompt_fingerprint, released_texts
from petoolkit.evaluator.records import AskedOptions, Manifest, Scores
from petoolkit.evaluator.results_folder import (
    appending,
    begin_results,
    finish_results,
    read_results,
    stored_counterfactuals,
    stored_date,
    stored_limit,
    update_manifest,
    writing,
)
from petoolkit.evaluator.row_fingerprint import fingerprint
from petoolkit.evaluator.scores.rescore import score_folder, sent_otherwise
from petoolkit.evaluator.stored_rows import StoredRows
from petoolkit.folder_lock import check_outside
from petoolkit.released import PROMPTS_FOLDER
from petoolkit.versions import software_versions

SPLIT = "test"
_KNOWN_TO_SOME = (  # fields of an answer
    "finish_reason",
    "cut_at",
    "estimated_prompt_tokens",
    "left_out",
    "length_option",
    "discarded_prompt_tokens",
    "discarded_completion_tokens",
)


def evaluate(
    dataset: str,
    setting: str,
    model: str,
    out: Path,
    options: Options = Options(),  # noqa: B008 (it is frozen)
    connection: Connection = Connection(),  # noqa: B008
    revision: str | None = None,
    console: Console | None = None,
    given: Collection[str] = (),
    counterfactuals: str = "",
    engine: Engine = HERE,
) -> Scores | None:
    """Ask a model about the test split, and score its replies; an evaluation that was stopped continues.

    If several processes run this (`accelerate launch`, `torchrun`), each asks about its share of the rows.

    Args:
        dataset: a dataset folder or a Hub id.
        setting: one of the settings, or `all`.
        model: a spec of `petoolkit.evaluator.models.model_kinds`.
        out: folder for `manifest.json`, `predictions.jsonl` (one line for each row and repeat) and `scores.json`.
        options: options that change the model's answers.
        connection: address and limits of an endpoint.
        revision: branch, tag or commit of a dataset on the Hub.
        console: console for progress; by default, on standard error.
        given: names of the options that the user gave; they are refused if the model does not read them, even if they
            have their default values.
        counterfactuals: names of `petoolkit.evaluator.counterfactuals.counterfactual_table.COUNTERFACTUALS`, with
            commas between them, or `all` that the dataset has rows for. Their rows are asked beside the dataset's own,
            also in a folder that has the replies to these already, and scored apart.
        engine: runs copies of a model that this command would load itself, and the rules that it is compared with; it
            stands in no manifest.

    Returns:
        The content of `scores.json`; `None` in all but the first of several processes.

    Raises:
        InputError: for an unknown model, setting or dataset, options that exclude each other, a folder that cannot be
            written, holds another evaluation or is written by another process, or an endpoint that refuses.
    """
    console = console or make_console(stderr=True)
    kind = check_options(model, options, connection, given)
    _check_counterfactuals(counterfactuals, options)
    if not kind.shares_rows and (number := started_processes()) > 1:
        raise InputError(
            f"{number} processes were started, and each would ask {model} about every row; run the command without "
            "accelerate launch or torchrun."
        )
    method = parse_history_method(options.history)
    rank = this_rank() if kind.shares_rows else Rank()
    check_outside(out, dataset, "--out")
    commit = resolved_revision(dataset, revision)
    read_revision = commit or revision
    rows = load_split(dataset, setting, SPLIT, read_revision)
    released = released_texts(dataset, setting, options, read_revision)
    changed = _counterfactual_rows(counterfactuals, dataset, setting, read_revision, rows, out)
    asked_rows = AskedRows(rows, changed)
    chat = make_chat(model, options, stored_date(out))
    if chat:
        options = replace(options, chat_template_args=chat.arguments or None)
    limit = find_reply_limit(model, options, chat.renderer if chat else None, stored_limit(out))
    asked = {**asdict(options), "max_new_tokens": limit.tokens}
    view = HistoryView(method)
    memory_function = MemoryFunction(method.function) if method.function else None
    manifest = Manifest(
        model=model,
        function_fingerprint=kind.fingerprint,
        dataset=dataset,
        revision=commit,
        released=Path(dataset, PROMPTS_FOLDER).is_dir(),
        logs=is_of_logs(dataset, commit),
        fingerprint=fingerprint(rows),
        split=SPLIT,
        setting=setting,
        base_url=without_login(connection.base_url),
        options=AskedOptions(**{name: value for name, value in asked.items() if name in kind.reads}),
        prompt_fingerprint=prompt_fingerprint(_first_rows(rows), options, released),
        history_fingerprint=memory_function.fingerprint if memory_function else view.fingerprint,
        chat_template_hash=chat.renderer.fingerprint if chat else None,
        chat_date=chat.renderer.date if chat else None,
        prices=connection.prices.model_dump(include={"input", "output"}) if connection.prices else None,
        headers=sorted(connection.headers or {}),
        versions=software_versions(),
        counterfactuals={name: made.fingerprint for name, made in changed.items()},
        max_new_tokens_reason=limit.reason if "max_new_tokens" in kind.reads else None,
        started=datetime.now(UTC).replace(microsecond=0),
    )
    with writing(out, rank):
        if rank.index == 0:
            begin_results(out, manifest)
        wait_for_all(rank)
        answered = {(line["id"], line["repeat"]) for line in read_results(out).all_predictions}
        wait_for_all(rank)  # before a process adds to a file that another is still reading
        number = sum((one, repeat) not in answered for one in asked_rows.ids for repeat in range(options.repeat))
        if answered and rank.index == 0:
            console.print(f"{len(answered):,} replies are there already, {number:,} are asked for.")

        def share() -> Iterator[tuple[dict, int]]:
            """What this process asks: rows, and numbers of their repeats."""
            missing = (
                (row, repeat)
                for repeat in range(options.repeat)
                for row in asked_rows
                if (row["id"], repeat) not in answered
            )
            return islice(missing, rank.index, None, rank.count)

        if number_of_share := len(range(rank.index, number, rank.count)):

            def train_rows() -> Sequence[dict]:
                return load_split_if_any(dataset, setting, "train", read_revision)

            for note in chat.notes_on(options.history) if chat and rank.index == 0 else ():
                console.print(note, markup=False, highlight=False)
            if limit.note and manifest.max_new_tokens_reason and rank.index == 0:
                console.print(limit.note, highlight=False)

            def on_growth(grown: ReplyLimit) -> None:
                update_manifest(out, {"max_new_tokens": grown.tokens}, max_new_tokens_reason=grown.reason)
                console.print(
                    f"A reply was cut in its reasoning: from now on replies have up to {grown.tokens:,} tokens, and "
                    "those that were cut are asked for again.",
                    highlight=False,
                )

            def remember_by(make: Callable[[list[dict]], Iterator[Memory]]) -> None:
                remember(view, lambda: (row for row, _ in share()), make, out, rank, console)

            if memory_function:
                remember_by(partial(memory_function.memories, takes_text=not kind.reads_rows))
            view.prepare(row for row, _ in share())
            usage = Usage(connection.prices)
            unknown: list[tuple[ShownRow, int]] = []
            shown_rows = known_rows(view.of_asked(share()), unknown)
            if kind.has_replicas and engine is not HERE:
                replica = ModelReplica(model, options, manifest.chat_date, limit, released)
                if method.kind.is_written:
                    remember_by(lambda rows: replica.memories(method, view.memories, rows, engine))
                answers = replica.answers(shown_rows, engine)
            else:

                def in_view(name: str) -> RowsInView:
                    return RowsInView(view, asked_rows.of(name))

                loaded = make_model(model, options, connection, usage, in_view, train_rows, chat, limit, on_growth)
                if method.kind.is_written:
                    remember_by(lambda rows: written_memories(method, view.memories, loaded, options.window, rows))
                if kind.reads_rows:  # so nothing is rendered
                    prompts: Iterator[Prompt] = (
                        Prompt(shown.row["id"], repeat, [], [], shown_calls=shown.retrieved, row=shown.row)
                        for shown, repeat in shown_rows
                    )
                else:
                    prompts = make_prompts(shown_rows, loaded, options, released)
                answers = loaded.answer_all(prompts)
            with appending(out, rank) as write:
                for answer in with_progress(chain(answers, _not_asked(unknown)), number_of_share, console):
                    write(prediction_line(answer))
        wait_for_all(rank)
        if rank.index > 0:
            return None
        finish_memories(out)
        finish_results(out, asked_rows.ids, options.repeat)
        if sent := {name: value for name, value in sent_otherwise(read_results(out)).items() if value}:
            update_manifest(out, **sent)
        return score_folder(out, console, rows, engine, changed)


def _check_counterfactuals(choice: str, options: Options) -> None:
    """Raise `InputError` for an unknown counterfactual, or options that exclude them."""
    if chosen_counterfactuals(choice) and options.history == NONE:
        raise InputError("counterfactuals change the history; leave out --history none (`no-history` is one of them).")
    if chosen_counterfactuals(choice) and options.prompt == "released":
        raise InputError("counterfactuals change the prompt; leave out --prompt released.")


def _counterfactual_rows(
    choice: str, dataset: str, setting: str, revision: str | None, rows: Sequence[dict], out: Path
) -> dict[str, ChangedRows]:
    """The rows of the chosen counterfactuals, and of those that the folder holds, by name.

    Raises:
        InputError: for one that cannot be made of the rows.
    """
    chosen = chosen_counterfactuals(choice)
    stored = stored_counterfactuals(out)
    names = [name for name in COUNTERFACTUALS if name in chosen or name in stored]
    if not names:
        return {}
    others = rows_of_other_kinds(dataset, SPLIT, chosen_settings(dataset, setting, revision), revision)
    made = changed_rows(chain(rows, others), names)
    return check_made(made, dataset, [name for name in chosen if name in named_in(choice)])


def _not_asked(unknown: list[tuple[ShownRow, int]]) -> Iterator[Answer]:
    """Failed answers to rows of which it is not known what to show."""
    for shown, repeat in unknown:
        yield Answer(Prompt(shown.row["id"], repeat, [], [], row=shown.row), None, shown.error)


def _first_rows(rows: StoredRows) -> Iterator[dict]:
    """The first row of each setting, the last setting first."""
    first: dict[str, int] = {}
    for number, row in enumerate(rows.facts):
        first.setdefault(setting_of(row), number)
    return (rows[number] for number in reversed(first.values()))


def prediction_line(answer: Answer) -> dict:
    """An answer as a line of `predictions.jsonl`.

    `cut` and `over_window` are in it only if they are true, `shown_calls` (numbers of past calls, from 0) only where
    they were retrieved, and what only some models know only if it is known.
    """
    prompt = answer.prompt
    marks: dict[str, Any] = {name: True for name in ("cut", "over_window") if getattr(prompt, name)}
    if prompt.shown_calls is not None:
        marks["shown_calls"] = list(prompt.shown_calls)
    return {
        "id": prompt.row_id,
        "repeat": prompt.repeat,
        "reply": answer.reply,
        "error": answer.error,
        "prompt_tokens": answer.prompt_tokens,
        "completion_tokens": answer.completion_tokens,
        "seconds": answer.seconds,
        "dropped_interactions": prompt.dropped_interactions,
        **marks,
        **{name: value for name in _KNOWN_TO_SOME if (value := getattr(answer, name))},
    }
