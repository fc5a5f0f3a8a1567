"""The rows of a benchmark to train on, and those kept out for validation."""

import random
from collections.abc import Sequence
from dataclasses import dataclass

from petoolbench import SETTINGS, InputError, all_configs, check_choice
from petoolkit.evaluator.dataset_rows import load_rows, load_setting, present_configs, resolved_revision, unchanged
from petoolkit.text import ALL, counted
from petoolkit.training.arguments import DataArguments
from petoolkit.training.held_out import check_held_out
from petoolkit.training.training_history import shown_training_rows, training_method


@dataclass(frozen=True)
class TrainingRows:
    """Rows of the train split, the configs spread evenly over the list.

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
    """Load the rows that the options choose, with the past calls that they show, and make sure that no test row is
    among them.

    Raises:
        InputError: if there is no such dataset, setting or train split, a row may not be trained on, the history
            method is not one for training, or the validation share leaves no user on one side.
    """
    revision = resolved_revision(data.dataset_name, data.dataset_revision)
    training_method(data.history)  # before what takes time
    rows = load_training_rows(data.dataset_name, data.settings, seed, revision)
    check_held_out(rows, data.dataset_name, revision)
    train, validation = split_users(rows, data.validation_share, seed)
    chosen = {row["id"] for row in train[: data.max_samples] + validation}
    validation_users = frozenset(row["user_id"] for row in validation)
    shown = shown_training_rows(data.history, [row for row in rows if row["id"] in chosen])
    return TrainingRows(shown, validation_users, revision)


def load_training_rows(dataset: str, settings: Sequence[str], seed: int, revision: str | None = None) -> list[dict]:
    """Rows of the train split, the configs spread evenly over the list, each config's rows shuffled by seed.

    Args:
        settings: names of settings or of other configs; `all` stands for all configs that the dataset has, so that
            rows where the user's taste does not decide are among the others.

    Raises:
        InputError: if there is no such dataset, setting or train split.
    """
    if not settings:
        raise InputError(f"no setting to train on; give some of: {', '.join(all_configs())}.")
    chosen: list[str] = []
    for choice in settings:
        check_choice(choice, [ALL, *all_configs()], "setting")
        chosen += _trained_configs(dataset, revision) if choice == ALL else [choice]
    positioned = []  # each row with its position in the list, from 0 to 1
    with unchanged(dataset):
        for config in dict.fromkeys(chosen):
            rows = load_rows(dataset, config, "train", revision)
            random.Random(f"{seed}:{config}").shuffle(rows)
            positioned += [((index + 0.5) / len(rows), row) for index, row in enumerate(rows)]
    positioned.sort(key=lambda item: item[0])
    return [row for _, row in positioned]


def _trained_configs(dataset: str, revision: str | None) -> list[str]:
    """The configs of a dataset; of those that are no settings, the ones with a train split."""
    return [
        config
        for config in present_configs(dataset, revision)
        if config in SETTINGS or "train" in load_setting(dataset, config, revision)
    ]


def split_users(rows: list[dict], share: float, seed: int) -> tuple[list[dict], list[dict]]:
    """Rows to train on, and rows to validate on: all rows of a share of the users, drawn by seed.

    The users of a block stay together, since they ask the same: a share of the blocks is drawn where there are some.
    It is one block or user at least.

    Raises:
        InputError: for a share that leaves no user on one side.
    """
    units = sorted({_unit(row) for row in rows})
    number = max(1, round(len(units) * share)) if share else 0
    if not 0 <= share < 1 or number >= len(units):
        what = "block" if any(row["block_id"] for row in rows) else "user"
        raise InputError(
            f"validation_share {share} of {counted(len(units), what)} leaves no user to train or to validate on; take "
            "another share."
        )
    drawn = set(random.Random(f"{seed}:validation").sample(units, number))
    return [row for row in rows if _unit(row) not in drawn], [row for row in rows if _unit(row) in drawn]


def _unit(row: dict) -> str:
    return row["block_id"] or row["user_id"]
