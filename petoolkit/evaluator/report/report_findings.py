"""What a report's numbers say, in sentences computed from them."""

from statistics import NormalDist

from petoolkit.evaluator.records import Difference, Score
from petoolkit.evaluator.report.run_groups import FEWEST_ROWS, Run, RunGroup
from petoolkit.evaluator.report.tested_differences import differences_in_words
from petoolkit.evaluator.scores.dependence import holm
from petoolkit.scoring import METRICS
from petoolkit.text import ALL, counted, in_percent, interval, listing, points, setting_label

_TOOL_ACC = METRICS["tool_acc"].label
_LEVEL = 0.05
_MOST_NAMED = 5  # models in a sentence
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
    """Who leads, what to compare with, and which models differ from the best rule (or the first) by a test."""
    sentences = [_highest([(run, run.result.score(ALL, "tool_acc")) for run in group.runs[:1]], _TOOL_ACC, group)]
    if rule := group.best_rule(ALL, "tool_acc"):
        sentences.append(f"The best rule, {rule.name}, has {in_percent(rule.value)}.")
    sentences.append(f"Chance is {in_percent(group.first.chance[ALL]['tool_acc'])}.")
    sentences.append(differences_in_words(group, rule.name if rule and group.models else None))
    return " ".join(sentences).rstrip()


def asked_pairs(group: RunGroup) -> list[Run]:
    """Runs with pairs of users of one block."""
    return [run for run in group.runs if run.result.pairs]


def asked_without_history(group: RunGroup) -> list[Run]:
    """Runs that were asked the counterfactual `no-history`, so that their gain is known."""
    return [run for run in group.runs if (gain := run.result.history_gain.get(ALL)) and gain.value is not None]


def asked_overrides(group: RunGroup) -> list[Run]:
    """Runs that were asked the counterfactual `override`."""
    return [run for run in group.runs if (share := run.result.taste_followed()) and share.value is not None]


def with_tokens(group: RunGroup) -> list[Run]:
    """Runs whose tokens a reply are known."""
    return [run for run in group.runs if run.result.tokens_a_reply is not None]


def pairs(group: RunGroup) -> str:
    """Whose calls differ between users as their preferences do, most often."""
    runs = asked_pairs(group)
    found = [(run, run.result.pairs[ALL].score) for run in runs]
    highest = _highest(found, "pair accuracy given the function", group)
    return f"{highest} A model that answers the users of a block alike has 0."


def gains(group: RunGroup) -> str:
    """For whom the history is worth something: an interval of paired differences, corrected for their number."""
    found = {run.label: run.result.history_gain[ALL] for run in asked_without_history(group)}
    p_values = dict(zip(found, holm([_p_value(gain) for gain in found.values()]), strict=True))
    metric = METRICS["preference_acc"].label
    supported = [label for label in found if p_values[label] < _LEVEL]
    how = f"paired differences over blocks, corrected for {counted(len(found), 'test')}"
    groups = {
        "higher with history": [label for label in supported if (found[label].value or 0) > 0],
        "lower with history": [label for label in supported if (found[label].value or 0) < 0],
    }
    sentences = []
    for what, labels in groups.items():
        if labels:
            gained = [found[label].value or 0.0 for label in labels]
            listed = listing([f"{label} ({points(one)} points)" for label, one in zip(labels, gained, strict=True)])
            if len(labels) > _MOST_NAMED:
                listed = f"{len(labels)} of {len(found)} ({points(min(gained))} to {points(max(gained))} points)"
            sentences.append(f"{metric} over all settings is {what} for {listed}.")
    if rest := [label for label in found if label not in supported]:
        sentences.append(f"No difference is supported for {listing(rest, len(rest))}.")
    return f"{' '.join(sentences)} The tests: {how}."


def overrides(group: RunGroup) -> str:
    """How often the taste was followed against the request, at least and at most."""
    found = {run.label: run.result.counterfactual_scores["override"][ALL] for run in asked_overrides(group)}
    rows = max(one.rows for one in found.values())
    shares = {label: one.other.value or 0.0 for label, one in found.items() if one.other}
    least, most = min(shares, key=lambda label: shares[label]), max(shares, key=lambda label: shares[label])
    sentence = (
        f"Of {counted(rows, 'row')} whose request goes against the user's taste, the taste's tool was called in "
    )
    if len(shares) == 1:
        return f"{sentence}{in_percent(shares[least])} by {least}. 0 is best; more is over-personalisation."
    return (
        f"{sentence}{in_percent(shares[least])} (the lowest share, {least}) to {in_percent(shares[most])} (the "
        f"highest, {most}). 0 is best; more is over-personalisation. Differences between models were not tested."
    )


def tokens(group: RunGroup) -> str:
    """How long replies are."""
    found = {run.label: run.result.tokens_a_reply or 0.0 for run in with_tokens(group)}
    shortest, longest = min(found, key=lambda label: found[label]), max(found, key=lambda label: found[label])
    return (
        f"Replies have {found[shortest]:,.0f} tokens on average for {shortest}, and {found[longest]:,.0f} for "
        f"{longest}, with the reasoning that is counted. Models differ in more than the length of their replies, so "
        "this shows a price, not a cause."
    )


def _highest(found: list[tuple[Run, Score]], what: str, group: RunGroup) -> str:
    """The highest share of runs, with its interval; oracles, which are bounds, only where there is nothing else."""
    shown = [pair for pair in found if not pair[0].result.is_oracle] or found
    run, score = max(shown, key=lambda pair: pair[1].value or 0.0)
    has = f"has the highest {what}," if len(group.runs) > 1 else f"has a {what} of"
    between = f" (95\N{NO-BREAK SPACE}% interval {interval(score)})" if interval(score) else ""
    return f"{run.label} {has} {in_percent(score.value)}{between}."


def _p_value(gain: Difference) -> float:
    """The two-sided p-value of a paired difference, by the normal distribution that its 95 % interval stands for."""
    if gain.value is None or gain.low is None or gain.high is None or not gain.value:
        return 1.0
    error = (gain.high - gain.low) / (2 * NormalDist().inv_cdf(0.975))
    return 2 * (1 - NormalDist().cdf(abs(gain.value) / error)) if error else 0.0


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
    """Tool Acc with and without history, by setting, and for whom a test supports the difference over all settings."""
    sentences = []
    for setting in group.settings:
        found = [
            (_tool_acc(one.with_history, setting), _tool_acc(one.without_history, setting)) for one in group.pairs
        ]
        name = f"{setting_label(setting).capitalize()}:"
        if len(found) == 1:
            with_history, without = found[0]
            sentences.append(
                f"{name} {group.pairs[0].model} has {in_percent(with_history)} with history and {in_percent(without)} "
                "without."
            )
        else:
            better = sum(with_history > without for with_history, without in found)
            sentences.append(f"{name} {better} of {len(found)} models have a higher {_TOOL_ACC} with history.")
    return " ".join([*sentences, _tested_pairs(group)])


def _tested_pairs(group: RunGroup) -> str:
    """For which models a test supports what the history changes over all settings."""
    tested, pair = group.differences, group.pairs[0]
    if not tested.found:
        folders = f"{pair.without_history.result.folder} {pair.with_history.result.folder}"
        return f"These differences were not tested; petoolbench compare tests one: petoolbench compare {folders}."
    by_words: dict[str, list[str]] = {}
    for one in group.pairs:
        label, others = one.with_history.label, [one.without_history]
        is_higher, is_lower = tested.higher(label, others), tested.lower(label, others)
        words = "higher with history" if is_higher else "lower with history" if is_lower else "not told apart"
        by_words.setdefault(words, []).append(one.model)
    listed = "; ".join(f"{words}: {listing(models, len(models))}" for words, models in by_words.items())
    return f"Over all settings, by {tested.how}, {listed}."


def by_history_length(group: RunGroup) -> str:
    """Whose Tool Acc depends on the length of the history."""
    setting = group.history_length_setting
    bands, small = group.readable_bands("history_length", setting)
    if len(bands) < 2:
        return f"There is nothing to compare: all histories are {bands[0]} interactions long.{_left_out(small)}"
    return f"{dependence_on(group, 'history_length')}{_left_out(small)}"


def by_gold_position(group: RunGroup) -> str:
    """Whose Tool Acc depends on the position of the gold tool among the candidates."""
    return f"{dependence_on(group, 'gold_position')}{_left_out(group.readable_bands('gold_position', ALL)[1])}"


def dependent(group: RunGroup, dimension: str) -> list[Run]:
    """Runs whose Tool Acc depends on a dimension that they can see, by the corrected test."""
    found = _corrected(group)
    return [
        run
        for run in group.runs
        if found.get((run.label, dimension), 1.0) < _LEVEL and dimension not in run.cannot_depend_on
    ]


def why_no_figure(group: RunGroup, dimension: str) -> str:
    """Why a figure by a dimension would say nothing, as a clause; empty if it says something."""
    of_all = _DIMENSIONS[dimension][1]
    bands, _ = group.readable_bands(dimension, ALL if of_all else group.history_length_setting)
    return "" if len(bands) > 1 and dependent(group, dimension) else "no difference is supported"


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
