"""The gates of an audit: what a dataset that measures preference keeps, and what a recipe can let through by name."""

from collections.abc import Collection, Iterable

from petoolbench import check_choice
from petoolkit.audit.solve import Solved
from petoolkit.audit.solvers import SOLVERS
from petoolkit.audit_record import AuditScore, GateResult, Overlap, SettingAudit
from petoolkit.text import counted, in_percent, listing, percent, setting_label, with_interval

MARGIN = 0.05  # by which a shortcut may be above the ceiling
_ORACLE = 0.99
_ORDER = 0.05  # by which the order may tell ratings better or worse than 0.5
FEWEST_CLUSTERS = 10  # of fewer, an interval is too narrow to judge an order that was drawn
ORACLE, RATING_ORDER, PROVIDER_OVERLAP = "trait-oracle", "rating-order", "provider-overlap"


def gate_names() -> tuple[str, ...]:
    """The names of all gates: the solvers that must fail, the oracle, and what is counted."""
    shortcuts = (name for name, solver in SOLVERS.items() if solver.must_fail)
    return (*shortcuts, ORACLE, RATING_ORDER, PROVIDER_OVERLAP)


def check_gate_names(names: Collection[str]) -> None:
    """Raise `InputError` naming the gates, unless each name is one."""
    for name in names:
        check_choice(name, gate_names(), "gate")


def passes(solved: Solved, ceiling: float) -> bool | None:
    """Whether a solver's score is as it must be; `None` if it has no gate, or no interval to judge it by."""
    if solved.solver.kind == "reader" or solved.low is None:
        return None
    if solved.solver.kind == "oracle":
        return solved.value >= _ORACLE
    return solved.value <= ceiling + MARGIN or solved.low <= ceiling + 1e-9


def order_passes(score: AuditScore, clusters: int) -> bool | None:
    """Whether the order of calls tells nothing of their ratings; `None` if there are too few clusters to judge it."""
    if score.low is None or score.high is None or clusters < FEWEST_CLUSTERS:
        return None
    return abs(score.value - 0.5) <= _ORDER or score.low <= 0.5 <= score.high


def gate_results(
    settings: dict[str, SettingAudit], overlaps: Iterable[Overlap], split_by: str | None
) -> list[GateResult]:
    """All gates that could be asked.

    Args:
        settings: by name.
        overlaps: of the splits.
        split_by: what training and test rows do not share, as the dataset's record says.
    """
    results = [result for name in gate_names() if (result := _solver_gate(name, settings))]
    asked = {name: one for name, one in settings.items() if one.rating_order_passes is not None}
    if asked:
        findings = [
            f"in {setting_label(name)}, a liked call comes after a disliked one in "
            f"{with_interval(one.rating_order)} % of the pairs"
            for name, one in asked.items()
            if one.rating_order
        ]
        holds = all(one.rating_order_passes for one in asked.values())
        results.append(GateResult(name=RATING_ORDER, passes=holds, finding="; ".join(findings)))
    for overlap in overlaps:
        if split_by == "provider" and overlap.name == "provider":
            finding = (
                f"{counted(overlap.shared, 'provider')} of {overlap.of:,} of the test split's candidates also "
                f"stand{'s' if overlap.shared == 1 else ''} in training rows"
            )
            results.append(GateResult(name=PROVIDER_OVERLAP, passes=not overlap.shared, finding=finding))
    return results


def _solver_gate(name: str, settings: dict[str, SettingAudit]) -> GateResult | None:
    """The gate of a solver, over all settings where it was asked: the finding names the failing ones, if there are."""
    asked = [
        (setting, one.ceiling, score)
        for setting, one in settings.items()
        for score in one.scores
        if score.solver == name and score.passes is not None
    ]
    if not asked:
        return None
    failing = [entry for entry in asked if not entry[2].passes]
    shown = [f"{with_interval(score)} % in {setting_label(setting)}" for setting, _, score in failing or asked]
    if name == ORACLE:
        wanted = f"at least {percent(_ORACLE)} is wanted"
    else:
        ceilings = {in_percent(ceiling) for _, ceiling, _ in failing or asked}
        wanted = f"the ceiling is {listing(sorted(ceilings))}"
    return GateResult(name=name, passes=not failing, finding=f"{listing(shown)}, where {wanted}")
