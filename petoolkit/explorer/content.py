"""Everything that the explorer shows: a dataset's rows, and evaluations on them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path

from petoolbench import KINDS, InputError
from petoolkit.evaluator.counterfactuals.neighbours import Neighbours
from petoolkit.evaluator.dataset_rows import resolved_revision
from petoolkit.evaluator.report.score_files import scored_evaluations_in
from petoolkit.evaluator.results_folder import evaluations_in
from petoolkit.explorer.dataset_facts import DatasetFacts, dataset_facts
from petoolkit.explorer.index import Index, read_index
from petoolkit.explorer.judged_evaluations import Evaluations, read_evaluations
from petoolkit.explorer.trait_sentences import TraitSentences
from petoolkit.progress_bars import Bars

RESULTS = Path("results")  # where evaluations are looked for
_MOST_DESCRIPTIONS = 20_000  # of which the words of traits are learned: more take time, and teach nothing


@dataclass(frozen=True)
class Content:
    """A dataset and evaluations on its rows.

    Args:
        title: the dataset's name.
        dataset: its folder or Hub id.
        revision: of a dataset on the Hub, the commit.
        index: of its rows.
        facts: about all of them.
        evaluations: on them.
        sentences: know which sentence of a description speaks of which trait.
    """

    title: str
    dataset: str
    revision: str | None
    index: Index
    facts: DatasetFacts
    evaluations: Evaluations
    sentences: TraitSentences

    @cached_property
    def _neighbours(self) -> dict[str, Neighbours]:
        """The rows that counterfactuals take something of, by split; each is read when one is needed."""
        index = self.index
        return {
            split: Neighbours(
                [
                    _Row(self, number)
                    for number in range(len(index))
                    if index.split[number] == split and index.kind[number] == KINDS[0]
                ]
            )
            for split in index.choices["split"]
        }

    def neighbours(self, number: int) -> Neighbours:
        """The rows beside a row, of its split."""
        return self._neighbours[self.index.split[number]]


class _Row(dict):
    """A row of which the whole is read when more is asked for than the index knows."""

    def __init__(self, content: Content, number: int):
        index = content.index
        super().__init__(id=index.ids[number], block_id=index.block[number], group_id=index.group[number])
        self._content, self._number = content, number

    def __missing__(self, column: str) -> object:
        self.update(self._content.index.row(self._number))
        return self[column]


def read_content(
    dataset: str,
    revision: str | None,
    results: Sequence[Path],
    say: Callable[[str], None] = lambda text: None,
    bars: Bars | None = None,
    may_look: bool = True,
) -> Content:
    """Read a dataset and evaluations.

    Args:
        dataset: a folder or a Hub id.
        revision: of a dataset on the Hub: a branch, tag or commit.
        results: evaluations of rows of this dataset, or folders that hold some.
        say: gets a message about folders that were skipped.
        bars: show how far it is.
        may_look: whether, without any `results`, those below `results/` that are about these rows are shown.

    Raises:
        InputError: if the dataset or a named evaluation cannot be read, or a named evaluation is about other rows.
    """
    commit = resolved_revision(dataset, revision) or revision
    index = read_index(dataset, commit)
    title = Path(dataset).resolve().name if Path(dataset).is_dir() else dataset
    folders = scored_evaluations_in(results, say) if results else _found() if may_look else []
    return Content(
        title=title,
        dataset=dataset,
        revision=commit,
        index=index,
        facts=dataset_facts(dataset, commit, index),
        evaluations=read_evaluations(folders, index, bars, None if results else say),
        sentences=TraitSentences(islice(index.described_traits(), _MOST_DESCRIPTIONS)),
    )


def _found() -> list[Path]:
    """The evaluations below `results/`."""
    try:
        return evaluations_in([RESULTS]) if RESULTS.is_dir() else []
    except InputError:  # no evaluation is there
        return []
