"""One evaluation: dataset and model in, a folder with predictions and scores out."""

from collections.abc import Collection
from dataclasses import asdict
from pathlib import Path

from rich.console import Console

from petoolbench import InputError
from petoolkit.endpoint.llm_settings import without_login
from petoolkit.endpoint.usage import Usage
from petoolkit.evaluator.dataset_rows import load_split, resolved_revision
from petoolkit.evaluator.models.model import Answer
from petoolkit.evaluator.models.model_kinds import check_options, make_model
from petoolkit.evaluator.models.ranks import Rank, this_rank, wait_for_all
from petoolkit.evaluator.options import Connection, Options
from petoolkit.evaluator.progress import with_progress
from petoolkit.evaluator.prompts.row_prompts import make_prompts, prompt_fingerprint, released_texts
from petoolkit.evaluator.records import AskedOptions, Manifest, Scores
from petoolkit.evaluator.results_folder import appending, begin_results, fingerprint, finish_results, read_results
from petoolkit.evaluator.scores.rescore import score_folder
from petoolkit.released import PROMPTS_FOLDER
from petoolkit.versions import software_versions

SPLIT = "test"


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
) -> Scores | None:
    """Ask a model about the test split, and score its replies; an evaluation that was stopped goes on.

    Started as several processes (`accelerate launch`, `torchrun`), each asks about its share.

    Args:
        dataset: a dataset folder or a Hub id.
        setting: one of the settings, or `all`.
        model: a spec of `petoolkit.evaluator.models.model_kinds`.
        out: gets `manifest.json`, `predictions.jsonl` (a line a row and repeat) and `scores.json`.
        options: how the model is asked.
        connection: how an endpoint is reached.
        revision: of a Hub dataset.
        console: for progress.
        given: names of the options that were given on purpose, even where they are the defaults; those that the model
            does not read are refused.

    Returns:
        What `scores.json` holds; `None` in all but the first of several processes.

    Raises:
        InputError: for an unknown model, setting or dataset, options that exclude each other, a folder that can't be
            written or holds another evaluation, an endpoint that refuses.
    """
    console = console or Console(stderr=True)
    kind = check_options(model, options, connection, given)
    rank = this_rank() if kind.shares_rows else Rank()
    commit = resolved_revision(dataset, revision)
    at = commit or revision
    rows = load_split(dataset, setting, SPLIT, at)
    released = released_texts(dataset, setting, options, at)
    manifest = Manifest(
        model=model,
        dataset=dataset,
        revision=commit,
        released=Path(dataset, PROMPTS_FOLDER).is_dir(),
        fingerprint=fingerprint(rows),
        split=SPLIT,
        setting=setting,
        base_url=without_login(connection.base_url),
        options=AskedOptions(
            **{name: value for name, value in asdict(options).items() if name in kind.reads or name == "history"}
        ),
        prompt_fingerprint=prompt_fingerprint(rows, options, released),
        prices=connection.prices.model_dump(include={"input", "output"}) if connection.prices else None,
        versions=software_versions(),
    )
    if rank.index == 0:
        begin_results(out, manifest)
    wait_for_all(rank)
    kept = {(line["id"], line["repeat"]) for line in read_results(out).predictions}
    wait_for_all(rank)  # before a fast one adds to what a slow one has yet to read
    asked = [(row, repeat) for repeat in range(options.repeat) for row in rows if (row["id"], repeat) not in kept]
    if kept and rank.index == 0:
        console.print(f"{len(kept):,} replies are there already, {len(asked):,} are asked for.")
    mine = asked[rank.index :: rank.count]
    if mine:

        def train_rows() -> list[dict]:
            try:
                return load_split(dataset, setting, "train", at)
            except InputError:
                return []

        usage = Usage(connection.prices)
        asking = make_model(model, options, connection, usage, rows, train_rows)
        prompts = make_prompts(mine, asking, options, released, console)
        with appending(out, rank) as keep:
            for answer in with_progress(asking.answer_all(prompts), rows, len(prompts), console):
                keep(prediction_line(answer))
    wait_for_all(rank)
    if rank.index > 0:
        return None
    finish_results(out, [(row["id"], repeat) for row in rows for repeat in range(options.repeat)])
    return score_folder(out, console)


def prediction_line(answer: Answer) -> dict:
    """A line of `predictions.jsonl`."""
    prompt = answer.prompt
    marks = {name: True for name in ("cut", "over_window") if getattr(prompt, name)}
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
    }
