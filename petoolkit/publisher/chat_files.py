"""The config `chat` of a dataset as it is published: always what the rows say."""

import tempfile
from pathlib import Path

from datasets.info import DatasetInfosDict
from huggingface_hub import DatasetCard
from rich.console import Console

from petoolkit.dataset_files import config_entry, config_info
from petoolkit.dataset_record import CHAT
from petoolkit.evaluator.chat_rows import chat_agrees, chat_features, write_chat


def chat_files(folder: Path, card: DatasetCard, console: Console) -> dict[str, Path | bytes]:
    """The files of the config `chat`, by path.

    If the folder does not have this config, since an earlier version wrote it, or its rows are not those that the
    settings' rows give, it is made anew, and the card's YAML is changed to fit. A message says so.

    Args:
        folder: the dataset's, whose rows were checked.
        card: its card.
        console: for messages.
    """
    with console.status(f"Comparing the config {CHAT} with the rows"):
        agrees = chat_agrees(folder)
    if agrees:
        return {file.relative_to(folder).as_posix(): file for file in sorted(folder.glob(f"data/{CHAT}/*.parquet"))}
    there = any(entry["config_name"] == CHAT for entry in card.data["configs"])
    why = "does not agree with the rows" if there else "is missing, since an earlier version wrote the folder"
    console.print(f"The config {CHAT} {why}; it is made anew for this push.", markup=False, highlight=False)
    with tempfile.TemporaryDirectory() as name:
        beside = Path(name)
        written = write_chat(folder, beside)
        others = [entry for entry in card.data["configs"] if entry["config_name"] != CHAT]
        card.data["configs"] = [*others, config_entry(beside, CHAT, written)]
        DatasetInfosDict({CHAT: config_info(CHAT, chat_features(), written)}).to_dataset_card_data(card.data)
        return {one.path.relative_to(beside).as_posix(): one.path.read_bytes() for one in written.values()}
