"""Options of all commands that write a dataset."""

from pathlib import Path

import click

DATASET = Path("petoolbench")

written_dataset = click.option(
    "--dataset",
    "dataset_folder",
    type=click.Path(path_type=Path),
    default=DATASET,
    show_default=True,
    metavar="DIR",
    help="The finished dataset, as load_dataset reads it.",
)
replace = click.option(
    "--replace", is_flag=True, help="Let a build replace an import in --dataset, or an import a build."
)
