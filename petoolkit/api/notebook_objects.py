"""What the functions of `petoolbench` give: rows, an evaluation, an audit; each for pandas and for notebooks."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

from petoolbench import COLUMNS
from petoolkit.api.html_tables import html_view
from petoolkit.audit_record import AuditRecord
from petoolkit.audit_tables import CEILING, audit_lines, not_asked, resolution_sentence, verdict, what_was_asked
from petoolkit.evaluator.records import Scores
from petoolkit.evaluator.score_tables import score_notes
from petoolkit.evaluator.scores.judged_rows import JUDGED_COLUMNS, judged_rows
from petoolkit.replies import READERS
from petoolkit.scoring import ERROR_TYPES, METRICS
from petoolkit.text import ALL, counted, percent, setting_label, shortened, with_interval

if TYPE_CHECKING:
    import pandas

_SHOWN_ROWS = 10
_LONGEST_TEXT = 120


class Rows(Sequence[dict[str, Any]]):
    """Rows of a dataset: a sequence of dictionaries with the columns of `petoolbench.COLUMNS`."""

    def __init__(self, rows: Sequence[dict[str, Any]], name: str):
        self._rows = rows
        self.name = name

    def __len__(self) -> int:
        return len(self._rows)

    @overload
    def __getitem__(self, index: int) -> dict[str, Any]: ...
    @overload
    def __getitem__(self, index: slice) -> "Rows": ...
    def __getitem__(self, index: int | slice) -> "dict[str, Any] | Rows":
        return Rows(self._rows[index], self.name) if isinstance(index, slice) else self._rows[index]

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return iter(self._rows)

    def __repr__(self) -> str:
        return f"<{counted(len(self), 'row')} of {self.name}>"

    def to_pandas(self) -> "pandas.DataFrame":
        """A line for each row; lists and structures are Python objects."""
        import pandas

        return pandas.DataFrame(list(self._rows), columns=list(COLUMNS))

    def _repr_html_(self) -> str:
        lines = [
            [
                row["id"],
                shortened(row["instruction"], _LONGEST_TEXT),
                row["history_length"],
                len(row["candidate_tools"]),
                row["tool_call"]["tool_name"],
            ]
            for row in self._rows[:_SHOWN_ROWS]
        ]
        more = [f"... and {len(self) - _SHOWN_ROWS:,} more."] if len(self) > _SHOWN_ROWS else []
        columns = ["id", "instruction", "past calls", "candidate tools", "gold tool"]
        return html_view(f"{counted(len(self), 'row')} of {self.name}", columns, lines, more)


@dataclass(frozen=True, repr=False)
class Evaluation:
    """An evaluation with its scores, and what each reply is worth.

    Args:
        scores: what `scores.json` holds.
        folder: where replies and scores are stored; `None` if nothing was stored.
        rows: the rows that were asked.
        predictions: lines of `predictions.jsonl`, without those about counterfactuals, whose scores are in `scores`.
    """

    scores: Scores
    folder: Path | None
    rows: Sequence[dict[str, Any]] = field(repr=False)
    predictions: Iterable[dict[str, Any]] = field(repr=False)

    def to_pandas(self) -> "pandas.DataFrame":
        """A line for each row and repeat: `petoolkit.evaluator.scores.judged_rows.JUDGED_COLUMNS`."""
        import pandas

        lines = judged_rows(self.rows, self.predictions, self.scores.options.repeat)
        types = {"prompt_tokens": "Int64", "completion_tokens": "Int64", "seconds": "float64"}
        return pandas.DataFrame(lines, columns=list(JUDGED_COLUMNS)).astype(types)

    def scores_to_pandas(self) -> "pandas.DataFrame":
        """A line for each setting (`all` too), reader, and metric or error type, with 95 % interval and chance."""
        import pandas

        lines = [
            {
                "setting": setting,
                "reader": reader,
                "metric": name,
                **self.scores.score(setting, name, reader).model_dump(),
                "chance": self.scores.chance[setting].get(name),
            }
            for setting in self.scores.rows
            for reader in READERS
            for name in (*METRICS, *ERROR_TYPES)
        ]
        return pandas.DataFrame(lines).astype(dict.fromkeys(("value", "low", "high", "chance"), "float64"))

    def __repr__(self) -> str:
        scores = self.scores
        tool_acc = f"{METRICS['tool_acc'].label} {with_interval(scores.score(ALL, 'tool_acc'))} %"
        return f"<{scores.model} on {scores.dataset}, {counted(scores.rows[ALL], 'row')}: {tool_acc}>"

    def _repr_html_(self) -> str:
        scores, settings = self.scores, list(self.scores.rows)
        lines = []
        for metric in METRICS.values():
            shown = {
                reader: [with_interval(scores.score(setting, metric.name, reader)) for setting in settings]
                for reader in READERS
            }
            lines.append([metric.label, *shown[READERS[0]]])
            lines += [
                [f"{metric.label}, {reader} reader", *cells]
                for reader, cells in shown.items()
                if cells != shown[READERS[0]]
            ]
            lines.append(["chance", *(percent(scores.chance[setting].get(metric.name)) for setting in settings)])
        heading = (
            f"{scores.model} on {scores.dataset}, {scores.split} split, {counted(scores.rows[ALL], 'row')}; scores in "
            "%, with 95 % intervals."
        )
        notes = [*score_notes([scores]), *self._errors()]
        return html_view(heading, ["", *map(setting_label, settings)], lines, notes)

    def _errors(self) -> list[str]:
        first = next((line["error"] for line in self.predictions if line.get("error")), None)
        return [f"The first error: {first}"] if first else []


@dataclass(frozen=True, repr=False)
class Audit:
    """An audit.

    Args:
        record: what `audit.json` holds.
        dataset: a folder or a Hub id.
    """

    record: AuditRecord
    dataset: str

    @property
    def passes(self) -> bool:
        """Whether every gate holds, or is allowed to fail."""
        return not self.record.failed

    def to_pandas(self) -> "pandas.DataFrame":
        """A line for each setting and solver, the ceiling among them: shares with 95 % intervals, and the gate."""
        import pandas

        columns = ["setting", "solver", "kind", "description", "value", "low", "high", "gate"]
        lines = [
            [setting, line.name, line.kind, line.description, score.value, score.low, score.high, line.gate]
            for line in audit_lines(self.record)
            for setting, score in line.scores.items()
            if score is not None
        ]
        return pandas.DataFrame(lines, columns=columns).astype(dict.fromkeys(("value", "low", "high"), "float64"))

    def __repr__(self) -> str:
        return f"<audit of {self.dataset}: {verdict(self.record)}>"

    def _repr_html_(self) -> str:
        lines = [
            [line.name, *line.cells(), line.gate, line.description or line.kind] for line in audit_lines(self.record)
        ]
        columns = ["solver", *map(setting_label, self.record.settings), "gate", "what it calls"]
        heading = (
            f"{self.dataset}: {verdict(self.record)} {what_was_asked(self.record)} Right among the candidates that do "
            f"the job, in %, with 95 % intervals; the {CEILING} is the score of a model without history."
        )
        notes = [resolution_sentence(self.record.resolution), *not_asked(self.record)]
        return html_view(heading, columns, lines, notes)
