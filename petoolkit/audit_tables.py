"""An audit's tables and sentences as data, for terminals, cards and reports."""

from collections.abc import Iterator
from dataclasses import dataclass

from petoolkit.audit_record import AuditRecord, Resolution, SolverScore
from petoolkit.text import (
    UNKNOWN,
    counted,
    in_percent,
    listing,
    markdown_table,
    percent,
    points,
    setting_label,
    with_interval,
)

CEILING = "ceiling"
_GATE = {True: "passed", False: "FAILED", None: ""}


@dataclass(frozen=True)
class AuditLine:
    """What one solver scores in each setting.

    Args:
        name: of the solver, or `CEILING`.
        kind: of the solver; empty for the ceiling.
        description: what it chooses.
        scores: by setting; `None` where it was not asked.
        gate: `passed`, `FAILED`, `allowed` or empty.
    """

    name: str
    kind: str
    description: str
    scores: dict[str, SolverScore | None]
    gate: str

    def cells(self) -> list[str]:
        """The scores as percentages with their intervals, in the order of the settings: `51.2 (47-55)`."""
        return [UNKNOWN if score is None else _short(score) for score in self.scores.values()]


def _short(score: SolverScore) -> str:
    if score.low is None or score.high is None or score.low == score.high:
        return percent(score.value)
    return f"{percent(score.value)} ({100 * score.low:.0f}\N{EN DASH}{100 * score.high:.0f})"


def audit_lines(record: AuditRecord) -> list[AuditLine]:
    """A line for each solver that was asked in any setting, in their table's order; the ceiling is the first."""
    ceiling = {
        name: SolverScore(solver=CEILING, description="", kind="", value=one.ceiling)
        for name, one in record.settings.items()
    }
    lines = [AuditLine(CEILING, "", "any of the tools that do the job, by chance", dict(ceiling), "")]
    by_name: dict[str, dict[str, SolverScore]] = {}
    for setting, one in record.settings.items():
        for score in one.scores:
            by_name.setdefault(score.solver, {})[setting] = score
    gates = {gate.name: _gate_word(record, gate.name, gate.passes) for gate in record.gates}
    for name, found in by_name.items():
        first = next(iter(found.values()))
        scores = {setting: found.get(setting) for setting in record.settings}
        lines.append(AuditLine(name, first.kind, first.description, scores, gates.get(name, "")))
    kinds = ["", "shortcut", "blind reader", "reader", "oracle"]
    return sorted(lines, key=lambda line: kinds.index(line.kind))


def _gate_word(record: AuditRecord, name: str, passes: bool) -> str:
    return "allowed" if not passes and name in record.allowed else _GATE[passes]


def what_was_asked(record: AuditRecord) -> str:
    """How many rows were audited, in a sentence."""
    rows = sum(one.rows for one in record.settings.values())
    total = sum(number for splits in record.row_numbers.values() for number in splits.values())
    units = [counted(record.users, "user"), *([counted(record.blocks, "block")] if record.blocks else [])]
    units.append(counted(record.groups, "function group"))
    how = {"train": "fitted on the training split", "other blocks": "fitted on the other blocks or users"}
    return (
        f"Audited: {counted(rows, 'row')} of the {record.split} split, of {counted(total, 'row')} in all "
        f"({', '.join(units)}); solvers that learn are {how[record.fitted_on]}."
    )


def not_asked(record: AuditRecord) -> Iterator[str]:
    """What could not be asked, a sentence for each reason."""
    yield from record.notes
    reasons: dict[str, dict[str, list[str]]] = {}
    for setting, one in record.settings.items():
        for solver, reason in one.not_asked.items():
            reasons.setdefault(reason.rstrip("."), {}).setdefault(solver, []).append(setting_label(setting))
    for reason, solvers in reasons.items():
        settings = {label for labels in solvers.values() for label in labels}
        where = "" if len(settings) == len(record.settings) else f" in {listing(sorted(settings))}"
        yield f"Not asked{where}: {listing(list(solvers), len(solvers))} ({reason})."


def count_lines(record: AuditRecord) -> list[tuple[str, str, str]]:
    """What was counted, its number, and its share in percent or what it is of."""
    lines = [
        (count.description, f"{count.rows:,}", in_percent(count.rows / count.of if count.of else None))
        for count in record.counts
    ]
    for setting, disliked in record.disliked_calls.items():
        if disliked:
            total = record.liked_calls[setting] + disliked
            text = f"disliked calls in {setting_label(setting)} histories"
            lines.append((text, f"{disliked:,}", in_percent(disliked / total)))
    for setting, one in record.settings.items():
        if one.rating_order:
            text = f"{setting_label(setting)}: liked calls after disliked ones"
            lines.append((text, "", f"{with_interval(one.rating_order)}\N{NO-BREAK SPACE}%"))
    for overlap in record.overlaps:
        text = f"{overlap.name}s of the test split that training rows have"
        lines.append((text, f"{overlap.shared:,}", f"of {overlap.of:,}"))
    if record.all_blocks:
        broken = f"{sum(record.broken_rules.values()):,}"
        lines.append(("rules of the controlled design broken, all blocks", broken, f"of {record.all_blocks:,}"))
        lines += [(f"... {rule}", f"{number:,}", "") for rule, number in record.broken_rules.items()]
    lines += [(f"rows that break the contract: {rule}", f"{number:,}", "") for rule, number in record.breaches.items()]
    return lines


def resolution_sentence(one: Resolution) -> str:
    """What the rows can show, and under which assumption."""
    measured = f"as the correctness of {one.measured_on} has it" if one.measured_on else "taken as 1"
    difference = points(one.smallest_difference).lstrip("+")
    return (
        f"{counted(one.rows, 'row')} in {counted(one.clusters, 'cluster')} are worth {one.effective_rows:,.0f} "
        f"independent ones (correlation within a cluster {one.correlation:.2f}, {measured}). A paired test at 5 % "
        f"finds a difference of {difference} points between two models in 80 % of trials, if they answer "
        f"{percent(one.disagreement).partition('.')[0]} % of the rows differently."
    )


def verdict(record: AuditRecord) -> str:
    """Whether the dataset passes its gates, in a sentence."""
    failing = [gate for gate in record.gates if not gate.passes]
    allowed = [gate.name for gate in failing if gate.name in record.allowed]
    let_through = f" {listing(allowed, len(allowed))} {'is' if len(allowed) == 1 else 'are'} let through by name."
    if not record.gates:
        return "No gate could be asked."
    if not record.failed:
        return f"All {len(record.gates)} gates hold." if not allowed else f"The other gates hold.{let_through}"
    names = [gate.name for gate in record.failed]
    return f"{counted(len(names), 'gate')} of {len(record.gates)} fail{'s' if len(names) == 1 else ''}: " + (
        f"{listing(names, len(names))}.{let_through if allowed else ''}"
    )


def audit_section(record: AuditRecord, figure: str | None = None) -> str:
    """The audit in Markdown, for a card.

    Args:
        record: of the audit.
        figure: path of its picture, if there is one.
    """
    lines = audit_lines(record)
    labels = [setting_label(setting) for setting in record.settings]
    table = markdown_table(
        ["solver", *labels, "gate", "what it calls"],
        [[line.name, *line.cells(), line.gate, line.description] for line in lines],
    )
    parts = [
        "## Audit",
        "What rules score that know no preference, among the candidates that do the job: a benchmark that measures "
        "preference keeps them at the ceiling, which is the score of a model without history (%, with 95 % intervals "
        f"over blocks, else function groups). {what_was_asked(record)} **{verdict(record)}**",
        table,
        *([f"![Each solver's score against the ceiling, by setting]({figure})"] if figure else []),
        markdown_table(["of the audited rows", "number", "share"], count_lines(record)),
        resolution_sentence(record.resolution),
        *([" ".join(not_asked(record))] if list(not_asked(record)) else []),
    ]
    return "\n\n".join(parts)
