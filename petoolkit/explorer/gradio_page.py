"""The page: Gradio's fields for the filters, and pieces of HTML that are links to other views of it."""

from pathlib import Path
from typing import Any

import gradio as gr

from petoolkit.explorer.browse import Shelf, checked
from petoolkit.explorer.judged_runs import OUTCOMES
from petoolkit.explorer.templating import plain
from petoolkit.explorer.view import MODELS, ROWS, View
from petoolkit.explorer.view_html import models_html, nav_html, rows_html
from petoolkit.text import setting_label

_FOLDER = Path(__file__).parent
# As part of the head: Gradio would prefix each rule given as its `css`, those about its own container too.
STYLE = f"<style>{(_FOLDER / 'explorer.css').read_text(encoding='utf-8')}</style>"
_SCRIPT = (_FOLDER / "explorer.js").read_text(encoding="utf-8")
_INVITATION = (
    '<p class="pe"><span class="quiet">Open a row to see its history, its candidates, and what each model called.'
    "</span></p>"
)


def make_page(shelf: Shelf) -> gr.Blocks:
    """Make the page; its first sight is ready in it, so that it needs no further request.

    A view is what a link holds: the fields make one of what they say, links carry one, and `show` answers both.
    """
    start = View()
    first_list, _ = rows_html(shelf, start)
    choices = {
        "setting": [("all settings", ""), *((setting_label(s), s) for s in shelf.index.choices["setting"])],
        "split": _choices("all splits", shelf.index.choices["split"]),
        "category": _choices("all categories", shelf.index.choices["category"]),
        "length": _choices("any length", shelf.index.choices["length"]),
        "model": _choices("any model", list(shelf.evaluations.runs)),
        "outcome": [("any", ""), *((words, outcome) for outcome, words in OUTCOMES.items())],
    }
    labels = {
        "setting": "Setting",
        "split": "Split",
        "category": "Category",
        "length": "History length",
        "model": "Model",
        "outcome": "Outcome",
    }
    with gr.Blocks(title=f"{plain(shelf.title)} explorer", analytics_enabled=False) as page:
        nav = gr.HTML(nav_html(shelf, start), apply_default_css=False)
        with gr.Column(visible=True) as rows_half:
            with gr.Row(elem_classes="pe-filters"):
                text = gr.Textbox(label="Search", placeholder="any words", max_lines=1, min_width=150)
                fields = {
                    name: gr.Dropdown(
                        given,
                        value="",
                        label=labels[name],
                        scale=2 if name == "outcome" else 1,
                        min_width=130,
                        visible=name not in ("model", "outcome") or bool(shelf.evaluations.runs),
                    )
                    for name, given in choices.items()
                }
            with gr.Row():
                with gr.Column(scale=2, min_width=320, elem_id="pe-list"):
                    listed = gr.HTML(first_list, apply_default_css=False)
                with gr.Column(scale=3, min_width=320):
                    opened = gr.HTML(_INVITATION, apply_default_css=False)
        with gr.Column(visible=False) as models_half:
            models = gr.HTML("", apply_default_css=False)
        address = gr.HTML(start.query, html_template="", js_on_load=_SCRIPT)

        inputs = [text, *fields.values()]
        outputs = [*inputs, nav, rows_half, listed, opened, models_half, models, address]

        def show(view: View, typed: bool = False) -> list[Any]:
            view = checked(shelf, view)
            is_rows = view.tab == ROWS
            given = [gr.skip() if typed else getattr(view, name) for name in ("text", *fields)]
            halves = (*rows_html(shelf, view), "") if is_rows else ("", "", models_html(shelf, view))
            return [
                *given,
                nav_html(shelf, view),
                gr.update(visible=is_rows),
                halves[0],
                halves[1] or _INVITATION,
                gr.update(visible=view.tab == MODELS),
                halves[2],
                view.query,
            ]

        def filtered(query: str, *given: str) -> list[Any]:
            before = View.of(query)
            after = before.but(page=before.page, **dict(zip(("text", *fields), given, strict=True)))
            # A link that was followed fills the fields too, and they say so.
            return [gr.skip()] * len(outputs) if after == before else show(after.but(), typed=True)

        def followed(query: str) -> list[Any]:
            return show(View.of(query))

        quick: dict[str, Any] = {"show_progress": "hidden", "queue": False, "api_visibility": "private"}
        linked: dict[str, Any] = {
            "fn": followed,
            "inputs": address,
            "outputs": outputs,
            "js": "() => location.search",
            **quick,
        }
        page.load(**linked)
        address.select(**linked, trigger_mode="always_last").then(js=_said("pe-followed"), **quick)
        # A paste by mouse is a change of the text, but no input to Gradio.
        gr.on(
            [text.change, *(field.input for field in fields.values())],
            filtered,
            [address, *inputs],
            outputs,
            trigger_mode="always_last",
            **quick,
        ).then(js=_said("pe-filtered"), **quick)
    return page


def _said(event: str) -> str:
    return f"() => {{ window.dispatchEvent(new Event('{event}')); }}"


def _choices(everything: str, values: list[str]) -> list[tuple[str, str]]:
    return [(everything, ""), *((plain(value), value) for value in values)]
