"""Keeping the test split out of training."""

from collections.abc import Iterable

from petoolbench import InputError
from petoolkit.dataset_record import read_dataset_record
from petoolkit.evaluator.dataset_rows import load_setting, present_configs, unchanged
from petoolkit.split_rules import unshared_by
from petoolkit.text import counted, listing
from petoolkit.training.script import say

_COLUMNS = ["user_id", "block_id", "group_id", "tool_call", "candidate_tools"]


def check_held_out(rows: Iterable[dict], dataset: str, revision: str | None = None) -> None:
    """Compare rows to train on with the dataset's test split of all configs.

    The two may not share users, blocks, or what else the dataset was split by, as its record says
    (`petoolkit.split_rules`). A dataset without record is taken as split by user.

    Raises:
        InputError: naming what is shared; if the record cannot be read.
    """
    record = read_dataset_record(dataset, revision)
    if record is None:
        say(f"{dataset} has no record of how it was made; it is taken as split by user.")
    split = record.split if record else "user"
    rows, test = list(rows), _test_rows(dataset, revision)
    for what in unshared_by(split):
        of_train = {value for row in rows for value in what.of_train(row)}
        of_test = {value for row in test for value in what.of_test(row)}
        if shared := sorted(of_train & of_test):
            raise InputError(
                f"{counted(len(shared), what.name)} of the rows to train on are in the test split of {dataset}, which "
                f"is split by {split} ({listing(shared)}); train on the train split, or build the dataset anew."
            )


def _test_rows(dataset: str, revision: str | None) -> list[dict]:
    with unchanged(dataset):
        loaded = [load_setting(dataset, config, revision) for config in present_configs(dataset, revision)]
    return [row for splits in loaded if "test" in splits for row in splits["test"].select_columns(_COLUMNS)]
