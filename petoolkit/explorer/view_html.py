"""A view to the page's four pieces of HTML."""

from typing import Any

from petoolbench import SETTINGS
from petoolkit.explorer.browse import PAGE_ROWS, Shelf, matching
from petoolkit.explorer.judged_runs import RIGHT_PARAMETERS, RIGHT_TOOL
from petoolkit.explorer.models_page import SHOWN, boards
from petoolkit.explorer.row_page import row_page
from petoolkit.explorer.templating import render
from petoolkit.explorer.view import View
from petoolkit.scoring import PARAMETER_ERRORS, TOOL_ERRORS

_FILTERS = ("setting", "split", "category", "length", "model", "outcome", "text")


def nav_html(shelf: Shelf, view: View) -> str:
    """The page's head: what is shown, and the way between rows and models."""
    return render("nav", title=shelf.title, view=view, has_models=bool(shelf.evaluations.runs))


def models_html(shelf: Shelf, view: View) -> str:
    """Leaderboards with intervals, and error types side by side."""
    legends = {
        "tool": [RIGHT_TOOL, *reversed(TOOL_ERRORS)],
        "parameters": [RIGHT_PARAMETERS, *reversed(PARAMETER_ERRORS)],
    }
    asked = [setting for setting in SETTINGS if any(setting in part.first.rows for part in shelf.evaluations.parts)]
    found = boards(shelf.evaluations, view)
    return render("models", view=view, places=asked, boards=found, shown=SHOWN, legends=legends)


def rows_html(shelf: Shelf, view: View) -> tuple[str, str]:
    """The list of a view's rows, a page of it, and the open row (empty where there is none)."""
    numbers = matching(shelf, view)
    pages = max(1, -(-len(numbers) // PAGE_ROWS))
    view = view.but(page=min(view.page, pages))
    first = (view.page - 1) * PAGE_ROWS
    listed = render(
        "rows",
        view=view,
        total=len(numbers),
        of=len(shelf.index),
        is_filtered=any(getattr(view, name) for name in _FILTERS),
        cleared=View(row=view.row).query,
        pages=pages,
        first=first + 1,
        items=[_item(shelf, view, int(number)) for number in numbers[first : first + PAGE_ROWS]],
        names=list(shelf.evaluations.runs),
    )
    return listed, _row_html(shelf, view, numbers.tolist()) if view.row else ""


def _item(shelf: Shelf, view: View, number: int) -> dict[str, Any]:
    index = shelf.index
    row_id = index.ids[number]
    marks = [(name, run.marks[number]) for name, run in shelf.evaluations.runs.items() if run.marks[number]]
    return {
        "id": row_id,
        "instruction": index.instructions[number],
        "category": index.category[number],
        "split": index.split[number],
        "length": index.lengths[number],
        "marks": marks,
        "query": view.but(page=view.page, row=row_id).query,
        "is_open": row_id == view.row,
    }


def _row_html(shelf: Shelf, view: View, numbers: list[int]) -> str:
    index = shelf.index
    number = index.numbers.get(view.row)
    if number is None:
        return render("absent", row=view.row, title=shelf.title)
    place = numbers.index(number) if number in numbers else None

    def beside(step: int) -> str:
        """The view of a neighbour in the list, on the page where it stands."""
        if place is None or not 0 <= place + step < len(numbers):
            return ""
        return view.but(page=(place + step) // PAGE_ROWS + 1, row=index.ids[numbers[place + step]]).query

    row = index.row(number)
    user = row["id"].rpartition("/")[0]
    siblings = {s: f"{user}/{s}" for s in SETTINGS if s != index.setting[number]}
    return render(
        "row",
        page=row_page(row, [run for run in shelf.evaluations.runs.values() if run.marks[number]]),
        setting=index.setting[number],
        split=index.split[number],
        back=view.but(page=view.page, row="").query,
        before=beside(-1),
        after=beside(1),
        siblings=[(s, view.but(page=view.page, row=i).query) for s, i in siblings.items() if i in index.numbers],
        link=View(row=row["id"]).query,
    )
