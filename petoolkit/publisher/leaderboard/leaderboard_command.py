"""The command `petoolbench leaderboard`."""

from pathlib import Path

import click

from petoolkit.console import make_console


@click.command()
@click.argument("results", nargs=-1, required=True, metavar="RESULTS_OR_HUB_IDS...")
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    required=True,
    metavar="DIR",
    help="Folder for index.html and README.md.",
)
def leaderboard(results, out) -> None:
    """Rank models on the same rows, with intervals and with which differences are real, on a page without a server.

    RESULTS are folders that `evaluate --out` wrote, folders that contain such, or ids of what `push results` put on
    the Hub.
    """
    from petoolkit.publisher.leaderboard.write_leaderboard import PAGE, write_leaderboard
    from petoolkit.text import setting_label

    messages = make_console(stderr=True, soft_wrap=True)
    with messages.status("Comparing the models"):
        board = write_leaderboard(results, out, lambda text: messages.print(text, markup=False, highlight=False))
    console = make_console(soft_wrap=True)
    for note in board.notes:
        console.print(note, markup=False, highlight=False)
    first = board.boards[0]
    console.print(f"{setting_label(first.setting).capitalize()}: {first.tested}" if first.tested else "", markup=False)
    console.print(f"Open {out / PAGE} in a browser.", markup=False, highlight=False)
