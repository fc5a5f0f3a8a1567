"""Reading the scores of several evaluations, with other people's text made fit to be shown."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from petoolbench import InputError
from petoolkit.evaluator.records import Scores
from petoolkit.text import on_one_line


def read_scores(folders: Sequence[Path]) -> list[Scores]:
    """Scores of evaluation folders, each folder once; `folder` of each is a name that no other one has.

    Raises:
        InputError: if there are no folders, or one does not hold a `scores.json` of today's form.
    """
    if not folders:
        raise InputError("a report needs folders that `petoolbench evaluate` wrote; name at least one.")
    found = list(dict.fromkeys(folder.resolve() for folder in folders))
    above = os.path.commonpath([folder.parent for folder in found])
    return [_read(folder, folder.relative_to(above).as_posix()) for folder in found]


def _read(folder: Path, name: str) -> Scores:
    scores = Scores.read(folder)
    return Scores.model_validate({**_shown(scores.model_dump()), "folder": on_one_line(name)})


def _shown(value: Any) -> Any:
    """Text, keys too, without line breaks and without what would steer a terminal or turn the text around."""
    if isinstance(value, str):
        return on_one_line(value)
    if isinstance(value, dict):
        return {_shown(key): _shown(item) for key, item in value.items()}
    return [_shown(item) for item in value] if isinstance(value, list) else value
