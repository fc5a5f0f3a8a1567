"""The one file that writes to the Hub: what is there, what would change, and then one commit, or none."""

import hashlib
import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path
from typing import TypeVar

from huggingface_hub import CommitInfo, CommitOperationAdd, CommitOperationDelete, HfApi, constants
from huggingface_hub.errors import RepositoryNotFoundError, RevisionNotFoundError
from huggingface_hub.utils import are_progress_bars_disabled, disable_progress_bars, enable_progress_bars, logging

from petoolbench import InputError
from petoolkit.publisher.hub_faults import HUB_ERRORS, asked_wait, is_passing, need_token, sentence, status_of

_Result = TypeVar("_Result")

WAITS = [1.0, 4.0, 16.0]  # seconds before each further try
_NAME = re.compile(r"[\w][\w.-]*/[\w][\w.-]*")
_OURS = b"petoolbench"  # in the README.md of whatever this project published, in some spelling
_STARTED_WITH = {".gitattributes", "README.md"}  # what a repository made by hand may hold


@dataclass(frozen=True)
class Target:
    """Where to push.

    Raises:
        InputError: for a name that is none, or options that exclude each other.
    """

    repo_id: str  # USER/NAME
    kind: str  # dataset, model or space
    private: bool = False  # if it is made now
    branch: str | None = None
    create_pr: bool = False
    sdk: str = "static"  # of a Space
    token: str | None = field(default=None, repr=False)  # in place of the one that is logged in

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.repo_id):
            raise InputError(f"{self.repo_id!r} is no name on the Hub; write it as USER/NAME.")
        if self.create_pr and self.branch:
            raise InputError("a pull request is made to the main branch; leave out --create-pr or --revision.")

    @property
    def url(self) -> str:
        """Its page."""
        folder = "" if self.kind == "model" else f"{self.kind}s/"
        return f"{constants.ENDPOINT}/{folder}{self.repo_id}"


@dataclass(frozen=True)
class Package:
    """What to push.

    Args:
        files: by path on the Hub: a file of this machine, or its content.
        owned: patterns of paths; what stands there and is not among the files is of an earlier push, and is removed.
        message: the commit's.
    """

    files: Mapping[str, Path | bytes]
    owned: tuple[str, ...]
    message: str


@dataclass(frozen=True)
class Change:
    """What becomes of one path."""

    path: str
    size: int  # bytes
    state: str  # new, changed, same or removed


@dataclass(frozen=True)
class Remote:
    """A repository as it is."""

    commit: str
    private: bool
    branch_exists: bool
    files: dict[str, tuple[str, int]] = field(repr=False)  # hash and size, by path


@dataclass(frozen=True)
class Outcome:
    """What a push did: the commit that the branch is at, or the pull request's address."""

    commit: str
    changed: bool
    pull_request: str | None = None


def look_up(target: Target) -> Remote | None:
    """The repository at `target`; `None` if there is none that this token can see.

    Raises:
        InputError: if the Hub can't be asked, or does not accept the token.
    """
    return _trying(lambda: _look_up(target), target)


def _look_up(target: Target) -> Remote | None:
    api, branch_exists = HfApi(token=target.token), True
    try:
        try:
            info = api.repo_info(target.repo_id, repo_type=target.kind, revision=target.branch)
        except RevisionNotFoundError:
            branch_exists = False
            info = api.repo_info(target.repo_id, repo_type=target.kind)
    except RepositoryNotFoundError:
        return None
    tree = api.list_repo_tree(target.repo_id, repo_type=target.kind, revision=info.sha, recursive=True)
    files = {}
    for entry in tree:
        if (blob := getattr(entry, "blob_id", None)) is not None:  # a file, no folder
            lfs = getattr(entry, "lfs", None)
            files[entry.path] = (lfs.sha256 if lfs else blob, getattr(entry, "size", 0))
    assert info.sha is not None
    return Remote(info.sha, bool(info.private), branch_exists, files)


def compare(package: Package, remote: Remote | None) -> list[Change]:
    """What a push would do, path by path."""
    there = remote.files if remote else {}
    changes = []
    for path, content in sorted(package.files.items()):
        state = "new"
        if path in there:
            state = "same" if there[path][0] in _hashes(content) else "changed"
        changes.append(Change(path, _size(content), state))
    for path, (_, size) in sorted(there.items()):
        if path not in package.files and any(fnmatch(path, pattern) for pattern in package.owned):
            changes.append(Change(path, size, "removed"))
    return changes


def _size(content: Path | bytes) -> int:
    return len(content) if isinstance(content, bytes) else content.stat().st_size


def _hashes(content: Path | bytes) -> tuple[str, str]:
    """As the Hub names a large file, and as git names a small one."""
    size = _size(content)
    large, small = hashlib.sha256(), hashlib.sha1(b"blob %d\0" % size)
    if isinstance(content, bytes):
        large.update(content)
        small.update(content)
    else:
        with open(content, "rb") as file:
            while part := file.read(1 << 20):
                large.update(part)
                small.update(part)
    return large.hexdigest(), small.hexdigest()


def check_place(target: Target, remote: Remote | None) -> None:
    """Refuse a repository that is somebody else's work, or public where a private one was asked for.

    Raises:
        InputError: saying what stands there.
    """
    if remote is None:
        return
    if target.private and not remote.private:
        raise InputError(
            f"{target.url} is there already, and public; make it private in its settings, or leave --private out."
        )
    strangers = sorted(remote.files.keys() - _STARTED_WITH)
    if strangers and _OURS not in _readme(target, remote).lower():
        raise InputError(
            f"{target.url} holds something else ({', '.join(strangers[:3])}), which petoolbench did not publish; give "
            "another name."
        )


def _readme(target: Target, remote: Remote) -> bytes:
    if "README.md" not in remote.files:
        return b""

    def read() -> bytes:
        path = HfApi(token=target.token).hf_hub_download(
            target.repo_id, "README.md", repo_type=target.kind, revision=remote.commit
        )
        return Path(path).read_bytes()

    return _trying(read, target)


def make_place(target: Target) -> None:
    """Make the repository, unless it is there.

    Raises:
        InputError: if there is no token, or the Hub refuses.
    """
    need_token(target.token)
    remote = look_up(target)
    check_place(target, remote)
    if remote is None:
        _trying(lambda: _make(target), target)


def _make(target: Target) -> Remote:
    sdk = target.sdk if target.kind == "space" else None
    try:
        HfApi(token=target.token).create_repo(
            target.repo_id, repo_type=target.kind, private=target.private or None, space_sdk=sdk
        )
    except HUB_ERRORS as error:
        # 409 may also be the answer to a second try, whose first one was lost.
        if status_of(error) == 409 and (remote := _look_up(target)):
            return remote
        raise
    remote = _look_up(target)
    if remote is None:
        raise InputError(f"{target.url} was made, and can't be seen; check what this token may read, then push again.")
    return remote


def send(target: Target, package: Package, say: Callable[[str], None], progress: bool = False) -> Outcome:
    """Make the repository at `target` hold the package, in one commit; none if it does already.

    Passing faults are tried again some times, each time from a new look at what is there, so that a commit whose
    answer was lost is not made twice.

    Args:
        target: where.
        package: what.
        say: is told why something is tried again.
        progress: whether bars of the uploads are shown.

    Raises:
        InputError: if the Hub refuses, or can't be reached; unless the answer alone was lost, no commit was made.
    """
    need_token(target.token)
    committing = False

    def once() -> Outcome:
        nonlocal committing
        remote = _look_up(target)
        check_place(target, remote)
        changes = [change for change in compare(package, remote) if change.state != "same"]
        if remote is None:
            remote = _make(target)
        if target.branch and not remote.branch_exists:
            HfApi(token=target.token).create_branch(
                target.repo_id, branch=target.branch, repo_type=target.kind, exist_ok=True
            )
            committing = True
        if not changes:
            return Outcome(remote.commit, committing)  # what was being committed when the answer was lost
        operations: list[CommitOperationAdd | CommitOperationDelete] = [
            CommitOperationDelete(change.path)
            if change.state == "removed"
            else CommitOperationAdd(change.path, _source(package.files[change.path]))
            for change in changes
        ]
        committing = True
        done = _commit(target, operations, package.message, remote.commit)
        return Outcome(done.oid, True, done.pr_url)

    with _quiet(progress):
        return _trying(once, target, say)


def _commit(
    target: Target, operations: list[CommitOperationAdd | CommitOperationDelete], message: str, parent: str
) -> CommitInfo:
    try:
        return HfApi(token=target.token).create_commit(
            target.repo_id,
            operations,
            commit_message=message,
            repo_type=target.kind,
            revision=target.branch,
            create_pr=target.create_pr or None,
            parent_commit=parent,
        )
    except HUB_ERRORS as error:
        # A look at the branch would not show that a pull request arrived, so it could be opened twice.
        if target.create_pr and is_passing(error) and status_of(error) != 429:
            raise InputError(
                f"the connection broke while a pull request was sent; look whether {target.url}/discussions has it "
                "before you push again."
            ) from None
        raise


def _source(content: Path | bytes) -> str | bytes:
    return content if isinstance(content, bytes) else str(content)


def _trying(
    call: Callable[[], _Result],
    target: Target,
    say: Callable[[str], None] = lambda text: None,
) -> _Result:
    """Call again after passing faults, a bounded number of times; then tell the fault.

    Raises:
        InputError: the last fault.
    """
    for wait in [*WAITS, None]:
        try:
            return call()
        except HUB_ERRORS as error:
            if wait is None or not is_passing(error):
                raise sentence(error, target.repo_id, target.kind, target.token) from None
            seconds = max(wait, asked_wait(error) or 0.0)
            what = f"the Hub answers {status}" if (status := status_of(error)) else "the connection broke"
            say(f"{what}; trying again in {seconds:.0f} s.")
            time.sleep(seconds)
    raise AssertionError("the last try returns or raises")


@contextmanager
def _quiet(progress: bool) -> Iterator[None]:
    """The library's own notes hold signed addresses; faults are told here."""
    verbosity = logging.get_verbosity()
    logging.set_verbosity(logging.CRITICAL)
    hiding = not (progress or are_progress_bars_disabled())
    if hiding:
        disable_progress_bars()
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
        if hiding:
            enable_progress_bars()
