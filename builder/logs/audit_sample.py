"""The rows of an import that are audited: all, or those of users drawn out of many."""

from petoolbench import config_of
from petoolkit.audit.audit_rows import RowsInMemory

from ..record_rng import record_rng

_MOST_ROWS = 12_000  # about as many as a build of the paper's size has


class AuditSample:
    """Keeps rows in memory while they are written.

    Args:
        expected: at most so many rows come.
        seed: of the draw of users.
    """

    def __init__(self, expected: int, seed: int):
        self.rows = RowsInMemory()
        self.numbers: dict[str, dict[str, int]] = {}  # of all rows, by config and split
        self.share = min(1.0, _MOST_ROWS / max(expected, 1))
        self._seed = seed

    def add(self, split: str, user: str, row: dict) -> None:
        """Count a row, and keep it if its user is drawn."""
        splits = self.numbers.setdefault(config_of(row), {})
        splits[split] = splits.get(split, 0) + 1
        if self.share == 1 or record_rng(self._seed, "audit", user).random() < self.share:
            self.rows.add(config_of(row), split, row)

    @property
    def note(self) -> str | None:
        """A sentence on what was not audited; `None` if all was."""
        if self.share == 1:
            return None
        drawn = f"{100 * self.share:.1f} % of the users"
        return f"Audited: the rows of {drawn}, drawn at random; there are too many for all."
