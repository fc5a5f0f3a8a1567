"""What a push would change, path by path, without sending anything."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from huggingface_hub.hf_api import RepoFile
from rich.console import Console
from rich.table import Table
from rich.text import Text

from petoolbench import InputError
from petoolkit.publisher.hub import Package, Repository, Target, check_repository
from petoolkit.text import counted

_STYLES = {"new": "green", "changed": "yellow", "same": "dim", "removed": "red"}  # by state


@dataclass(frozen=True)
class Change:
    """What a push would do to one path."""

    path: str
    size: int  # bytes
    state: str  # new, changed, same or removed


def show_changes(target: Target, package: Package, seen: Repository | InputError | None, console: Console) -> None:
    """Show what a push would change.

    Args:
        target: the repository and branch.
        package: the files.
        seen: what the repository holds, `None` if there is none yet, or why that is not known.
        console: for the table.

    Raises:
        InputError: if the repository holds something that petoolbench did not publish.
    """
    if isinstance(seen, InputError):
        repository, basis = None, f"it is not known what the repository holds: {seen}"
    elif seen is None:
        repository, basis = None, "there is no such repository yet, or it cannot be seen without a token"
    else:
        repository, basis = seen, "compared with what the repository holds"
    check_repository(target, repository)
    changes = compare(package, repository)
    console.print(_table(target, changes))
    sent = [change for change in changes if change.state in ("new", "changed")]
    size = sum(change.size for change in sent) / 1e6
    console.print(
        f"A dry run: nothing was sent. Without --dry-run, {counted(len(sent), 'file')} ({size:.1f} MB) would go to "
        f"the {'private' if target.private else 'public'} {target.kind} {target.url} as one "
        f"{'pull request' if target.create_pr else 'commit'}; {basis}",
        markup=False,
        highlight=False,
    )


def compare(package: Package, repository: Repository | None) -> list[Change]:
    """What a push would do, path by path; `None` stands for a repository that does not exist."""
    files = repository.files if repository else {}
    changes = []
    for path, content in sorted(package.files.items()):
        state = "new" if path not in files else "same" if _is_same(content, files[path]) else "changed"
        changes.append(Change(path, len(content) if isinstance(content, bytes) else content.stat().st_size, state))
    for path in repository.left_over(package) if repository else []:
        changes.append(Change(path, files[path].size, "removed"))
    return changes


def _is_same(content: Path | bytes, file: RepoFile) -> bool:
    """Compare by the hash that the Hub knows: SHA-256 of a large file, git's hash of a small one."""
    if file.lfs:
        if isinstance(content, bytes):
            return hashlib.sha256(content).hexdigest() == file.lfs.sha256
        with open(content, "rb") as opened:
            return hashlib.file_digest(opened, "sha256").hexdigest() == file.lfs.sha256
    data = content if isinstance(content, bytes) else content.read_bytes()
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest() == file.blob_id


def _table(target: Target, changes: list[Change]) -> Table:
    table = Table(box=None, title=Text(target.repo_id), title_justify="left")
    table.add_column("file")
    table.add_column("kB", justify="right")
    table.add_column("")
    for change in changes:
        table.add_row(Text(change.path), f"{change.size / 1e3:,.1f}", Text(change.state, _STYLES[change.state]))
    return table
