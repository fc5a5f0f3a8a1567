"""What a report's numbers say, in sentences computed from them."""

from petoolkit.evaluator.report.run_groups import FEWEST_ROWS, Part, Run
from petoolkit.evaluator.report.score_files import Score
from petoolkit.text import ALL, counted, in_percent, interval, listing, points, setting_label


def warnings(parts: list[Part]) -> list[str]:
    """What a reader must know before any number."""
    sentences = []
    if len(parts) > 1:
        names = listing([f"part {part.number}: {part.first.dataset}, rows {part.first.fingerprint}" for part in parts])
        sentences.append(
            f"These folders were evaluated on {len(parts)} different sets of rows ({names}). Each set has a part of "
            "its own below; do not compare numbers of different parts."
        )
    for run in (run for part in parts for run in part.runs):
        if missing := run.result.counts[ALL].missing:
            sentences.append(
                f"{run.label}: {missing:,} of {run.result.replies:,} replies are missing (failed requests) and count "
                "as wrong; the same petoolbench evaluate command asks for them again."
            )
    return sentences


def overview(part: Part) -> str:
    """Who leads, and which models stand clearly above or below the best rule."""
    leader = part.runs[0]
    score = leader.result.score(ALL, "tool_acc")
    leads = "has the highest Tool Acc," if len(part.runs) > 1 else "has a Tool Acc of"
    sentences = [
        f"{leader.label} {leads} {in_percent(score.value)} (95\N{NO-BREAK SPACE}% interval {interval(score)})."
    ]
    rule, models = part.best_rule(ALL, "tool_acc"), part.models
    if rule and models:
        scores = [run.result.score(ALL, "tool_acc") for run in models]
        above = sum(score.low is not None and score.low > rule.value for score in scores)
        below = sum(score.high is not None and score.high < rule.value for score in scores)
        sentences.append(f"The best rule, {rule.name}, has {in_percent(rule.value)}:")
        sentences.append(
            f"of {counted(len(models), 'model')}, {above or 'none'} with the whole interval above it, "
            f"{below or 'none'} below."
        )
    sentences.append(f"Chance is {in_percent(part.first.chance[ALL]['tool_acc'])}.")
    return " ".join(sentences)


def rows(part: Part) -> str:
    """How many rows there are, and how long most histories are."""
    sizes = {setting: part.first.rows[setting] for setting in part.settings}
    if len(set(sizes.values())) == 1:
        each = f"{next(iter(sizes.values())):,} in each setting" if len(sizes) > 1 else setting_label(part.settings[0])
    else:
        each = listing([f"{number:,} {setting_label(setting)}" for setting, number in sizes.items()])
    sentence = f"{counted(part.first.rows[ALL], 'row')}, {each}."
    if lengths := part.band_sizes("history_length", ALL):
        band = max(lengths, key=lambda name: lengths[name])
        share = in_percent(lengths[band] / sum(lengths.values()))
        sentence += f" The most common history length is {band} interactions ({share} of rows)."
    return sentence


def categories(part: Part) -> str:
    """How evenly rows spread over categories."""
    sizes = sorted(part.band_sizes("category", ALL).items(), key=lambda item: -item[1])
    total = sum(number for _, number in sizes)
    sentence = (
        f"{len(sizes):,} {'category' if len(sizes) == 1 else 'categories'}; the largest, {sizes[0][0]}, holds "
        f"{in_percent(sizes[0][1] / total)} of the rows"
    )
    if len(sizes) > 5:
        sentence += f", the five largest {in_percent(sum(number for _, number in sizes[:5]) / total)}"
    return f"{sentence}."


def history_pairs(part: Part) -> str:
    """What the history is worth, by setting."""
    sentences = []
    for place in part.settings:
        gains = [_value(pair.with_history, place) - _value(pair.without, place) for pair in part.pairs]
        name = f"{setting_label(place).capitalize()}:"
        if len(gains) == 1:
            sentences.append(f"{name} {points(gains[0])} points with history for {part.pairs[0].model}.")
        else:
            better = sum(gain > 0 for gain in gains)
            mean = points(sum(gains) / len(gains))
            sentences.append(f"{name} {better} of {len(gains)} models better with history, {mean} points on average.")
    return " ".join(sentences)


def by_length(part: Part, runs: list[Run]) -> str:
    """Whether Tool Acc falls from the shortest histories to the longest."""
    place = part.length_setting
    bands, small = part.readable_bands("history_length", place)
    if len(bands) < 2:
        return f"There is nothing to compare: histories are {bands[0]} interactions long.{_left_out(small)}"
    changes = [[_band(run, "history_length", place, bands[at]) for at in (0, -1)] for run in runs]
    falls = [(first, last) for first, last in changes if _fall(first, last) > 0]
    clear = [ends for ends in falls if _apart(*ends)]
    steepest, (first, last) = max(zip(runs, changes, strict=True), key=lambda item: abs(_fall(*item[1])))
    return (
        f"From histories of {bands[0]} to {bands[-1]} interactions, Tool Acc falls for {len(falls)} of "
        f"{counted(len(runs), 'model')} ({len(clear) or 'none'} with intervals that do not overlap). The largest "
        f"change: {steepest.label}, {in_percent(first.value)} to {in_percent(last.value)}.{_left_out(small)}"
    )


def by_position(part: Part, runs: list[Run]) -> str:
    """Whether Tool Acc depends on where the gold tool stands among the candidates."""
    places, small = part.readable_bands("gold_position", ALL)
    ends = []
    for run in runs:
        scores = [(_band(run, "gold_position", ALL, at), at) for at in places]
        scores.sort(key=lambda item: item[0].value or 0)
        ends.append((scores[-1], scores[0]))
    widest, ((best, best_at), (worst, worst_at)) = max(
        zip(runs, ends, strict=True), key=lambda item: _fall(item[1][0][0], item[1][1][0])
    )
    clear = sum(_apart(best, worst) for (best, _), (worst, _) in ends)
    return (
        f"{widest.label} depends most on the gold tool's place: {in_percent(best.value)} at place {best_at}, "
        f"{in_percent(worst.value)} at place {worst_at}. For {clear or 'none'} of {counted(len(runs), 'model')} the "
        f"intervals of the best and the worst place do not overlap.{_left_out(small)}"
    )


def _left_out(bands: list[str]) -> str:
    return f" Left out for fewer than {FEWEST_ROWS} rows: {listing(bands)}." if bands else ""


def _value(run: Run, place: str) -> float:
    return run.result.score(place, "tool_acc").value or 0.0


def _band(run: Run, what: str, place: str, band: str) -> Score:
    return run.result.breakdowns[what][place][band].scores["robust"]["tool_acc"]


def _fall(first: Score, last: Score) -> float:
    return (first.value or 0.0) - (last.value or 0.0)


def _apart(one: Score, other: Score) -> bool:
    """Whether two intervals have nothing in common."""
    if None in (one.low, one.high, other.low, other.high):
        return False
    return one.high < other.low or other.high < one.low  # type: ignore[operator]
