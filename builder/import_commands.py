"""The commands `petoolbench import ...`: each reads options, calls the library and shows what came of it."""

from pathlib import Path

import click

from .dataset_options import replace, written_dataset
from .survey.catalogue_command import NAMES, name_options

_RELEASED = "released"


class _ImportGroup(click.Group):
    """A group whose command may be left out: then it is `released`."""

    def parse_args(self, context: click.Context, arguments: list[str]) -> list[str]:
        """Put the command's name before arguments that begin with another word."""
        is_help = bool(arguments) and arguments[0] in context.help_option_names
        if arguments and arguments[0] not in self.commands and not is_help:
            arguments = [_RELEASED, *arguments]
        return super().parse_args(context, arguments)


@click.group("import", cls=_ImportGroup)
def import_() -> None:
    """Make a dataset of what others have: the authors' released test files, or logs of real calls.

    `petoolbench import PATH` is short for `petoolbench import released PATH`.
    """


@import_.command()
@click.argument("path", type=click.Path(path_type=Path), metavar="PATH")
@written_dataset
@replace
def released(path, dataset_folder, replace) -> None:
    """Turn the authors' released test files into a dataset of the same columns, losslessly.

    PATH is one file (.json, .json.gz), or a folder with one file a setting.
    """
    from petoolkit.console import make_console

    from .released_import import import_released as run_import

    console = make_console()
    statistics = run_import(path, dataset_folder, make_console(stderr=True), replace=replace)
    console.print(
        f"Wrote {statistics['rows']:,} rows to {dataset_folder}/ "
        f"({statistics['repeated rows']:,} more were the same in two files)."
    )
    if alone := statistics["same-function candidates (rows)"].get(1):
        console.print(
            f"{alone:,} rows do not say which candidates do the same job; only the gold tool is listed there."
        )


@import_.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="FILE...")
@click.option(
    "--catalogue",
    "catalogues",
    multiple=True,
    required=True,
    metavar="PATH",
    help="Documents of the called tools, as `build` reads them. Repeatable.",
)
@name_options
@click.option(
    "--columns",
    multiple=True,
    metavar="FIELD=COLUMN,...",
    help="Where a log has what: user, time, request, tool, arguments, rating, offered.  [default: by common names]",
)
@click.option(
    "--holdout", type=click.IntRange(1), default=1, show_default=True, help="So many last calls of a user are asked."
)
@click.option(
    "--history",
    "most_history",
    type=click.IntRange(1),
    default=20,
    show_default=True,
    help="Longest history; the newest calls are kept.",
)
@click.option(
    "--split",
    type=click.Choice(["user", "time"]),
    default="user",
    show_default=True,
    help="Test rows are those of some users, or the latest.",
)
@click.option(
    "--test-share",
    type=click.FloatRange(0, 1, min_open=True),
    default=0.25,
    show_default=True,
    help="Of the users, or of the asked calls.",
)
@click.option(
    "--redact", is_flag=True, help="Replace e-mail addresses, telephone numbers and keys in requests and arguments."
)
@click.option(
    "--redact-pattern",
    "redact_patterns",
    multiple=True,
    metavar="REGEX",
    help="Replace what this finds too; implies --redact. Repeatable.",
)
@click.option("--keep-user-names", is_flag=True, help="Keep the names of users; by default they are salted hashes.")
@click.option("--seed", type=int, default=0, show_default=True, help="Another seed gives another split and order.")
@written_dataset
@replace
def logs(files, catalogues, columns, dataset_folder, replace, **options) -> None:
    """Turn logs of real tool calls into a benchmark of what users prefer.

    FILE is a table with one call a row (JSON Lines, CSV, parquet), chat transcripts with tool calls in OpenAI's form,
    or OpenTelemetry spans in JSON. Each user's last calls are asked; earlier ones are the history.
    """
    from petoolkit.console import make_console

    from .logs.log_columns import parse_columns
    from .logs.logs_import import import_logs
    from .logs.logs_options import LogsOptions
    from .logs.logs_view import logs_view

    names = {name: options.pop(name) for name in NAMES}
    chosen = LogsOptions(files, catalogues, names, parse_columns(columns), **options)
    report = import_logs(chosen, dataset_folder, make_console(stderr=True, soft_wrap=True), replace)
    console = make_console()
    for part in logs_view(report, str(dataset_folder)):
        console.print(part)
