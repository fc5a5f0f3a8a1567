"""Names of users as a dataset has them: salted hashes, unless they are kept."""

import hashlib
import os
import secrets

SALT = "PETOOLBENCH_SALT"
_BYTES = 8  # of a hash: two of a million users have the same one with a probability of 3 in a hundred million


class UserNames:
    """Turns a log's names of users into those of the dataset.

    The salt is drawn anew for each import and kept nowhere, so that nobody can find a user by hashing known names. Who
    wants two imports to agree sets `$PETOOLBENCH_SALT`, and keeps it secret.

    Args:
        are_kept: whether the names stay as they are.
    """

    def __init__(self, are_kept: bool = False):
        self._are_kept = are_kept
        given = os.environ.get(SALT)
        self._key = hashlib.sha512(given.encode()).digest() if given else secrets.token_bytes(64)

    def name(self, user: str) -> str:
        """The name of a user in the dataset."""
        if self._are_kept:
            return user
        return f"u{hashlib.blake2b(user.encode(errors='replace'), digest_size=_BYTES, key=self._key).hexdigest()}"
