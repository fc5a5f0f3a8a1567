"""Shortcuts that gradient-boosted trees learn from features of the history, with and without who is who."""

import pickle
from functools import lru_cache, partial
from typing import Any, NamedTuple

import numpy as np

from petoolbench import PARAMETER_KINDS
from petoolkit.audit.choices import Choices, Provider
from petoolkit.audit.solver import FittingRows, Solver

_MOST_FITTED = 6_000  # rows


class _Values(NamedTuple):
    """What the history, blind to meaning, says of each same-function tool.

    Args:
        apart: (tools of all rows, values) of each by itself.
        lengths: (tools of all rows, values) of its document: they tell tools apart, and so are a part of who is who.
        providers: of these tools.
        numbers: of tools in each row.
        is_gold: (tools of all rows,).
    """

    apart: np.ndarray
    lengths: np.ndarray
    providers: list[Provider]
    numbers: list[int]
    is_gold: np.ndarray

    def features(self, names: dict[Provider, int] | None) -> np.ndarray:
        """(tools of all rows, features): what matters is a candidate beside its rivals.

        Args:
            names: numbers of providers; without them, the features do not say who is who.
        """
        values = self.apart
        if names is not None:
            who = np.array([[names.get(provider, -1)] for provider in self.providers], float).reshape(-1, 1)
            values = np.hstack([values, who, self.lengths])
        ends = np.cumsum(self.numbers)[:-1]
        return np.vstack([np.hstack([one, one - one.mean(axis=0)]) for one in np.split(values, ends)])


@lru_cache(maxsize=1)  # asked twice, with identities too
def _values(choices: Choices) -> _Values:
    apart: list[list[float]] = []
    lengths: list[list[int]] = []
    is_gold: list[bool] = []
    for row, tools, providers, called, liking in zip(
        choices.rows, choices.tools, choices.providers, choices.called_providers, choices.liking, strict=True
    ):
        length = max(len(called), 1)
        tool_names = [call["tool_name"] for call in row["history"]]
        categories = [provider[0] for provider in called]
        for position, (tool, provider) in enumerate(zip(tools, providers, strict=True)):
            own = np.array([n for n, other in enumerate(called) if other == provider], int)
            liked, seen = liking[own], len(own)
            same_category = np.array([n for n, other in enumerate(categories) if other == provider[0]], int)
            of_tool = np.array([n for n, other in enumerate(tool_names) if other == tool["tool_name"]], int)
            apart.append(
                [
                    seen,
                    (liked > 0).sum(),
                    (liked < 0).sum(),
                    liked.sum(),
                    (own.max() + 1) / length if seen else 0,
                    (own.min() + 1) / length if seen else 0,
                    len(of_tool),
                    liking[of_tool].sum(),
                    len(same_category),
                    liking[same_category].sum(),
                    len(called),
                    liking.mean() if len(called) else 0,
                    len(tools),
                    position,
                    row["candidate_tools"].index(tool),
                ]
            )
            lengths.append(_lengths(tool))
            is_gold.append(tool["tool_name"] == row["tool_call"]["tool_name"])
    return _Values(
        np.array(apart, float),
        np.array(lengths, float),
        [provider for providers in choices.providers for provider in providers],
        [len(tools) for tools in choices.tools],
        np.array(is_gold),
    )


@lru_cache(maxsize=1)
def _sampled(choices: Choices, first: int, step: int) -> Choices:
    """Every so many of all rows, of which these are some."""
    return choices if step == 1 else choices.at(range(-first % step, len(choices.rows), step))


def _lengths(tool: dict) -> list[int]:
    texts = [len(tool[field]) for field in ("tool_name", "tool_description", "provider_description")]
    return [*texts, *(len(tool[kind]) for kind in PARAMETER_KINDS)]


class Trees:
    """Gradient-boosted trees.

    Args:
        rows: that they are fitted on; of many, some evenly spread ones are taken.
        with_identity: whether they learn who is who.
    """

    def __init__(self, rows: FittingRows, with_identity: bool):
        self._step = -(-rows.number // _MOST_FITTED) if rows.number > _MOST_FITTED else 1
        self._with_identity = with_identity
        self._learned: list[_Values] = []
        self._names: dict[Provider, int] | None = None
        self._model = b""  # pickled: a process that only hands it on need not import what it is made of

    def add(self, choices: Choices, first: int) -> None:
        """See `Learner`."""
        sample = _sampled(choices, first, self._step)
        if sample.rows:
            self._learned.append(_values(sample))

    def merge(self, other: "Trees") -> None:
        """See `Learner`."""
        self._learned += other._learned

    def fit(self) -> None:
        """See `Learner`."""
        from sklearn.ensemble import HistGradientBoostingClassifier
        from threadpoolctl import threadpool_limits

        if self._with_identity:
            known = sorted({provider for one in self._learned for provider in one.providers})
            self._names = {provider: number for number, provider in enumerate(known)}
        model = HistGradientBoostingClassifier(max_iter=60, max_leaf_nodes=15, random_state=0)
        # On a busy machine, the threads of so small a model would wait for each other for minutes.
        with threadpool_limits(1):
            model.fit(
                np.vstack([one.features(self._names) for one in self._learned]),
                np.concatenate([one.is_gold for one in self._learned]),
            )
        self._learned.clear()
        self._model = pickle.dumps(model)

    def scores(self, choices: Choices) -> list[np.ndarray]:
        """For each row, (same-function tools,) scores."""
        from threadpoolctl import threadpool_limits

        values = _values(choices)
        with threadpool_limits(1):
            probabilities = _unpickled(self._model).predict_proba(values.features(self._names))[:, 1]
        return np.split(probabilities, np.cumsum(values.numbers)[:-1])


@lru_cache
def _unpickled(model: bytes) -> Any:
    return pickle.loads(model)


TREE_SOLVERS = (
    Solver(
        "trees",
        "what trees learn from counts and positions, without who is who",
        "shortcut",
        Trees.scores,
        learner=partial(Trees, with_identity=False),
    ),
    Solver(
        "trees-identity",
        "what trees learn from counts, positions, lengths of documents, and who is who",
        "shortcut",
        Trees.scores,
        learner=partial(Trees, with_identity=True),
    ),
)
