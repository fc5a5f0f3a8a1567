"""Object stores and other file systems of `fsspec`, by their URLs: `s3://bucket/folder`, `gs://...`, `hf://...`."""

import errno
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from petoolbench import InputError
from petoolkit.text import shortened

_URL = re.compile(r"[a-z][a-z0-9+.-]+://", re.IGNORECASE)


def is_url(text: str) -> bool:
    """Whether this is a URL, and not a path."""
    return _URL.match(text) is not None


def store_of(url: str) -> tuple[Any, str]:
    """The `fsspec` file system of a URL, and the path in it.

    Credentials are what the package of the file system takes from the environment.

    Raises:
        InputError: for an unknown scheme, a missing package (names it), or if the store can't be reached.
    """
    import fsspec
    from fsspec.registry import known_implementations

    scheme = url.partition(":")[0]
    if scheme not in fsspec.available_protocols():
        raise InputError(
            f"{url}: no file system is known for {scheme}://; take one of fsspec's, such as s3, gs or az."
        )
    try:
        with reaching(url):
            return fsspec.core.url_to_fs(url)
    except ImportError:
        package = known_implementations[scheme]["class"].partition(".")[0]
        raise InputError(f"{url} needs the package {package}: pip install {package}") from None


@contextmanager
def reaching(url: str, kept: str = "") -> Iterator[None]:
    """Turn whatever the package of a store raises into an `InputError`.

    Args:
        url: of the store, for the message.
        kept: a sentence on what is not lost.
    """
    try:
        yield
    except (InputError, ImportError):
        raise
    except Exception as error:  # each package has its own: botocore's are no OSErrors
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise InputError(f"{url}: a disk is full ({error}); free some space.{kept and ' '}{kept}") from error
        said = next(iter(str(error).strip().splitlines()), "")
        why = shortened(f"{type(error).__name__}{said and ': '}{said}", 200)
        raise InputError(
            f"{url} cannot be reached ({why}); check the address, the network, and the credentials in the environment."
            f"{kept and ' '}{kept}"
        ) from error
