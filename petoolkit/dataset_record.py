"""The record of how a dataset was made: `dataset_record.json`, written and read by one class."""

from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ValidationError

from petoolbench import InputError
from petoolkit.decoding import read_json
from petoolkit.files import write_json
from petoolkit.hub_reading import fetch_file

RECORD_FILE = "dataset_record.json"
Origin = Literal["build", "import"]


class DatasetRecord(BaseModel):
    """How a dataset was made, for programs; the dataset's card says the same for people.

    Args:
        origin: the command that wrote the dataset: `build`, or `import` for the authors' released files.
        author: the author of the texts: `offline`, `openai`, or the author of each stage.
        split: what training and test rows do not share beside users and blocks: `user` (nothing else), `tool` (gold
            tools), `function` (gold tools' functions) or `provider` (providers of the test rows' candidates).
        recipe: the recipe of a build, without folders and addresses of the machine; `None` for an import.
        counts: by stage of a build, the numbers of rows, and of what was kept and dropped for each reason.
        asked: by stage of a build, the numbers of replies and tokens that a language model was asked for.
        statistics: numbers of the rows, by the name of what they count.
    """

    origin: Origin
    author: str
    split: Literal["provider", "user", "tool", "function"] = "user"
    recipe: dict[str, Any] | None = None
    counts: dict[str, dict[str, int]] = {}
    asked: dict[str, dict[str, int]] = {}
    statistics: dict[str, Any] = {}

    @property
    def is_crossed(self) -> bool:
        """Whether histories describe traits in other words than the candidates (`blocks.wording` of the recipe)."""
        return ((self.recipe or {}).get("blocks") or {}).get("wording") == "crossed"

    def write(self, folder: Path) -> None:
        """Write the record into a dataset's folder."""
        write_json(folder / RECORD_FILE, self.model_dump(mode="json"))


def read_dataset_record(dataset: str, revision: str | None = None) -> DatasetRecord | None:
    """The record of a dataset's folder or of a dataset on the Hub; `None` if it has no record (older datasets).

    Raises:
        InputError: if the record is damaged, or the dataset cannot be read.
    """
    path = fetch_file(dataset, RECORD_FILE, revision)
    if path is None:
        return None
    try:
        return DatasetRecord.model_validate(read_json(path))
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(map(str, first["loc"]))
        raise InputError(f"{path}: `{field}`: {first['msg'].lower()}; build or download the dataset again.") from None
