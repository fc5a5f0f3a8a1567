"""What the page shows, as one value that a link can carry."""

from dataclasses import dataclass, fields, replace
from typing import Any
from urllib.parse import parse_qs, urlencode

ROWS, MODELS = "rows", "models"  # the two halves of the page
FILTERS = ("text", "setting", "kind", "split", "category", "length", "model", "other", "outcome")
_LONGEST = 500  # characters of a value in a link


@dataclass(frozen=True)
class View:
    """Filters, order, page and open row; an empty text means that nothing was chosen."""

    tab: str = ROWS
    setting: str = ""
    kind: str = ""  # what a row asks for
    split: str = ""
    category: str = ""
    length: str = ""  # a band of history lengths
    model: str = ""
    other: str = ""  # a second model, to compare with
    outcome: str = ""  # one of `petoolkit.explorer.outcomes.OUTCOMES` or `COMPARISONS`
    text: str = ""
    sort: str = ""  # one of `petoolkit.explorer.browse.ORDERS`
    page: int = 1
    row: str = ""  # an id; empty for the first row of the list
    beside: str = ""  # id of the row to which the open one is compared
    change: str = ""  # the counterfactual in whose form the open row is shown
    board_setting: str = ""  # of the leaderboard; empty for all

    @classmethod
    def of(cls, query: str) -> "View":
        """The view of a link's query, such as `?row=u000007/chronological`; unknown keys and wrong page numbers are
        left out."""
        given = {key: values[-1][:_LONGEST] for key, values in parse_qs(query.removeprefix("?")).items()}
        names = {field.name for field in fields(cls)}
        page = given.pop("page", "1")
        known = {key: value for key, value in given.items() if key in names}
        return cls(**known, page=max(1, int(page)) if page.isdecimal() and len(page) < 10 else 1)

    def but(self, page: int = 1, **changes: Any) -> "View":
        """The same view with other values, on the first page unless a page is given."""
        return replace(self, page=page, **changes)

    def opened(self, row: str, page: int, **changes: Any) -> "View":
        """The same list with another open row, which is compared to none and not changed, unless `changes` say so."""
        return replace(self, **{"row": row, "page": page, "beside": "", "change": "", **changes})

    @property
    def is_filtered(self) -> bool:
        """Whether not all rows are listed."""
        return any(getattr(self, name) for name in FILTERS)

    @property
    def query(self) -> str:
        """The query of a link to this view: `?` and all values that are not the defaults."""
        defaults = View()
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return "?" + urlencode({k: v for k, v in values.items() if v != getattr(defaults, k)}, safe="/")
