"""The commands `petoolbench push ...`: options in, a package made, and sent."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
from rich.console import Console

_FOLDER = click.Path(path_type=Path, exists=True, file_okay=False)


@click.group()
def push() -> None:
    """Publish on the Hugging Face Hub: in one commit, or none.

    With --dry-run, what would be sent is shown, and nothing is sent. Log in with `hf auth login`, or set HF_TOKEN.
    """


def _target_options(command: Callable) -> Callable:
    options = (
        click.option("--private", is_flag=True, help="Make it a private repository."),
        click.option("--revision", "branch", metavar="BRANCH", help="The branch to push to.  [default: main]"),
        click.option("--create-pr", is_flag=True, help="Open a pull request in place of a commit on main."),
        click.option("--dry-run", is_flag=True, help="Show what would be sent, and send nothing."),
    )
    for option in reversed(options):
        command = option(command)
    return command


def _publish(kind: str, folder: Path, repo_id: str, dry_run: bool, pack: Callable, **where: Any) -> None:
    """Ask whether the Hub would take it, make the package, and push it."""
    from petoolkit.publisher.hub import Target
    from petoolkit.publisher.push import check_target
    from petoolkit.publisher.push import push as run_push

    console = Console(stderr=True, soft_wrap=True)
    target = Target(repo_id, kind, **where)
    check_target(target, dry_run)
    run_push(target, pack(console), folder, dry_run, console)


@push.command()
@click.argument("folder", type=_FOLDER, metavar="DIR")
@click.argument("repo_id", metavar="USER/NAME")
@_target_options
@click.option("--licence", "--license", metavar="ID", help="The data's licence, by its id on the Hub (cc-by-4.0 ...).")
@click.option(
    "--allow-findings",
    "allowed",
    type=click.Choice(["keys", "emails", "phones"]),
    multiple=True,
    help="Let findings of this kind stand, which the card will say. Repeatable.",
)
@click.option("--findings", type=click.Path(path_type=Path), metavar="FILE", help="Gets all findings, as JSON lines.")
@click.option(
    "--scores",
    type=click.Path(path_type=Path),
    multiple=True,
    metavar="DIR",
    help="An evaluation of this dataset, for the card. Repeatable.",
)
@click.option("--no-rules", "rules", flag_value=False, default=True, help="Leave the rule models' scores out.")
def dataset(folder, repo_id, dry_run, private, branch, create_pr, **wishes) -> None:
    """Publish a benchmark, or preference pairs.

    DIR is what `petoolbench build`, `petoolbench import` or trainer/pairs.py wrote.

    Before anything is sent, all rows are checked, and their texts searched for keys, e-mail addresses and telephone
    numbers. The card gets pictures, a row, and the scores of the rule models.
    """
    from petoolkit.publisher.pack_dataset import Wishes, pack_dataset

    def pack(console: Console) -> Any:
        return pack_dataset(folder, repo_id, Wishes(**wishes), console)

    _publish("dataset", folder, repo_id, dry_run, pack, private=private, branch=branch, create_pr=create_pr)


@push.command()
@click.argument("folder", type=_FOLDER, metavar="DIR")
@click.argument("repo_id", metavar="USER/NAME")
@_target_options
def adapter(folder, repo_id, dry_run, **where) -> None:
    """Publish an adapter with tokenizer and card.

    DIR is the output_dir of trainer/sft.py or trainer/dpo.py; checkpoints and logs in it stay here.
    """
    from petoolkit.publisher.pack_adapter import pack_adapter

    def pack(console: Console) -> Any:
        return pack_adapter(folder, repo_id, lambda text: console.print(text, markup=False, highlight=False))

    _publish("model", folder, repo_id, dry_run, pack, **where)


@push.command()
@click.argument("folder", type=_FOLDER, metavar="DIR")
@click.argument("repo_id", metavar="USER/NAME")
@_target_options
def metric(folder, repo_id, dry_run, **where) -> None:
    """Publish one of metrics/ as a Space.

    Then `evaluate.load("USER/NAME")` takes it anywhere, also where petoolbench is not installed.
    """
    from petoolkit.publisher.pack_metric import pack_metric

    _publish("space", folder, repo_id, dry_run, lambda console: pack_metric(folder, repo_id), **where)


@push.command()
@click.argument("folder", type=_FOLDER, metavar="DIR")
@click.argument("repo_id", metavar="USER/NAME")
@_target_options
@click.option("--predictions", is_flag=True, help="The models' replies too.")
def results(folder, repo_id, dry_run, predictions, **where) -> None:
    """Publish scores of evaluations as a dataset.

    DIR is what `petoolbench evaluate --out` wrote, or a folder of such.
    """
    from petoolkit.publisher.pack_results import pack_results

    _publish("dataset", folder, repo_id, dry_run, lambda console: pack_results(folder, predictions), **where)


@push.command()
@click.argument("repo_id", metavar="USER/NAME")
@_target_options
@click.option("--dataset", required=True, metavar="HUB_ID", help="The dataset to show, which is on the Hub already.")
@click.option("--dataset-revision", metavar="REV", help="Branch, tag or commit of it.  [default: what it is at now]")
@click.option(
    "--results",
    type=_FOLDER,
    multiple=True,
    metavar="DIR",
    help="An evaluation to show, or a folder of such. Repeatable.",
)
def explorer(repo_id, dataset, dataset_revision, results, dry_run, **where) -> None:
    """Publish the explorer as a Space.

    It shows the rows of a dataset that is on the Hub, and what models called there: the replies of the evaluations in
    --results are published with it.
    """
    from petoolkit.publisher.pack_explorer import SDK, pack_explorer

    def pack(console: Console) -> Any:
        with console.status("Reading the dataset"):
            return pack_explorer(dataset, dataset_revision, list(results))

    _publish("space", Path.cwd(), repo_id, dry_run, pack, sdk=SDK, **where)
