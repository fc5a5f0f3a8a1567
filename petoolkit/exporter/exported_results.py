"""Evaluations of which an export is made."""

from contextlib import AbstractContextManager
from functools import cached_property
from pathlib import Path

from petoolbench import InputError
from petoolkit.evaluator.records import Scores
from petoolkit.evaluator.report.score_files import read_scores, scored_evaluations_in
from petoolkit.evaluator.results_folder import evaluations_in
from petoolkit.folder_lock import all_locked


class ExportedResults:
    """Evaluations of which an export is made.

    Args:
        name: a folder that `petoolbench evaluate --out` wrote, or one that holds several of them.
        revision: must be `None`: it is of a dataset.

    Raises:
        InputError: if there is no evaluation, or a revision is given.
    """

    def __init__(self, name: str, revision: str | None = None):
        if revision:
            raise InputError("this form is of results, which have no --revision; leave it out.")
        self.name = name
        self.folders = scored_evaluations_in([Path(name)])

    def held(self) -> AbstractContextManager[None]:
        """While nobody else writes these evaluations."""
        return all_locked(self.folders)

    @cached_property
    def scores(self) -> list[Scores]:
        """The scores of each folder; raises what `read_scores` raises."""
        return read_scores(self.folders)

    @property
    def unscored(self) -> int:
        """Number of evaluations that have no scores, and are left out."""
        return len(evaluations_in([Path(self.name)])) - len(self.folders)

    def check_out(self, folder: Path) -> None:
        """An export may lie anywhere, beside the evaluations too."""
