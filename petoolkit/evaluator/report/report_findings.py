"""What a report's numbers say, in sentences computed from them."""

from petoolkit.evaluator.report.run_groups import FEWEST_ROWS, Run, RunGroup
from petoolkit.evaluator.scores.dependence import holm
from petoolkit.scoring import METRICS
from petoolkit.text import ALL, counted, in_percent, interval, listing, points, setting_label

_TOOL_ACC = METRICS["tool_acc"].label
_LEVEL = 0.05
# What a report shows Tool Acc by: for people, and whether over all settings (or in the one of the history lengths).
_DIMENSIONS = {
    "history_length": ("the length of the history", False),
    "gold_position": ("the position of the gold tool", True),
    "category": ("the category", True),
}


def warnings(groups: list[RunGroup]) -> list[str]:
    """What a reader must know before any number."""
    sentences = []
    if len(groups) > 1:
        names = listing(
            [f"group {group.number}: {group.first.dataset}, rows {group.first.fingerprint}" for group in groups]
        )
        sentences.append(
            f"These evaluations are about {len(groups)} different sets of rows ({names}). Each set has a group of its "
            "own below; do not compare numbers of different groups."
        )
    for run in (run for group in groups for run in group.runs):
        if missing := run.result.counts[ALL].missing:
            sentences.append(
                f"{run.label}: {missing:,} of {run.result.replies:,} replies are missing (failed requests) and count "
                "as wrong; the same petoolbench evaluate command asks for them again."
            )
        if cut := run.result.counts[ALL].cut_replies:
            sentences.append(
                f"{run.label}: {cut:,} of {run.result.replies:,} replies were cut at the most tokens of a reply; "
                "petoolbench evaluate with a higher --max-new-tokens lets the model end."
            )
        if cut_prompts := run.result.cut_prompts:
            sentences.append(
                f"{run.label}: the server read far fewer tokens than {cut_prompts:,} prompts have, so it cut them; "
                "give it a longer context, and evaluate again."
            )
    return sentences


def overview(group: RunGroup) -> str:
    """Who leads, and how many models are clearly above or below the best rule."""
    leader = group.runs[0]
    score = leader.result.score(ALL, "tool_acc")
    leads = f"has the highest {_TOOL_ACC}," if len(group.runs) > 1 else f"has a {_TOOL_ACC} of"
    sentences = [
        f"{leader.label} {leads} {in_percent(score.value)} (95\N{NO-BREAK SPACE}% interval {interval(score)})."
    ]
    rule, models = group.best_rule(ALL, "tool_acc"), group.models
    if rule and models:
        scores = [run.result.score(ALL, "tool_acc") for run in models]
        above = sum(score.low is not None and score.low > rule.value for score in scores)
        below = sum(score.high is not None and score.high < rule.value for score in scores)
        sentences.append(f"The best rule, {rule.name}, has {in_percent(rule.value)}.")
        sentences.append(
            f"The whole interval lies above that for {above or 'none'} of {counted(len(models), 'model')}, and below "
            f"it for {below or 'none'}."
        )
    sentences.append(f"Chance is {in_percent(group.first.chance[ALL]['tool_acc'])}.")
    return " ".join(sentences)


def row_counts(group: RunGroup) -> str:
    """How many rows there are, and which history length is the most common one."""
    sizes = {setting: group.first.rows[setting] for setting in group.settings}
    if len(set(sizes.values())) == 1:
        each = (
            f"{next(iter(sizes.values())):,} in each setting" if len(sizes) > 1 else setting_label(group.settings[0])
        )
    else:
        each = listing([f"{number:,} {setting_label(setting)}" for setting, number in sizes.items()])
    sentence = f"The dataset has {counted(group.first.rows[ALL], 'row')}, {each}."
    if lengths := group.band_sizes("history_length", ALL):
        band = max(lengths, key=lambda name: lengths[name])
        share = in_percent(lengths[band] / sum(lengths.values()))
        sentence += f" The most common history length is {band} interactions ({share} of rows)."
    return sentence


def categories(group: RunGroup) -> str:
    """How evenly the rows are spread over categories, and whose Tool Acc depends on them."""
    sizes = sorted(group.band_sizes("category", ALL).items(), key=lambda item: -item[1])
    total = sum(number for _, number in sizes)
    sentence = (
        f"There {'is 1 category' if len(sizes) == 1 else f'are {len(sizes):,} categories'}. The largest, "
        f"{sizes[0][0]}, holds {in_percent(sizes[0][1] / total)} of the rows"
    )
    if len(sizes) > 5:
        sentence += f"; the five largest hold {in_percent(sum(number for _, number in sizes[:5]) / total)}"
    return f"{sentence}. {dependence_on(group, 'category')}"


def history_pairs(group: RunGroup) -> str:
    """How much the history changes Tool Acc, by setting."""
    sentences = []
    for setting in group.settings:
        gains = [
            _tool_acc(pair.with_history, setting) - _tool_acc(pair.without_history, setting) for pair in group.pairs
        ]
        name = f"{setting_label(setting).capitalize()}:"
        if len(gains) == 1:
            sentences.append(
                f"{name} {_TOOL_ACC} of {group.pairs[0].model} changes by {points(gains[0])} points with history."
            )
        else:
            better = sum(gain > 0 for gain in gains)
            sentences.append(f"{name} {better} of {len(gains)} models are better with history,")
            sentences.append(f"and the mean difference is {points(sum(gains) / len(gains))} points.")
    return " ".join(sentences)


def by_history_length(group: RunGroup, runs: list[Run]) -> str:
    """Whose Tool Acc depends on the length of the history."""
    setting = group.history_length_setting
    bands, small = group.readable_bands("history_length", setting)
    if len(bands) < 2:
        return f"There is nothing to compare: all histories are {bands[0]} interactions long.{_left_out(small)}"
    return f"{dependence_on(group, 'history_length')}{_left_out(small)}"


def by_gold_position(group: RunGroup, runs: list[Run]) -> str:
    """Whose Tool Acc depends on the position of the gold tool among the candidates."""
    return f"{dependence_on(group, 'gold_position')}{_left_out(group.readable_bands('gold_position', ALL)[1])}"


def dependence_on(group: RunGroup, dimension: str) -> str:
    """Whose Tool Acc depends on a dimension: a test over all its bands, corrected for all tests of a group."""
    what, _ = _DIMENSIONS[dimension]
    found = _corrected(group)
    tests = {label: p for (label, of), p in found.items() if of == dimension}
    if not tests:
        return (
            f"Whether {_TOOL_ACC} depends on {what} was not tested, or there is nothing to compare; petoolbench score "
            "FOLDER tests it."
        )
    placebos = [run.label for run in group.runs if run.label in tests and dimension in run.cannot_depend_on]
    others = [label for label in tests if label not in placebos]
    how = f"a test over all of them, by whole blocks, corrected for the {counted(len(found), 'test')} of this group"
    sentences = []
    if others:
        dependent = [f"{label} (p = {tests[label]:.3f})" for label in others if tests[label] < _LEVEL]
        if dependent:
            sentences.append(f"{_TOOL_ACC} depends on {what} for {listing(dependent)}: {how}.")
        else:
            lowest = min(tests[label] for label in others)
            sentences.append(
                f"No difference by {what} is supported: {how}, finds none (lowest p = {lowest:.3f}), whatever single "
                "values look like."
            )
    if placebos:
        flagged = [label for label in placebos if tests[label] < _LEVEL]
        sentences.append(
            f"As a placebo, {counted(len(placebos), 'rule')} that cannot depend on it: the test finds a difference "
            f"for {listing(flagged) if flagged else 'none'}."
        )
        if flagged:
            sentences.append("So some rows are harder than others there, and a difference need not be the model's.")
    return " ".join(sentences)


def _corrected(group: RunGroup) -> dict[tuple[str, str], float]:
    """P-values by run and dimension, corrected for their number."""
    found = {}
    for run in group.runs:
        for dimension, (_, of_all) in _DIMENSIONS.items():
            setting = ALL if of_all else group.history_length_setting
            test = run.result.dependence.get(dimension, {}).get(setting)
            if test and test.p_value is not None:
                found[run.label, dimension] = test.p_value
    return dict(zip(found, holm(list(found.values())), strict=True))


def _left_out(bands: list[str]) -> str:
    return f" Left out for fewer than {FEWEST_ROWS} rows: {listing(bands)}." if bands else ""


def _tool_acc(run: Run, setting: str) -> float:
    return run.result.score(setting, "tool_acc").value or 0.0
