"""Loading rows: out of a dataset's folder, or of a dataset on the Hub at some revision."""

from pathlib import Path
from typing import TYPE_CHECKING

from petoolbench import COLUMNS, SETTINGS, InputError, check_choice, setting_of
from petoolkit.hub_reading import why_not_read
from petoolkit.text import ALL

if TYPE_CHECKING:
    import datasets


def chosen_settings(dataset: str, choice: str, revision: str | None = None) -> list[str]:
    """The settings behind `--setting`: one of them, or for `all` those that the dataset has.

    Raises:
        InputError: for a choice that is neither, or a dataset that is not there.
    """
    check_choice(choice, [ALL, *SETTINGS], "setting")
    return present_settings(dataset, revision) if choice == ALL else [choice]


def present_settings(dataset: str, revision: str | None = None) -> list[str]:
    """The settings that a dataset has, in the contract's order.

    Raises:
        InputError: if there is no such dataset, or it has none of them.
    """
    import datasets

    _check_folder(dataset)
    try:
        configs = datasets.get_dataset_config_names(dataset, revision=revision)
    except (ValueError, OSError, datasets.exceptions.DatasetsError) as error:
        raise InputError(f"the dataset {dataset} cannot be read: {why_not_read(error)}.") from None
    found = [setting for setting in SETTINGS if setting in configs]
    if not found:
        raise InputError(
            f"{dataset} is not a PEToolBench dataset: none of its configs ({', '.join(configs[:5])}) is one of "
            f"{', '.join(SETTINGS)}."
        )
    return found


def load_rows(dataset: str, setting: str, split: str, revision: str | None = None) -> list[dict]:
    """Rows of one config and split; raises what `load_setting` raises, and `InputError` if there is no such split."""
    loaded = load_setting(dataset, setting, revision)
    check_choice(split, list(loaded), f"split of {dataset}")
    return loaded[split].to_list()


def load_split(dataset: str, choice: str, split: str, revision: str | None = None) -> list[dict]:
    """Rows of one split, in all settings behind `--setting`; raises what `chosen_settings` and `load_rows` raise."""
    return [
        row
        for setting in chosen_settings(dataset, choice, revision)
        for row in load_rows(dataset, setting, split, revision)
    ]


def dataset_sizes(dataset: str) -> dict[str, dict[str, int]]:
    """Number of rows by setting and split."""
    return {
        setting: {str(split): rows.num_rows for split, rows in load_setting(dataset, setting).items()}
        for setting in present_settings(dataset)
    }


def find_rows(dataset: str, setting: str | None, row_or_user: str | None, revision: str | None = None) -> list[dict]:
    """Rows to look at: the one of an id, those of a user in all settings, or the first of the test split.

    Args:
        dataset: a folder or a Hub id.
        setting: only rows of this one.
        row_or_user: a row's id, such as `u000007/chronological`, or a user's, such as `u000007`.
        revision: of a dataset on the Hub.

    Raises:
        InputError: if there is no such row, or a folder is given a revision.
    """
    revision = resolved_revision(dataset, revision) if revision else None
    settings = [setting] if setting else present_settings(dataset, revision)
    if row_or_user is None:
        loaded = load_setting(dataset, settings[0], revision)
        return [loaded["test" if "test" in loaded else next(iter(loaded))][0]]
    wanted = setting_of({"id": row_or_user})
    is_row = "/" in row_or_user and wanted in SETTINGS
    ids = [row_or_user] if is_row else [f"{row_or_user}/{name}" for name in settings]
    found = [row for row_id in ids if (row := _find_row(dataset, row_id, revision))]
    if not found:
        example = load_setting(dataset, settings[0], revision)
        first = next(iter(example.values()))["id"][0]
        raise InputError(
            f"{dataset} does not have a row or user {row_or_user!r}; its first row is {first}, of the user "
            f"{first.rpartition('/')[0]}."
        )
    return found


def _find_row(dataset: str, row_id: str, revision: str | None) -> dict | None:
    if setting_of({"id": row_id}) not in present_settings(dataset, revision):
        return None
    for rows in load_setting(dataset, setting_of({"id": row_id}), revision).values():
        if row_id in (ids := rows["id"][:]):
            return rows[ids.index(row_id)]
    return None


def load_setting(dataset: str, setting: str, revision: str | None = None) -> "datasets.DatasetDict":
    """One config, through `load_dataset`.

    Args:
        dataset: a folder or a Hub id.
        setting: one of `petoolbench.SETTINGS`.
        revision: of a dataset on the Hub: a branch, tag or commit.

    Raises:
        InputError: if there is no such dataset or config, or its columns are not the contract's.
    """
    import datasets

    _check_folder(dataset)
    try:
        loaded = datasets.load_dataset(dataset, setting, revision=revision)
    except (ValueError, OSError, datasets.exceptions.DatasetsError) as error:
        raise InputError(f"{dataset} does not have a readable config {setting!r}: {why_not_read(error)}.") from None
    for rows in loaded.values():
        if missing := set(COLUMNS) - set(rows.column_names):
            raise InputError(
                f"{dataset} is not a PEToolBench dataset: the columns {', '.join(sorted(missing))} are missing."
            )
    return loaded


def _check_folder(dataset: str) -> None:
    if not Path(dataset).is_dir() and "/" not in dataset:
        raise InputError(
            f"there is no dataset folder {dataset}/ here; run `petoolbench build` first, or check --dataset."
        )


def resolved_revision(dataset: str, revision: str | None) -> str | None:
    """The commit that the revision of a dataset on the Hub stands for; `None` for a folder, which its fingerprint
    identifies.

    Raises:
        InputError: if a folder is given a revision, or the Hub does not know it.
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
        return revision  # the cache is read; which commit that is cannot be known here
    except (HFValidationError, HTTPError, OSError) as error:  # a broken connection is not an OSError
        raise InputError(f"{dataset} cannot be looked up on the Hub: {why_not_read(error)}.") from None
