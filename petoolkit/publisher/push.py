"""The steps that all pushes share: a check before any work, one commit, and a message about it."""

from pathlib import Path

from rich.console import Console

from petoolkit.publisher.dry_run import show_changes
from petoolkit.publisher.hub import Package, Target, check_repository, look_up, send
from petoolkit.publisher.hub_faults import need_token
from petoolkit.publisher.local_paths import check_no_local_paths


def check_target(target: Target, dry_run: bool) -> None:
    """Check, before any work, that the Hub would accept a push; a dry run checks later, and needs no token.

    Raises:
        InputError: if the Hub would refuse.
    """
    if not dry_run:
        need_token(target.token)
        check_repository(target, look_up(target))


def push(target: Target, package: Package, folder: Path, dry_run: bool, console: Console) -> None:
    """Send a package, or show what would be sent.

    Args:
        target: the repository and branch.
        package: the files.
        folder: where they come from.
        dry_run: send nothing.
        console: for messages.

    Raises:
        InputError: if a text names this machine's folders, or the Hub refuses.
    """
    check_no_local_paths(package.files, folder)
    if dry_run:
        show_changes(target, package, console)
        return

    def say(text: str) -> None:
        console.print(text, markup=False, highlight=False)

    with console.status(f"Sending to {target.url}"):
        outcome = send(target, package, say, console.is_terminal)
    if outcome.pull_request:
        say(f"Opened {outcome.pull_request}")
    elif outcome.changed:
        say(f"Pushed to {target.url} (commit {outcome.commit[:12]}).")
    else:
        say(f"Nothing to push: {target.url} holds this already (commit {outcome.commit[:12]}).")
