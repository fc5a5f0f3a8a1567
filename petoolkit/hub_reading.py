"""Reading from the Hub, and one wording of its errors for the whole toolkit."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from petoolbench import InputError
from petoolkit.files import DISK_ERRORS
from petoolkit.text import on_one_line

# Errors of `from_pretrained` for a folder or repository that is missing, incomplete or of another kind.
LOADING_ERRORS = (OSError, ValueError, KeyError, ImportError)
_LONGEST_REASON = 300  # characters


def why_not_read(error: BaseException, source: str = "") -> str:
    """The reason why a library could not read something from a folder or from the Hub, as a clause for a sentence.

    Args:
        error: what `huggingface_hub`, `datasets`, `transformers` or `peft` raised; they wrap each other's errors.
        source: the folder or repository, if it is known. For a folder that exists, the reason is the library's own
            message: the libraries look for a file on the Hub when the folder does not have it.
    """
    if source and Path(source).is_dir():
        return first_sentence(error)
    from huggingface_hub import errors

    known: dict[type[BaseException] | tuple[type[BaseException], ...], str] = {
        errors.OfflineModeIsEnabled: "offline mode is on; unset HF_HUB_OFFLINE, or give a folder",
        errors.LocalEntryNotFoundError: "it is not in the cache and the Hub cannot be reached",
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
    for one in chain:
        if isinstance(one, OSError) and (one.errno in DISK_ERRORS or _is_of_the_cache(one.filename)):
            where = one.filename or "a folder of this machine, such as the cache"
            is_cache = one.filename is None or _is_of_the_cache(one.filename)
            ways = "free some space, ask for access, or "
            ways += "set HF_HOME to a folder that you may write" if is_cache else "give another folder"
            return f"{where} cannot be used ({(one.strerror or '').lower()}); {ways}"
    if any(isinstance(one, errors.HTTPError | ConnectionError | TimeoutError) for one in chain):
        return f"the Hub cannot be reached or refuses ({type(error).__name__})"
    return first_sentence(error)


def _is_of_the_cache(path: object) -> bool:
    """Whether a path is in the libraries' cache, or is a folder above it, which cannot be made."""
    from huggingface_hub.constants import HF_HOME

    if not isinstance(path, str):
        return False
    return Path(path).is_relative_to(HF_HOME) or Path(HF_HOME).is_relative_to(path)


def first_sentence(error: BaseException) -> str:
    """The first sentence of an error's message, at most 300 characters; the error's type if it has no message."""
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
    """The path of a file in a folder, or in a repository on the Hub; `None` if the file does not exist there.

    Raises:
        InputError: if the repository or its revision does not exist, or the Hub cannot be reached.
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


def fetch_folder(model: str, noun: str, ignore_patterns: Sequence[str] = ()) -> Path:
    """The folder of a model: `model` itself if it is a folder, else a copy of the repository on the Hub.

    Args:
        model: a folder or a Hub id.
        noun: what it is, for the message, such as `adapter`.
        ignore_patterns: files that are not needed.

    Raises:
        InputError: if the repository does not exist, or the Hub cannot be reached.
    """
    if Path(model).is_dir():
        return Path(model)
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HTTPError

    try:
        return Path(snapshot_download(model, ignore_patterns=list(ignore_patterns)))
    except (HTTPError, OSError, ValueError) as error:
        raise InputError(f"the {noun} {model} cannot be loaded: {why_not_read(error)}.") from None
