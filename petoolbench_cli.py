"""The command `petoolbench`: reads options, calls the library, and tells mistakes in one sentence."""

from pathlib import Path

import click
from rich.console import Console

from petoolbench import SETTINGS, InputError
from petoolkit.publisher.push_commands import push

EXIT_INPUT_ERROR = 2
_DEFAULT_DATASET = Path("petoolbench")


class _Command(click.Group):
    """A group whose commands end with a sentence and exit code 2 on a user's mistake, not with a traceback."""

    def invoke(self, context: click.Context):
        try:
            return super().invoke(context)
        except InputError as error:
            from petoolkit.text import printable

            sentence = printable(f"Error: {error}")
            Console(stderr=True, soft_wrap=True).print(sentence, style="red", markup=False, highlight=False)
            context.exit(EXIT_INPUT_ERROR)
        except KeyboardInterrupt:
            Console(stderr=True).print("Stopped; what was finished is kept. The same command goes on from there.")
            context.exit(130)


_written_dataset = click.option(
    "--dataset",
    "dataset_folder",
    type=click.Path(path_type=Path),
    default=_DEFAULT_DATASET,
    show_default=True,
    metavar="DIR",
    help="The finished dataset, as load_dataset reads it.",
)
_read_dataset = click.option(
    "--dataset", default=str(_DEFAULT_DATASET), show_default=True, metavar="DIR_OR_HUB_ID", help="What to read."
)
_revision = click.option("--revision", help="Branch, tag or commit of a Hub dataset.")


@click.group(cls=_Command, context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Build, load and score benchmarks of personalised tool use.

    A first round, on the catalogue that ships with the project:

    \b
      petoolbench build --recipe recipes/build/quickstart.yaml
      petoolbench show
      petoolbench evaluate --model baseline:preference-rule --out results/preference-rule
    """


@main.command()
@click.option(
    "--recipe",
    type=click.Path(path_type=Path),
    default=Path("recipes/build/quickstart.yaml"),
    show_default=True,
    help="YAML file with the build's settings.",
)
@click.option(
    "--catalogue",
    multiple=True,
    metavar="PATH",
    help="Tool documents: .json, .jsonl, .gz of them, a folder, or `embedded`. Repeatable.",
)
@click.option("--users", type=click.IntRange(1), help="Users to simulate; each gives three rows.")
@click.option("--seed", type=int, help="Another seed gives another benchmark.")
@click.option(
    "--author",
    type=click.Choice(["offline", "openai"]),
    help="Who writes: rules, or a language model behind an OpenAI-compatible endpoint ($OPENAI_API_KEY).",
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
@click.option(
    "--run",
    "run_folder",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="The stages' files.  [default: runs/<recipe's name>]",
)
@_written_dataset
def build(recipe, catalogue, users, seed, author, run_folder, dataset_folder, preview, **llm) -> None:
    """Build a benchmark from tool documents. Options go over the recipe's keys.

    What has not changed since the last build into the same --run is not done again; a build that was stopped goes on.
    """
    from petoolkit.builder.pipeline import build as run_build
    from petoolkit.builder.recipe import load_recipe

    checked = load_recipe(recipe, llm, catalogue=list(catalogue) or None, users=users, seed=seed, author=author)
    if preview:
        _show_preview(checked, preview)
        return
    run_build(checked, run_folder or Path("runs") / recipe.stem, dataset_folder, Console(stderr=True))


def _show_preview(recipe, number: int) -> None:
    """What a model wrote for a few records, the rows made of it, and what the whole run would take."""
    from petoolkit.builder.preview import preview

    from petoolkit.evaluator.row_view import row_view
    from petoolkit.evaluator.score_tables import conversation_view, estimate_table

    seen = preview(recipe, number, Console(stderr=True))
    console = Console()
    shown = set()
    for request, reply in seen.conversations:
        if (task := request.messages[0]["content"]) not in shown:
            shown.add(task)
            console.print(conversation_view(request.messages, reply.content))
    for row in seen.rows:
        console.print(row_view(row))
    console.print(estimate_table(seen.estimate))
    console.print(
        "The replies are kept: what the whole run asks again is not paid for. A model is asked again where its"
    )
    console.print(
        "reply is invalid, and another user is drawn where one is rejected: both are in it, as often as seen here."
    )
    if seen.problem:
        raise InputError(seen.problem)


@main.command("import")
@click.argument("path", type=click.Path(path_type=Path), metavar="PATH")
@_written_dataset
def import_released(path, dataset_folder) -> None:
    """Turn the authors' released test files into a dataset of the same columns, losslessly.

    PATH is one file (.json, .json.gz), or a folder with one file a setting.
    """
    from petoolkit.builder.released_import import import_released as run_import

    statistics = run_import(path, dataset_folder)
    console = Console()
    console.print(
        f"Wrote {statistics['rows']:,} rows to {dataset_folder}/ "
        f"({statistics['repeated rows']:,} more were the same in two files)."
    )
    if alone := statistics["same-function candidates (rows)"].get(1):
        console.print(
            f"{alone:,} rows do not say which candidates do the same job; only the gold tool is listed there."
        )


@main.command()
@_read_dataset
@click.option(
    "--setting", default="all", show_default=True, metavar="|".join(["all", *SETTINGS]), help="One setting, or all."
)
@_revision
@click.option(
    "--model",
    required=True,
    metavar="SPEC",
    help="openai:NAME, hf:MODEL[+ADAPTER], vllm:MODEL[+ADAPTER] or baseline:NAME; see above.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    required=True,
    metavar="DIR",
    help="Gets manifest.json, predictions.jsonl and scores.json; an evaluation that was stopped goes on there.",
)
@click.option("--base-url", metavar="URL", help="Endpoint of an openai: model.  [default: $OPENAI_BASE_URL]")
@click.option(
    "--protocol",
    type=click.Choice(["prompt", "tools"]),
    default="prompt",
    show_default=True,
    help="JSON in text, as in the paper, or the endpoint's native function calls.",
)
@click.option(
    "--concurrency", type=click.IntRange(1), default=32, show_default=True, help="Requests in flight (openai:)."
)
@click.option(
    "--prices",
    type=click.FloatRange(0),
    nargs=2,
    metavar="SENT WRITTEN",
    help="US dollars for a million tokens (openai:), to know the cost.",
)
@click.option(
    "--no-history",
    "history",
    flag_value=False,
    default=True,
    help="Leave the past calls out, to see what they are worth.",
)
@click.option(
    "--prompt",
    type=click.Choice(["petoolbench", "released"]),
    default="petoolbench",
    show_default=True,
    help="This project's prompt, or the authors' own text (of an imported dataset).",
)
@click.option("--window", type=click.IntRange(1), default=4000, show_default=True, help="The most tokens of a prompt.")
@click.option(
    "--truncate",
    type=click.Choice(["oldest", "paper"]),
    default="oldest",
    show_default=True,
    help="What goes from a longer prompt: the oldest interactions, or its end, as in the authors' code.",
)
@click.option("--temperature", type=click.FloatRange(0, 2), default=0.1, show_default=True, help="0 is greedy.")
@click.option("--max-new-tokens", type=click.IntRange(1), default=256, show_default=True, help="The longest reply.")
@click.option("--seed", type=int, default=0, show_default=True, help="For what is drawn.")
@click.option("--repeat", type=click.IntRange(1), default=1, show_default=True, help="How often each row is asked.")
def evaluate(dataset, setting, revision, model, out, base_url, concurrency, prices, **options) -> None:
    """Ask a model about the test split and score its replies, with both readers, intervals and chance.

    \b
    openai:NAME               a model behind any OpenAI-compatible endpoint: OpenAI, vLLM, Ollama ... ($OPENAI_API_KEY)
    hf:MODEL[+ADAPTER]        a model of transformers, in this process; with `accelerate launch`, in several
    vllm:MODEL[+ADAPTER]      a model that vLLM runs in this process
    baseline:random           any candidate
    baseline:lexical          the candidate nearest to the instruction by TF-IDF
    baseline:embedding        ... by sentence embedding
    baseline:popularity       the candidate called most often in the train split
    baseline:preference-rule  among those near by embedding, the one whose provider and attributes the history likes

    Every reply is kept as it arrives: the same command goes on where it was stopped, and asks again what failed.
    """
    from petoolkit.endpoint.llm_settings import Prices
    from petoolkit.evaluator.evaluate import evaluate as run_evaluation
    from petoolkit.evaluator.options import Connection, Options
    from petoolkit.evaluator.score_tables import scores_table

    known = Prices(input=prices[0], output=prices[1]) if prices else None
    connection = Connection(base_url, concurrency, known)
    scored = run_evaluation(dataset, setting, model, out, Options(**options), connection, revision)
    _show_scores(scored, out, scores_table)


def _show_scores(scored: dict, out: Path, scores_table) -> None:
    if not scored:  # one of several processes; the first one speaks
        return
    Console().print(scores_table([scored]))
    messages = Console(stderr=True)
    if missing := scored["counts"]["all"]["missing"]:
        messages.print(f"{missing:,} requests failed and count as wrong; the same command asks for them again.")
    messages.print(f"Replies and scores: {out}/predictions.jsonl, {out}/scores.json")


@main.command()
@click.argument("folder", type=click.Path(path_type=Path))
def score(folder) -> None:
    """Score an evaluation's stored replies again, without asking a model.

    FOLDER is what `evaluate --out` wrote.
    """
    from petoolkit.evaluator.score_tables import scores_table
    from petoolkit.evaluator.scores.rescore import score_folder

    _show_scores(score_folder(folder, Console(stderr=True)), folder, scores_table)


@main.command()
@click.argument("a", type=click.Path(path_type=Path))
@click.argument("b", type=click.Path(path_type=Path))
@click.option("--rows", type=click.IntRange(0), default=5, show_default=True, help="How many flipped rows to show.")
def compare(a, b, rows) -> None:
    """Compare two evaluations of the same rows: B minus A, with intervals and p-values, and the rows that flipped.

    A and B are folders that `evaluate --out` wrote.
    """
    from petoolkit.evaluator.score_tables import comparison_table, flipped_view
    from petoolkit.evaluator.scores.comparison import compare as run_comparison

    comparison = run_comparison(a, b)
    Console().print(comparison_table(comparison))
    Console().print(flipped_view(comparison, rows))


@main.command()
@click.argument("folders", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--out", type=click.Path(path_type=Path), required=True, metavar="DIR", help="Gets report.html, .md and .json."
)
def report(folders, out) -> None:
    """Put evaluations side by side: one HTML page with the paper's tables and figures, Markdown and JSON beside it.

    FOLDERS are what `evaluate --out` wrote.
    """
    from petoolkit.evaluator.report import write_report

    with Console(stderr=True).status("Drawing the report"):
        page = write_report(list(folders), out)
    Console().print(f"Open {page} in a browser.", highlight=False)


@main.command()
@click.argument("row_id", required=False)
@_read_dataset
@click.option(
    "--setting",
    type=click.Choice(list(SETTINGS)),
    default="rating_integrated",
    show_default=True,
    help="Which form of the history; not needed with a ROW_ID.",
)
@_revision
def show(row_id, dataset, setting, revision) -> None:
    """Show one row as a person reads it: history, request, candidates and the gold call.

    ROW_ID is a row's `id`, such as u000007/chronological; without it, the first test row is shown.
    """
    from petoolkit.evaluator.dataset_rows import find_row
    from petoolkit.evaluator.row_view import row_view

    Console().print(row_view(find_row(dataset, setting, row_id, revision)))


@main.command()
@click.argument("folders", nargs=-1, type=click.Path(path_type=Path), metavar="")
@_read_dataset
@_revision
@click.option(
    "--results",
    type=click.Path(path_type=Path),
    multiple=True,
    metavar="DIR ...",
    help="What `evaluate --out` wrote, or a folder of such.",
)
@click.option(
    "--host", default="127.0.0.1", show_default=True, help="Where to listen; as it is, only this machine comes in."
)
@click.option("--port", type=click.IntRange(1, 65535), default=7860, show_default=True, help="At which port.")
def explore(folders, dataset, revision, results, host, port) -> None:
    """Look at rows, and at what models called there, in a browser: search, filters, a leaderboard, error types.

    FOLDERS after the options are results too: --results results/*
    """
    from petoolkit.explorer.server import explore as serve

    serve(dataset, revision, [*results, *folders], host, port)


@main.group()
def cache() -> None:
    """What was costly to get and is kept: embeddings, and replies of language models."""


@cache.command()
def info() -> None:
    """Show what is kept, where, and how large it is."""
    from petoolkit.store import batches_under_way, cache_folder, store_sizes

    console = Console(soft_wrap=True)
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
            Console().print(f"{name} removed." if clear_store(name) else f"There is no {name}.")


@main.command()
@click.pass_context
def quickstart(context) -> None:
    """Build the small benchmark, score rules on it, show a row, draw a report, try training: `make quickstart`.

    Results and adapters are made anew each time, in results/quickstart/ and runs/tiny/.
    """
    from petoolbench_quickstart import RESULTS, score_rules, train_tiny

    console = Console()
    context.invoke(build)
    context.invoke(report, folders=score_rules(str(_DEFAULT_DATASET), console), out=RESULTS / "report")
    train_tiny(console)
    console.print(
        "Next: look at other rows with `petoolbench show u000007/chronological`, load them with\n"
        'datasets.load_dataset("petoolbench", "chronological"), or build from your own tools: `petoolbench build -h`.',
        highlight=False,
    )


main.add_command(push)

if __name__ == "__main__":
    main()
