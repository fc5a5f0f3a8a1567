"""What identifies rows: a hash of all that they hold."""

import hashlib
from collections.abc import Iterable

from petoolbench import to_json_text


class RowFingerprint:
    """Hash of rows with all their columns, in the order in which they are added."""

    def __init__(self) -> None:
        self._digest = hashlib.sha256()

    def add(self, row: dict) -> None:
        """A further row."""
        self._digest.update(to_json_text(row).encode())

    def __str__(self) -> str:
        """16 hexadecimal digits."""
        return self._digest.hexdigest()[:16]


def fingerprint(rows: Iterable[dict]) -> str:
    """Hash of rows with all their columns, in this order; 16 hexadecimal digits."""
    found = RowFingerprint()
    for row in rows:
        found.add(row)
    return str(found)
