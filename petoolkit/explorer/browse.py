"""The rows that a view shows."""

import numpy as np

from petoolbench import SETTINGS
from petoolkit.explorer.content import Content
from petoolkit.explorer.judged_evaluations import OUTCOMES
from petoolkit.explorer.view import MODELS, ROWS, View

PAGE_ROWS = 20


def valid_view(content: Content, view: View) -> View:
    """The view without values that this content does not have: a link may be older than the content."""
    allowed = {
        **content.index.choices,
        "tab": [ROWS, MODELS],
        "model": list(content.evaluations.by_name),
        "outcome": list(OUTCOMES) if content.evaluations.by_name else [],
        "board_setting": list(SETTINGS),
    }
    defaults = View()
    changes = {name: getattr(defaults, name) for name in allowed if getattr(view, name) not in allowed[name]}
    return view.but(page=view.page, **changes)


def matching(content: Content, view: View) -> np.ndarray:
    """Numbers of the rows that pass all filters of the view, in the index's order."""
    index = content.index
    found = np.ones(len(index), bool)
    for column in ("setting", "kind", "split", "category", "length"):
        if wanted := getattr(view, column):
            found &= getattr(index, column) == wanted
    if view.outcome:
        by_name = content.evaluations.by_name
        chosen = [by_name[view.model]] if view.model else by_name.values()
        found &= np.any([evaluation.outcomes[view.outcome] for evaluation in chosen], axis=0)
    if view.text:
        found &= index.holding(view.text)
    return np.flatnonzero(found)
