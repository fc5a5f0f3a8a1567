"""The commands `petoolbench push ...`: each reads options, collects a package and sends it."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from petoolkit.publisher.findings import KINDS
from petoolkit.publisher.logs_consent import OPTION

if TYPE_CHECKING:
    from rich.console import Console

    from petoolkit.publisher.hub import Package
    from petoolkit.publisher.push import Seen

_FOLDER = click.Path(path_type=Path, exists=True, file_okay=False)
_folder = click.argument("folder", type=_FOLDER, metavar="DIR")
_repo_id = click.argument("repo_id", metavar="USER/NAME")


@click.group()
def push() -> None:
    """Publish on the Hugging Face Hub, in one commit.

    With --dry-run, a command shows what it would send, and sends nothing. Log in with `hf auth login`, or set HF_TOKEN
    to a token with write rights.
    """


def _target_options(command: Callable) -> Callable:
    options = (
        click.option("--private", is_flag=True, help="Make the repository private, if it is new."),
        click.option("--revision", "branch", metavar="BRANCH", help="The branch to push to.  [default: main]"),
        click.option("--create-pr", is_flag=True, help="Open a pull request instead of committing to main."),
        click.option("--dry-run", is_flag=True, help="Show what would be sent, and send nothing."),
    )
    for option in reversed(options):
        command = option(command)
    return command


_may_publish_logs = click.option(
    OPTION,
    "may_publish_logs",
    is_flag=True,
    help="Say that logs of real people's calls may be published: asked of what was made of `import logs`.",
)


def _publish(
    kind: str,
    folder: Path,
    repo_id: str,
    dry_run: bool,
    pack: "Callable[[Console, Seen], Package]",
    is_locked: bool = False,
    **target_options: Any,
) -> None:
    """Check that the Hub would accept a push, then collect the package and push it.

    With `is_locked`, nobody writes `folder` meanwhile: its files are read while they are sent.
    """
    from petoolkit.console import make_console
    from petoolkit.folder_lock import all_locked
    from petoolkit.publisher.hub import Target
    from petoolkit.publisher.push import check_target
    from petoolkit.publisher.push import push as run_push

    console = make_console(stderr=True, soft_wrap=True)
    target = Target(repo_id, kind, **target_options)
    seen = check_target(target, dry_run)
    with all_locked([folder] if is_locked else []):
        run_push(target, pack(console, seen), folder, seen, dry_run, console)


def _say(console: "Console") -> Callable[[str], None]:
    return lambda text: console.print(text, markup=False, highlight=False)


@push.command()
@_folder
@_repo_id
@_target_options
@click.option("--licence", "--license", metavar="ID", help="The data's licence, by its id on the Hub (cc-by-4.0 ...).")
@click.option(
    "--allow-findings",
    "allowed",
    type=click.Choice(list(KINDS)),
    multiple=True,
    help="Publish findings of this kind; the card will say so. Repeatable.",
)
@click.option(
    "--allow", "allowed_gates", multiple=True, metavar="NAME", help="A gate of the audit that may fail. Repeatable."
)
@click.option(
    "--findings",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Write all findings, unmasked, to this file, as JSON lines.",
)
@click.option(
    "--scores",
    type=_FOLDER,
    multiple=True,
    metavar="DIR",
    help="An evaluation of this dataset for the card, or a folder that holds some. Repeatable.",
)
@click.option("--no-rules", "rules", flag_value=False, default=True, help="Leave the rule models' scores out.")
@_may_publish_logs
def dataset(folder, repo_id, dry_run, private, branch, create_pr, **options) -> None:
    """Publish a benchmark, or preference pairs.

    DIR is a folder that `petoolbench build`, `petoolbench import` or trainer/pairs.py wrote.

    Before anything is sent, all rows are checked and audited, and their texts are searched for keys, e-mail addresses
    and telephone numbers. The card gets figures, an example row, and the scores of the rule models.
    """
    from petoolkit.publisher.hub import Repository
    from petoolkit.publisher.pack_dataset import DatasetOptions, pack_dataset

    def pack(console: "Console", seen: "Seen") -> "Package":
        published = seen.created if isinstance(seen, Repository) else None
        return pack_dataset(folder, repo_id, DatasetOptions(**options, branch=branch, published=published), console)

    target = {"private": private, "branch": branch, "create_pr": create_pr}
    _publish("dataset", folder, repo_id, dry_run, pack, is_locked=True, **target)


@push.command()
@_folder
@_repo_id
@_target_options
def adapter(folder, repo_id, dry_run, **target_options) -> None:
    """Publish an adapter with its tokenizer and card.

    DIR is the output_dir of trainer/sft.py, dpo.py or grpo.py. Checkpoints and logs in it are not sent.
    """
    from petoolkit.publisher.pack_adapter import pack_adapter

    def pack(console: "Console", seen: "Seen") -> "Package":
        return pack_adapter(folder, repo_id, _say(console))

    _publish("model", folder, repo_id, dry_run, pack, is_locked=True, **target_options)


@push.command()
@_folder
@_repo_id
@_target_options
def selector(folder, repo_id, dry_run, **target_options) -> None:
    """Publish a selector with its card.

    DIR is the folder that `petoolbench fit selector --out` wrote. Afterwards, `--model selector:USER/NAME` asks it.
    """
    from petoolkit.publisher.pack_selector import pack_selector

    def pack(console: "Console", seen: "Seen") -> "Package":
        return pack_selector(folder, repo_id)

    _publish("model", folder, repo_id, dry_run, pack, is_locked=True, **target_options)


@push.command()
@click.argument("metric", metavar="METRIC")
@_repo_id
@_target_options
def metric(metric, repo_id, dry_run, **target_options) -> None:
    """Publish a metric as a Space.

    METRIC is the name of a metric that ships with petoolbench, such as tool_acc, or the folder of one.

    Afterwards, `evaluate.load("USER/NAME")` loads it on any machine, even without petoolbench.
    """
    from petoolkit.publisher.pack_metric import pack_metric

    folder = Path(metric) if Path(metric).is_dir() else Path.cwd()
    _publish("space", folder, repo_id, dry_run, lambda console, seen: pack_metric(metric, repo_id), **target_options)


@push.command()
@_folder
@_repo_id
@_target_options
@click.option("--predictions", is_flag=True, help="Publish the models' replies too.")
@_may_publish_logs
def results(folder, repo_id, dry_run, predictions, may_publish_logs, **target_options) -> None:
    """Publish the scores of evaluations as a dataset.

    DIR is a folder that `petoolbench evaluate --out` wrote, or one that holds several of them.
    """
    from petoolkit.publisher.pack_results import pack_results

    def pack(console: "Console", seen: "Seen") -> "Package":
        return pack_results(folder, repo_id, predictions, _say(console), may_publish_logs)

    _publish("dataset", folder, repo_id, dry_run, pack, **target_options)


@push.command()
@_repo_id
@_target_options
@click.option("--dataset", required=True, metavar="HUB_ID", help="The dataset to show; it must be on the Hub.")
@click.option("--dataset-revision", metavar="REV", help="Its branch, tag or commit.  [default: its latest commit]")
@click.option(
    "--results",
    type=_FOLDER,
    multiple=True,
    metavar="DIR",
    help="An evaluation to show, or a folder that holds some. Repeatable.",
)
@_may_publish_logs
def explorer(repo_id, dataset, dataset_revision, results, dry_run, may_publish_logs, **target_options) -> None:
    """Publish the explorer as a Space, and with --results a leaderboard as another one, USER/NAME-leaderboard.

    The Space shows the rows of a dataset that is on the Hub, and what models called there. The models' replies in
    --results are published with it. The leaderboard is one page, which `petoolbench leaderboard` writes.
    """
    from petoolkit.publisher.leaderboard.write_leaderboard import SDK as STATIC
    from petoolkit.publisher.pack_explorer import SDK, pack_explorer
    from petoolkit.publisher.pack_leaderboard import pack_leaderboard

    def pack(console: "Console", seen: "Seen") -> "Package":
        with console.status("Reading the dataset"):
            return pack_explorer(dataset, dataset_revision, list(results), _say(console), may_publish_logs)

    def pack_board(console: "Console", seen: "Seen") -> "Package":
        with console.status("Comparing the models"):
            return pack_leaderboard(dataset, dataset_revision, list(results), _say(console))

    _publish("space", Path.cwd(), repo_id, dry_run, pack, sdk=SDK, **target_options)
    if results:
        _publish("space", Path.cwd(), f"{repo_id}-leaderboard", dry_run, pack_board, sdk=STATIC, **target_options)
