"""The page as HTML: a whole document, or only what a link or a filter changes in it."""

import hashlib
from functools import cache
from pathlib import Path
from typing import Any

from petoolbench import SETTINGS, InputError
from petoolkit.evaluator.counterfactuals.counterfactual_table import COUNTERFACTUALS
from petoolkit.explorer.block_table import BlockTable, block_table
from petoolkit.explorer.browse import ORDERS, PAGE_ROWS, Listed, listed, orders
from petoolkit.explorer.content import Content
from petoolkit.explorer.judged_evaluations import asked_id, was_asked
from petoolkit.explorer.models_page import LEGENDS, boards
from petoolkit.explorer.other_forms import changed_row, expectation, forms
from petoolkit.explorer.outcomes import RIGHT, WRONG
from petoolkit.explorer.prompt_view import PromptView, prompt_view
from petoolkit.explorer.row_page import row_page
from petoolkit.explorer.templating import plain, render
from petoolkit.explorer.view import MODELS, View
from petoolkit.scoring import ERROR_TYPES
from petoolkit.text import setting_label

_FOLDER = Path(__file__).parent
# Light forms of Okabe and Ito's colours, which colour-blind readers can tell apart; all carry dark letters.
_ERROR_COLOURS = ("#b4b8bd", "#d79cc0", "#e98a4b", "#f2c14e", "#8cc4ea", "#e3dc6a")


@cache
def style() -> str:
    """The page's style sheet, with a colour for each error type."""
    colours = zip(ERROR_TYPES, _ERROR_COLOURS, strict=True)
    errors = "".join(f".{error} {{ background: {colour}; fill: {colour}; }}\n" for error, colour in colours)
    return (_FOLDER / "explorer.css").read_text(encoding="utf-8") + errors


@cache
def script() -> str:
    """The page's script."""
    return (_FOLDER / "explorer.js").read_text(encoding="utf-8")


@cache
def _version() -> str:
    """What changes when style or script do, so that a browser does not take old ones for them."""
    return hashlib.sha256((style() + script()).encode()).hexdigest()[:12]


def page_html(content: Content, view: View, is_piece: bool = False) -> str:
    """The page that shows a view.

    Args:
        content: what there is to show.
        view: a valid one.
        is_piece: whether to leave out what is the same in all views.
    """
    values = _of_models(content, view) if view.tab == MODELS else _of_rows(content, view)
    return render("main" if is_piece else "document", **_shared(content), view=view, **values)


def prompt_html(content: Content, query: dict[str, str], is_piece: bool = False) -> str:
    """The prompt that a model was sent.

    Args:
        content: that holds row and model.
        query: `row`, `model`, `repeat`, and `change`, the counterfactual in whose form the row was asked.
        is_piece: whether to leave out what is not the prompt.

    Raises:
        InputError: if there is no such row, form or model, or the prompt cannot be made again.
    """
    number = content.index.numbers.get(query.get("row", ""))
    evaluation = content.evaluations.by_name.get(query.get("model", ""))
    if number is None or evaluation is None:
        raise InputError("there is no such row, or no such model, here; go back to the page, and open the row anew.")
    row = content.index.row(number)
    asked_as = asked_id(row)
    if name := query.get("change", ""):
        made = changed_row(content, number, row, name) if name in COUNTERFACTUALS else None
        if made is None:
            raise InputError(f"{row['id']} does not have the form {name!r}; go back to the row, and open it anew.")
        row, asked_as = made.row, made.row["id"]
    repeat = query.get("repeat", "0")
    line = evaluation.replies.get((asked_as, int(repeat) if repeat.isdecimal() and len(repeat) < 6 else 0), {})
    prompt: PromptView = prompt_view(content, row, evaluation, line)
    if is_piece:
        return render("prompt", prompt=prompt)
    back = View(row=content.index.ids[number], change=name).query
    return render(
        "prompt_page", **_shared(content), prompt=prompt, model=evaluation.name, row_id=asked_as, back=f".{back}"
    )


def _shared(content: Content) -> dict[str, Any]:
    return {
        "title": content.title,
        "facts": content.facts,
        "revision": content.revision,
        "splits": content.index.choices["split"],
        "has_models": bool(content.evaluations.by_name),
        "version": _version(),
    }


def _of_models(content: Content, view: View) -> dict[str, Any]:
    groups = content.evaluations.groups
    settings = [setting for setting in SETTINGS if any(setting in group.first.rows for group in groups)]
    return {"settings": settings, "boards": boards(content.evaluations, view), "legends": LEGENDS}


def _of_rows(content: Content, view: View) -> dict[str, Any]:
    rows = listed(content, view)
    is_chosen = bool(view.row)
    opened = view.row or (content.index.ids[rows.shown[0]] if rows.shown else "")
    view = view.but(page=rows.page)
    open_view = view.but(page=rows.page, row=opened)
    number = content.index.numbers.get(opened)
    return {
        "is_chosen": is_chosen,
        "choices": _choices(content),
        "total": len(rows.numbers),
        "of": len(content.index),
        "cleared": View(sort=view.sort).query,
        "pages": rows.pages,
        "shown_page": rows.page,
        "first": rows.first + 1,
        "items": [_item(content, view, one, opened) for one in rows.shown],
        "compared": (view.model, view.other) if view.model and view.other and view.model != view.other else None,
        "swapped": view.but(model=view.other, other=view.model, row="").query,
        "back": view.but(page=view.page, row="", beside="", change="").query,
        **({"page": None} if number is None else _of_row(content, open_view, number, rows)),
    }


def _choices(content: Content) -> dict[str, list[tuple[str, str]]]:
    """The values of each field, and their words."""
    choices = content.index.choices
    return {
        "setting": [(name, setting_label(name)) for name in choices["setting"]],
        "kind": [(kind, kind.replace("_", " ")) for kind in choices["kind"]],
        **{name: [(value, plain(value)) for value in choices[name]] for name in ("split", "category", "length")},
        "model": [(name, name) for name in content.evaluations.by_name],
        "sort": [(order, ORDERS[order]) for order in orders(content)],
    }


def _item(content: Content, view: View, number: int, opened: str) -> dict[str, Any]:
    index, by_name = content.index, content.evaluations.by_name
    row_id = index.ids[number]
    asked = [one for one in by_name.values() if one.is_asked[number]]
    named = {"A": view.model, "B": view.other} if view.model and view.other else {view.model: view.model}
    marks = [
        (label, RIGHT if by_name[name].is_right[number] else WRONG)
        for label, name in named.items()
        if name and by_name[name].is_asked[number]
    ]
    return {
        "user": row_id.rpartition("/")[0],
        "instruction": index.instructions[number],
        "setting": index.setting[number],
        "kind": index.kind[number],
        "split": index.split[number],
        "length": index.lengths[number],
        "marks": marks,
        "asked": len(asked),
        "right": sum(bool(one.is_right[number]) for one in asked),
        "query": view.opened(row_id, view.page).query,
        "is_open": row_id == opened,
    }


def _of_row(content: Content, view: View, number: int, rows: Listed) -> dict[str, Any]:
    """What is shown of the view's open row.

    Args:
        content: that holds it.
        view: names the row, and the form in which it is shown.
        number: of the row.
        rows: those of the list.
    """
    index = content.index
    original = index.row(number)
    made = changed_row(content, number, original, view.change) if view.change else None
    row, asked_as = (made.row, made.row["id"]) if made else (original, asked_id(original))
    beside_number = index.numbers.get(view.beside)
    beside = original if made else index.row(beside_number) if beside_number is not None else None
    if beside is not None and beside["id"] == row["id"]:
        beside = None
    models = list(content.evaluations.by_name.values())
    asking = [one for one in models if was_asked(one, asked_as) or (not made and one.is_asked[number])]
    block = block_table(content, view, original)
    setting = index.setting[number]
    user = original["id"].rpartition("/")[0]
    siblings = {name: f"{user}/{name}" for name in SETTINGS if name != setting}
    words = {"mixed": ("liked", "disliked"), "first": ("newer half", "older half"), "none": ("liked", "disliked")}
    liked_word, disliked_word = words[SETTINGS[setting].dislikes]
    return {
        "page": row_page(row, asking, content.sentences, asked_as, beside),
        "setting": setting,
        "split": index.split[number],
        "block": block,
        "twin": _twin(block),
        "beside_words": _beside_words(view, made is not None, beside),
        "expected": expectation(COUNTERFACTUALS[view.change], original) if made else "",
        "original": view.opened(beside["id"] if beside and not made else original["id"], view.page).query,
        "original_id": beside["id"] if beside and not made else original["id"],
        "forms": forms(content, view, number, original),
        "model_names": list(content.evaluations.by_name),
        "before": _neighbour(content, view, rows, number, -1),
        "after": _neighbour(content, view, rows, number, 1),
        "siblings": [
            (name, view.opened(row_id, view.page).query)
            for name, row_id in siblings.items()
            if row_id in index.numbers
        ],
        "link": View(row=original["id"], beside=view.beside, change=view.change).query,
        "page_link": {"row": original["id"], **({"change": view.change} if made else {})},
        "liked_word": liked_word,
        "disliked_word": disliked_word,
    }


def _twin(block: BlockTable | None) -> str:
    """The query to the next user of the block after the open one; empty if there is none."""
    queries = [user.query for user in block.users] if block else []
    if "" not in queries:
        return queries[0] if queries else ""
    here = queries.index("")
    return next((query for query in [*queries[here + 1 :], *queries[:here]] if query), "")


def _beside_words(view: View, is_changed: bool, beside: dict | None) -> str:
    """What form of a row is shown, in words; empty for a row as it is."""
    if is_changed:
        return f"{view.change}: {COUNTERFACTUALS[view.change].changes}."
    return f"Compared with {plain(beside['id'])}." if beside else ""


def _neighbour(content: Content, view: View, rows: Listed, number: int, step: int) -> str:
    """The query of a neighbour in the list, on its page; empty if there is none.

    A row that is not in the list, such as that of another user, stands before the first one of the page.
    """
    found = (rows.numbers == number).nonzero()[0]
    position = int(found[0]) + step if len(found) else rows.first + min(step, 0)
    if not 0 <= position < len(rows.numbers):
        return ""
    return view.opened(content.index.ids[rows.numbers[position]], position // PAGE_ROWS + 1).query
