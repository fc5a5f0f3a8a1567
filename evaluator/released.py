"""The authors' own prompts, which `petoolbench import` keeps beside an imported dataset."""

from pathlib import Path

import pyarrow.parquet as pq

from petoolbench import RELEASED_PROMPTS_FOLDER, InputError


def released_prompts(dataset: str, setting: str, revision: str | None = None) -> dict[str, str]:
    """The released prompts of one setting by row id, byte for byte.

    Args:
        dataset: an imported dataset's folder, or the Hub id of one that was uploaded.
        setting: one of `petoolbench.SETTINGS`.
        revision: of the Hub dataset; a branch, tag or commit.

    Raises:
        InputError: if the dataset has none.
    """
    file = f"{RELEASED_PROMPTS_FOLDER}/{setting}.parquet"
    path = Path(dataset, file) if Path(dataset).is_dir() else _fetch(dataset, file, revision)
    if path is None or not path.is_file():
        raise InputError(
            f"{dataset} has no {file}: only a dataset made by `petoolbench import` has the released prompts; import "
            "the released test file, or leave --prompt out."
        )
    columns = pq.read_table(path).to_pydict()
    return dict(zip(columns["id"], columns["prompt"], strict=True))


def _fetch(dataset: str, file: str, revision: str | None) -> Path | None:
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import EntryNotFoundError, HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    try:
        return Path(hf_hub_download(dataset, file, repo_type="dataset", revision=revision))
    except LocalEntryNotFoundError:
        raise InputError(
            f"{file} of {dataset} cannot be fetched: the Hub can't be reached; try again later."
        ) from None
    except (EntryNotFoundError, HfHubHTTPError, HFValidationError):
        return None
