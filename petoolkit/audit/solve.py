"""What each solver scores on a dataset, with intervals over blocks."""

import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import numpy as np

from petoolbench import SETTINGS, InputError
from petoolkit.attribute_reading import SentenceReader
from petoolkit.audit.audit_rows import AuditRows, Part, column_of, rows_of
from petoolkit.audit.checked_rows import CheckedRows
from petoolkit.audit.choices import Choices
from petoolkit.audit.rating_order import shares_later
from petoolkit.audit.solver import FittingRows, Learner, Solver, share_right
from petoolkit.audit.solvers import SOLVERS
from petoolkit.engines.engine import HERE, Engine
from petoolkit.evaluator.scores.bootstrap import cluster_sums, ratio_intervals

FOLDS = 10  # where there are no other rows to fit on: whole blocks are left out in turn
ROUNDS, SEED = 1000, 0
_ALL = 0  # the fold of all rows where there are others to fit on

Learned = dict[int, dict[str, Learner]]  # by fold, and by the solver's name
OnRows = Callable[[int], None]  # gets the number of rows that were gone through


@dataclass(frozen=True)
class Solved:
    """The score of one solver in one setting, in shares of the rows.

    Args:
        solver: which one.
        right: (rows,) probability that it chooses an acceptable tool.
        value: the mean of these.
        low, high: bounds of its 95 % interval over blocks; `None` if there is one block only.
    """

    solver: Solver
    right: np.ndarray
    value: float
    low: float | None
    high: float | None


@dataclass(frozen=True)
class SolvedSetting:
    """What was found in the rows of one setting.

    Args:
        clusters: (rows,) names of the blocks, or of the function groups where there are no blocks.
        ceiling: what a model scores that knows which tools do the job, and nothing of the user.
        solved: the scores.
        not_asked: for each solver that was not asked, why.
        later: (rows,) see `shares_later`; NaN for rows that have none.
        liked, disliked: number of past calls, as the setting lets one know.
    """

    clusters: list[str]
    ceiling: float
    solved: list[Solved]
    not_asked: dict[str, str]
    later: np.ndarray
    liked: int
    disliked: int


class _Asked(NamedTuple):
    """Rows of one setting to learn of, or to solve.

    Args:
        setting: of the rows.
        part: the rows.
        chosen: the fold that learns or solves, the numbers of its rows in the part (all if `None`), and the number of
            the first of them among all of the fold.
    """

    setting: str
    part: Part
    chosen: list[tuple[int, np.ndarray | None, int]]


class _Answers(NamedTuple):
    """Of a part.

    Args:
        setting: of the rows.
        rights: by solver, (rows,) probability that it is right, or why it could not be asked.
        acceptable: (rows,) share of the candidates that count as right.
        later: see `SolvedSetting`.
        liked, disliked: see `SolvedSetting`.
    """

    setting: str
    rights: dict[str, np.ndarray | str]
    acceptable: np.ndarray
    later: np.ndarray
    liked: int
    disliked: int


class _Setting:
    """One setting of a dataset that is asked.

    Args:
        rows: of the dataset.
        checked: what was counted of them.
        setting, split: that are asked.
    """

    def __init__(self, rows: AuditRows, checked: CheckedRows, setting: str, split: str):
        self._rows, self._checked, self._setting, self._split = rows, checked, setting, split
        self.clusters: list[str] = []
        self._tools: set[str] = set()
        self.has_others = split == "test" and checked.to_ask[setting, "train"] > 0
        units: list[str] = []
        for part in self.parts(split):
            blocks = column_of(part, "block_id")
            pairs = zip(blocks, column_of(part, "group_id"), strict=True)
            self.clusters += [sys.intern(block or group) for block, group in pairs]
            self._tools.update(name for names in column_of(part, "same_function_tools") for name in names)
            if not self.has_others:
                users = column_of(part, "user_id")
                units += [block or user for block, user in zip(blocks, users, strict=True)]
        self._folds = None if self.has_others else np.unique(units, return_inverse=True)[1] % FOLDS
        self._units = len(set(units))

    def parts(self, split: str) -> Iterator[Part]:
        """The rows to solve or, of the training split, to fit on."""
        return self._rows.to_ask(self._setting, split, self._checked.broken_ids)

    def why_not(self, solver: Solver) -> str | None:
        """Why a solver cannot be asked."""
        key = self._setting, self._split
        having = {what: self._checked.having[*key, what] for what in ("described calls", "described tools", "taste")}
        if "provider descriptions" in solver.needs and not (having["described calls"] and having["described tools"]):
            return "providers are not described"
        if "a taste" in solver.needs and having["taste"] < self._checked.to_ask[key]:
            return "rows do not say what decided"
        if solver.kind == "blind reader" and SETTINGS[self._setting].dislikes == "none":
            return "there is nothing to be blind to: histories hold liked calls alone"
        if solver.learner and not self.has_others and self._units < 2:
            return "there are no other rows to fit it on"
        return None

    def fitting(self) -> dict[int, FittingRows]:
        """The rows to fit on, by the fold that is solved with them."""
        tools = frozenset(self._tools)
        if self._folds is None:
            return {_ALL: FittingRows(self._checked.to_ask[self._setting, "train"], tools)}
        return {int(fold): FittingRows(int((self._folds != fold).sum()), tools) for fold in np.unique(self._folds)}

    def to_learn(self) -> Iterator[_Asked]:
        """The parts to learn of."""
        start = 0
        firsts: Counter[int] = Counter()
        for part in self.parts("train" if self.has_others else self._split):
            if self._folds is None:
                yield _Asked(self._setting, part, [(_ALL, None, start)])
            else:
                folds = self._folds[start : start + len(part)]
                chosen = [(int(fold), np.flatnonzero(folds != fold)) for fold in np.unique(self._folds)]
                yield _Asked(self._setting, part, [(fold, numbers, firsts[fold]) for fold, numbers in chosen])
                firsts.update({fold: len(numbers) for fold, numbers in chosen})
            start += len(part)

    def to_solve(self) -> Iterator[_Asked]:
        """The parts to solve."""
        start = 0
        for part in self.parts(self._split):
            if self._folds is None:
                yield _Asked(self._setting, part, [(_ALL, None, start)])
            else:
                folds = self._folds[start : start + len(part)]
                yield _Asked(
                    self._setting,
                    part,
                    [(int(fold), np.flatnonzero(folds == fold), 0) for fold in np.unique(folds)],
                )
            start += len(part)


def solve(
    rows: AuditRows,
    checked: CheckedRows,
    split: str,
    on_rows: OnRows = lambda number: None,
    engine: Engine = HERE,
) -> dict[str, SolvedSetting]:
    """Ask all solvers that can be asked.

    Solvers learn of the training rows when the test split is asked; if there are none, of the rows themselves without
    the blocks (or users) that they solve.

    Args:
        rows: of a dataset.
        checked: what was counted of them.
        split: that is asked.
        on_rows: gets the number of rows that were gone through.
        engine: asks the solvers about parts.

    Returns:
        What was found, by setting.
    """
    names = [setting for setting in SETTINGS if checked.to_ask[setting, split]]
    settings = {setting: _Setting(rows, checked, setting, split) for setting in names}
    why_not = {
        setting: {name: why for name, solver in SOLVERS.items() if (why := one.why_not(solver))}
        for setting, one in settings.items()
    }
    learned = _learned(settings, why_not, on_rows, engine)
    reads = any(
        "provider descriptions" in SOLVERS[name].needs for setting in names for name in _asked(why_not[setting])
    )
    answer = partial(_answer, dict(SOLVERS), why_not, learned, _reader(checked.sentences) if reads else None)
    answers: dict[str, list[_Answers]] = defaultdict(list)
    parts = (part for one in settings.values() for part in one.to_solve())
    for _, found in engine.run(answer, parts):
        on_rows(len(found.later))
        answers[found.setting].append(found)
    return {setting: _solved(settings[setting].clusters, why_not[setting], answers[setting]) for setting in names}


def _asked(why_not: Mapping[str, str]) -> list[str]:
    return [name for name in SOLVERS if name not in why_not]


def _reader(sentences: set[str]) -> SentenceReader | None:
    """What reads descriptions, whose sentences are embedded here; `None` without a model, which a solver says."""
    try:
        return SentenceReader(sorted(sentences))
    except InputError:
        return None


def _learned(
    settings: Mapping[str, _Setting], why_not: Mapping[str, Mapping[str, str]], on_rows: OnRows, engine: Engine
) -> dict[str, Learned]:
    """What the solvers have learned, by setting."""
    rows = {setting: one.fitting() for setting, one in settings.items()}
    learners = {
        setting: {name: learner for name in _asked(why_not[setting]) if (learner := SOLVERS[name].learner)}
        for setting in settings
    }
    learned: dict[str, Learned] = {
        setting: {fold: {name: make(one) for name, make in learners[setting].items()} for fold, one in folds.items()}
        for setting, folds in rows.items()
    }
    parts = (part for setting, one in settings.items() if learners[setting] for part in one.to_learn())
    for _, (setting, number, found) in engine.run(partial(_learn, learners, rows), parts):
        on_rows(number)
        for fold, by_name in found.items():
            for name, part in by_name.items():
                learned[setting][fold][name].merge(part)
    keys = [(s, fold, name) for s, folds in learned.items() for fold, by_name in folds.items() for name in by_name]
    fitted = engine.run(_fitted, (learned[setting][fold].pop(name) for setting, fold, name in keys))
    for (setting, fold, name), (_, done) in zip(keys, fitted, strict=True):
        learned[setting][fold][name] = done
    return learned


def _learn(
    learners: Mapping[str, Mapping[str, Callable[[FittingRows], Learner]]],
    rows: Mapping[str, Mapping[int, FittingRows]],
    asked: _Asked,
) -> tuple[str, int, Learned]:
    """What is learned of a part, with its setting and the number of its rows."""
    choices = Choices(rows_of(asked.part))
    learned: Learned = {}
    for fold, numbers, first in asked.chosen:
        own = choices if numbers is None else choices.at(numbers)
        learned[fold] = {name: make(rows[asked.setting][fold]) for name, make in learners[asked.setting].items()}
        for learner in learned[fold].values():
            learner.add(own, first)
    return asked.setting, len(choices.rows), learned


def _fitted(learner: Learner) -> Learner:
    learner.fit()
    return learner


def _answer(
    solvers: Mapping[str, Solver],
    why_not: Mapping[str, Mapping[str, str]],
    learned: Mapping[str, Learned],
    reader: SentenceReader | None,
    asked: _Asked,
) -> _Answers:
    """Ask the solvers about a part."""
    choices = Choices(rows_of(asked.part), reader)
    own = [(fold, numbers, choices if numbers is None else choices.at(numbers)) for fold, numbers, _ in asked.chosen]
    rights: dict[str, np.ndarray | str] = {}
    for name, solver in solvers.items():
        if name not in why_not[asked.setting]:
            rights[name] = right = np.zeros(len(choices.rows))
            for fold, numbers, some in own:
                found = _right_or_why_not(solver, learned[asked.setting].get(fold, {}).get(name), some)
                if isinstance(found, str):
                    rights[name] = found
                    break
                right[slice(None) if numbers is None else numbers] = found
    signs = [liking > 0 for liking in choices.liking]
    liked = sum(int(sign.sum()) for sign in signs)
    return _Answers(
        asked.setting,
        rights,
        np.array([acceptable.mean() for acceptable in choices.acceptable]),
        shares_later(choices),
        liked,
        sum(map(len, signs)) - liked,
    )


def _right_or_why_not(solver: Solver, learned: Learner | None, choices: Choices) -> np.ndarray | str:
    """(rows,) probabilities that a solver is right, or why it cannot be asked."""
    try:
        return share_right(solver.score(learned, choices), choices)
    except InputError as error:  # a model that cannot be loaded
        return str(error)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        if "a taste" not in solver.needs:
            raise
        return f"the rows' `taste` is not that of a build ({type(error).__name__})"


def _solved(clusters: Sequence[str], why_not: Mapping[str, str], answers: Sequence[_Answers]) -> SolvedSetting:
    """The scores of one setting, out of the answers about its parts, which lose what was taken of them."""
    numbers = numbers_of(clusters)
    solved, not_asked = [], {}
    for name, solver in SOLVERS.items():
        found = [one.rights.pop(name) for one in answers] if name not in why_not else []
        rights = [right for right in found if not isinstance(right, str)]
        if len(rights) < len(found) or not found:
            not_asked[name] = next((why for why in found if isinstance(why, str)), why_not.get(name, ""))
        else:
            right = np.concatenate(rights)
            value, low, high = mean_with_interval(right, numbers)
            solved.append(Solved(solver, right, value, low, high))
    return SolvedSetting(
        list(clusters),
        float(np.mean(np.concatenate([one.acceptable for one in answers]))),
        solved,
        not_asked,
        np.concatenate([one.later for one in answers]),
        sum(one.liked for one in answers),
        sum(one.disliked for one in answers),
    )


def numbers_of(names: Sequence[str]) -> np.ndarray:
    """(names,) the number of each among the distinct ones in order; an array of texts would take far more memory."""
    numbers = {name: number for number, name in enumerate(sorted(set(names)))}
    return np.fromiter(map(numbers.__getitem__, names), np.int64, len(names))


def mean_with_interval(values: np.ndarray, clusters: np.ndarray) -> tuple[float, float | None, float | None]:
    """The mean of (rows,) values, and its 95 % interval over clusters; no interval if there is one cluster only."""
    everything = np.arange(len(values))
    sums, numbers = (cluster_sums(each, everything, clusters)[:, None] for each in (values, np.ones(len(values))))
    low, high = ratio_intervals(sums, numbers, ROUNDS, SEED)
    return float(values.mean()), _bound(low), _bound(high)


def _bound(values: np.ndarray) -> float | None:
    return None if np.isnan(values[0]) else float(values[0])
