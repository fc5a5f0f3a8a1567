"""The command `petoolbench`: reads options, calls the library, and tells mistakes in one sentence."""

from pathlib import Path

import click
from rich.console import Console

from petoolbench import SETTINGS, InputError

EXIT_INPUT_ERROR = 2
_DEFAULT_DATASET = Path("petoolbench")


class _Command(click.Group):
    """A group whose commands end with a sentence and exit code 2 on a user's mistake, not with a traceback."""

    def invoke(self, context: click.Context):
        try:
            return super().invoke(context)
        except InputError as error:
            Console(stderr=True, soft_wrap=True).print(f"Error: {error}", style="red", markup=False, highlight=False)
            context.exit(EXIT_INPUT_ERROR)
        except KeyboardInterrupt:
            Console(stderr=True).print("Stopped; what was finished is kept. The same command goes on from there.")
            context.exit(130)


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
@click.option("--recipe", type=click.Path(path_type=Path), default=Path("recipes/build/quickstart.yaml"), show_default=True,
              help="YAML file with the build's settings.")  # fmt: skip
@click.option("--catalogue", multiple=True, metavar="PATH",
              help="Tool documents: .json, .jsonl, .gz of them, a folder, or `embedded`. Repeatable.")  # fmt: skip
@click.option("--users", type=click.IntRange(1), help="Users to simulate; each gives three rows.")
@click.option("--seed", type=int, help="Another seed gives another benchmark.")
@click.option("--author", type=click.Choice(["offline"]), help="Who writes histories and instructions.")
@click.option("--run", "run_folder", type=click.Path(path_type=Path), metavar="DIR",
              help="The stages' files.  [default: runs/<recipe's name>]")  # fmt: skip
@click.option("--dataset", "dataset_folder", type=click.Path(path_type=Path), default=_DEFAULT_DATASET, show_default=True,
              metavar="DIR", help="The finished dataset, as load_dataset reads it.")  # fmt: skip
def build(recipe, catalogue, users, seed, author, run_folder, dataset_folder) -> None:
    """Build a benchmark from tool documents. Options go over the recipe's keys.

    What has not changed since the last build into the same --run is not done again; a build that was stopped goes on.
    """
    from builder.pipeline import build as run_build
    from builder.recipe import load_recipe

    checked = load_recipe(recipe, catalogue=list(catalogue) or None, users=users, seed=seed, author=author)
    run_build(checked, run_folder or Path("runs") / recipe.stem, dataset_folder, Console(stderr=True))
