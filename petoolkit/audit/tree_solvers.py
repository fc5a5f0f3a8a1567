"""Shortcuts that gradient-boosted trees learn from features of the history, with and without who is who."""

from functools import partial

import numpy as np

from petoolbench import PARAMETER_KINDS
from petoolkit.audit.choices import Choices
from petoolkit.audit.solver import Solver

_MOST_FITTED = 6_000  # rows


def _features(choices: Choices, names: dict | None) -> np.ndarray:
    """(same-function tools of all rows, features): what the history, blind to meaning, says of each candidate."""
    table = []
    for row, tools, providers, called, liking in zip(
        choices.rows, choices.tools, choices.providers, choices.called_providers, choices.liking, strict=True
    ):
        length = max(len(called), 1)
        tool_names = [call["tool_name"] for call in row["history"]]
        categories = [provider[0] for provider in called]
        apart = []
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
                    *([] if names is None else [names.get(provider, -1), *_lengths(tool)]),
                ]
            )
        # What matters is a candidate beside its rivals.
        values = np.array(apart, float)
        table.append(np.hstack([values, values - values.mean(axis=0)]))
    return np.vstack(table)


def _lengths(tool: dict) -> list[int]:
    """They tell tools apart, and so are a part of who is who."""
    texts = [len(tool[field]) for field in ("tool_name", "tool_description", "provider_description")]
    return [*texts, *(len(tool[kind]) for kind in PARAMETER_KINDS)]


def _trees(fitted: Choices, choices: Choices, with_identity: bool) -> list[np.ndarray]:
    from sklearn.ensemble import HistGradientBoostingClassifier
    from threadpoolctl import threadpool_limits

    if len(fitted.rows) > _MOST_FITTED:
        fitted = fitted.at(range(0, len(fitted.rows), -(-len(fitted.rows) // _MOST_FITTED)))
    names = None
    if with_identity:
        known = sorted({provider for providers in [*fitted.providers] for provider in providers})
        names = {provider: number for number, provider in enumerate(known)}
    is_gold = np.concatenate(
        [
            [tool["tool_name"] == row["tool_call"]["tool_name"] for tool in tools]
            for row, tools in zip(fitted.rows, fitted.tools, strict=True)
        ]
    )
    model = HistGradientBoostingClassifier(max_iter=60, max_leaf_nodes=15, random_state=0)
    # On a busy machine, the threads of so small a model would wait for each other for minutes.
    with threadpool_limits(1):
        model.fit(_features(fitted, names), is_gold)
        probabilities = model.predict_proba(_features(choices, names))[:, 1]
    ends = np.cumsum([len(tools) for tools in choices.tools])[:-1]
    return np.split(probabilities, ends)


TREE_SOLVERS = (
    Solver(
        "trees",
        "what trees learn from counts and positions, without who is who",
        "shortcut",
        partial(_trees, with_identity=False),
        ("fitting rows",),
    ),
    Solver(
        "trees-identity",
        "what trees learn from counts, positions, lengths of documents, and who is who",
        "shortcut",
        partial(_trees, with_identity=True),
        ("fitting rows",),
    ),
)
