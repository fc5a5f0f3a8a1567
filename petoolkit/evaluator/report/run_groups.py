"""Runs grouped by the rows that they are about; only runs of one group are compared."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING

from petoolbench import SETTINGS, InputError
from petoolkit.audit_record import AuditRecord, read_audit
from petoolkit.evaluator.history_methods.method_table import FULL, NONE
from petoolkit.evaluator.models.baselines import BASELINES
from petoolkit.evaluator.records import BREAKDOWNS, Score, Scores
from petoolkit.replies import READERS
from petoolkit.text import ALL

if TYPE_CHECKING:
    from petoolkit.evaluator.report.tested_differences import TestedDifferences

FEWEST_ROWS = 10  # of a band in a figure: a share of fewer rows says nothing
_MAY_DIFFER_IN_A_PAIR = {"history", "seed", "repeat"}


@dataclass(frozen=True)
class Run:
    """The scores of one evaluation, and its label, which no other run of the group has."""

    label: str
    result: Scores

    def band_tool_acc(self, dimension: str, setting: str, band: str) -> Score:
        """Tool Acc (robust reader) of the rows of one band."""
        return self.result.breakdowns[dimension][setting][band].scores[READERS[0]]["tool_acc"]

    @property
    def cannot_depend_on(self) -> tuple[str, ...]:
        """Dimensions that the run's calls cannot depend on, since it is a rule that does not see them."""
        rule = BASELINES.get(self.result.model.removeprefix("baseline:")) if self.result.is_rule else None
        return rule.cannot_depend_on if rule else ()


@dataclass(frozen=True)
class BestRule:
    """The rule with the highest share in one metric."""

    name: str
    value: float


@dataclass(frozen=True)
class HistoryPair:
    """Two runs of one model on the same rows, asked in the same way, with and without history."""

    model: str
    with_history: Run
    without_history: Run


@dataclass(frozen=True)
class RunGroup:
    """Runs on the same rows, sorted by Tool Acc (all rows, robust reader), the highest first; oracles stand last."""

    number: int  # from 1
    runs: list[Run]

    @property
    def first(self) -> Scores:
        """The first run's scores, for what all runs share: rows, chance, sizes of bands."""
        return self.runs[0].result

    @cached_property
    def audit(self) -> AuditRecord | None:
        """The audit of the dataset; `None` if the dataset is not a folder, or holds none of its rows."""
        dataset = Path(self.first.dataset)
        return read_audit(dataset) if dataset.is_dir() else None

    @cached_property
    def differences(self) -> "TestedDifferences":
        """Differences of Tool Acc between runs, tested where rows and replies are at hand."""
        from petoolkit.evaluator.report.tested_differences import tested_differences

        return tested_differences(self)

    @cached_property
    def settings(self) -> list[str]:
        """The settings of the rows, in the paper's order."""
        return [setting for setting in SETTINGS if setting in self.first.rows]

    @cached_property
    def settings_and_all(self) -> list[str]:
        """The settings of the rows, and `all` if there are several."""
        return [*self.settings, ALL] if len(self.settings) > 1 else self.settings

    @cached_property
    def history_length_setting(self) -> str:
        """The setting in which Tool Acc is shown by history length: preferred-only in the paper."""
        return self.settings[0]

    @cached_property
    def models(self) -> list[Run]:
        """Runs of models that are not rules (or oracles) of the toolkit."""
        return [run for run in self.runs if not run.result.is_rule]

    @cached_property
    def pairs(self) -> list[HistoryPair]:
        """Pairs of runs that differ only in the history, in the order of the models."""
        with_history = [run for run in self.runs if run.result.options.history == FULL]
        without_history = [run for run in self.runs if run.result.options.history == NONE]
        return [
            HistoryPair(a.label, a, b)
            for a, b in product(with_history, without_history)
            if pair_key(a.result) == pair_key(b.result)
        ]

    def best_rule(self, setting: str, metric: str, reader: str = READERS[0]) -> BestRule | None:
        """The best rule that any run's scores name, or that is among the runs; the first of equals."""
        named = [run.result.best_rule.get(setting, {}).get(reader, {}).get(metric) for run in self.runs]
        rules = [BestRule(rule.name, rule.value) for rule in named if rule and rule.value is not None]
        for run in self.runs:
            value = run.result.score(setting, metric, reader).value
            if run.result.is_opponent and value is not None:
                rules.append(BestRule(run.label, value))
        return max(rules, key=lambda rule: rule.value, default=None)

    def band_sizes(self, dimension: str, setting: str) -> dict[str, int]:
        """Number of rows by band of a breakdown, in its order."""
        return self.first.band_sizes(dimension, setting)

    def readable_bands(self, dimension: str, setting: str) -> tuple[list[str], list[str]]:
        """The bands that a figure can show, and those with fewer than `FEWEST_ROWS` rows, which it leaves out.

        Where all bands are that small, none is left out.
        """
        sizes = self.band_sizes(dimension, setting)
        small = [name for name, rows in sizes.items() if rows < FEWEST_ROWS]
        return ([name for name in sizes if name not in small], small) if len(small) < len(sizes) else (list(sizes), [])


def group_runs(results: list[Scores]) -> list[RunGroup]:
    """Group evaluations by their rows, in the order given; in a group, they are sorted and labelled.

    Raises:
        InputError: if evaluations of the same fingerprint count their rows in different ways.
    """
    by_rows: dict[str, list[Scores]] = {}
    for result in results:
        same_rows = by_rows.setdefault(result.fingerprint, [])
        same_rows.append(result)
        if _sizes(result) != _sizes(same_rows[0]):
            raise InputError(
                f"{result.folder} and {same_rows[0].folder} have the same rows, but count them in different ways; run "
                "`petoolbench score` on both."
            )
    groups = []
    for number, same_rows in enumerate(by_rows.values(), 1):
        runs = [Run(label, result) for label, result in zip(_labels(same_rows), same_rows, strict=True)]
        runs.sort(key=lambda run: (run.result.is_oracle, -(run.result.score(ALL, "tool_acc").value or 0), run.label))
        groups.append(RunGroup(number, runs))
    return groups


def pair_key(result: Scores) -> tuple:
    """What is equal of runs that differ in what was shown of histories, in seeds and repeats alone."""
    return result.model, result.options.model_dump(exclude=_MAY_DIFFER_IN_A_PAIR)


def _sizes(result: Scores) -> tuple:
    return result.rows, [result.band_sizes(dimension, setting) for dimension in BREAKDOWNS for setting in result.rows]


def _labels(results: list[Scores]) -> Iterator[str]:
    """Labels of runs on the same rows: the model's name, options that differ between runs of one model, and the
    folder where these are the same."""
    by_model: dict[str, list[Scores]] = {}
    for result in results:
        by_model.setdefault(result.model, []).append(result)
    labels = [_label(result, by_model[result.model]) for result in results]
    for label, result in zip(labels, results, strict=True):
        yield label if Counter(labels)[label] == 1 else f"{label} [{result.folder}]"


def _label(result: Scores, same_model: list[Scores]) -> str:
    label = [result.model.removeprefix("baseline:")]
    if result.options.history != FULL:
        label.append("no history" if result.options.history == NONE else f"history {result.options.history}")
    others = [other.options.model_dump() for other in same_model]
    for name, value in result.options.model_dump(exclude={"history"}).items():
        if any(other.get(name) != value for other in others):
            label.append(f"{name} {value}")
    return ", ".join(label)
