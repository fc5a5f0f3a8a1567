"""Keeping the test split out of training."""

from collections.abc import Callable, Iterable

from petoolbench import InputError
from petoolkit.dataset_record import read_dataset_record
from petoolkit.evaluator.dataset_rows import load_setting, present_settings, unchanged
from petoolkit.text import counted, listing
from petoolkit.training.script import say

# What train and test may not share, by how the dataset was split; users are never shared.
_UNSHARED: dict[str, dict[str, Callable[[dict], str]]] = {
    "user": {"user": lambda row: row["user_id"]},
    "tool": {"user": lambda row: row["user_id"], "gold tool": lambda row: row["tool_call"]["tool_name"]},
    "function": {"user": lambda row: row["user_id"], "function group": lambda row: row["group_id"]},
}
_COLUMNS = ["user_id", "group_id", "tool_call"]


def check_held_out(rows: Iterable[dict], dataset: str, revision: str | None = None) -> None:
    """Compare rows to train on with the dataset's test split of all settings.

    The two may not share users. If the dataset was split by tool or by function, as its record says, they may not
    share gold tools or function groups either. A dataset without record is taken as split by user.

    Raises:
        InputError: naming what is shared; if the record cannot be read.
    """
    record = read_dataset_record(dataset, revision)
    if record is None:
        say(f"{dataset} has no record of how it was made; it is taken as split by user.")
    split = record.split if record else "user"
    rows, test = list(rows), _test_rows(dataset, revision)
    for what, value_of in _UNSHARED[split].items():
        if shared := sorted({value_of(row) for row in rows} & {value_of(row) for row in test}):
            raise InputError(
                f"{counted(len(shared), what)} of the rows to train on are in the test split of {dataset}, which is "
                f"split by {split} ({listing(shared)}); train on the train split, or build the dataset anew."
            )


def _test_rows(dataset: str, revision: str | None) -> list[dict]:
    with unchanged(dataset):
        loaded = [load_setting(dataset, setting, revision) for setting in present_settings(dataset, revision)]
    return [row for splits in loaded if "test" in splits for row in splits["test"].select_columns(_COLUMNS)]
