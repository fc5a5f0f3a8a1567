"""The style of all figures, and which colour stands for which setting."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from petoolbench import all_configs

# Okabe and Ito's colours, which colour-blind readers can tell apart.
BLUE, ORANGE, GREEN, RED, PURPLE, SKY = "#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9"
GREY, PALE = "#767676", "#C8C8C8"
_BY_POSITION = (BLUE, ORANGE, GREEN, PURPLE, SKY, RED)
_STYLE: Any = {
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 10,
    "axes.titlelocation": "left",
    "axes.edgecolor": GREY,
    "text.parse_math": False,  # a dollar in a name is a dollar
    "pdf.fonttype": 42,  # TrueType, embedded: publishers refuse Type 3
    "svg.hashsalt": "petoolbench",  # the same figure has the same bytes
    "figure.constrained_layout.use": True,
}


def setting_colour(setting: str) -> str:
    """The colour of a setting, or of another config, by its position in the contract."""
    return _BY_POSITION[all_configs().index(setting) % len(_BY_POSITION)]


@contextmanager
def figure_style(font_size: int) -> Iterator[None]:
    """Draw figures in the project's style while this is open; matplotlib must be installed.

    Args:
        font_size: of all text that does not have its own, in points.
    """
    import matplotlib as mpl

    with mpl.rc_context(_STYLE | {"font.size": font_size}), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")  # captions and tables have the text
        yield
