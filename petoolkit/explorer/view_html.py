"""The pieces of HTML that show a view."""

from typing import Any

from petoolbench import SETTINGS
from petoolkit.explorer.block_table import block_table
from petoolkit.explorer.browse import PAGE_ROWS, matching
from petoolkit.explorer.content import Content
from petoolkit.explorer.models_page import LEGENDS, boards
from petoolkit.explorer.row_page import row_page
from petoolkit.explorer.templating import render
from petoolkit.explorer.view import View

_FILTERS = ("setting", "kind", "split", "category", "length", "model", "outcome", "text")


def nav_html(content: Content, view: View) -> str:
    """The page's head: the dataset's name, and links to rows and models."""
    return render("nav", title=content.title, view=view, has_models=bool(content.evaluations.by_name))


def models_html(content: Content, view: View) -> str:
    """Leaderboards with intervals, and the models' error types."""
    groups = content.evaluations.groups
    settings = [setting for setting in SETTINGS if any(setting in group.first.rows for group in groups)]
    return render("models", view=view, settings=settings, boards=boards(content.evaluations, view), legends=LEGENDS)


def rows_html(content: Content, view: View) -> tuple[str, str]:
    """A page of the list of the view's rows, and the open row (empty if none is open)."""
    numbers = matching(content, view)
    pages = max(1, -(-len(numbers) // PAGE_ROWS))
    view = view.but(page=min(view.page, pages))
    first = (view.page - 1) * PAGE_ROWS
    listed = render(
        "rows",
        view=view,
        total=len(numbers),
        of=len(content.index),
        is_filtered=any(getattr(view, name) for name in _FILTERS),
        cleared=View(row=view.row).query,
        pages=pages,
        first=first + 1,
        items=[_item(content, view, int(number)) for number in numbers[first : first + PAGE_ROWS]],
        names=list(content.evaluations.by_name),
    )
    return listed, _row_html(content, view, numbers.tolist()) if view.row else ""


def _item(content: Content, view: View, number: int) -> dict[str, Any]:
    index = content.index
    row_id = index.ids[number]
    marks = [
        (name, evaluation.marks[number])
        for name, evaluation in content.evaluations.by_name.items()
        if evaluation.marks[number]
    ]
    return {
        "id": row_id,
        "instruction": index.instructions[number],
        "category": index.category[number],
        "kind": index.kind[number],
        "split": index.split[number],
        "length": index.lengths[number],
        "marks": marks,
        "query": view.but(page=view.page, row=row_id).query,
        "is_open": row_id == view.row,
    }


def _row_html(content: Content, view: View, listed: list[int]) -> str:
    """The view's open row.

    Args:
        content: that holds it.
        view: names the row.
        listed: numbers of the rows in the list.
    """
    index = content.index
    number = index.numbers.get(view.row)
    if number is None:
        return render("absent", row=view.row, title=content.title)
    position = listed.index(number) if number in listed else None

    def neighbour(step: int) -> str:
        """The query of a neighbour in the list, on its page; empty if there is none."""
        if position is None or not 0 <= position + step < len(listed):
            return ""
        return view.but(page=(position + step) // PAGE_ROWS + 1, row=index.ids[listed[position + step]]).query

    row = index.row(number)
    user = row["id"].rpartition("/")[0]
    siblings = {setting: f"{user}/{setting}" for setting in SETTINGS if setting != index.setting[number]}
    return render(
        "row",
        page=row_page(row, [one for one in content.evaluations.by_name.values() if one.marks[number]]),
        setting=index.setting[number],
        split=index.split[number],
        block=block_table(content, view, row),
        back=view.but(page=view.page, row="").query,
        before=neighbour(-1),
        after=neighbour(1),
        siblings=[
            (setting, view.but(page=view.page, row=row_id).query)
            for setting, row_id in siblings.items()
            if row_id in index.numbers
        ],
        link=View(row=row["id"]).query,
    )
