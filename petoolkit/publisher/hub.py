"""Repositories on the Hub: what they hold, and one commit that makes them hold a package."""

import datetime
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
from huggingface_hub.hf_api import RepoFile
from huggingface_hub.utils import are_progress_bars_disabled, disable_progress_bars, enable_progress_bars, logging

from petoolbench import InputError
from petoolkit.publisher.hub_faults import HUB_ERRORS, as_input_error, asked_wait, is_passing, need_token, status_of
from petoolkit.text import listing

_Result = TypeVar("_Result")

WAITS = [1.0, 4.0, 16.0]  # seconds before each further try
_REPO_ID = re.compile(r"[\w][\w.-]*/[\w][\w.-]*")
_OWN_NAME = b"petoolbench"  # in the README.md of every repository that this project published, in some spelling
_FIRST_FILES = {".gitattributes", "README.md"}  # what a repository made by hand may hold


@dataclass(frozen=True)
class Target:
    """The repository and branch to push to.

    Raises:
        InputError: for a wrong name, or options that exclude each other.
    """

    repo_id: str  # USER/NAME
    kind: str  # dataset, model or space
    private: bool = False  # if the push makes the repository
    branch: str | None = None
    create_pr: bool = False
    sdk: str = "static"  # of a Space
    token: str | None = field(default=None, repr=False)  # instead of the one that is logged in

    def __post_init__(self) -> None:
        if not _REPO_ID.fullmatch(self.repo_id):
            raise InputError(f"{self.repo_id!r} is not a name on the Hub; write it as USER/NAME.")
        if self.create_pr and self.branch:
            raise InputError("a pull request is made to the main branch; leave out --create-pr or --revision.")

    @property
    def url(self) -> str:
        """The repository's page."""
        folder = "" if self.kind == "model" else f"{self.kind}s/"
        return f"{constants.ENDPOINT}/{folder}{self.repo_id}"


@dataclass(frozen=True)
class Package:
    """The files to push.

    Args:
        files: by path on the Hub, a file of this machine or its content.
        owned: patterns of paths. A file on the Hub that fits one, and is not among `files`, is left over from an
            earlier push, and the push removes it.
        message: of the commit.
    """

    files: Mapping[str, Path | bytes]
    owned: tuple[str, ...]
    message: str


@dataclass(frozen=True)
class Repository:
    """A repository on the Hub, at its branch's last commit."""

    commit: str
    private: bool
    branch_exists: bool  # otherwise, the commit is that of the main branch
    files: dict[str, RepoFile] = field(repr=False)  # by path
    created: datetime.date | None = None  # in UTC

    def left_over(self, package: Package) -> list[str]:
        """Paths that a push of this package removes."""
        return [
            path
            for path in sorted(self.files.keys() - package.files.keys())
            if any(fnmatch(path, pattern) for pattern in package.owned)
        ]


@dataclass(frozen=True)
class Outcome:
    """The result of a push.

    Args:
        commit: that the branch is at now.
        changed: whether the push changed anything.
        pull_request: its address, if one was opened.
    """

    commit: str
    changed: bool
    pull_request: str | None = None


def today() -> datetime.date:
    """The day in UTC, which is what the Hub's dates are in."""
    return datetime.datetime.now(datetime.UTC).date()


def look_up(target: Target) -> Repository | None:
    """The repository of a target; `None` if there is none that this token can see.

    Raises:
        InputError: if the Hub cannot be reached, or does not accept the token.
    """
    return _with_retries(lambda: _look_up(target), target)


def _look_up(target: Target) -> Repository | None:
    api, branch_exists = HfApi(token=target.token), True
    try:
        try:
            info = api.repo_info(target.repo_id, repo_type=target.kind, revision=target.branch)
        except RevisionNotFoundError:
            branch_exists = False
            info = api.repo_info(target.repo_id, repo_type=target.kind)
    except RepositoryNotFoundError:
        return None
    assert info.sha is not None
    tree = api.list_repo_tree(target.repo_id, repo_type=target.kind, revision=info.sha, recursive=True)
    files = {entry.path: entry for entry in tree if isinstance(entry, RepoFile)}
    created = getattr(info, "created_at", None)
    day = created.astimezone(datetime.UTC).date() if created else None
    return Repository(info.sha, bool(info.private), branch_exists, files, day)


def check_repository(target: Target, repository: Repository | None) -> None:
    """Refuse a repository that petoolbench did not publish, or a public one where a private one was asked for.

    Raises:
        InputError: if it is refused; names what it holds.
    """
    if repository is None:
        return
    if target.private and not repository.private:
        raise InputError(
            f"{target.url} exists already and is public; make it private in its settings, or leave --private out."
        )
    others = sorted(repository.files.keys() - _FIRST_FILES)
    if others and _OWN_NAME not in _readme(target, repository).lower():
        raise InputError(
            f"{target.url} holds something else ({listing(others, 4)}), which petoolbench did not publish; give "
            "another name."
        )


def _readme(target: Target, repository: Repository) -> bytes:
    if "README.md" not in repository.files:
        return b""

    def read() -> bytes:
        path = HfApi(token=target.token).hf_hub_download(
            target.repo_id, "README.md", repo_type=target.kind, revision=repository.commit
        )
        return Path(path).read_bytes()

    return _with_retries(read, target)


def make_repository(target: Target) -> None:
    """Make the repository, unless it exists.

    Raises:
        InputError: if there is no token, or the Hub refuses.
    """
    need_token(target.token)
    repository = look_up(target)
    check_repository(target, repository)
    if repository is None:
        _with_retries(lambda: _make(target), target)


def _make(target: Target) -> Repository:
    sdk = target.sdk if target.kind == "space" else None
    try:
        HfApi(token=target.token).create_repo(
            target.repo_id, repo_type=target.kind, private=target.private or None, space_sdk=sdk
        )
    except HUB_ERRORS as error:
        # 409 is also the answer to a second try, if the answer to the first one was lost.
        if status_of(error) == 409 and (repository := _look_up(target)):
            return repository
        raise
    repository = _look_up(target)
    if repository is None:
        raise InputError(
            f"{target.url} was made, but this token cannot see it; check what the token may read, then push again."
        )
    return repository


def send(target: Target, package: Package, say: Callable[[str], None], progress: bool = False) -> Outcome:
    """Make a repository hold a package, in one commit; without a commit if it holds the package already.

    Passing faults are tried again some times, each time from a new look at the repository. `create_commit` leaves out
    files that the branch holds already, so a commit whose answer was lost is not made twice.

    Args:
        target: the repository and branch.
        package: the files.
        say: gets a message when something is tried again.
        progress: whether bars of the uploads are shown.

    Raises:
        InputError: if the Hub refuses or cannot be reached. Then no commit was made, unless only the answer was lost.
    """
    need_token(target.token)
    branch_before: list[str | None] = []  # the commit at the first look, or `None` if there was no such branch

    def attempt() -> Outcome:
        repository = _look_up(target)
        check_repository(target, repository)
        if not branch_before:
            branch_before.append(repository.commit if repository and repository.branch_exists else None)
        repository = repository or _make(target)
        if target.branch and not repository.branch_exists:
            HfApi(token=target.token).create_branch(
                target.repo_id, branch=target.branch, repo_type=target.kind, exist_ok=True
            )
        done = _commit(target, package, repository)
        return Outcome(done.oid, done.oid != branch_before[0], done.pr_url)

    with _quiet(progress):
        return _with_retries(attempt, target, say)


def _commit(target: Target, package: Package, repository: Repository) -> CommitInfo:
    operations: list[CommitOperationAdd | CommitOperationDelete] = [
        *(CommitOperationDelete(path) for path in repository.left_over(package)),
        *(CommitOperationAdd(path, content) for path, content in sorted(package.files.items())),
    ]
    try:
        return HfApi(token=target.token).create_commit(
            target.repo_id,
            operations,
            commit_message=package.message,
            repo_type=target.kind,
            revision=target.branch,
            create_pr=target.create_pr or None,
            parent_commit=repository.commit,
        )
    except HUB_ERRORS as error:
        # A look at the branch does not show whether a pull request arrived, so it could be opened twice.
        if target.create_pr and is_passing(error) and status_of(error) != 429:
            raise InputError(
                f"the connection broke while a pull request was sent; look whether {target.url}/discussions has it "
                "before you push again."
            ) from None
        raise


def _with_retries(
    call: Callable[[], _Result],
    target: Target,
    say: Callable[[str], None] = lambda text: None,
) -> _Result:
    """Call; after passing faults, call again some times.

    Raises:
        InputError: for the last fault.
    """
    for wait in [*WAITS, None]:
        try:
            return call()
        except HUB_ERRORS as error:
            if wait is None or not is_passing(error):
                raise as_input_error(error, target.repo_id, target.kind, target.token) from None
            seconds = max(wait, asked_wait(error) or 0.0)
            fault = f"the Hub answers {status}" if (status := status_of(error)) else "the connection broke"
            say(f"{fault}; trying again in {seconds:.0f} s.")
            time.sleep(seconds)
    raise AssertionError("the last try returns or raises")


@contextmanager
def _quiet(progress: bool) -> Iterator[None]:
    """Silence the library's own messages, which hold signed addresses."""
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
