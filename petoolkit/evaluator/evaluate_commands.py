"""The commands `petoolbench evaluate`, `score`, `compare` and `report`."""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from petoolkit.console import make_console
from petoolkit.decoding import decode_json
from petoolkit.engines.engine_options import engine_options
from petoolkit.evaluator.history_methods.method_table import FULL, METHOD_KINDS, NONE
from petoolkit.evaluator.models.model_kinds import model_help
from petoolkit.evaluator.report.report_forms import DEFAULT_FORMS, FORMS, chosen_forms

if TYPE_CHECKING:
    from petoolkit.evaluator.records import Scores

_FOLDER = click.Path(path_type=Path)

dataset_option = click.option(
    "--dataset", default="petoolbench", show_default=True, metavar="DIR_OR_HUB_ID", help="The dataset to read."
)
revision_option = click.option("--revision", help="Branch, tag or commit of a dataset on the Hub.")


def _template_arguments(context: click.Context, option: click.Parameter, pairs: Iterable[str]) -> dict | None:
    """Variables by name; a value is JSON where it can be read as such, and text otherwise."""
    arguments = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not name.isidentifier():
            raise click.BadParameter(f"{pair!r} is not of the form KEY=VALUE, as enable_thinking=false is.")
        try:
            arguments[name] = decode_json(value)
        except ValueError:
            arguments[name] = value
    return arguments or None


def _json_object(context: click.Context, option: click.Parameter, text: str | None) -> dict | None:
    if text is None:
        return None
    try:
        value = decode_json(text)
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise click.BadParameter('it is not a JSON object, such as \'{"reasoning_effort": "low"}\'.')
    return value or None


def _headers(context: click.Context, option: click.Parameter, pairs: Iterable[str]) -> dict[str, str] | None:
    """Headers by name; the messages do not repeat a value, which may be a secret."""
    headers = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not re.fullmatch(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+", name):
            raise click.BadParameter("a header is not of the form NAME=VALUE.")
        if not (value.isascii() and value.isprintable()) or value != value.strip():
            raise click.BadParameter(f"the value of {name} has characters that a header cannot have.")
        headers[name] = value
    return headers or None


class _ReplyTokens(click.ParamType):
    """A number of tokens, or the name of one."""

    name = "N|paper|auto"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int | str:
        if value in ("paper", "auto"):
            return str(value)
        try:
            number = int(str(value))
        except ValueError:
            number = 0
        if number < 1:
            self.fail(f"{value!r} is not a number of tokens, 1 or more, nor paper or auto.", param, ctx)
        return number


class _EvaluateCommand(click.Command):
    """A command whose help lists the kinds of models, the history methods and the counterfactuals."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Take the spelling that `--history none` had in earlier versions, too."""
        return super().parse_args(ctx, [f"--history={NONE}" if one == "--no-history" else one for one in args])

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write them before the options."""
        from petoolkit.evaluator.counterfactuals.counterfactual_table import COUNTERFACTUALS

        with formatter.section("Models (--model)"):
            formatter.write_dl(model_help())
        with formatter.section("Past calls (--history)"):
            formatter.write_dl([(kind.spec, kind.shows) for kind in METHOD_KINDS.values()])
        with formatter.section("Counterfactuals (--counterfactual)"):
            formatter.write_dl([(one.name, one.changes) for one in COUNTERFACTUALS.values()])
        super().format_options(ctx, formatter)


@click.command(cls=_EvaluateCommand)
@dataset_option
@click.option(
    "--setting",
    default="all",
    show_default=True,
    metavar="NAME",
    help="One setting; `all` means those of the dataset.",
)
@revision_option
@click.option("--model", required=True, metavar="SPEC", help="The model to evaluate.")
@click.option(
    "--out",
    type=_FOLDER,
    required=True,
    metavar="DIR",
    help="Folder for manifest.json, predictions.jsonl and scores.json; a stopped evaluation continues there.",
)
@click.option("--base-url", metavar="URL", help="Endpoint of an openai: model.  [default: $OPENAI_BASE_URL]")
@click.option(
    "--protocol",
    type=click.Choice(["prompt", "tools"]),
    default="prompt",
    show_default=True,
    help="Calls as JSON in text, as in the paper, or as the model's native function calls.",
)
@click.option(
    "--concurrency", type=click.IntRange(1), default=32, show_default=True, help="Requests in flight (openai:)."
)
@click.option(
    "--extra-body",
    metavar="JSON",
    callback=_json_object,
    help='Further fields of each request (openai:), such as \'{"reasoning_effort": "low"}\'.',
)
@click.option(
    "--header",
    "headers",
    multiple=True,
    metavar="NAME=VALUE",
    callback=_headers,
    help="Further header of each request (openai:); may be repeated. Its value is written nowhere.",
)
@click.option(
    "--timeout",
    type=click.FloatRange(0, min_open=True),
    help="Seconds of a request, after which it is sent again (openai:).  [default: 120; 600 with room for reasoning]",
)
@click.option(
    "--prices",
    type=click.FloatRange(0),
    nargs=2,
    metavar="INPUT OUTPUT",
    help="US dollars for a million tokens (openai:), to compute the cost.",
)
@click.option(
    "--history", default=FULL, show_default=True, metavar="METHOD", help="What the model is shown of the past calls."
)
@click.option(
    "--counterfactual",
    "counterfactuals",
    default="",
    metavar="NAME[,NAME...]",
    help="Ask rows changed in one thing too, and score them apart; `all` means those that the dataset allows.",
)
@click.option(
    "--prompt",
    type=click.Choice(["petoolbench", "released"]),
    default="petoolbench",
    show_default=True,
    help="This project's prompt, or the authors' own text (imported datasets only).",
)
@click.option("--window", type=click.IntRange(1), default=4000, show_default=True, help="Most tokens of a prompt.")
@click.option(
    "--truncate",
    type=click.Choice(["oldest", "paper"]),
    default="oldest",
    show_default=True,
    help="Part to leave out of a longer prompt: the oldest interactions, or its end, as in the authors' code.",
)
@click.option("--temperature", type=click.FloatRange(0, 2), default=0.1, show_default=True, help="0 is greedy.")
@click.option(
    "--max-new-tokens",
    type=_ReplyTokens(),
    default="auto",
    show_default=True,
    help="Most tokens of a reply: a number, `paper` (256), or `auto`: 256, and 4,096 for models that reason first.",
)
@click.option("--seed", type=int, default=0, show_default=True, help="Random seed.")
@click.option("--repeat", type=click.IntRange(1), default=1, show_default=True, help="Number of replies to each row.")
@click.option(
    "--chat-template",
    type=click.Path(dir_okay=False),
    metavar="FILE",
    help="Chat template to take instead of the model's (hf:, vllm:).",
)
@click.option(
    "--chat-template-args",
    multiple=True,
    metavar="KEY=VALUE",
    callback=_template_arguments,
    help="Variable of the chat template, as enable_thinking=false; may be repeated (hf:, vllm:).",
)
@click.option("--any-base", is_flag=True, help="Take an adapter that was trained on another base (hf:, vllm:).")
@engine_options
@click.pass_context
def evaluate(
    context,
    dataset,
    setting,
    revision,
    model,
    out,
    base_url,
    concurrency,
    prices,
    headers,
    timeout,
    counterfactuals,
    engine,
    **options,
) -> None:
    """Ask a model about the test split and score its replies, with both readers, intervals and chance.

    Every reply is stored as it arrives. Run the same command again to continue an evaluation that was stopped, and to
    repeat failed requests.
    """
    from petoolkit.endpoint.llm_settings import Prices
    from petoolkit.evaluator.models.model_kinds import check_options
    from petoolkit.evaluator.options import Connection, Options

    given = {name for name in context.params if context.get_parameter_source(name) is ParameterSource.COMMANDLINE}
    connection = Connection(
        base_url, concurrency, Prices(input=prices[0], output=prices[1]) if prices else None, headers, timeout
    )
    check_options(model, Options(**options), connection, given)  # before what takes time to import
    from petoolkit.evaluator.evaluate import evaluate as run_evaluation

    scores = run_evaluation(
        dataset,
        setting,
        model,
        out,
        Options(**options),
        connection,
        revision,
        make_console(stderr=True),
        given,
        counterfactuals,
        engine,
    )
    if scores:  # of several processes, only the first one has them
        _show_scores(scores, out)


def _show_scores(scores: "Scores", out: Path) -> None:
    from petoolkit.evaluator.preference_view import preference_view
    from petoolkit.evaluator.results_folder import read_results
    from petoolkit.evaluator.score_tables import scores_table
    from petoolkit.text import printable

    console = make_console()
    console.print(scores_table([scores]))
    if scores.pairs or scores.counterfactual_scores:
        console.print(preference_view({scores.model.removeprefix("baseline:"): scores}))
    messages = make_console(stderr=True)
    if missing := sum(found["all"].missing for found in scores.counterfactual_scores.values() if "all" in found):
        messages.print(f"{missing:,} requests of counterfactuals failed; run the same command again to repeat them.")
    if missing := scores.counts["all"].missing:
        messages.print(f"{missing:,} requests failed and count as wrong; run the same command again to repeat them.")
        if error := next((line["error"] for line in read_results(out).predictions if line.get("error")), None):
            messages.print(f"The first error: {printable(error)}", markup=False, highlight=False)
    if cut := scores.counts["all"].cut_replies:
        messages.print(
            f"{cut:,} of {scores.replies:,} replies were cut at {scores.most_tokens} tokens (reasoning counts, too); "
            "evaluate with a higher --max-new-tokens, into another --out.",
            highlight=False,
        )
    if scores.cut_prompts:
        messages.print(
            f"{scores.cut_prompts:,} prompts were cut by the server: it counted far fewer tokens than they have; give "
            "it a longer context (Ollama: num_ctx), or lower --window, and evaluate into another --out.",
            highlight=False,
        )
    if scores.left_out:
        messages.print(f"The endpoint refused {', '.join(scores.left_out)}: requests were sent without.")
    if scores.length_option:
        messages.print(f"The endpoint takes max_tokens as {scores.length_option}: requests were sent so.")
    messages.print(f"Replies and scores: {out}/predictions.jsonl, {out}/scores.json")


@click.command()
@click.argument("folder", type=_FOLDER)
@click.option(
    "--rows",
    "rows_file",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Also write a line for each reply, with the readers' verdicts, to a .parquet or .csv file.",
)
def score(folder, rows_file) -> None:
    """Score the stored replies of an evaluation again; no model runs.

    FOLDER is a folder that `evaluate --out` wrote.
    """
    from petoolkit.evaluator.records import Manifest
    from petoolkit.evaluator.results_folder import read_results, rows_of
    from petoolkit.evaluator.scores.judged_rows import judged_rows
    from petoolkit.evaluator.scores.rescore import score_folder
    from petoolkit.evaluator.scores.row_file import check_row_file, write_row_file
    from petoolkit.folder_lock import check_outside, locked

    manifest = Manifest.read(folder)  # before a lock is made beside what is not an evaluation
    if rows_file:
        check_row_file(rows_file)
        check_outside(rows_file, manifest.dataset, "--rows")
    with locked(folder):
        rows = rows_of(manifest)
        scores = score_folder(folder, make_console(stderr=True), rows)
        results = read_results(folder)
    _show_scores(scores, folder)
    if rows_file:
        number = write_row_file(judged_rows(rows, results.predictions, manifest.options.repeat), rows_file)
        left_out = len(results.of_counterfactuals)
        note = f" ({left_out:,} replies to counterfactual rows are not among them)" if left_out else ""
        messages = make_console(stderr=True, soft_wrap=True)
        messages.print(f"{number:,} rows: {rows_file}{note}", markup=False, highlight=False)


@click.command()
@click.argument("a", type=_FOLDER)
@click.argument("b", type=_FOLDER)
@click.option("--rows", type=click.IntRange(0), default=5, show_default=True, help="Number of flipped rows to show.")
def compare(a, b, rows) -> None:
    """Compare two evaluations of the same rows: B minus A, with intervals and p-values, and the rows that flipped.

    A and B are folders that `evaluate --out` wrote.
    """
    from petoolkit.evaluator.preference_view import preference_view
    from petoolkit.evaluator.score_tables import comparison_table, flipped_view
    from petoolkit.evaluator.scores.comparison import compare as run_comparison

    comparison = run_comparison(a, b)
    console = make_console()
    console.print(comparison_table(comparison))
    if comparison.pairs:
        named = {"A": comparison.preference_a, "B": comparison.preference_b}
        console.print(preference_view(named, comparison.pairs["all"]), "")
    console.print(flipped_view(comparison, rows))


@click.command()
@click.argument("folders", nargs=-1, required=True, type=_FOLDER)
@click.option("--out", type=_FOLDER, required=True, metavar="DIR", help="Folder for the report.")
@click.option(
    "--format",
    "forms",
    default=",".join(DEFAULT_FORMS),
    show_default=True,
    metavar="NAME[,NAME...]",
    help="Forms. " + "; ".join(f"{name}: {form.file}, {form.description}" for name, form in FORMS.items()) + ".",
)
def report(folders, out, forms) -> None:
    """Report evaluations side by side: the paper's tables and figures, as pages and for a paper.

    FOLDERS are folders that `evaluate --out` wrote, or folders that contain such. report.json holds every number.
    """
    from petoolkit.evaluator.report.write_report import write_report

    names = chosen_forms([name.strip() for name in forms.split(",") if name.strip()])
    messages = make_console(stderr=True)
    with messages.status("Drawing the report"):
        write_report(list(folders), out, lambda text: messages.print(text, markup=False, highlight=False), names)
    for name in names:
        make_console(soft_wrap=True).print(f"{name + ':':<7}{out / FORMS[name].file}", markup=False, highlight=False)
