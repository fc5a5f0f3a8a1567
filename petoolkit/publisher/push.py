"""The steps that all pushes share: a check before any work, one commit, and a message about it."""

from pathlib import Path

from rich.console import Console

from petoolbench import InputError
from petoolkit.publisher.dry_run import show_changes
from petoolkit.publisher.hub import Package, Repository, Target, check_repository, look_up, send
from petoolkit.publisher.hub_faults import need_token
from petoolkit.publisher.local_paths import check_no_local_paths

Seen = Repository | InputError | None  # what the repository holds, why that is not known, or that there is none yet


def check_target(target: Target, dry_run: bool) -> Seen:
    """Check, before any work, that the Hub would accept a push; a dry run checks later, and needs no token.

    Returns:
        What the repository holds; `None` if there is none yet. For a dry run that cannot see it, why.

    Raises:
        InputError: if the Hub would refuse.
    """
    if dry_run:
        try:
            return look_up(target)
        except InputError as error:
            return error
    need_token(target.token)
    repository = look_up(target)
    check_repository(target, repository)
    return repository


def push(
    target: Target,
    package: Package,
    folder: Path,
    seen: Seen,
    dry_run: bool,
    console: Console,
) -> None:
    """Send a package, or show what would be sent.

    Args:
        target: the repository and branch.
        package: the files.
        folder: where they come from.
        seen: that `check_target` returned.
        dry_run: send nothing.
        console: for messages.

    Raises:
        InputError: if a text names this machine's folders, or the Hub refuses.
    """
    check_no_local_paths(package.files, folder)
    if dry_run:
        show_changes(target, package, seen, console)
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
