"""The record of how a dataset was made: `dataset_record.json`, written and read by one class."""

from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ValidationError

from petoolbench import InputError
from petoolkit.decoding import read_json
from petoolkit.files import write_json
from petoolkit.hub_reading import fetch_file

RECORD_FILE = "dataset_record.json"
CHAT = "chat"  # a config beside the contract's: the settings' rows ready to use, made of them
Origin = Literal["build", "import", "logs"]


class DatasetRecord(BaseModel):
    """How a dataset was made, for programs; the dataset's card says the same for people.

    Args:
        origin: what the dataset was made by: `build`, `import` of the authors' released files, or an import of `logs`.
        author: the author of the texts: `offline`, `openai`, or the author of each stage.
        split: what training and test rows do not share beside users and blocks: `user` (nothing else), `tool` (gold
            tools), `function` (gold tools' functions) or `provider` (providers of the test rows' candidates); of logs
            also `time` (test rows were asked later, in part by the same users).
        recipe: the recipe of a build, without folders and addresses of the machine; `None` for an import.
        logs: how logs were read, by what is said; `None` for other datasets.
        counts: by stage of a build or an import of logs, the numbers of rows, and of what was kept and dropped for
            each reason.
        asked: by stage of a build, the numbers of replies and tokens that a language model was asked for.
        embeddings: what the vectors of a build's texts were made with (weights, versions, processor), and the hash of
            the file that holds them, by the column of the texts and the model.
        statistics: numbers of the rows, by the name of what they count.
    """

    origin: Origin
    author: str
    split: Literal["provider", "user", "tool", "function", "time"] = "user"
    recipe: dict[str, Any] | None = None
    logs: dict[str, Any] | None = None
    counts: dict[str, dict[str, int]] = {}
    asked: dict[str, dict[str, int]] = {}
    embeddings: dict[str, dict[str, Any]] = {}
    statistics: dict[str, Any] = {}

    @property
    def is_crossed(self) -> bool:
        """Whether histories describe traits in other words than the candidates (`blocks.wording` of the recipe)."""
        return ((self.recipe or {}).get("blocks") or {}).get("wording") == "crossed"

    def write(self, folder: Path) -> None:
        """Write the record into a dataset's folder."""
        write_json(folder / RECORD_FILE, self.model_dump(mode="json"))


def is_of_logs(dataset: str, revision: str | None = None) -> bool:
    """Whether a dataset says that it was made of logs of real calls; one that cannot be read says nothing."""
    try:
        record = read_dataset_record(dataset, revision)
    except InputError:
        return False
    return record is not None and record.origin == "logs"


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
