"""Writing a leaderboard: one page without a server, and the card of the Space that shows it."""

from collections.abc import Callable, Sequence
from pathlib import Path

import yaml
from huggingface_hub import constants

from petoolkit.files import replacing
from petoolkit.folder_lock import locked
from petoolkit.html_templates import page_environment
from petoolkit.publisher.leaderboard.board import Leaderboard, make_board
from petoolkit.publisher.leaderboard.leaderboard_sources import gather
from petoolkit.text import UNKNOWN, counted, interval, listing, percent, points, setting_label

SDK = "static"
PAGE, CARD = "index.html", "README.md"
_WHAT = (
    "Pair accuracy given the function: of two users of one block who prefer different tools, both calls are right, "
    "among the pairs in which both calls are of a tool that does the job; a model that answers the users of a block "
    "alike has 0. Taste followed against the request: of rows whose instruction states a need against the user's "
    "taste, those in which the taste's tool was called all the same (over-personalisation); 0 is best. All in %, with "
    "95 % intervals over blocks; gains and differences in points. Dashed lines: the dataset's ceiling without "
    "history, and its best rule that knows no preference. A rank such as 1\N{EN DASH}3 says that a test does not "
    "support the differences to some models."
)


def write_leaderboard(
    names: Sequence[str],
    out: Path,
    say: Callable[[str], None] = lambda text: None,
) -> Leaderboard:
    """Write `index.html` and `README.md` into a folder, ready to be a static Space; other files in it stay.

    Args:
        names: folders with evaluations, or ids of results that `petoolbench push results` put on the Hub.
        out: the folder.
        say: gets sentences about what was skipped.

    Raises:
        InputError: if there are no scores, they are about different rows, or cannot be read, or `out` not written.
    """
    board = make_board(gather(names, say))
    with locked(out):
        for name, content in leaderboard_files(board).items():
            with replacing(out / name) as beside:
                beside.write_bytes(content)
    return board


def leaderboard_files(board: Leaderboard) -> dict[str, bytes]:
    """The page and the card, by name."""
    title = f"{board.dataset.rpartition('/')[2]} leaderboard"
    environment = page_environment(Path(__file__).parent)
    environment.globals.update(
        percent=percent, interval=interval, points=points, listing=listing, setting_label=setting_label
    )
    values = {"board": board, "title": title, "what": _WHAT, "unknown": UNKNOWN, "hub": constants.ENDPOINT}
    page = environment.get_template("leaderboard.html.jinja").render(**values)
    return {PAGE: page.encode(), CARD: _card(board, title).encode()}


def _card(board: Leaderboard, title: str) -> str:
    """The card of the Space."""
    header = {
        "title": title,
        "emoji": "\N{CHART WITH UPWARDS TREND}",
        "colorFrom": "blue",
        "colorTo": "yellow",
        "sdk": SDK,
        "app_file": PAGE,
        "pinned": False,
        "license": "apache-2.0",
        "tags": ["leaderboard", "tool-use", "personalization", "petoolbench"],
        **({"datasets": [board.dataset]} if board.is_on_hub else {}),
    }
    models = counted(len(board.boards[0].rows), "evaluation")
    return (
        f"---\n{yaml.safe_dump(header, sort_keys=False, allow_unicode=True)}---\n\n# {title}\n\n"
        f"{models} on the test rows of a PEToolBench dataset, by how well calls follow the user's preference, with "
        "intervals and with which differences a test supports. `petoolbench leaderboard` made it.\n"
    )
