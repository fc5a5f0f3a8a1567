"""The leaderboard as it is published: a Space of one page without a server, beside the explorer's."""

from collections.abc import Callable
from pathlib import Path

from petoolkit.evaluator.dataset_rows import resolved_revision
from petoolkit.publisher.hub import Package
from petoolkit.publisher.leaderboard.board import make_board
from petoolkit.publisher.leaderboard.leaderboard_sources import gather
from petoolkit.publisher.leaderboard.write_leaderboard import CARD, PAGE, leaderboard_files
from petoolkit.text import counted


def pack_leaderboard(dataset: str, revision: str | None, results: list[Path], say: Callable[[str], None]) -> Package:
    """Collect the page and its card.

    Args:
        dataset: a dataset's id on the Hub.
        revision: a branch, tag or commit of it; the page names the commit that it stands for now.
        results: evaluations of its rows, or folders that hold some.
        say: gets messages about what was skipped.

    Raises:
        InputError: if evaluations have no scores, are about different rows, or the dataset cannot be read.
    """
    commit = resolved_revision(dataset, revision)
    board = make_board(gather([str(path) for path in results], say), dataset, commit)
    models = counted(len(board.boards[0].rows), "evaluation")
    return Package(leaderboard_files(board), (PAGE, CARD), f"The leaderboard of {dataset}: {models}")
