"""The figure of accuracy against tokens: what is joined, what is named, and what stays apart."""

import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.text import Text
from report_folders import OPTIONS, groups_of, scores, with_tool_acc

from petoolkit.evaluator.report.report_figures import draw_figures

METHODS = ("full", "none", "last:5", "retrieved:5", "profile", "notes", "python:my_memory.py:Newest")


def run(method: str, tool_acc: float, tokens: int, model: str = "openai:gpt-4o") -> dict:
    usage = {"prompt_tokens": 290 * tokens, "completion_tokens": 10 * tokens, "cost_usd": None, "memory": None}
    usage |= {"median_seconds": 0.8, "p95_seconds": 2.5}
    result = scores(model, options=OPTIONS | {"history": method}, usage=usage)
    return with_tool_acc(result, tool_acc, low=max(0, tool_acc - 0.04), high=min(1, tool_acc + 0.04))


def drawn(tmp_path, *results):
    """The axes of the figure, after they were laid out, as SVG and as PNG."""
    (group,) = groups_of(tmp_path, *results)
    figure = draw_figures(group)[0]["history-methods"]
    assert b"<svg" in figure.saved("svg") and figure.saved("png").startswith(b"\x89PNG")
    figure.drawn.set_dpi(200)  # that of the PNG
    FigureCanvasAgg(figure.drawn).draw()
    (axes,) = figure.drawn.axes
    return axes


def joined(axes) -> list[list[float]]:
    """The tokens of marks that a line joins, in its order."""
    return [line.get_xdata().tolist() for line in axes.lines if line.get_linestyle() == ":"]


@pytest.mark.parametrize("number", [2, 4, 7])
@pytest.mark.parametrize("equal", [False, True], ids=["apart", "equal tokens"])
@pytest.mark.parametrize("edge", [None, 0.0, 1.0])
def test_methods_are_named_and_not_joined_and_nothing_overlaps(tmp_path, number, equal, edge):
    results = [
        run(method, (0.25 + 0.06 * index) if edge is None else edge, 1000 if equal else 700 + 150 * index)
        for index, method in enumerate(METHODS[:number])
    ]
    axes = drawn(tmp_path, *results)
    assert sorted(text.get_text() for text in axes.texts) == sorted(METHODS[:number])
    assert not joined(axes)
    boxes = [Text.get_window_extent(text) for text in axes.texts]  # without the lines to the marks
    whole = axes.figure.bbox
    for at, box in enumerate(boxes):
        assert whole.contains(box.x0, box.y0) and whole.contains(box.x1, box.y1)
        assert not any(box.overlaps(other) for other in boxes[at + 1 :])


def test_only_methods_that_differ_in_the_number_of_calls_are_joined_in_its_order(tmp_path):
    tokens = {"last:10": 1300, "last:1": 800, "last:5": 1350, "retrieved:5": 1100, "none": 700}
    axes = drawn(tmp_path, *(run(method, 0.5, number) for method, number in tokens.items()))
    assert joined(axes) == [[800, 1350, 1300]]


def test_several_models_are_named_with_their_methods(tmp_path):
    models = ("openai:gpt-4o", "hf:org/small")
    results = [run(method, 0.5, 900, model) for model in models for method in ("full", "last:1", "last:5")]
    axes = drawn(tmp_path, *results)
    expected = {f"{model}, history {method}" for model in models for method in ("full", "last:1", "last:5")}
    assert {text.get_text() for text in axes.texts} == expected
    assert len(joined(axes)) == 2


def test_a_name_s_line_runs_through_no_other_mark_at_the_edge(tmp_path):
    for accuracy in (0.0, 1.0):
        axes = drawn(tmp_path / str(accuracy), run("full", accuracy, 1500), run("last:5", accuracy, 1100))
        heights = {text.get_text(): text.xyann[1] for text in axes.texts}
        assert heights["full"] == pytest.approx(100 * accuracy)  # straight to the right of the last mark
        assert abs(heights["last:5"] - 100 * accuracy) > 5
