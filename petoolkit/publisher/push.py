"""What all pushes share: a look before, one commit, and what was done in words."""

from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from petoolbench import InputError
from petoolkit.publisher.hub import Change, Package, Target, check_place, compare, look_up, send
from petoolkit.publisher.hub_faults import need_token
from petoolkit.publisher.local_paths import check_no_local_paths

_STATES = {"new": "green", "changed": "yellow", "same": "dim", "removed": "red"}


def check_target(target: Target, dry_run: bool) -> None:
    """Ask, before any work, whether the Hub would take it; a dry run asks later, and needs no token.

    Raises:
        InputError: if not.
    """
    if not dry_run:
        need_token(target.token)
        check_place(target, look_up(target))


def push(target: Target, package: Package, folder: Path, dry_run: bool, console: Console) -> None:
    """Send a package, or show what would be sent.

    Args:
        target: where.
        package: what.
        folder: where it comes from.
        dry_run: send nothing.
        console: for what is done.

    Raises:
        InputError: if a text names this machine's folders, or the Hub does not take it.
    """
    check_no_local_paths(package.files, folder)
    if dry_run:
        _show(target, package, console)
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


def _show(target: Target, package: Package, console: Console) -> None:
    try:
        remote = look_up(target)
        asked = (
            "there is none yet, or it can't be seen without a token"
            if remote is None
            else "compared with what is there"
        )
    except InputError as error:
        remote, asked = None, f"what is there is not known, since {error}"
    check_place(target, remote)
    changes = compare(package, remote)
    console.print(_table(target, changes))
    sent = [change for change in changes if change.state in ("new", "changed")]
    size = sum(change.size for change in sent) / 1e6
    how = f"{'private' if target.private else 'public'} {target.kind} {target.url}"
    console.print(
        f"A dry run: nothing was sent. Without it, {len(sent)} files ({size:.1f} MB) would go to the {how} as one "
        f"{'pull request' if target.create_pr else 'commit'}; {asked}",
        markup=False,
        highlight=False,
    )


def _table(target: Target, changes: list[Change]) -> Table:
    table = Table(box=None, title=Text(target.repo_id), title_justify="left")
    table.add_column("file")
    table.add_column("kB", justify="right")
    table.add_column("")
    for change in changes:
        style = _STATES[change.state]
        table.add_row(Text(change.path), f"{change.size / 1e3:,.1f}", Text(change.state, style))
    return table
