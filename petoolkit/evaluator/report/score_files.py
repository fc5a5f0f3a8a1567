"""Reading the scores of several evaluations, with other people's text made fit to be shown."""

import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from petoolbench import InputError
from petoolkit.evaluator.records import SCORES, Scores
from petoolkit.evaluator.results_folder import evaluations_in
from petoolkit.text import listing, on_one_line


def scored_evaluations_in(folders: Iterable[Path], say: Callable[[str], None] = lambda text: None) -> list[Path]:
    """Evaluations with scores among folders, and among all folders inside them; each once.

    Args:
        folders: evaluations, or folders that hold some.
        say: gets a sentence about what was skipped: folders without evaluations, and evaluations without scores.

    Returns:
        The evaluations' folders. Where no evaluation has scores, all of them, so that reading one says what to do.

    Raises:
        InputError: if a folder does not exist, or none holds an evaluation.
    """
    found = evaluations_in(folders, say)
    without_scores = [folder for folder in found if not (folder / SCORES).is_file()]
    if without_scores and len(without_scores) < len(found):
        names = listing([str(folder) for folder in without_scores])
        say(f"Skipped, since it does not hold {SCORES} (`petoolbench score FOLDER` writes it): {names}.")
        return [folder for folder in found if folder not in without_scores]
    return found


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
    return Scores.model_validate({**_shown(scores.model_dump()), "folder": on_one_line(name), "path": folder})


def _shown(value: Any) -> Any:
    """Text, keys too, without line breaks and without what would steer a terminal or turn the text around."""
    if isinstance(value, str):
        return on_one_line(value)
    if isinstance(value, dict):
        return {_shown(key): _shown(item) for key, item in value.items()}
    return [_shown(item) for item in value] if isinstance(value, list) else value
