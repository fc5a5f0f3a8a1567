"""Loading what is evaluated on: a dataset folder, or a Hub id at some revision."""

from pathlib import Path

import datasets

from petoolbench import FEATURES, SETTINGS, InputError, check_choice, setting_of

ALL = "all"


def settings_of(choice: str) -> list[str]:
    """The settings behind `--setting`: one of them, or `all`."""
    check_choice(choice, [ALL, *SETTINGS], "setting")
    return list(SETTINGS) if choice == ALL else [choice]


def load_rows(dataset: str, setting: str, split: str, revision: str | None = None) -> list[dict]:
    """Rows of one config and split; raises what `load_setting` raises, and `InputError` if there is no such split."""
    loaded = load_setting(dataset, setting, revision)
    check_choice(split, list(loaded), f"split of {dataset}")
    return loaded[split].to_list()


def dataset_sizes(dataset: str) -> dict[str, dict[str, int]]:
    """Number of rows by setting and split."""
    return {s: {split: rows.num_rows for split, rows in load_setting(dataset, s).items()} for s in SETTINGS}


def find_row(dataset: str, setting: str, row_id: str | None, revision: str | None = None) -> dict:
    """A row by its id, or the first test row of `setting`; of a Hub dataset, at some revision.

    Raises:
        InputError: if no row has this id, or a folder is given a revision.
    """
    revision = resolved_revision(dataset, revision) if revision else None
    if row_id is None:
        return load_rows(dataset, setting, "test", revision)[0]
    check_choice(setting_of({"id": row_id}), SETTINGS, "setting in the row's id")
    for rows in load_setting(dataset, setting_of({"id": row_id}), revision).values():
        if row_id in (ids := rows["id"][:]):
            return rows[ids.index(row_id)]
    raise InputError(f"{dataset} has no row {row_id!r}; an id looks like u000007/chronological.")


def load_setting(dataset: str, setting: str, revision: str | None = None) -> datasets.DatasetDict:
    """One config, through `load_dataset`.

    Args:
        dataset: a folder or a Hub id.
        setting: one of `petoolbench.SETTINGS`.
        revision: of a Hub dataset: a branch, tag or commit.

    Raises:
        InputError: if there is no such dataset or config, or its columns are not the contract's.
    """
    if not Path(dataset).is_dir() and "/" not in dataset:
        raise InputError(
            f"there is no dataset folder {dataset}/ here; run `petoolbench build` first, or check --dataset."
        )
    try:
        loaded = datasets.load_dataset(dataset, setting, revision=revision)
    except (ValueError, OSError, datasets.exceptions.DatasetsError) as error:
        reason = " ".join(str(error).split())[:300]
        raise InputError(f"{dataset} has no readable config {setting!r}: {reason}") from None
    for rows in loaded.values():
        if missing := set(FEATURES) - set(rows.column_names):
            raise InputError(
                f"{dataset} is no PEToolBench dataset: the columns {', '.join(sorted(missing))} are missing."
            )
    return loaded


def resolved_revision(dataset: str, revision: str | None) -> str | None:
    """The commit that a Hub dataset's revision stands for; `None` for a folder, whose fingerprint says all.

    Raises:
        InputError: if a folder is given a revision, or the Hub doesn't know it.
    """
    if Path(dataset).is_dir():
        if revision:
            raise InputError(f"{dataset} is a folder here and has no revisions; leave --revision out.")
        return None
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HFValidationError, HTTPError, OfflineModeIsEnabled

    try:
        return HfApi().dataset_info(dataset, revision=revision).sha
    except OfflineModeIsEnabled:
        return revision  # what is cached is read; which commit that is, nobody here can tell
    except HFValidationError:
        raise InputError(f"{dataset} is no folder here, and no id on the Hub, which is USER/NAME; check it.") from None
    except (HTTPError, OSError) as error:  # a broken connection is no OSError
        reason = " ".join(str(error).split())[:300]
        raise InputError(f"{dataset} cannot be looked up on the Hub: {reason}") from None
