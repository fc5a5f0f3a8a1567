"""The files of a selector's folder that are published: its weights and record, which are data, and its card."""

from pathlib import Path

from petoolbench import InputError
from petoolkit.publisher.hub import Package
from petoolkit.selector.selector_files import RECORD, WEIGHTS, read_selector

_CARD = "README.md"
_LARGEST = 5_000_000  # bytes


def pack_selector(folder: Path, repo_id: str) -> Package:
    """Collect the files of a selector that `petoolbench fit selector` wrote.

    Args:
        folder: of the selector.
        repo_id: `USER/NAME`; the card calls the selector by it.

    Raises:
        InputError: if the folder does not hold a selector that can be read, or it has no card.
    """
    read_selector(str(folder))
    card = folder / _CARD
    if not card.is_file():
        raise InputError(f"{folder} has no card; fit the selector again, then push it.")
    if (size := (folder / WEIGHTS).stat().st_size) > _LARGEST:
        raise InputError(f"{folder / WEIGHTS} has {size:,} bytes, which is not a selector's; fit it again.")
    name = folder.resolve().name
    text = card.read_text("utf-8")
    text = text.replace(f'Selector.load("{name}")', f'Selector.load("{repo_id}")')
    text = text.replace(f"selector:{name} ", f"selector:{repo_id} ")
    files: dict[str, Path | bytes] = {RECORD: folder / RECORD, WEIGHTS: folder / WEIGHTS, _CARD: text.encode()}
    return Package(files, tuple(files), "Selector and card")
