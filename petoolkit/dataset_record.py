"""How a dataset came about: a file beside its data, written and read by one class."""

from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ValidationError

from petoolbench import InputError
from petoolkit.files import read_json, write_json
from petoolkit.hub_reading import fetch_file

RECORD_FILE = "dataset_record.json"


class DatasetRecord(BaseModel):
    """What a dataset's folder says of itself, for programs; its card says the same for people.

    Args:
        origin: the command that wrote it: `build`, or `import` for the authors' released files.
        author: who wrote its texts: `offline`, `openai`, or what wrote each stage.
        split: what no test row shares with a training row, beside users: `user` (nothing more), `tool` or `function`.
        recipe: everything that a build was told, without this machine's folders and addresses; `None` of an import.
        statistics: numbers by what they count.
    """

    origin: Literal["build", "import"]
    author: str
    split: Literal["user", "tool", "function"] = "user"
    recipe: dict[str, Any] | None = None
    statistics: dict[str, Any] = {}

    def write(self, folder: Path) -> None:
        """Write the record into a dataset's folder."""
        write_json(folder / RECORD_FILE, self.model_dump(mode="json"))


def read_dataset_record(dataset: str, revision: str | None = None) -> DatasetRecord | None:
    """The record of a dataset's folder, or of a dataset on the Hub; `None` if it has none, as older ones do.

    Raises:
        InputError: if the record is damaged, or the dataset can't be reached.
    """
    path = fetch_file(dataset, RECORD_FILE, revision)
    if path is None:
        return None
    try:
        return DatasetRecord.model_validate(read_json(path))
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(map(str, first["loc"]))
        raise InputError(f"{path}: `{field}`: {first['msg'].lower()}; build or fetch the dataset anew.") from None
