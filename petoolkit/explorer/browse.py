"""Which rows a view shows."""

from dataclasses import dataclass

import numpy as np

from petoolbench import SETTINGS
from petoolkit.explorer.index import Index
from petoolkit.explorer.judged_runs import OUTCOMES, Evaluations
from petoolkit.explorer.view import MODELS, ROWS, View

PAGE_ROWS = 20


@dataclass(frozen=True)
class Shelf:
    """All that can be looked at."""

    title: str  # the dataset's name
    index: Index
    evaluations: Evaluations


def checked(shelf: Shelf, view: View) -> View:
    """The view without what this dataset and these evaluations don't have: a link may be older than they are."""
    allowed = {
        **shelf.index.choices,
        "tab": [ROWS, MODELS],
        "model": list(shelf.evaluations.runs),
        "outcome": list(OUTCOMES) if shelf.evaluations.runs else [],
        "place": list(SETTINGS),
    }
    usual = View()
    strange = {name: getattr(usual, name) for name in allowed if getattr(view, name) not in allowed[name]}
    return view.but(page=view.page, **strange)


def matching(shelf: Shelf, view: View) -> np.ndarray:
    """Numbers of the rows that all of the view's filters let through, in the index's order."""
    index = shelf.index
    found = np.ones(len(index), bool)
    for column in ("setting", "split", "category", "length"):
        if wanted := getattr(view, column):
            found &= getattr(index, column) == wanted
    if view.outcome:
        runs = shelf.evaluations.runs
        chosen = [runs[view.model]] if view.model else runs.values()
        found &= np.any([run.outcomes[view.outcome] for run in chosen], axis=0)
    if view.text:
        found &= index.holding(view.text)
    return np.flatnonzero(found)
