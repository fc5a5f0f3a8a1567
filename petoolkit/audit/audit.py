"""The audit of a dataset: rules that must fail are asked, readers that must not, and its rows are counted."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
from rich.console import Console

from petoolbench import SETTINGS, InputError
from petoolkit.audit.audit_rows import AuditRows, CheckedRows, read_rows
from petoolkit.audit.choices import Choices
from petoolkit.audit.gates import FEWEST_CLUSTERS, RATING_ORDER, gate_results, order_passes, passes
from petoolkit.audit.rating_order import rating_order
from petoolkit.audit.resolution import resolution
from petoolkit.audit.row_counts import COUNTS
from petoolkit.audit.solve import Solved, solve
from petoolkit.audit.solvers import SOLVERS
from petoolkit.audit.split_overlap import overlaps
from petoolkit.audit_record import AuditRecord, CountedRows, SettingAudit, SolverScore, rows_hash
from petoolkit.block_rules import broken_rules
from petoolkit.dataset_record import DatasetRecord, read_dataset_record
from petoolkit.engines.engine import HERE, Engine
from petoolkit.evaluator.dataset_rows import resolved_revision
from petoolkit.progress_bars import progress_bars
from petoolkit.text import counted, setting_label

_NO_TASTE = "`taste` does not say what decided"


def audit(
    dataset: str, revision: str | None, console: Console, allowed: tuple[str, ...] = (), engine: Engine = HERE
) -> AuditRecord:
    """Audit a dataset of the contract's columns: one that was built, imported, or made elsewhere.

    The test split is asked; where there is none, the training split is. Solvers are fitted on the training split;
    where there is none, on the rows themselves without the blocks (or users) that they solve.

    Args:
        dataset: a folder or a Hub id.
        revision: branch, tag or commit of a dataset on the Hub.
        console: for bars.
        allowed: names of gates that may fail, beside those that the recipe of a build names.
        engine: asks the solvers.

    Raises:
        InputError: if the dataset cannot be read, or has no row that can be asked.
    """
    commit = resolved_revision(dataset, revision)
    folder = Path(dataset)
    with progress_bars(console) as progress:
        rows = read_rows(dataset, commit, progress)
        bar = progress.add_task(
            "Asking the solvers",
            total=len(SOLVERS) * sum(1 for setting in SETTINGS if setting in rows.checked.numbers),
        )
        return audit_rows(
            rows,
            dataset,
            rows_hash(folder) if folder.is_dir() else f"{dataset}@{commit}",
            read_dataset_record(dataset, commit),
            allowed,
            lambda what: progress.update(bar, advance=1, description=what),
            engine,
        )


def audit_rows(
    rows: AuditRows,
    name: str,
    rows_hash: str,
    record: DatasetRecord | None,
    allowed: tuple[str, ...] = (),
    on_solver: Callable[[str], None] = lambda what: None,
    engine: Engine = HERE,
) -> AuditRecord:
    """The audit of rows in memory.

    Args:
        rows: of the dataset.
        name: of the dataset, for messages.
        rows_hash: identifies the rows.
        record: of how the dataset was made, if it is known.
        allowed: names of gates that may fail, beside those that the recipe of a build names.
        on_solver: gets the setting and the solver that is asked.
        engine: asks the solvers.

    Raises:
        InputError: if no row can be asked.
    """
    checked = rows.checked
    split = _split_to_ask(checked, name)
    settings: dict[str, SettingAudit] = {}
    clusters: list[str] = []
    liked: dict[str, int] = {}
    disliked: dict[str, int] = {}
    rights: dict[str, list[np.ndarray]] = defaultdict(list)  # by solver, for each setting where it was asked
    for setting in SETTINGS:
        choices = Choices(rows.to_ask(setting, split))
        if not choices.rows:
            continue
        fitting = Choices(rows.to_ask(setting, "train")) if split == "test" else Choices([])

        def say(solver: str, setting: str = setting) -> None:
            on_solver(f"{setting_label(setting)}: {solver}")

        solved, not_asked = solve(choices, fitting if fitting.rows else None, say, engine)
        settings[setting] = _setting_audit(choices, solved, not_asked)
        clusters += [row["block_id"] or row["group_id"] for row in choices.rows]
        liked[setting], disliked[setting] = (
            sum(int((sign * liking > 0).sum()) for liking in choices.liking) for sign in (1, -1)
        )
        for one in solved:
            rights[one.solver.name].append(one.right)
    split_by = record.split if record else None
    has_train = checked.sound["train"] > 0
    shared = overlaps(rows.sound("test"), rows.sound("train")) if split == "test" and has_train else []
    facts = _Facts(rows.sound(split))
    all_blocks, broken = _broken_rules(rows.blocks(), record)
    return AuditRecord(
        rows_hash=rows_hash,
        split=split,
        fitted_on="train" if has_train and split == "test" else "other blocks",
        split_by=split_by,
        row_numbers=checked.numbers,
        users=len(facts.users),
        blocks=len(facts.blocks - {""}),
        groups=len(facts.groups - {""}),
        settings=settings,
        resolution=resolution(
            np.unique(clusters, return_inverse=True)[1],
            {solver: np.concatenate(right) for solver, right in rights.items() if len(right) == len(settings)},
        ),
        counts=[
            CountedRows(name=one.name, description=one.description, rows=facts.counts[one.name], of=facts.rows)
            for one in COUNTS
        ],
        liked_calls=liked,
        disliked_calls=disliked,
        breaches=checked.breaches,
        broken_rules=broken,
        all_blocks=all_blocks,
        overlaps=shared,
        notes=_notes(checked, split),
        gates=gate_results(settings, shared, split_by),
        allowed=sorted({*allowed, *_allowed_by_recipe(record)}),
    )


def _allowed_by_recipe(record: DatasetRecord | None) -> list[str]:
    return list((((record.recipe if record else None) or {}).get("audit") or {}).get("allow") or [])


class _Facts:
    """What rows have, counted in one go."""

    def __init__(self, rows: Iterable[dict]):
        self.rows = 0
        self.users: set[str] = set()
        self.blocks: set[str] = set()
        self.groups: set[str] = set()
        self.counts = dict.fromkeys((one.name for one in COUNTS), 0)
        for row in rows:
            self.rows += 1
            self.users.add(row["user_id"])
            self.blocks.add(row["block_id"])
            self.groups.add(row["group_id"])
            for one in COUNTS:
                self.counts[one.name] += one.holds(row)


def _split_to_ask(checked: CheckedRows, dataset: str) -> str:
    for split in ("test", "train"):
        if any(checked.to_ask[setting, split] for setting in SETTINGS):
            return split
    raise InputError(
        f"{dataset} cannot be audited: no row of the splits test and train keeps the contract and has two candidates "
        f"that do the job ({counted(sum(map(sum, (one.values() for one in checked.numbers.values()))), 'row')} read"
        + "".join(f"; {counted(number, 'row')}: {rule}" for rule, number in checked.breaches.items())
        + "); check its same_function_tools."
    )


def _notes(checked: CheckedRows, split: str) -> list[str]:
    """What cannot be asked, or is asked in another way."""
    notes = []
    if split == "train":
        notes.append("There is no test split; the training split is asked, and what the splits share cannot be.")
    elif not checked.sound["train"]:
        notes.append(
            "There is no training split: solvers are fitted on the rows without the blocks, else the users, that they "
            "solve, and what the splits share cannot be asked."
        )
    for setting in SETTINGS:
        if not checked.to_ask[setting, split]:
            notes.append(f"There are no rows to ask in {setting_label(setting)}.")
    if alone := checked.alone[split]:
        notes.append(f"Not asked: {counted(alone, 'row')} in which only one candidate does the job.")
    if checked.broken_ids:
        notes.append(f"Not asked, since they break the contract: {counted(len(checked.broken_ids), 'row')}.")
    return notes


def _setting_audit(choices: Choices, solved: list[Solved], not_asked: dict[str, str]) -> SettingAudit:
    order, clusters = rating_order(choices), len(set(choices.clusters))
    if order and clusters < FEWEST_CLUSTERS:
        not_asked = {**not_asked, RATING_ORDER: f"there are fewer than {FEWEST_CLUSTERS} blocks or groups to judge by"}
    return SettingAudit(
        rows=len(choices.rows),
        clusters=clusters,
        ceiling=choices.ceiling,
        scores=[
            SolverScore(
                solver=one.solver.name,
                description=one.solver.description,
                kind=one.solver.kind,
                value=one.value,
                low=one.low,
                high=one.high,
                passes=passes(one, choices.ceiling),
            )
            for one in solved
        ],
        not_asked=not_asked,
        rating_order=order,
        rating_order_passes=order_passes(order, clusters) if order else None,
        resolution=resolution(choices.clusters, {one.solver.name: one.right for one in solved}),
    )


def _broken_rules(blocks: Iterable[list[dict]], record: DatasetRecord | None) -> tuple[int, dict[str, int]]:
    """The number of blocks, and of those that break a rule by the rule."""
    is_crossed = record is not None and record.is_crossed
    broken: Counter[str] = Counter()
    number = 0
    for block in blocks:
        number += 1
        try:
            broken.update(broken_rules(block, is_crossed))
        except (ValueError, KeyError, TypeError, AttributeError):
            broken[_NO_TASTE] += 1
    return number, dict(broken)
