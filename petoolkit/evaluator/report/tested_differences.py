"""Which differences of Tool Acc between the runs of a group a test supports, where rows and replies are at hand."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from petoolbench import InputError
from petoolkit.evaluator.report.table_parts import Cell, Column, Row, Table, kind_of_run, score_cell
from petoolkit.replies import READERS
from petoolkit.scoring import METRICS
from petoolkit.text import ALL, UNKNOWN, counted, listing

if TYPE_CHECKING:
    from petoolkit.evaluator.report.run_groups import Run, RunGroup
    from petoolkit.evaluator.scores.paired_tests import PairedDifference

_TOOL_ACC = METRICS["tool_acc"].label


@dataclass(frozen=True)
class TestedDifferences:
    """Paired differences between runs.

    Args:
        found: by labels of two runs, what the first has more; empty if nothing was tested.
        why_not: why nothing was tested, as a clause; empty if something was.
    """

    __test__ = False  # pytest, which takes the name for a test's

    found: "dict[tuple[str, str], PairedDifference]"
    why_not: str = ""

    @property
    def how(self) -> str:
        """How it was tested, as a clause."""
        return f"a paired test over blocks (else function groups), corrected for {counted(len(self.found), 'pair')}"

    def higher(self, label: str, others: "list[Run]") -> "list[Run]":
        """Of other runs, those than which a run is higher."""
        return [other for other in others if self._sign(label, other.label) > 0]

    def lower(self, label: str, others: "list[Run]") -> "list[Run]":
        """Of other runs, those than which a run is lower."""
        return [other for other in others if self._sign(label, other.label) < 0]

    def _sign(self, label: str, other: str) -> int:
        """1 if a run is higher than another by the test, -1 if it is lower, 0 if no difference is supported."""
        for pair, sign in (((label, other), 1), ((other, label), -1)):
            one = self.found.get(pair)
            if one and one.is_real:
                return sign if one.value > 0 else -sign
        return 0


def tested_differences(group: "RunGroup") -> TestedDifferences:
    """Test each two runs of a group, but for oracles, whose scores are bounds."""
    runs = _tested(group)
    if len(runs) < 2:
        return TestedDifferences({}, "there is nothing to compare")
    if not Path(group.first.dataset).is_dir():
        return TestedDifferences({}, "the dataset is not a folder of this machine")
    import numpy as np

    from petoolkit.evaluator.results_folder import read_results, rows_of
    from petoolkit.evaluator.scores.bootstrap import clusters_of
    from petoolkit.evaluator.scores.judgements import judge
    from petoolkit.evaluator.scores.paired_tests import paired_differences, tool_acc_counts
    from petoolkit.evaluator.stored_rows import facts_of

    try:
        rows = rows_of(group.first)
        clusters, numbers = clusters_of(facts_of(rows)), np.arange(len(rows))
        counts = {}
        for run in runs:
            judged = judge(rows, read_results(run.result.path).predictions, run.result.options.repeat)
            counts[run.label] = tool_acc_counts(judged, numbers, clusters)
    except InputError as error:
        return TestedDifferences({}, str(error).rstrip("."))
    return TestedDifferences(paired_differences(counts))


def differences_table(group: "RunGroup") -> list[Table]:
    """For each run, which others it is higher than, and from which it cannot be told apart; none if not tested."""
    tested = group.differences
    if not tested.found:
        return []
    rows = []
    for run in (runs := _tested(group)):
        others = [other for other in runs if other is not run]
        higher, lower = tested.higher(run.label, others), tested.lower(run.label, others)
        unclear = [other for other in others if other not in higher and other not in lower]
        lists = (
            Cell(listing([one.label for one in some], len(runs)) if some else UNKNOWN) for some in (higher, unclear)
        )
        rows.append(Row(run.label, kind_of_run(run), [score_cell(run.result.score(ALL, "tool_acc")), *lists]))
    columns = [Column(_TOOL_ACC), Column("higher than", is_text=True), Column("not told apart from", is_text=True)]
    note = f"Scores are in %, over all rows, by the {READERS[0]} reader. Higher: by {tested.how}, p < 0.05."
    return [Table("differences", f"Differences of {_TOOL_ACC} that a test supports", columns, rows, [note])]


def differences_in_words(group: "RunGroup", rule: str | None) -> str:
    """Which models are higher or lower than a rule by the test, or why that is not known.

    Args:
        group: the runs.
        rule: label of the rule to compare models with; where it is not among the runs, the first run is compared with
            the others.
    """
    tested, runs = group.differences, _tested(group)
    if not tested.found:
        return "" if len(runs) < 2 else f"Differences between models were not tested, since {tested.why_not}."
    best = next((run for run in runs if run.label == rule), None)
    reference = best or runs[0]
    others = [run for run in runs if run is not reference and not (best and run.result.is_rule)]
    lower, higher = tested.higher(reference.label, others), tested.lower(reference.label, others)
    unclear = [run for run in others if run not in lower and run not in higher]
    parts = list(_parts(reference.label, higher, lower, unclear))
    return f"By {tested.how}: {'; '.join(parts)}." if parts else ""


def _parts(name: str, higher: "list[Run]", lower: "list[Run]", unclear: "list[Run]") -> Iterator[str]:
    for words, runs in (
        (f"higher than {name}:", higher),
        (f"lower than {name}:", lower),
        (f"not told apart from {name}:", unclear),
    ):
        if runs:
            yield f"{words} {listing([run.label for run in runs], len(runs))}"


def _tested(group: "RunGroup") -> "list[Run]":
    return [run for run in group.runs if not run.result.is_oracle]
