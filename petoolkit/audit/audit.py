"""The audit of a dataset: rules that must fail are asked, readers that must not, and its rows are counted."""

from collections import defaultdict
from collections.abc import Callable
from functools import partial
from itertools import compress
from pathlib import Path

import numpy as np
from rich.console import Console

from petoolbench import SETTINGS, InputError
from petoolkit.audit.audit_rows import AuditRows, DatasetRows
from petoolkit.audit.checked_rows import CheckedRows, check
from petoolkit.audit.gates import FEWEST_CLUSTERS, RATING_ORDER, gate_results, order_passes, passes
from petoolkit.audit.resolution import resolution
from petoolkit.audit.row_counts import COUNTS
from petoolkit.audit.solve import SolvedSetting, mean_with_interval, numbers_of, solve
from petoolkit.audit_record import AuditRecord, AuditScore, CountedRows, SettingAudit, SolverScore, rows_hash
from petoolkit.dataset_record import DatasetRecord, read_dataset_record
from petoolkit.engines.engine import HERE, ChunkFailed, Engine
from petoolkit.evaluator.dataset_rows import resolved_revision
from petoolkit.progress_bars import progress_bars
from petoolkit.text import counted, setting_label


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
        engine: counts parts of the rows, and asks the solvers about them.

    Raises:
        InputError: if the dataset cannot be read, or has no row that can be asked.
    """
    commit = resolved_revision(dataset, revision)
    folder = Path(dataset)
    with progress_bars(console) as progress:
        bar = progress.add_task("Reading the rows", total=None)
        rows = DatasetRows(dataset, commit)
        progress.update(bar, total=sum(rows.sizes().values()))
        asking = progress.add_task("Asking the solvers", total=None)
        try:
            return audit_rows(
                rows,
                dataset,
                rows_hash(folder) if folder.is_dir() else f"{dataset}@{commit}",
                read_dataset_record(dataset, commit),
                allowed,
                lambda number: progress.advance(bar, number),
                lambda number: progress.advance(asking, number),
                engine,
            )
        except ChunkFailed as error:
            raise error.named("the audit", 0) from error


def audit_rows(
    rows: AuditRows,
    name: str,
    rows_hash: str,
    record: DatasetRecord | None,
    allowed: tuple[str, ...] = (),
    on_checked: Callable[[int], None] = lambda number: None,
    on_asked: Callable[[int], None] = lambda number: None,
    engine: Engine = HERE,
) -> AuditRecord:
    """The audit of rows.

    Args:
        rows: of the dataset.
        name: of the dataset, for messages.
        rows_hash: identifies the rows.
        record: of how the dataset was made, if it is known.
        allowed: names of gates that may fail, beside those that the recipe of a build names.
        on_checked: gets the number of rows that were counted.
        on_asked: gets the number of rows that solvers were fitted on or asked about.
        engine: counts parts of the rows, and asks the solvers about them.

    Raises:
        InputError: if no row can be asked.
    """
    checked = _checked(rows, record, "test", on_checked, engine)
    split = _split_to_ask(checked, rows, name)
    if split != "test":
        checked = _checked(rows, record, split, on_checked, engine)
    settings: dict[str, SettingAudit] = {}
    clusters: list[str] = []
    rights: dict[str, list[np.ndarray]] = defaultdict(list)  # by solver, for each setting where it was asked
    solved = solve(rows, checked, split, on_asked, engine)
    for setting, found in solved.items():
        settings[setting] = _setting_audit(found)
        clusters += found.clusters
        for one in found.solved:
            rights[one.solver.name].append(one.right)
    split_by = record.split if record else None
    has_train = checked.sound["train"] > 0
    shared = checked.values.overlaps() if split == "test" and has_train else []
    users, blocks, groups = (checked.values.distinct(kind, split) for kind in ("user", "block", "function group"))
    return AuditRecord(
        rows_hash=rows_hash,
        split=split,
        fitted_on="train" if has_train and split == "test" else "other blocks",
        split_by=split_by,
        row_numbers=_row_numbers(rows),
        users=users,
        blocks=blocks,
        groups=groups,
        settings=settings,
        resolution=resolution(
            numbers_of(clusters),
            {solver: right for solver, right in rights.items() if len(right) == len(settings)},
        ),
        counts=[
            CountedRows(
                name=one.name, description=one.description, rows=checked.counts[one.name], of=checked.sound[split]
            )
            for one in COUNTS
        ],
        liked_calls={setting: found.liked for setting, found in solved.items()},
        disliked_calls={setting: found.disliked for setting, found in solved.items()},
        breaches=dict(checked.breaches),
        broken_rules=dict(checked.broken_rules),
        all_blocks=checked.blocks,
        overlaps=shared,
        notes=_notes(checked, split),
        gates=gate_results(settings, shared, split_by),
        allowed=sorted({*allowed, *_allowed_by_recipe(record)}),
    )


def _checked(
    rows: AuditRows,
    record: DatasetRecord | None,
    asked_split: str,
    on_rows: Callable[[int], None],
    engine: Engine,
) -> CheckedRows:
    """What is counted of all rows."""
    checked = CheckedRows()
    is_crossed = record is not None and record.is_crossed
    for _, part in engine.run(partial(check, is_crossed, asked_split), rows.in_whole_blocks()):
        checked.merge(part)
        on_rows(part.rows)
    return checked


def _row_numbers(rows: AuditRows) -> dict[str, dict[str, int]]:
    """By config and split."""
    numbers: dict[str, dict[str, int]] = {}
    for (config, split), number in rows.sizes().items():
        if number:
            numbers.setdefault(config, {})[split] = number
    return numbers


def _allowed_by_recipe(record: DatasetRecord | None) -> list[str]:
    return list((((record.recipe if record else None) or {}).get("audit") or {}).get("allow") or [])


def _split_to_ask(checked: CheckedRows, rows: AuditRows, dataset: str) -> str:
    for split in ("test", "train"):
        if any(checked.to_ask[setting, split] for setting in SETTINGS):
            return split
    raise InputError(
        f"{dataset} cannot be audited: no row of the splits test and train keeps the contract and has two candidates "
        f"that do the job ({counted(sum(rows.sizes().values()), 'row')} read"
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


def _setting_audit(found: SolvedSetting) -> SettingAudit:
    clusters = len(set(found.clusters))
    numbers = numbers_of(found.clusters)
    order, not_asked = _rating_order(found), found.not_asked
    if order and clusters < FEWEST_CLUSTERS:
        not_asked = {**not_asked, RATING_ORDER: f"there are fewer than {FEWEST_CLUSTERS} blocks or groups to judge by"}
    return SettingAudit(
        rows=len(found.clusters),
        clusters=clusters,
        ceiling=found.ceiling,
        scores=[
            SolverScore(
                solver=one.solver.name,
                description=one.solver.description,
                kind=one.solver.kind,
                value=one.value,
                low=one.low,
                high=one.high,
                passes=passes(one, found.ceiling),
            )
            for one in found.solved
        ],
        not_asked=not_asked,
        rating_order=order,
        rating_order_passes=order_passes(order, clusters) if order else None,
        resolution=resolution(numbers, {one.solver.name: [one.right] for one in found.solved}),
    )


def _rating_order(found: SolvedSetting) -> AuditScore | None:
    """How often a liked call comes later than a disliked one, an AUC: the mean over histories that have both."""
    has_both = ~np.isnan(found.later)
    if not has_both.any():
        return None
    clusters = numbers_of(list(compress(found.clusters, has_both)))
    value, low, high = mean_with_interval(found.later[has_both], clusters)
    return AuditScore(value=value, low=low, high=high)
