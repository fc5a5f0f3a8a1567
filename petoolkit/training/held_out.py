"""Keeping the test split out of training."""

import re
from collections.abc import Iterable
from pathlib import Path

import datasets
import yaml

from petoolbench import SETTINGS, InputError
from petoolkit.evaluator.dataset_rows import load_setting

_SHOWN = 5  # names in a message
# What train and test may not share under each `export.split` of a build recipe; users, under all of them.
_UNITS = {
    "user": {"users": lambda row: row["user_id"]},
    "tool": {"users": lambda row: row["user_id"], "gold tools": lambda row: row["tool_call"]["tool_name"]},
    "function": {"users": lambda row: row["user_id"], "function groups": lambda row: row["group_id"]},
}
_COLUMNS = ["user_id", "group_id", "tool_call"]


def check_held_out(rows: Iterable[dict], dataset: str, revision: str | None = None) -> None:
    """Hold rows to train on against the dataset's test split, of all its settings.

    Users are never shared. Gold tools, or function groups, may not be if the dataset was split by them, which is read
    from the build recipe in its card; a dataset whose card has none is taken as split by user.

    Raises:
        InputError: naming what is in both.
    """
    rows, test = list(rows), _test_rows(dataset, revision)
    split = split_of(dataset, revision)
    for what, unit_of in _UNITS[split].items():
        if shared := sorted({unit_of(row) for row in rows} & {unit_of(row) for row in test}):
            named = ", ".join(shared[:_SHOWN]) + (", ..." if len(shared) > _SHOWN else "")
            raise InputError(
                f"{len(shared)} {what} of the rows to train on are in the test split of {dataset}, which is split by "
                f"{split} ({named}); train on the train split, or build the dataset anew."
            )


def split_of(dataset: str, revision: str | None = None) -> str:
    """What a dataset was split by (`user`, `tool` or `function`), as the build recipe in its card says."""
    for block in re.findall(r"^```yaml\n(.*?)^```", _card(dataset, revision), re.DOTALL | re.MULTILINE):
        recipe = yaml.safe_load(block)
        if isinstance(recipe, dict) and isinstance(recipe.get("export"), dict):
            split = recipe["export"].get("split")
            if split in _UNITS:
                return split
    return "user"


def _test_rows(dataset: str, revision: str | None) -> list[dict]:
    names = datasets.get_dataset_config_names(dataset, revision=revision)
    splits = [load_setting(dataset, name, revision) for name in SETTINGS if name in names]
    return [row for found in splits if "test" in found for row in found["test"].select_columns(_COLUMNS)]


def _card(dataset: str, revision: str | None) -> str:
    if Path(dataset).is_dir():
        path = Path(dataset, "README.md")
    else:
        from huggingface_hub import hf_hub_download
        from huggingface_hub.errors import EntryNotFoundError, LocalEntryNotFoundError

        try:
            path = Path(hf_hub_download(dataset, "README.md", repo_type="dataset", revision=revision))
        except LocalEntryNotFoundError as error:
            raise InputError(
                f"the card of {dataset} cannot be read ({error}); it says what may be trained on."
            ) from None
        except EntryNotFoundError:
            return ""
    return path.read_text(encoding="utf-8") if path.exists() else ""
