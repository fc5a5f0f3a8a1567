"""An audit's picture: what each solver scores against the ceiling, in each setting."""

import io
from importlib.util import find_spec
from typing import TYPE_CHECKING

from petoolkit.audit_record import AuditRecord
from petoolkit.audit_tables import CEILING, audit_lines
from petoolkit.figure_style import BLUE, GREEN, GREY, ORANGE, PALE, RED, figure_style
from petoolkit.text import setting_label

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_WIDTH, _ROW = 7.0, 0.21  # inches
_FONT_SIZE = 8  # points
# Colour and shape by gate: the shapes are told apart in grey, too.
_MARKS = {"FAILED": (RED, "X"), "allowed": (ORANGE, "^"), "passed": (BLUE, "o"), "": (GREY, "s")}
_MEANINGS = {
    "FAILED": "fails its gate",
    "allowed": "fails, and is let through",
    "passed": "passes its gate",
    "": "reads; has no gate",
}


def draw_audit(record: AuditRecord) -> tuple[bytes, bytes] | None:
    """The picture as PNG and as SVG; `None` where matplotlib is missing."""
    if find_spec("matplotlib") is None:
        return None
    figure, png, svg = audit_figure(record), io.BytesIO(), io.BytesIO()
    with figure_style(_FONT_SIZE):
        figure.savefig(png, format="png", dpi=150, metadata={"Software": None})
        figure.savefig(svg, format="svg", transparent=True, metadata={"Date": None})
    return png.getvalue(), svg.getvalue()


def audit_figure(record: AuditRecord) -> "Figure":
    """The picture; matplotlib must be installed."""
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

    lines = [line for line in audit_lines(record) if line.name != CEILING]
    with figure_style(_FONT_SIZE):
        figure = Figure((_WIDTH, 1.2 + _ROW * len(lines)))
        panels = figure.subplots(1, len(record.settings), sharey=True, squeeze=False)[0]
        for panel, (setting, one) in zip(panels, record.settings.items(), strict=True):
            panel.axvline(100 * one.ceiling, color="black", linewidth=0.8, linestyle="--")
            for position, line in enumerate(lines):
                panel.axhline(position, color=PALE, linewidth=0.4, zorder=0)
                if score := line.scores[setting]:
                    gate = "passed" if score.passes else line.gate
                    colour, shape = (GREEN, "D") if line.kind == "oracle" else _MARKS[gate]
                    if score.low is not None and score.high is not None:
                        panel.plot([100 * score.low, 100 * score.high], [position] * 2, color=colour, linewidth=1.5)
                    panel.plot(100 * score.value, position, shape, color=colour, markersize=4.5)
            panel.set_xlim(-3, 103)
            panel.set_xticks([0, 25, 50, 75, 100])
            panel.set_title(setting_label(setting))
            panel.set_xlabel(f"right, % (ceiling {100 * one.ceiling:.1f})")
            panel.tick_params(axis="y", length=0)
        panels[0].set_yticks(range(len(lines)), [line.name for line in lines])
        panels[0].set_ylim(len(lines) - 0.5, -0.5)
        shown = [word for word in _MARKS if word in {line.gate for line in lines if line.kind != "oracle"}]
        handles = [
            Line2D([], [], color=_MARKS[word][0], marker=_MARKS[word][1], label=_MEANINGS[word]) for word in shown
        ]
        if any(line.kind == "oracle" for line in lines):
            handles.append(Line2D([], [], color=GREEN, marker="D", linestyle="", label="knows what decided"))
        figure.legend(handles=handles, loc="outside lower center", ncols=len(handles), frameon=False)
    return figure
