"""What models were shown of a row's history, where that was not all of it."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from petoolkit.evaluator.history_methods.method_table import FULL, RETRIEVED, parse_history_method
from petoolkit.evaluator.history_methods.shown_rows import HistoryView
from petoolkit.explorer.judged_evaluations import JudgedEvaluation
from petoolkit.text import counted


@dataclass(frozen=True)
class ShownHistory:
    """What models were shown.

    Args:
        method: of `--history`.
        calls: positions of the past calls that were shown, from 1; `None` where a text was, or it is not known.
        text: that was shown instead of calls.
        notes: what the text was made of, or why it is not known what was shown.
        models: that were shown this.
    """

    method: str
    calls: tuple[int, ...] | None = None
    text: str | None = None
    notes: tuple[str, ...] = ()
    models: list[str] = field(default_factory=list, compare=False)

    @property
    def calls_in_words(self) -> str:
        """The positions of the calls, such as `calls 1, 3-7`; empty where it is not known that calls were shown."""
        if self.calls is None:
            return ""
        if not self.calls:
            return "no past call"
        starts = [one for one in self.calls if one - 1 not in self.calls]
        ends = [one for one in self.calls if one + 1 not in self.calls]
        runs = (
            str(start) if start == end else f"{start}\N{EN DASH}{end}" for start, end in zip(starts, ends, strict=True)
        )
        return f"{'call' if len(self.calls) == 1 else 'calls'} {', '.join(runs)}"


def shown_histories(row: dict, evaluations: Iterable[JudgedEvaluation], asked_as: str) -> list[ShownHistory]:
    """What was shown of a row's history, each once with the models; empty where all were shown all of it.

    Args:
        row: of the dataset, or of a counterfactual.
        evaluations: those that asked about the row.
        asked_as: the id under which the replies are kept.
    """
    found: list[ShownHistory] = []
    for evaluation in evaluations:
        shown = _shown(row, evaluation, asked_as)
        same = next((one for one in found if one == shown), None)
        if same is None:
            found.append(same := replace(shown, models=[]))
        same.models.append(evaluation.name)
    return found if any(one.method != FULL for one in found) else []


def _shown(row: dict, evaluation: JudgedEvaluation, asked_as: str) -> ShownHistory:
    spec = evaluation.manifest.options.history
    method, length = parse_history_method(spec), len(row["history"])
    line = evaluation.replies.get((asked_as, 0), {})
    if method.name == RETRIEVED and "shown_calls" not in line:
        return ShownHistory(spec, notes=("which calls is not recorded",))
    if method.name == RETRIEVED:
        return ShownHistory(spec, _positions(line["shown_calls"]))
    if method.kind.numbers:
        return ShownHistory(spec, _positions(method.kind.numbers(length, method.number)))
    view = HistoryView(method, evaluation.memories)
    memory = view.memory_of({**row, "id": asked_as})
    if memory is None:
        why = line.get("error") or "what was shown is not kept in the evaluation's folder"
        return ShownHistory(spec, () if not length else None, notes=(str(why),) if length else ())
    if memory.calls is not None:
        return ShownHistory(spec, _positions(memory.calls))
    notes = [f"made of {counted(memory.calls_read - memory.dropped, 'past call')}"]
    if memory.dropped:
        notes.append(f"the {counted(memory.dropped, 'oldest call')} did not fit into its prompt")
    if memory.cut:
        notes.append("cut at the most tokens of a reply")
    return ShownHistory(spec, text=memory.text, notes=tuple(notes))


def _positions(numbers: Iterable[int]) -> tuple[int, ...]:
    return tuple(number + 1 for number in numbers)
