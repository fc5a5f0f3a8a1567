"""What goes wrong when something is read from the Hub, told in one way everywhere."""

from collections.abc import Iterator
from pathlib import Path

from petoolbench import InputError
from petoolkit.text import on_one_line

_LONGEST_REASON = 300  # characters


def why_not_read(error: BaseException) -> str:
    """Why a library could not read something from a folder or from the Hub, as a clause for a sentence.

    Args:
        error: what `huggingface_hub`, `datasets` or `transformers` raised; they wrap each other's errors.
    """
    from huggingface_hub import errors

    known: dict[type[BaseException] | tuple[type[BaseException], ...], str] = {
        errors.OfflineModeIsEnabled: "offline mode is on; unset HF_HUB_OFFLINE, or give a folder",
        errors.LocalEntryNotFoundError: "it is not in the cache and the Hub can't be reached",
        errors.HFValidationError: "there is no such folder here, and it is not an id on the Hub, which is USER/NAME",
        errors.GatedRepoError: "it is gated: ask for access on its page, then log in with `hf auth login`",
        errors.RepositoryNotFoundError: "there is no such folder here, and no such repository on the Hub that this "
        "token can see",
        errors.RevisionNotFoundError: "the Hub does not know this revision",
        errors.EntryNotFoundError: "the repository has no such file",
    }
    chain = list(_chain(error))
    for kind, reason in known.items():
        if any(isinstance(one, kind) for one in chain):
            return reason
    if any(isinstance(one, errors.HTTPError | ConnectionError | TimeoutError) for one in chain):
        return f"the Hub can't be reached or refuses ({type(error).__name__})"
    sentence = on_one_line(str(error)).partition(". ")[0].rstrip(".")
    return sentence[:_LONGEST_REASON] or type(error).__name__


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """An error and those that it was raised from."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__


def fetch_file(repository: str, file: str, revision: str | None = None, repo_type: str = "dataset") -> Path | None:
    """A file of a folder, or of a repository on the Hub; `None` where it has no such file.

    Raises:
        InputError: if the repository or its revision is not there, or the Hub can't be reached.
    """
    if Path(repository).is_dir():
        path = Path(repository, file)
        return path if path.is_file() else None
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import EntryNotFoundError, HTTPError, LocalEntryNotFoundError

    try:
        return Path(hf_hub_download(repository, file, repo_type=repo_type, revision=revision))
    except (EntryNotFoundError, HTTPError, OSError, ValueError) as error:
        if isinstance(error, EntryNotFoundError) and not isinstance(error, LocalEntryNotFoundError):
            return None
        raise InputError(f"{file} of {repository} cannot be read: {why_not_read(error)}.") from None
