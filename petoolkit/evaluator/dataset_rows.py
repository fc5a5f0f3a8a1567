"""Loading rows from a dataset's folder, or from a dataset on the Hub at a revision."""

import os
import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from petoolbench import SELECTIVITY, SETTINGS, InputError, all_configs, check_choice, setting_of
from petoolkit.decoding import not_permitted
from petoolkit.evaluator.row_group_reader import load_by_row_group
from petoolkit.evaluator.stored_rows import StoredRows, tables_of
from petoolkit.evaluator.table_rows import table_rows
from petoolkit.files import content_hash
from petoolkit.folder_lock import restore_if_abandoned
from petoolkit.hub_reading import why_not_read
from petoolkit.row_form import completed, form_problem, lacks_added_columns
from petoolkit.text import ALL, listing

if TYPE_CHECKING:
    import datasets


def chosen_settings(dataset: str, choice: str, revision: str | None = None) -> list[str]:
    """The settings that `--setting` chooses: the given one, or with `all`, those of the dataset.

    Raises:
        InputError: for an unknown setting, or with `all`, what `present_settings` raises.
    """
    check_choice(choice, [ALL, *SETTINGS], "setting")
    return present_settings(dataset, revision) if choice == ALL else [choice]


def present_settings(dataset: str, revision: str | None = None) -> list[str]:
    """The settings that a dataset has, in the contract's order; raises what `present_configs` raises."""
    return [config for config in present_configs(dataset, revision) if config in SETTINGS]


def present_configs(dataset: str, revision: str | None = None) -> list[str]:
    """The settings that a dataset has, and the config with its rows of other kinds, in the contract's order.

    Raises:
        InputError: if the dataset cannot be read, or has none of the settings.
    """
    import datasets

    _check_folder(dataset)
    try:
        configs = datasets.get_dataset_config_names(dataset, revision=revision)
    except Exception as error:  # whatever the libraries raise for files of others
        raise InputError(f"the dataset {dataset} cannot be read: {why_not_read(error)}.") from None
    if not any(setting in configs for setting in SETTINGS):
        raise InputError(
            f"{dataset} is not a PEToolBench dataset: none of its configs ({', '.join(configs[:5])}) is one of "
            f"{', '.join(SETTINGS)}; check its name."
        )
    return [config for config in all_configs() if config in configs]


def load_rows(dataset: str, setting: str, split: str, revision: str | None = None) -> list[dict]:
    """Rows of one setting and split; raises what `load_setting` raises, and `InputError` for an unknown split."""
    loaded = load_setting(dataset, setting, revision)
    check_choice(split, list(loaded), f"split of {dataset}")
    return table_rows(loaded[split].data.table)


def load_split(dataset: str, choice: str, split: str, revision: str | None = None) -> StoredRows:
    """Rows of one split, in all settings that `--setting` chooses.

    Raises what `chosen_settings` and `load_setting` raise, and `InputError` for an unknown split.
    """
    parts = []
    with unchanged(dataset):
        for setting in chosen_settings(dataset, choice, revision):
            loaded = load_setting(dataset, setting, revision)
            check_choice(split, list(loaded), f"split of {dataset}")
            parts.append(loaded[split])
    return StoredRows(parts)


def load_split_if_any(dataset: str, choice: str, split: str, revision: str | None = None) -> Sequence[dict]:
    """Rows of one split as in `load_split`; no rows if a setting does not have this split.

    Raises what `chosen_settings` and `load_setting` raise, so that a dataset that cannot be read is not taken for one
    without the split.
    """
    parts = []
    with unchanged(dataset):
        for setting in chosen_settings(dataset, choice, revision):
            loaded = load_setting(dataset, setting, revision)
            if split not in loaded:
                return []
            parts.append(loaded[split])
    return StoredRows(parts)


def dataset_sizes(dataset: str) -> dict[str, dict[str, int]]:
    """Number of rows by config and split; raises what `present_configs` and `load_setting` raise."""
    with unchanged(dataset):
        return {
            config: {str(split): rows.num_rows for split, rows in load_setting(dataset, config).items()}
            for config in present_configs(dataset)
        }


def find_rows(dataset: str, config: str | None, row_or_user: str | None, revision: str | None = None) -> list[dict]:
    """Rows to show: one row, all rows of a user, or the first row of the test split.

    Args:
        dataset: a folder or a Hub id.
        config: only rows of this setting, or of the config `selectivity`.
        row_or_user: id of a row, such as `u000007/chronological`, or of a user, such as `u000007`; those of rows of
            other kinds name the kind too, such as `u000007-override`.
        revision: branch, tag or commit of a dataset on the Hub.

    Raises:
        InputError: if there is no such row or user, or a revision is given for a folder.
    """
    revision = resolved_revision(dataset, revision) if revision else None
    configs = present_configs(dataset, revision)
    first = load_setting(dataset, config or configs[0], revision)
    if row_or_user is None:
        return [first["test" if "test" in first else next(iter(first))][0]]
    if "/" in row_or_user and setting_of({"id": row_or_user}) in SETTINGS:
        ids = [row_or_user]
    else:
        ids = [f"{row_or_user}/{name}" for name in SETTINGS if config in (None, SELECTIVITY, name)]
    if found := _rows_with_ids(dataset, configs, ids, revision):
        return found
    example = next(iter(first.values()))["id"][0]
    raise InputError(
        f"{dataset} does not have a row or user {row_or_user!r}; its first row is {example}, of the user "
        f"{example.rpartition('/')[0]}."
    )


def _rows_with_ids(dataset: str, configs: list[str], ids: list[str], revision: str | None) -> list[dict]:
    """The rows that have one of these ids, in the order of `ids`."""
    found: dict[str, dict] = {}
    for config in configs:
        wanted = [row_id for row_id in ids if config in (setting_of({"id": row_id}), SELECTIVITY)]
        if not wanted:
            continue
        for rows in load_setting(dataset, config, revision).values():
            positions = {row_id: position for position, row_id in enumerate(rows["id"])}
            found |= {row_id: rows[positions[row_id]] for row_id in wanted if row_id in positions}
    return [found[row_id] for row_id in ids if row_id in found]


def load_setting(dataset: str, setting: str, revision: str | None = None) -> "datasets.DatasetDict":
    """All splits of one setting, read by `datasets.load_dataset`.

    Args:
        dataset: a folder or a Hub id.
        setting: one of `petoolbench.all_configs()`.
        revision: branch, tag or commit of a dataset on the Hub.

    Raises:
        InputError: if this config of the dataset cannot be read, a column of `petoolbench.COLUMNS` is missing, or
            an id is repeated; if the folder is replaced meanwhile.
    """
    import datasets

    from petoolbench import FEATURES

    _check_folder(dataset)
    cache = None
    try:
        with unchanged(dataset):
            cache = cache_of(dataset, setting)
            loaded = load_by_row_group(dataset, setting, revision, cache)
    except DatasetReplacedError:
        if cache:  # it is named by the earlier content, and may hold the later one
            shutil.rmtree(cache, ignore_errors=True)
        raise
    except Exception as error:  # whatever the libraries raise for files of others
        raise InputError(f"{dataset} does not have a readable config {setting!r}: {why_not_read(error)}.") from None
    ids: list[pa.Array] = []
    for split, rows in loaded.items():
        problem, found = _form_problem(rows, setting)
        if problem:
            raise InputError(f"{dataset}, {setting}, {split}: {problem}; correct the dataset, or give another one.")
        ids += found
        if lacks_added_columns(rows.data.table):
            whole = [{name: value for name, value in completed(row).items() if name in FEATURES} for row in rows]
            loaded[split] = datasets.Dataset.from_list(whole, features=FEATURES).select_columns(list(FEATURES))
    if ids and pc.count_distinct(column := pa.chunked_array(ids)).as_py() < len(column):
        repeated = [str(row_id) for row_id, number in Counter(column.to_pylist()).items() if number > 1]
        raise InputError(
            f"{dataset}, {setting}: ids that more than one row has: {listing(repeated)}; correct the rows."
        )
    return loaded


def _form_problem(rows: "datasets.Dataset", setting: str) -> tuple[str | None, list[pa.Array]]:
    """What is wrong with the first part of the rows that is not of the contract's form, and all ids if nothing is."""
    ids: list[pa.Array] = []
    for table in tables_of(rows) if rows.num_rows else [rows.data.table]:
        if problem := form_problem(table, setting):
            return problem, []
        ids += [pa.array(chunk.to_pylist(), pa.large_string()) for chunk in table["id"].chunks]  # without the table
    return None, ids


class DatasetReplacedError(InputError):
    """A dataset's folder was replaced while it was read, so that some rows may be of the old one."""


@contextmanager
def unchanged(dataset: str) -> Iterator[None]:
    """Read a dataset's folder, which another process may be replacing: all that is read here is of one dataset.

    Raises:
        DatasetReplacedError: if it was replaced meanwhile; this goes before errors that come of it.
    """
    before = _files_of(Path(dataset))
    try:
        yield
    finally:
        if _files_of(Path(dataset)) != before:
            raise DatasetReplacedError(f"{dataset}/ was replaced while it was read; run the same command again.")


def _files_of(folder: Path) -> set[tuple]:
    """Identities of the files in a folder; empty for what is not a folder, such as an id on the Hub."""
    found = set()
    for path in folder.rglob("*") if folder.is_dir() else ():
        with suppress(FileNotFoundError):
            known = path.stat()
            found.add((path, known.st_ino, known.st_size, known.st_mtime_ns))
    return found


def cache_of(dataset: str, config: str | None = None) -> str | None:
    """The cache folder for the rows of a dataset's folder, named by the content of its files.

    In the usual cache `datasets` tells a folder's rows apart by its card only, and would return rows that are no
    longer in the files.

    Returns:
        `None` for a dataset on the Hub: the usual cache, which knows its revision.
    """
    import datasets

    if not Path(dataset).is_dir():
        return None
    builder = datasets.load_dataset_builder(dataset, config)
    files = [Path(file) for split in (builder.config.data_files or {}).values() for file in split]
    return str(Path(datasets.config.HF_DATASETS_CACHE) / "by_content" / content_hash(*files)[:32])


def _check_folder(dataset: str) -> None:
    restore_if_abandoned(Path(dataset))
    if Path(dataset).is_dir() and not os.access(dataset, os.R_OK | os.X_OK):  # the libraries find it empty
        raise not_permitted(dataset)
    if not Path(dataset).is_dir() and "/" not in dataset:
        raise InputError(
            f"there is no dataset folder {dataset}/ here; run `petoolbench build` first, or check --dataset."
        )


def resolved_revision(dataset: str, revision: str | None) -> str | None:
    """The commit of a dataset on the Hub at a revision; `None` for a folder, which its fingerprint identifies.

    In offline mode it is the given revision, since the commit is not known.

    Raises:
        InputError: if a revision is given for a folder, or the dataset or the revision is not on the Hub.
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
        return revision  # the dataset is read from the cache
    except (HFValidationError, HTTPError, OSError) as error:  # a broken connection raises an HTTPError
        raise InputError(f"{dataset} cannot be looked up on the Hub: {why_not_read(error)}.") from None
