"""The rows that a view lists, and in which order."""

from dataclasses import dataclass

import numpy as np

from petoolbench import SETTINGS
from petoolkit.evaluator.counterfactuals.counterfactual_table import COUNTERFACTUALS
from petoolkit.explorer.content import Content
from petoolkit.explorer.outcomes import A_RIGHT, B_RIGHT, BOTH_RIGHT, BOTH_WRONG, COMPARISONS, DIFFERENT, OUTCOMES
from petoolkit.explorer.view import MODELS, ROWS, View

PAGE_ROWS = 20
HARD, EASY, LONG, SHORT, CATEGORY, ID = "hard", "easy", "long", "short", "category", "id"
ORDERS = {
    "": "test rows first",
    HARD: "hardest first: fewest models right",
    EASY: "easiest first: most models right",
    LONG: "longest history first",
    SHORT: "shortest history first",
    CATEGORY: "category",
    ID: "id",
}


@dataclass(frozen=True)
class Listed:
    """The rows that pass a view's filters, in its order.

    Args:
        numbers: of all these rows, in the index.
        page: the page that is shown, from 1.
        pages: number of pages.
    """

    numbers: np.ndarray
    page: int
    pages: int

    @property
    def shown(self) -> list[int]:
        """Numbers of the rows on the page."""
        return self.numbers[self.first : self.first + PAGE_ROWS].tolist()

    @property
    def first(self) -> int:
        """How many rows are on the pages before."""
        return (self.page - 1) * PAGE_ROWS


def valid_view(content: Content, view: View) -> View:
    """The view without values that this content does not have: a link may be older than the content.

    A comparison of two models of which one is not chosen is about the first ones.
    """
    models = list(content.evaluations.by_name)
    if view.outcome in COMPARISONS and len(models) > 1:
        a = view.model if view.model in models else models[0]
        b = view.other if view.other in models and view.other != a else next(one for one in models if one != a)
        view = view.but(page=view.page, model=a, other=b)
    allowed = {
        **content.index.choices,
        "tab": [ROWS, MODELS] if models else [ROWS],
        "model": models,
        "other": models,
        "outcome": list(OUTCOMES) if models else [],
        "sort": orders(content),
        "change": list(COUNTERFACTUALS),
        "board_setting": list(SETTINGS),
    }
    if view.model in models and view.other in models and view.model != view.other:
        allowed["outcome"] = [*OUTCOMES, *COMPARISONS]
    defaults = View()
    changes = {name: getattr(defaults, name) for name in allowed if getattr(view, name) not in allowed[name]}
    return view.but(page=view.page, **changes)


def orders(content: Content) -> list[str]:
    """The orders that this content can be listed in; without evaluations, a row is not hard or easy."""
    return [order for order in ORDERS if content.evaluations.by_name or order not in (HARD, EASY)]


def listed(content: Content, view: View) -> Listed:
    """The rows of a view, and the page that it shows: the last one, if it asks for a later one."""
    numbers = in_order(content, matching(content, view), view.sort)
    pages = max(1, -(-len(numbers) // PAGE_ROWS))
    return Listed(numbers, min(view.page, pages), pages)


def matching(content: Content, view: View) -> np.ndarray:
    """Numbers of the rows that pass all filters of the view, in the index's order."""
    index = content.index
    found = np.ones(len(index), bool)
    for column in ("setting", "kind", "split", "category", "length"):
        if wanted := getattr(view, column):
            found &= getattr(index, column) == wanted
    if view.outcome:
        found &= _with_outcome(content, view)
    if view.text:
        found &= index.holding(view.text)
    return np.flatnonzero(found)


def _with_outcome(content: Content, view: View) -> np.ndarray:
    by_name = content.evaluations.by_name
    if view.outcome in OUTCOMES:
        chosen = [by_name[view.model]] if view.model else by_name.values()
        return np.any([evaluation.outcomes[view.outcome] for evaluation in chosen], axis=0)
    a, b = by_name[view.model], by_name[view.other]
    are_asked = a.is_asked & b.is_asked
    if view.outcome == DIFFERENT:
        return are_asked & (a.called != b.called)
    wanted_a = view.outcome in (A_RIGHT, BOTH_RIGHT)
    wanted_b = view.outcome in (B_RIGHT, BOTH_RIGHT)
    assert view.outcome in (A_RIGHT, B_RIGHT, BOTH_RIGHT, BOTH_WRONG)
    return are_asked & (a.is_right == wanted_a) & (b.is_right == wanted_b)


def in_order(content: Content, numbers: np.ndarray, order: str) -> np.ndarray:
    """Row numbers in one of `ORDERS`; rows that are equal in it keep their order."""
    index = content.index
    if order in (HARD, EASY):
        keys = content.evaluations.difficulty[numbers]  # not a number where no model was asked: these are last
        return numbers[np.argsort(-keys if order == EASY else keys, kind="stable")]
    if order in (LONG, SHORT):
        lengths = np.array(index.lengths)[numbers]
        return numbers[np.argsort(-lengths if order == LONG else lengths, kind="stable")]
    if order == CATEGORY:
        return numbers[np.argsort(index.category[numbers].astype(str), kind="stable")]
    if order == ID:
        return numbers[np.argsort(np.array(index.ids, str)[numbers], kind="stable")]
    return numbers
