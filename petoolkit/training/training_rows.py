"""The rows of a benchmark to train on, and those kept out for validation."""

import json
import random
from collections.abc import Sequence
from dataclasses import dataclass

from petoolbench import SETTINGS, InputError, to_json_text
from petoolkit.evaluator.dataset_rows import chosen_settings, load_rows, resolved_revision, unchanged
from petoolkit.training.arguments import DataArguments
from petoolkit.training.held_out import check_held_out


@dataclass(frozen=True)
class TrainingRows:
    """Rows of the train split, the settings spread evenly over the list.

    Args:
        rows: those to train on and those to validate on.
        validation_users: ids of the users whose rows are not trained on.
        revision: the dataset's commit on the Hub; `None` for a folder.
    """

    rows: list[dict]
    validation_users: frozenset[str]
    revision: str | None

    @property
    def train(self) -> list[dict]:
        """Rows to train on."""
        return [row for row in self.rows if row["user_id"] not in self.validation_users]

    @property
    def validation(self) -> list[dict]:
        """Rows to validate on."""
        return [row for row in self.rows if row["user_id"] in self.validation_users]


def choose_rows(data: DataArguments, seed: int) -> TrainingRows:
    """Load the rows that the options choose, and make sure that no test row is among them.

    Raises:
        InputError: if there is no such dataset, setting or train split, a row may not be trained on, or the validation
            share leaves no user on one side.
    """
    revision = resolved_revision(data.dataset_name, data.dataset_revision)
    rows = load_training_rows(data.dataset_name, data.settings, seed, revision)
    check_held_out(rows, data.dataset_name, revision)
    train, validation = split_users(rows, data.validation_share, seed)
    chosen = {row["id"] for row in train[: data.max_samples] + validation}
    validation_users = frozenset(row["user_id"] for row in validation)
    return TrainingRows([row for row in rows if row["id"] in chosen], validation_users, revision)


def gold_call(row: dict) -> str:
    """The gold call as the prompt asks for it: one line of JSON, `{"tool_name": ..., "parameters": {...}}`."""
    call = row["tool_call"]
    return to_json_text({"tool_name": call["tool_name"], "parameters": json.loads(call["parameters"])})


def load_training_rows(dataset: str, settings: Sequence[str], seed: int, revision: str | None = None) -> list[dict]:
    """Rows of the train split, the settings spread evenly over the list, each setting's rows shuffled by seed.

    Args:
        settings: names of settings; `all` stands for those that the dataset has.

    Raises:
        InputError: if there is no such dataset, setting or train split.
    """
    if not settings:
        raise InputError(f"no setting to train on; give some of: {', '.join(SETTINGS)}.")
    positioned = []  # each row with its position in the list, from 0 to 1
    with unchanged(dataset):
        chosen = [setting for choice in settings for setting in chosen_settings(dataset, choice, revision)]
        for setting in dict.fromkeys(chosen):
            rows = load_rows(dataset, setting, "train", revision)
            random.Random(f"{seed}:{setting}").shuffle(rows)
            positioned += [((index + 0.5) / len(rows), row) for index, row in enumerate(rows)]
    positioned.sort(key=lambda item: item[0])
    return [row for _, row in positioned]


def split_users(rows: list[dict], share: float, seed: int) -> tuple[list[dict], list[dict]]:
    """Rows to train on, and rows to validate on: all rows of a share of the users, drawn by seed.

    Raises:
        InputError: for a share that leaves no user on one side.
    """
    users = sorted({row["user_id"] for row in rows})
    number = round(len(users) * share)
    if not 0 <= share < 1 or (share and not 0 < number < len(users)):
        raise InputError(
            f"validation_share {share} of {len(users)} users leaves no user to train or to validate on; take another "
            "share."
        )
    drawn = set(random.Random(f"{seed}:validation").sample(users, number))
    return (
        [row for row in rows if row["user_id"] not in drawn],
        [row for row in rows if row["user_id"] in drawn],
    )
