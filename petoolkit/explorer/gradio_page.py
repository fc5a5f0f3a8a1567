"""The page: Gradio's fields for the filters, and pieces of HTML with links to other views."""

from itertools import cycle
from pathlib import Path
from typing import Any

import gradio as gr

from petoolkit.explorer.browse import valid_view
from petoolkit.explorer.content import Content
from petoolkit.explorer.judged_evaluations import OUTCOMES
from petoolkit.explorer.templating import plain
from petoolkit.explorer.view import MODELS, ROWS, View
from petoolkit.explorer.view_html import models_html, nav_html, rows_html
from petoolkit.scoring import ERROR_TYPES
from petoolkit.text import ALL, setting_label

_FOLDER = Path(__file__).parent
# Light forms of Okabe and Ito's colours, which colour-blind readers can tell apart; all carry dark letters.
_ERROR_COLOURS = ("#b4b8bd", "#d79cc0", "#e98a4b", "#f2c14e", "#8cc4ea", "#e3dc6a")
_ERROR_STYLES = "".join(
    f".pe .{error} {{ background: {colour}; }}\n"
    for error, colour in zip(ERROR_TYPES, cycle(_ERROR_COLOURS), strict=False)
)
# In the page's head, since Gradio would prefix each rule of its argument `css`, those about its own container too.
STYLE = f"<style>{(_FOLDER / 'explorer.css').read_text(encoding='utf-8')}{_ERROR_STYLES}</style>"
_SCRIPT = (_FOLDER / "explorer.js").read_text(encoding="utf-8")
_INVITATION = (
    '<p class="pe"><span class="quiet">Open a row to see its history, its candidates, and what each model called.'
    "</span></p>"
)


def make_page(content: Content) -> gr.Blocks:
    """Make the page, with its first view already in it.

    A view is what a link holds. The fields make a view of their values, links carry one, and `show` answers both.
    """
    start = View()
    first_list, _ = rows_html(content, start)
    index, models_asked = content.index, list(content.evaluations.by_name)
    choices = {
        "setting": [(setting_label(ALL), ""), *((setting_label(name), name) for name in index.choices["setting"])],
        "kind": [("all kinds", ""), *((kind.replace("_", " "), kind) for kind in index.choices["kind"])],
        "split": _choices("all splits", index.choices["split"]),
        "category": _choices("all categories", index.choices["category"]),
        "length": _choices("any length", index.choices["length"]),
        "model": _choices("any model", models_asked),
        "outcome": [("any", ""), *((words, outcome) for outcome, words in OUTCOMES.items())],
    }
    labels = {
        "setting": "Setting",
        "kind": "Kind",
        "split": "Split",
        "category": "Category",
        "length": "History length",
        "model": "Model",
        "outcome": "Outcome",
    }
    is_of_use = {"kind": len(index.choices["kind"]) > 1, "model": bool(models_asked), "outcome": bool(models_asked)}
    with gr.Blocks(title=f"{plain(content.title)} explorer", analytics_enabled=False) as page:
        nav = gr.HTML(nav_html(content, start), apply_default_css=False)
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
                        visible=is_of_use.get(name, True),
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
            view = valid_view(content, view)
            is_rows = view.tab == ROWS
            given = [gr.skip() if typed else getattr(view, name) for name in ("text", *fields)]
            pieces = (*rows_html(content, view), "") if is_rows else ("", "", models_html(content, view))
            return [
                *given,
                nav_html(content, view),
                gr.update(visible=is_rows),
                pieces[0],
                pieces[1] or _INVITATION,
                gr.update(visible=view.tab == MODELS),
                pieces[2],
                view.query,
            ]

        def filtered(query: str, *given: str) -> list[Any]:
            before = View.of(query)
            after = before.but(page=before.page, **dict(zip(("text", *fields), given, strict=True)))
            # A link that was followed fills the fields too, which then report a change.
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
        address.select(**linked, trigger_mode="always_last").then(js=_dispatch("pe-followed"), **quick)
        # Pasting with the mouse is a change of the text, but not an input to Gradio.
        gr.on(
            [text.change, *(field.input for field in fields.values())],
            filtered,
            [address, *inputs],
            outputs,
            trigger_mode="always_last",
            **quick,
        ).then(js=_dispatch("pe-filtered"), **quick)
    return page


def _dispatch(event: str) -> str:
    """JavaScript that reports an event to explorer.js."""
    return f"() => {{ window.dispatchEvent(new Event('{event}')); }}"


def _choices(everything: str, values: list[str]) -> list[tuple[str, str]]:
    return [(everything, ""), *((plain(value), value) for value in values)]
