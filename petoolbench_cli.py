"""The command `petoolbench`: reads options, calls the library, and prints mistakes in one sentence."""

import os
from pathlib import Path
from typing import Any

import click
from petoolkit.builder.authors import AUTHORS
from petoolkit.builder.dataset_options import DATASET, written_dataset
from petoolkit.builder.dataset_options import replace as replace_option
from petoolkit.builder.import_commands import import_
from petoolkit.builder.plan.plan_command import plan
from petoolkit.builder.selectors.fit_commands import fit
from petoolkit.builder.snapshot_command import snapshot
from petoolkit.builder.survey.catalogue_command import NAMES, catalogue, given_catalogues, name_options

from petoolbench import InputError
from petoolkit.audit.audit_commands import audit
from petoolkit.console import make_console
from petoolkit.engines.engine_options import engine_options
from petoolkit.evaluator.evaluate_commands import compare, dataset_option, evaluate, report, revision_option, score
from petoolkit.exporter.export_commands import export
from petoolkit.files import DISK_ERRORS
from petoolkit.gate_failed import GateFailed
from petoolkit.publisher.leaderboard.leaderboard_command import leaderboard
from petoolkit.publisher.push_commands import push

EXIT_GATE_FAILED = 1
EXIT_INPUT_ERROR = 2
EXIT_STOPPED = 130
_GO_ON = ("build", "evaluate")  # commands that go on where they were stopped


class _Command(click.Group):
    """A group whose commands end with a sentence and exit code 2 on a user's mistake, not with a traceback."""

    def invoke(self, context: click.Context) -> Any:
        os.environ.setdefault("HF_DATASETS_DISABLE_PROGRESS_BARS", "1")  # logs hold our own progress only
        try:
            return super().invoke(context)
        except InputError as error:
            _print_error(error)
            context.exit(EXIT_INPUT_ERROR)
        except GateFailed as error:
            _print_error(error)
            context.exit(EXIT_GATE_FAILED)
        except BrokenPipeError:  # click ends without a message when nobody reads its output any more
            raise
        except OSError as error:  # of a file or folder that the library does not check itself, such as a cache
            if error.filename is None and error.errno not in DISK_ERRORS:  # not of a file: an error of ours
                raise
            named = f"{error.filename}: " if error.filename else ""
            reason = (error.strerror or str(error)).lower()
            _print_error(f"{named}{reason}; free some space, ask for access, or give another path.")
            context.exit(EXIT_INPUT_ERROR)
        except KeyboardInterrupt:
            kept = " What was finished is kept: the same command goes on from there."
            click.echo(f"Stopped.{kept if context.invoked_subcommand in _GO_ON else ''}", err=True)
            context.exit(EXIT_STOPPED)


def _print_error(problem: object) -> None:
    from petoolkit.text import printable

    console = make_console(stderr=True, soft_wrap=True)
    console.print(printable(f"Error: {problem}"), style="red", markup=False, highlight=False)


@click.group(cls=_Command, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="petoolbench", message="%(package)s %(version)s")
def main() -> None:
    """Build, publish, evaluate on and train for benchmarks of personalised tool use.

    A first round, on the catalogue that ships with the project:

    \b
      petoolbench quickstart
      petoolbench show
      petoolbench evaluate --model openai:gpt-4o-mini --out results/gpt-4o-mini
    """


@main.command()
@click.option(
    "--recipe",
    default="quickstart",
    show_default=True,
    metavar="NAME_OR_FILE",
    help="The build's settings: a shipped recipe's name (`petoolbench recipes` lists them), or a YAML file.",
)
@click.option(
    "--catalogue",
    multiple=True,
    metavar="PATH",
    help="Tool documents of any form that `petoolbench catalogue` reads: a file, a folder, or `embedded`. Repeatable.",
)
@click.option(
    "--background",
    multiple=True,
    metavar="PATH",
    help="Tools that fill past calls and lists of candidates beside those of --catalogue, and are never asked for.",
)
@name_options
@click.option("--users", type=click.IntRange(1), help="Users to simulate; each gives three rows.")
@click.option("--seed", type=int, help="Another seed gives another benchmark.")
@click.option(
    "--author",
    metavar="NAME",
    help="Who writes. " + " ".join(f"{author.name}: {author.description}" for author in AUTHORS.values()),
)
@click.option("--model", help="The language model.  [default: the recipe's, gpt-4o-mini]")
@click.option("--base-url", metavar="URL", help="The endpoint.  [default: $OPENAI_BASE_URL, else OpenAI's]")
@click.option("--concurrency", type=click.IntRange(1), help="Requests in flight.")
@click.option("--no-cache", "cache", flag_value=False, default=None, help="Ask again for replies that were kept.")
@click.option(
    "--preview", type=click.IntRange(1), metavar="K", help="Only try K tools and K users, and estimate the rest."
)
@click.option(
    "--batch", is_flag=True, default=None, help="Send the provider's batch files: cheaper, answered within a day."
)
@click.option("--max-cost", type=click.FloatRange(0, min_open=True), metavar="USD", help="Stop at this cost.")
@engine_options
@click.option(
    "--run",
    "run_folder",
    metavar="DIR_OR_URL",
    help="The stages' files; a URL such as s3://bucket/run is an object store's.  [default: runs/<recipe's name>]",
)
@written_dataset
@replace_option
def build(
    recipe, users, seed, author, engine, run_folder, dataset_folder, replace, preview, catalogue, **options
) -> None:
    """Build a benchmark from tool documents. Options go over the recipe's keys.

    What has not changed since the last build into the same --run is not done again; a build that was stopped goes on.
    """
    from petoolkit.returned_memory import return_freed_memory

    return_freed_memory()
    from petoolkit.builder.pipeline import build as run_build
    from petoolkit.builder.recipe import load_recipe

    from petoolkit.shipped import recipe_path

    path = recipe_path("build", recipe)
    names = {name: options.pop(name) for name in NAMES}
    catalogues = given_catalogues(catalogue, **names) + given_catalogues(options.pop("background"), background=True)
    checked = load_recipe(path, options, catalogue=catalogues or None, users=users, seed=seed, author=author)
    if preview:
        _show_preview(checked, preview)
        return
    run_folder = run_folder or Path("runs") / path.stem
    run_build(checked, run_folder, dataset_folder, make_console(stderr=True), replace=replace, engine=engine)


def _show_preview(recipe, number: int) -> None:
    """Show what a model wrote for a few records, the rows made of it, and an estimate of the whole run."""
    from petoolkit.builder.preview import preview

    from petoolkit.evaluator.row_view import row_view
    from petoolkit.evaluator.score_tables import conversation_view, estimate_table

    tried = preview(recipe, number, make_console(stderr=True))
    console = make_console()
    shown = set()
    for request, reply in tried.conversations:
        if (task := request.messages[0]["content"]) not in shown:
            shown.add(task)
            console.print(conversation_view(request.messages, reply.content))
    for row in tried.rows:
        console.print(row_view(row))
    console.print(estimate_table(tried.estimate))
    console.print(
        "The replies are kept: the whole run does not pay for them again. A model is asked again where its reply is "
        "invalid, and another user is drawn where one is rejected: the estimate takes both to happen as often as here."
    )
    if tried.problem:
        raise InputError(tried.problem)


@main.command()
def recipes() -> None:
    """List the recipes that ship with the project: for builds, training, and `accelerate launch`."""
    from rich.table import Column, Table

    from petoolkit.shipped import RECIPES, ROOT, recipe_title
    from petoolkit.shipped import recipes as shipped_recipes

    table = Table("for", Column("name", no_wrap=True), "what it is", box=None, pad_edge=False)
    for kind in ("build", "selector", "sft", "pairs", "dpo", "grpo", "accelerate"):
        for number, path in enumerate(shipped_recipes(kind)):
            table.add_row(kind if not number else "", path.stem, recipe_title(path))
    make_console().print(table)
    click.echo("\nA build takes a name:   petoolbench build --recipe rapidapi")
    click.echo(f"A training script too:  accelerate launch {_short(ROOT / 'trainer' / 'sft.py')} --config llama3.1-8b")
    click.echo(f"To change one, copy it: {_short(RECIPES)}/")


def _short(path: Path) -> str:
    """A path as short as it works from here."""
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) and path != Path.cwd() else str(path)


@main.command()
@click.argument("row_or_user", required=False)
@dataset_option
@click.option("--setting", metavar="NAME", help="Only this form of the history, or selectivity.")
@revision_option
def show(row_or_user, dataset, setting, revision) -> None:
    """Show a row as a person reads it: history, request, candidates and the gold call.

    ROW_OR_USER is a row's id, such as u000007/chronological, or a user's, such as u000007 or u000007-override; without
    it, the first test row is shown.
    """
    from petoolbench import all_configs, check_choice
    from petoolkit.dataset_record import is_of_logs
    from petoolkit.evaluator.dataset_rows import find_rows
    from petoolkit.evaluator.row_view import user_view

    if setting:
        check_choice(setting, all_configs(), "setting")
    console = make_console()
    console.print(user_view(find_rows(dataset, setting, row_or_user, revision)))
    if is_of_logs(dataset, revision):
        console.print("From logs of real calls: the gold call is the one that was made.", style="dim")


@main.command()
@click.argument("folders", nargs=-1, type=click.Path(path_type=Path), metavar="")
@dataset_option
@revision_option
@click.option(
    "--results",
    type=click.Path(path_type=Path),
    multiple=True,
    metavar="DIR ...",
    help="Evaluations that `evaluate --out` wrote, or folders with such inside.  [default: those of these rows in "
    "results/]",
)
@click.option(
    "--host", default="127.0.0.1", show_default=True, help="Where to listen; as it is, only this machine comes in."
)
@click.option("--port", type=click.IntRange(1, 65535), default=7860, show_default=True, help="At which port.")
def explore(folders, dataset, revision, results, host, port) -> None:
    """Look at rows in a browser, at why gold is gold, and at what models called there.

    FOLDERS after the options are results too: --results results/*
    """
    from petoolkit.explorer.server import explore as serve

    serve(dataset, revision, [*results, *folders], host, port)


@main.group()
def cache() -> None:
    """Look at or clear what was costly to get: embeddings, and replies of language models."""


@cache.command()
def info() -> None:
    """Show what is kept, where, and how large it is."""
    from petoolkit.store import batches_under_way, cache_folder, store_sizes

    console = make_console(soft_wrap=True)
    sizes = store_sizes()
    for name, (number, size) in sizes.items():
        console.print(f"{cache_folder() / name}: {number:,} kept, {size / 1e6:.1f} MB", highlight=False)
    if under_way := batches_under_way():
        console.print(f"{len(under_way):,} batches under way: the next build with --batch collects them.")
    if not sizes:
        console.print(f"Nothing is kept in {cache_folder()}.", highlight=False)


@cache.command()
@click.option("--embeddings", is_flag=True, help="Remove the embeddings: computed again when needed.")
@click.option("--replies", is_flag=True, help="Remove the replies of language models: paid for again when needed.")
def clear(embeddings, replies) -> None:
    """Remove what is kept."""
    from petoolkit.store import EMBEDDINGS, REPLIES, clear_store

    if not (embeddings or replies):
        raise InputError("say what to remove: --embeddings, --replies, or both.")
    for name, asked in ((EMBEDDINGS, embeddings), (REPLIES, replies)):
        if asked:
            click.echo(f"{name} removed." if clear_store(name) else f"There is no {name}.")


@main.command()
@click.pass_context
def quickstart(context) -> None:
    """Build the small benchmark, score rules on it, show a row, draw a report, try training (two minutes).

    Results and adapters are made anew each time, in results/quickstart/ and runs/tiny/ of the current folder.
    """
    from petoolbench_quickstart import RESULTS, score_rules, train_tiny, what_was_made

    console = make_console()
    context.invoke(build)
    context.invoke(report, folders=score_rules(str(DATASET), console), out=RESULTS / "report")
    train_tiny(console)
    console.print(what_was_made(DATASET), highlight=False, soft_wrap=True)


for command in (plan, catalogue, snapshot, import_, audit, fit, evaluate, score, compare, report, leaderboard):
    main.add_command(command)
for command in (export, push):
    main.add_command(command)

if __name__ == "__main__":
    main()
