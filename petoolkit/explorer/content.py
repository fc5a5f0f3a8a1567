"""Everything that the explorer shows: a dataset's rows, and evaluations on them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from petoolkit.evaluator.dataset_rows import resolved_revision
from petoolkit.evaluator.report.score_files import scored_evaluations_in
from petoolkit.explorer.index import Index, read_index
from petoolkit.explorer.judged_evaluations import Evaluations, read_evaluations


@dataclass(frozen=True)
class Content:
    """A dataset and evaluations on its rows."""

    title: str  # the dataset's name
    index: Index
    evaluations: Evaluations


def read_content(
    dataset: str, revision: str | None, results: Sequence[Path], say: Callable[[str], None] = lambda text: None
) -> Content:
    """Read a dataset and evaluations.

    Args:
        dataset: a folder or a Hub id.
        revision: of a dataset on the Hub: a branch, tag or commit.
        results: evaluations of rows of this dataset, or folders that hold some.
        say: gets a message about folders that were skipped.

    Raises:
        InputError: if the dataset or an evaluation cannot be read, or an evaluation is about other rows.
    """
    commit = resolved_revision(dataset, revision) or revision
    index = read_index(dataset, commit)
    title = Path(dataset).resolve().name if Path(dataset).is_dir() else dataset
    folders = scored_evaluations_in(results, say) if results else []
    return Content(title, index, read_evaluations(folders, index))
