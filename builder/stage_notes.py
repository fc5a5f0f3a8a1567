"""Notes that a stage makes of its work."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .row_statistics import RowStatistics


@dataclass
class Notes:
    """Notes of one stage, which fills them in while it gives its rows.

    Args:
        counts: numbers by what they count: what was kept, and what was dropped for each reason.
        extra: anything else for the report.
        statistics: of the rows, if they are a dataset's; the report gets their summary.
        status: gives a few words for the progress bar, each time that it is drawn.
    """

    counts: Counter = field(default_factory=Counter)
    extra: dict[str, Any] = field(default_factory=dict)
    statistics: "RowStatistics | None" = None
    status: Callable[[], str] = str
