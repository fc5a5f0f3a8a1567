"""What a report says, as plain data: runs on the same rows make a part, and only runs of one part are compared."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import product

from petoolbench import SETTINGS, InputError
from petoolkit.evaluator.report.score_files import BREAKDOWNS, Result
from petoolkit.replies import READERS
from petoolkit.text import ALL

FEWEST_ROWS = 10  # of a band in a picture: a share of fewer says nothing
_DRAWN_AGAIN = {"history", "seed", "repeat"}  # options that may differ between runs with and without history


@dataclass(frozen=True)
class Run:
    """A result, and what the report calls it: no other run of its part has the same label."""

    label: str
    result: Result


@dataclass(frozen=True)
class Rule:
    """A rule model's share of one metric."""

    name: str
    value: float


@dataclass(frozen=True)
class Pair:
    """The same model, asked in the same way about the same rows, with and without history."""

    model: str
    with_history: Run
    without: Run


@dataclass(frozen=True)
class Part:
    """Runs on the same rows, the highest Tool Acc (over all, robust reader) first."""

    number: int  # from 1
    runs: list[Run]

    @property
    def first(self) -> Result:
        """Any of the results, for what they all share: rows, chance, sizes of bands."""
        return self.runs[0].result

    @cached_property
    def settings(self) -> list[str]:
        """The settings asked, in the paper's order."""
        return [setting for setting in SETTINGS if setting in self.first.rows]

    @cached_property
    def places(self) -> list[str]:
        """The settings asked, and `all` if there are several."""
        return [*self.settings, ALL] if len(self.settings) > 1 else self.settings

    @cached_property
    def length_setting(self) -> str:
        """Where Tool Acc is shown by history length: in the paper, preferred-only."""
        return self.settings[0]

    @cached_property
    def models(self) -> list[Run]:
        """Runs of models that are no rules of ours."""
        return [run for run in self.runs if not run.result.is_rule]

    @cached_property
    def pairs(self) -> list[Pair]:
        """Runs that differ in history only, in the order of the models."""
        seeing = [run for run in self.runs if run.result.options.history]
        blind = [run for run in self.runs if not run.result.options.history]
        return [Pair(a.label, a, b) for a, b in product(seeing, blind) if _question(a.result) == _question(b.result)]

    def best_rule(self, place: str, metric: str, reader: str = READERS[0]) -> Rule | None:
        """The best rule that any run knows of, those among the runs included; the first of equals."""
        found = [run.result.best_rule.get(place, {}).get(reader, {}).get(metric) for run in self.runs]
        known = [Rule(rule.name, rule.value) for rule in found if rule and rule.value is not None]
        for run in self.runs:
            value = run.result.score(place, metric, reader).value
            if run.result.is_rule and value is not None:
                known.append(Rule(run.label, value))
        return max(known, key=lambda rule: rule.value, default=None)

    def band_sizes(self, what: str, place: str) -> dict[str, int]:
        """Number of rows by band of a breakdown, in its order."""
        return self.first.band_sizes(what, place)

    def readable_bands(self, what: str, place: str) -> tuple[list[str], list[str]]:
        """The bands that a picture can show, and those left out for their few rows; none is where all are small."""
        sizes = self.band_sizes(what, place)
        small = [name for name, rows in sizes.items() if rows < FEWEST_ROWS]
        return ([name for name in sizes if name not in small], small) if len(small) < len(sizes) else (list(sizes), [])


def _question(result: Result) -> tuple:
    return result.model, result.options.model_dump(exclude=_DRAWN_AGAIN)


def report_parts(results: list[Result]) -> list[Part]:
    """Results by the rows they were asked about, in the order given; in a part, sorted and labelled.

    Raises:
        InputError: if folders of the same fingerprint count their rows in different ways.
    """
    by_rows: dict[str, list[Result]] = {}
    for result in results:
        together = by_rows.setdefault(result.fingerprint, [])
        together.append(result)
        if _sizes(result) != _sizes(together[0]):
            raise InputError(
                f"{result.folder} and {together[0].folder} have the same rows, but count them in different ways; run "
                "`petoolbench score` on both."
            )
    parts = []
    for number, together in enumerate(by_rows.values(), 1):
        runs = [Run(label, result) for label, result in zip(_labels(together), together, strict=True)]
        runs.sort(key=lambda run: (-(run.result.score(ALL, "tool_acc").value or 0), run.label))
        parts.append(Part(number, runs))
    return parts


def _sizes(result: Result) -> tuple:
    return result.rows, [result.band_sizes(what, place) for what in BREAKDOWNS for place in result.rows]


def _labels(results: list[Result]) -> Iterator[str]:
    """The model's name; with it the options that tell runs of one model apart, and the folder where none does."""
    by_model: dict[str, list[Result]] = {}
    for result in results:
        by_model.setdefault(result.model, []).append(result)
    labels = [_label(result, by_model[result.model]) for result in results]
    for label, result in zip(labels, results, strict=True):
        yield label if Counter(labels)[label] == 1 else f"{label} [{result.folder}]"


def _label(result: Result, same_model: list[Result]) -> str:
    words = [result.model.removeprefix("baseline:")]
    if not result.options.history:
        words.append("no history")
    others = [other.options.model_dump() for other in same_model]
    for key, value in result.options.model_dump(exclude={"history"}).items():
        if any(other.get(key) != value for other in others):
            words.append(f"{key} {value}")
    return ", ".join(words)
