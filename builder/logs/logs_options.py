"""Options of an import of logs."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal


@dataclass(frozen=True)
class LogsOptions:
    """What is imported, and how.

    Args:
        files: the logs.
        catalogues: paths of catalogues with the called tools.
        names: instead of the catalogues' own (`CatalogueSettings.names`).
        columns: names of the logs' columns by field (`log_columns.FIELDS`).
        holdout: number of each user's last calls that are asked.
        most_history: longest history; of longer ones, the newest calls are kept.
        split: by `user` or by `time`.
        test_share: of the users, or of the asked calls, for the test split.
        redact: whether personal things and secrets are replaced.
        redact_patterns: regular expressions of more to replace.
        keep_user_names: whether users keep their names.
        seed: of the split, and of the candidates' draws and orders.
    """

    files: tuple[Path, ...]
    catalogues: tuple[str, ...]
    names: dict[str, str | None] = field(default_factory=dict)
    columns: dict[str, str] = field(default_factory=dict)
    holdout: int = 1
    most_history: int = 20
    split: Literal["user", "time"] = "user"
    test_share: float = 0.25
    redact: bool = False
    redact_patterns: tuple[str, ...] = ()
    keep_user_names: bool = False
    seed: int = 0
