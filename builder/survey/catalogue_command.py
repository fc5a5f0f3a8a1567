"""The command `petoolbench catalogue`, and the options by which commands are given catalogues."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

_EPS = 0.2
_SWEEP = (0.1, 0.15, 0.2, 0.25, 0.3)


# What can be given instead of the names that catalogues have, as parameters of a command.
NAMES = {
    "category": "The category of all tools of these catalogues, instead of their own.",
    "provider": "The provider of all these tools, instead of their own.",
    "provider_description": "What this provider is like.",
}


def name_options(command: Callable) -> Callable:
    """Add options that name the tools of the given catalogues."""
    for name, help_text in reversed(NAMES.items()):
        command = click.option(f"--{name.replace('_', '-')}", metavar="TEXT", help=help_text)(command)
    return command


def given_catalogues(paths: tuple[str, ...], **settings: Any) -> list[dict[str, Any]]:
    """Catalogues as recipes have them, out of paths and the options of `name_options`."""
    return [{"path": path, **settings} for path in paths]


@click.command()
@click.argument("paths", nargs=-1, required=True, metavar="PATHS...")
@name_options
@click.option("--eps", type=click.FloatRange(0, 1, True, True), default=_EPS, show_default=True, help="As in recipes.")
@click.option(
    "--max-distance",
    type=click.FloatRange(0, 2, True),
    default=0.25,
    show_default=True,
    help="Of the two tools of a group that are furthest apart.",
)
@click.option("--embedding-model", metavar="NAME", help="A sentence-transformers model.  [default: the recipes']")
@click.option(
    "--out", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="Write all of it: .html or .md."
)
def catalogue(paths, eps, max_distance, embedding_model, out, **names) -> None:
    """Look at tool documents before a benchmark is built of them.

    PATHS are files or folders of any form that `build` reads, or `embedded`. Shows what is read, what is dropped and
    why, and which tools of different providers would be a group: what a user can have a preference between.
    """
    from petoolkit.console import make_console
    from petoolkit.embedding import DEFAULT_MODEL, Encoder

    from ..catalogue.catalogue_settings import CatalogueSettings
    from ..recipe import GroupSettings
    from .survey import survey
    from .survey_chapters import chapters
    from .survey_view import check_suffix, terminal_view, write_survey

    if out:
        check_suffix(out)
    catalogues = [CatalogueSettings.model_validate(one) for one in given_catalogues(paths, **names)]
    model = embedding_model or DEFAULT_MODEL
    settings = GroupSettings(model=model, eps=eps, sweep=list(_SWEEP), max_distance=max_distance)
    found = chapters(survey(catalogues, settings, Encoder(model)), catalogues)
    console = make_console()
    for part in terminal_view(found):
        console.print(part)
    if out:
        write_survey(found, out)
        console.print(f"\nWrote {out}", highlight=False, markup=False)
