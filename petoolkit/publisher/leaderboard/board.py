"""What a leaderboard shows: models by how well their calls follow preference, and which differences are real."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from petoolbench import SETTINGS, InputError
from petoolkit.audit_record import AUDIT_FILE, AuditRecord, SolverScore
from petoolkit.decoding import read_json
from petoolkit.evaluator.dataset_rows import load_split
from petoolkit.evaluator.records import Difference, Score, Scores
from petoolkit.evaluator.report.run_groups import Run, group_runs
from petoolkit.evaluator.row_fingerprint import fingerprint
from petoolkit.evaluator.scores.bootstrap import clusters_of
from petoolkit.evaluator.scores.breakdowns import by_setting
from petoolkit.evaluator.scores.judgements import Judgements, judge
from petoolkit.evaluator.scores.paired_tests import PairedDifference, paired_differences, tool_acc_counts
from petoolkit.evaluator.scores.preference import Counts, pair_counts
from petoolkit.evaluator.stored_rows import facts_of
from petoolkit.hub_reading import fetch_file
from petoolkit.publisher.leaderboard.leaderboard_sources import BoardEvaluation
from petoolkit.publisher.local_paths import is_hub_id, without_folders
from petoolkit.text import ALL, counted, listing


@dataclass(frozen=True)
class BoardRow:
    """A model in one setting.

    Args:
        label: its name, which no other row has.
        kind: `model`, `rule` or `oracle`.
        rank: `2`, or `1-3` where the differences to some models are not real; empty for what is not ranked.
        pairs: pair accuracy given the function; `None` if the rows are of no blocks.
        gain: of that over no history; `None` if that was not asked.
        taste_followed: share of override rows in which the taste's tool was called; `None` if that was not asked.
        preference, tool_acc: the metrics of these names.
        ahead_of: models that it is clearly better than.
        date: day of the evaluation; empty where it is not recorded.
        link: page of the pushed results.
        folder: name of the results.
    """

    label: str
    kind: str
    rank: str
    pairs: Score | None
    gain: Difference | None
    taste_followed: Score | None
    preference: Score
    tool_acc: Score
    ahead_of: list[str]
    date: str
    link: str | None
    folder: str


@dataclass(frozen=True)
class Reference:
    """A line to compare with: its share among calls that do the job (`preference`), or of all rows (`tool_acc`).

    `is_mark` says whether a model without an eye for preference has it, so that it is drawn beside each model's share.
    """

    name: str
    description: str
    is_mark: bool
    preference: Score | None = None
    tool_acc: Score | None = None


@dataclass(frozen=True)
class Board:
    """One setting, or all.

    Args:
        setting: its name.
        rows: the first is the best.
        references: lines to compare with.
        differences: of each two ranked models, the first less the second; empty where they cannot be tested.
        tested: what was tested, in a sentence.
    """

    setting: str
    rows: list[BoardRow]
    references: list[Reference]
    differences: dict[tuple[str, str], PairedDifference]
    tested: str


@dataclass(frozen=True)
class Leaderboard:
    """A leaderboard of evaluations on the same rows.

    Args:
        dataset, revision: that the rows are of.
        is_on_hub: whether the dataset has a page.
        rows: their number by setting.
        boards: for all settings first, then by setting.
        has_pairs: whether models are ranked by pair accuracy given the function; otherwise by Tool Acc.
        notes: what is missing, in sentences.
        days: the first and the last day of the evaluations, as far as they are recorded.
    """

    dataset: str
    revision: str | None
    is_on_hub: bool
    rows: dict[str, int]
    boards: list[Board]
    has_pairs: bool
    notes: list[str]
    days: list[str]


def make_board(
    evaluations: Sequence[BoardEvaluation], dataset: str | None = None, revision: str | None = None
) -> Leaderboard:
    """The content of a leaderboard.

    Args:
        evaluations: all about the same rows.
        dataset: where the rows are, instead of what the evaluations name.
        revision: of the dataset.

    Raises:
        InputError: if results are damaged.
    """
    by_folder = {one.scores.folder: one for one in evaluations}
    (group,) = group_runs([one.scores for one in evaluations])
    runs, first = group.runs, group.first
    has_pairs = any(run.result.pairs for run in runs)
    models = [run for run in runs if not run.result.is_rule]
    ranked = models or [run for run in runs if not run.result.is_oracle]
    where = [(dataset, revision)] if dataset else [(one.dataset, one.scores.revision) for one in evaluations]
    rows, audit = _rows(where, first), _audit(where)
    judged, notes = _judged(rows, ranked, by_folder)
    if audit is None:
        notes.append("The dataset's audit cannot be read here, so the ceiling and the shortcuts are not shown.")
    if not has_pairs:
        notes.append("These rows are of no blocks, so there is no pair accuracy: models are ranked by Tool Acc.")
    if lacking := [run.label for run in models if not run.result.taste_followed()]:
        notes.append(f"Not asked how often taste is followed against the request: {listing(lacking)}.")
    settings = [ALL, *(name for name in SETTINGS if name in first.rows)] if len(first.rows) > 2 else [ALL]
    boards = []
    for setting in settings:
        counts = _counts(facts_of(rows), judged, setting, has_pairs) if rows else {}
        differences = paired_differences(counts)
        made = [_row(run, by_folder[run.result.folder], setting, differences, run in ranked) for run in runs]
        made.sort(key=lambda one: (one.kind == "oracle", -_headline(one, has_pairs), one.label))
        boards.append(Board(setting, made, _references(audit, first, setting), differences, _tested(differences)))
    days = sorted({row.date for row in boards[0].rows if row.date})
    shown, commit = without_folders(where[0][0]), where[0][1]
    return Leaderboard(
        dataset=shown,
        revision=commit,
        is_on_hub=is_hub_id(shown),
        rows=first.rows,
        boards=boards,
        has_pairs=has_pairs,
        notes=notes,
        days=days[:1] + days[-1:] if len(days) > 1 else days,
    )


def _headline(row: BoardRow, has_pairs: bool) -> float:
    score = row.pairs if has_pairs else row.tool_acc
    return -1.0 if score is None or score.value is None else score.value


def _rows(where: list[tuple[str, str | None]], first: Scores) -> Sequence[dict] | None:
    """The rows of the evaluations, from the first dataset that can be read and has them."""
    for dataset, revision in dict.fromkeys(where):
        try:
            rows = load_split(dataset, first.setting, first.split, revision)
        except InputError:
            continue
        if fingerprint(rows) == first.fingerprint:
            return rows
    return None


def _audit(where: list[tuple[str, str | None]]) -> AuditRecord | None:
    """The audit of the first dataset that can be read and has one."""
    for dataset, revision in dict.fromkeys(where):
        try:
            path = fetch_file(dataset, AUDIT_FILE, revision)
            if path:
                return AuditRecord.model_validate(read_json(Path(path)))
        except (InputError, ValueError):  # pydantic's errors are such, for an audit of another version
            continue
    return None


def _judged(
    rows: Sequence[dict] | None, ranked: list[Run], by_folder: dict[str, BoardEvaluation]
) -> tuple[dict[str, Judgements], list[str]]:
    """The judged replies of each ranked model that has some, and sentences on what cannot be tested."""
    if rows is None:
        return {}, ["The rows cannot be read here, so it was not tested which differences are real."]
    found, without = {}, []
    for run in ranked:
        replies = by_folder[run.result.folder].read_replies()
        if replies:
            found[run.label] = judge(rows, replies, run.result.options.repeat)
        else:
            without.append(run.label)
    how = "their replies are not there (push results with --predictions)"
    return found, [f"Not among the tested models, since {how}: {listing(without)}."] if without else []


def _counts(rows: Sequence[dict], judged: dict[str, Judgements], setting: str, has_pairs: bool) -> dict[str, Counts]:
    """Numerators and denominators of the share that models are ranked by, by model."""
    clusters, numbers = clusters_of(rows), by_setting(rows)[setting]
    found: dict[str, Counts] = {}
    for label, one in judged.items():
        if has_pairs:
            pairs, right = pair_counts(rows, one, numbers, clusters)
            found[label] = (right, pairs)
        else:
            found[label] = tool_acc_counts(one, numbers, clusters)
    return found


def _row(
    run: Run,
    evaluation: BoardEvaluation,
    setting: str,
    differences: dict[tuple[str, str], PairedDifference],
    is_ranked: bool,
) -> BoardRow:
    scores = run.result
    pairs = scores.pairs.get(setting)
    ahead = [b for (a, b), one in differences.items() if a == run.label and one.is_real and one.value > 0]
    ahead += [a for (a, b), one in differences.items() if b == run.label and one.is_real and one.value < 0]
    return BoardRow(
        label=run.label,
        kind="oracle" if scores.is_oracle else "rule" if scores.is_rule else "model",
        rank=_rank(run.label, differences) if is_ranked else "",
        pairs=pairs.score if pairs else None,
        gain=pairs.gain if pairs else None,
        taste_followed=scores.taste_followed(setting),
        preference=scores.score(setting, "preference_acc"),
        tool_acc=scores.score(setting, "tool_acc"),
        ahead_of=ahead,
        date=scores.started.date().isoformat() if scores.started else "",
        link=evaluation.link,
        folder=scores.folder,
    )


def _rank(label: str, differences: dict[tuple[str, str], PairedDifference]) -> str:
    """The ranks that a model can have, by the differences that are real."""
    own = [one.value if a == label else -one.value for (a, b), one in differences.items() if label in (a, b)]
    real = [one.is_real for pair, one in differences.items() if label in pair]
    if not own:
        return ""
    better = sum(is_real and value < 0 for value, is_real in zip(own, real, strict=True))
    worse = sum(is_real and value > 0 for value, is_real in zip(own, real, strict=True))
    highest, lowest = better + 1, len(own) + 1 - worse
    return str(highest) if highest == lowest else f"{highest}\N{EN DASH}{lowest}"


def _tested(differences: dict[tuple[str, str], PairedDifference]) -> str:
    if not differences:
        return ""
    real = sum(one.is_real for one in differences.values())
    return (
        f"{real:,} of {counted(len(differences), 'pair')} of models {'differs' if real == 1 else 'differ'}, by a test "
        "that exchanges two models in whole blocks at random (p below 0.05, corrected for the number of pairs by "
        "Holm's method)."
    )


def _references(audit: AuditRecord | None, first: Scores, setting: str) -> list[Reference]:
    """Ceiling, best shortcut and oracle of the audit, and chance."""
    found = []
    if audit and audit.settings:
        names = list(audit.settings) if setting == ALL else [setting] if setting in audit.settings else []
        sizes = [audit.settings[name].rows for name in names]
        if sum(sizes):
            ceiling = sum(audit.settings[name].ceiling * size for name, size in zip(names, sizes, strict=True))
            text = "knows which tools do the job, and nothing of the user"
            found.append(Reference("ceiling without history", text, True, Score(value=min(1.0, ceiling / sum(sizes)))))
        for kind, what in (("shortcut", "best shortcut"), ("reader", "best reader of words"), ("oracle", "oracle")):
            if best := _best_solver(audit, names, kind):
                found.append(
                    Reference(f"{what}: {best.solver}", best.description, kind == "shortcut", _as_score(best))
                )
    if (chance := first.chance[setting]["tool_acc"]) is not None:
        found.append(Reference("chance", "any candidate", False, tool_acc=Score(value=chance)))
    return found


def _best_solver(audit: AuditRecord, names: list[str], kind: str) -> SolverScore | None:
    """The solver of a kind with the highest share over several settings, by their rows, of those asked in all."""
    scores = [(score, audit.settings[name].rows) for name in names for score in audit.settings[name].scores]
    of_kind = sorted(((s, n) for s, n in scores if s.kind == kind), key=lambda one: one[0].solver)
    found: list[SolverScore] = []
    for _, group in groupby(of_kind, key=lambda one: one[0].solver):
        asked = list(group)
        if len(asked) == len(names) and (total := sum(size for _, size in asked)):
            value = sum(score.value * size for score, size in asked) / total
            mean = {"value": value, "low": None, "high": None}
            found.append(asked[0][0].model_copy(update=mean if len(asked) > 1 else {}))
    return max(found, key=lambda score: score.value, default=None)


def _as_score(solver: SolverScore) -> Score:
    return Score(value=min(1.0, solver.value), low=solver.low, high=solver.high)
