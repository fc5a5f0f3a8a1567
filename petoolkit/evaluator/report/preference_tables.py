"""A report's headline, how well calls follow preference, and its tables of counterfactuals."""

from petoolkit.evaluator.counterfactuals.counterfactual_table import COUNTERFACTUALS
from petoolkit.evaluator.records import CounterfactualScore
from petoolkit.evaluator.report.run_groups import Run, RunGroup
from petoolkit.evaluator.report.table_parts import (
    MODEL,
    ORACLE,
    RULE,
    Cell,
    Column,
    Row,
    Table,
    count_cell,
    difference_cell,
    kind_of_run,
    score_cell,
    share_cell,
)
from petoolkit.text import ALL, UNKNOWN, listing, setting_label

# The counterfactuals that the headline needs.
HEADLINE = ("no-history", "override")
_KINDS = (MODEL, RULE, ORACLE)
_PLAIN_DEVIATION = "Less than 100: the model does not find, or does not follow, the user's preference."
_HEADLINE_NOTES = (
    "In %, over all settings, with 95 % intervals over blocks. Pair accuracy given the function: of two users of one "
    "block who prefer different tools, both calls are right, among the pairs in which both calls are of a tool that "
    "does the job. A model that answers the users of a block alike has 0.",
    "Gains: in points, over the same rows without history. Taste followed: of the rows whose instruction states a "
    "need against the user's taste, those in which the taste's tool was called all the same (over-personalisation); 0 "
    "is best.",
)


def preference_headline(group: RunGroup) -> Table:
    """Pair accuracy given the function, its gain over no history, and how often overrides were not heeded."""
    columns = [
        Column("pair accuracy given the function"),
        Column("pairs"),
        Column("pair accuracy", "gain over no history"),
        Column("Preference Acc", "gain over no history"),
        Column("taste followed in override rows"),
    ]
    rows = [Row(run.label, kind_of_run(run), _headline_cells(run)) for run in group.runs]
    return Table(
        "preference", "How well calls follow preference", columns, rows, [*_HEADLINE_NOTES, *not_asked(group)]
    )


def _headline_cells(run: Run) -> list[Cell]:
    pairs, unknown = run.result.pairs.get(ALL), Cell(UNKNOWN)
    followed = run.result.taste_followed()
    return [
        score_cell(pairs.score) if pairs else unknown,
        count_cell(pairs.counted, f"of {pairs.pairs:,}") if pairs else unknown,
        difference_cell(pairs.gain if pairs else None),
        difference_cell(run.result.history_gain.get(ALL)),
        score_cell(followed) if followed else unknown,
    ]


def not_asked(group: RunGroup) -> list[str]:
    """What of the headline was not asked or cannot be, in sentences with the command to ask it."""
    sentences = []
    if not any(run.result.pairs for run in group.runs):
        sentences.append(
            "Pairs cannot be asked here: these rows are of no blocks, in which users differ in their taste alone; "
            "datasets of the controlled design have them. Scores of an earlier version: petoolbench score FOLDER."
        )
    missing = {
        run.label: [name for name in HEADLINE if name not in run.result.counterfactual_scores] for run in group.runs
    }
    for lacking in dict.fromkeys(tuple(names) for names in missing.values() if names):
        labels = [label for label, names in missing.items() if tuple(names) == lacking]
        run = next(run for run in group.runs if run.label == labels[0])
        sentences.append(
            f"Not asked: {listing(list(lacking))}, of {listing(labels)}. The same command with --counterfactual adds "
            f"them, where the dataset has such rows: petoolbench evaluate --dataset {run.result.dataset} --model "
            f"{run.result.model} --counterfactual {','.join(lacking)} --out {run.result.folder} (with the options of "
            "that evaluation)."
        )
    return sentences


def counterfactual_tables(group: RunGroup) -> list[Table]:
    """What each counterfactual changes, then for each run that was asked some, what was expected and observed.

    Models come first. There is no table if none was asked.
    """
    in_order = sorted(group.runs, key=lambda run: _KINDS.index(kind_of_run(run)))
    asked = [run for run in in_order if run.result.counterfactual_scores]
    tables = [_counterfactuals(group, run, number) for number, run in enumerate(asked, 1)]
    return [*([_meanings(asked)] if asked else []), *tables]


def _meanings(asked: list[Run]) -> Table:
    names = {name for run in asked for name in run.result.counterfactual_scores}
    rows = [Row("the rows as they are", MODEL, [Cell("Nothing."), Cell(_PLAIN_DEVIATION)])]
    for name, one in COUNTERFACTUALS.items():
        if name in names:
            rows.append(Row(name, MODEL, [Cell(f"{one.changes[0].upper()}{one.changes[1:]}."), Cell(one.deviation)]))
    columns = [Column("what is changed", is_text=True), Column("what a deviation means", is_text=True)]
    return Table("counterfactuals", "The counterfactuals", columns, rows, [], "counterfactual")


def _counterfactuals(group: RunGroup, run: Run, number: int) -> Table:
    columns = [Column(name, setting_label(setting)) for setting in group.settings for name in ("expected", "observed")]
    plain = [
        cell
        for setting in group.settings
        for cell in (share_cell(1.0), score_cell(run.result.score(setting, "preference_acc")))
    ]
    rows = [Row("the rows as they are", MODEL, plain)]
    for name, scores in run.result.counterfactual_scores.items():
        counterfactual = COUNTERFACTUALS.get(name)
        if counterfactual is None:  # of another version
            continue
        own = [_cells(scores.get(setting), is_other=False) for setting in group.settings]
        label = f"{name}: the row's tool" if counterfactual.other else name
        rows.append(Row(label, MODEL, [cell for cells in own for cell in cells]))
        if counterfactual.other:
            other = [_cells(scores.get(setting), is_other=True) for setting in group.settings]
            label = f"{name}: {counterfactual.other}"
            rows.append(Row(label, MODEL, [cell for cells in other for cell in cells]))
    notes = [
        "In %, with 95 % intervals over blocks: how often the row's tool (or the other one) was called, among the "
        "calls of a tool that does the job; of override and no-preference, among all rows. Expected: of a model that "
        "finds the tools that do the job and follows the user's preference, and in override rows the request.",
        *_notes(run),
    ]
    title = f"Expected and observed: {run.label}"
    return Table(f"counterfactuals-{number}", title, columns, rows, notes, "counterfactual")


def _cells(score: CounterfactualScore | None, is_other: bool) -> list[Cell]:
    if score is None or (is_other and score.other is None):
        return [Cell(UNKNOWN), Cell(UNKNOWN)]
    if not score.rows:
        return [share_cell(score.expected), share_cell(score.own.value, "rows as they are")]
    expected, observed = (score.expected_other, score.other) if is_other else (score.expected, score.own)
    assert observed is not None
    return [share_cell(expected), score_cell(observed)]


def _notes(run: Run) -> list[str]:
    """Sentences on what was not asked, and on missing replies."""
    scores = run.result.counterfactual_scores
    notes = []
    if absent := [name for name in COUNTERFACTUALS if name not in scores]:
        notes.append(
            f"Not asked: {listing(absent, most=len(absent))}. The same petoolbench evaluate command with "
            f"--counterfactual {','.join(absent)} adds what the dataset has rows for."
        )
    if missing := sum(by_setting[ALL].missing for by_setting in scores.values() if ALL in by_setting):
        notes.append(f"{missing:,} replies are missing (failed requests); the same command asks for them again.")
    return notes
