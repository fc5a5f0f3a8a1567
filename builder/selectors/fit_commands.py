"""The command `petoolbench fit selector`."""

from pathlib import Path

import click

from petoolbench import InputError


@click.group()
def fit() -> None:
    """Fit what chooses tools without a language model."""


@fit.command()
@click.option(
    "--dataset",
    "datasets",
    metavar="DIR_OR_HUB_ID[,...]",
    help="Datasets whose training rows it is fitted on. Instead of --recipe.",
)
@click.option(
    "--recipe",
    metavar="NAME_OR_FILE",
    help="Builds that it is fitted on, and how; those that are missing in runs/selector/ are made. Shipped are "
    "`embedded`, for controlled data, and `released`, for the authors'.",
)
@click.option(
    "--construction",
    is_flag=True,
    help="Weigh also what is true of how benchmarks are made only: how many tools of a row do the same job.",
)
@click.option("--seed", type=int, help="Of the folds and the starting values.  [default: the recipe's, 0]")
@click.option(
    "--out", type=click.Path(path_type=Path, file_okay=False), required=True, metavar="DIR", help="Its folder."
)
def selector(datasets, recipe, construction, seed, out) -> None:
    """Fit a selector, and write it with a card: which tool would this user choose?

    Its scores on functions and providers that it was not fitted on, and what each kind of evidence adds, are shown and
    written into the card. `petoolbench evaluate --model selector:DIR` asks it.
    """
    if bool(datasets) == bool(recipe):
        raise InputError("give either --dataset or --recipe: what the selector is fitted on.")
    from petoolkit.console import make_console

    from .selector_fit import fit_into, fit_of_recipe

    console = make_console(stderr=True)
    report = (
        fit_of_recipe(recipe, construction, seed, out, console)
        if recipe
        else fit_into([one for one in datasets.split(",") if one], construction, seed or 0, out, console)
    )
    shown = make_console()
    for part in report:
        shown.print(part)
