"""Trees that weigh evidence, against trees by hand and against those of the library that fitted them."""

import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier

from petoolkit.selector.choice_trees import ChoiceTrees
from petoolkit.selector.fit_choice_ensemble import fit_choice_ensemble
from petoolkit.selector.fit_choice_trees import fit_choice_trees


def test_a_tree_by_hand():
    # Column 1 up to 0.5: 10. Beyond, column 0 up to 2: 20, beyond: 30. The second tree is one leaf.
    trees = ChoiceTrees(
        feature=np.array([[1, 0, 0, 0, 0], [0, 0, 0, 0, 0]]),
        threshold=np.array([[0.5, 0, 2.0, 0, 0], [0, 0, 0, 0, 0]]),
        below=np.array([[1, 1, 3, 3, 4], [0, 1, 2, 3, 4]]),
        above=np.array([[2, 1, 4, 3, 4], [0, 1, 2, 3, 4]]),
        value=np.array([[0, 10, 0, 20, 30], [1, 0, 0, 0, 0]]),
    )
    evidence = np.array([[9.0, 0.5], [2.0, 0.6], [2.1, 7.0]])
    assert trees.utilities(evidence).tolist() == [11, 21, 31]


def drawn_rows(seed):
    """Evidence, and which candidate is right: one column counts always, another only beside a third."""
    rng = np.random.default_rng(seed)
    evidence = [rng.normal(size=(6, 4)) for _ in range(200)]
    worth = [one[:, 1] + one[:, 2] * (one[:, 0] > 0) for one in evidence]
    return evidence, [one == one.max() for one in worth]


def test_fitted_trees_say_what_those_of_the_library_say(monkeypatch):
    rows, models = drawn_rows(5), []
    fit = HistGradientBoostingClassifier.fit
    monkeypatch.setattr(HistGradientBoostingClassifier, "fit", lambda self, *data: models.append(fit(self, *data)))
    trees = fit_choice_trees(*rows)
    together = np.concatenate(rows[0])
    of_library = models[0].decision_function(together)
    apart = trees.utilities(together) - of_library
    assert np.ptp(of_library) > 1 and np.ptp(apart) < 1e-5  # a constant counts alike for all candidates


def test_trees_find_what_depends_on_two_columns():
    trees = fit_choice_trees(*drawn_rows(5))
    found = [trees.utilities(one).argmax() == right.argmax() for one, right in zip(*drawn_rows(6), strict=True)]
    assert np.mean(found) > 0.6  # 1 of 6 by chance


def test_rows_of_one_candidate_teach_nothing_and_are_no_error():
    trees = fit_choice_trees([np.ones((1, 3))] * 30, [np.array([True])] * 30)
    assert np.ptp(trees.utilities(np.random.default_rng(0).normal(size=(5, 3)))) == 0


def test_there_are_no_trees_where_they_would_see_what_networks_may_not():
    evidence, right = drawn_rows(5)
    kept_apart = fit_choice_ensemble(evidence, right, in_networks=np.array([True, True, False, True]))
    assert kept_apart.trees is None
    assert kept_apart.probabilities(evidence[0]).sum() == pytest.approx(1)
    assert fit_choice_ensemble(evidence, right).trees is not None


@pytest.mark.parametrize("with_trees", [True, False])
def test_a_row_has_the_probabilities_that_it_has_alone(with_trees):
    evidence, right = drawn_rows(5)
    model = fit_choice_ensemble(evidence, right)
    if not with_trees:
        model.trees = None
    rows = [evidence[0], evidence[1][:1], evidence[2][:4]]
    together = model.probabilities_of_rows(rows)
    assert [len(one) for one in together] == [6, 1, 4]
    for one, row in zip(together, rows, strict=True):
        assert one == pytest.approx(model.probabilities(row)) and one.sum() == pytest.approx(1)
