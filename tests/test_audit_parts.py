"""What an audit's workers send back: little of it, and nothing that takes long to read."""

import pickle
import subprocess
import sys

import numpy as np
import pytest
from rows import past_call, row

from petoolbench import SETTINGS
from petoolkit.audit.choices import Choices
from petoolkit.audit.fitted_solvers import CoOccurrence, InstructionWords, Popularity
from petoolkit.audit.solver import FittingRows
from petoolkit.audit.split_overlap import SplitValues
from petoolkit.audit.tree_solvers import Trees

RATED = next(name for name, setting in SETTINGS.items() if setting.is_rated)


def values_of(rows):
    """Values of so many rows of 30 users, one in four of them training rows."""
    values = SplitValues()
    for number in range(rows):
        values.add("test" if number % 4 else "train", row(f"u{number % 30}", RATED, "Aerwyn"))
    return values


def test_what_rows_have_in_common_is_sent_and_kept_once():
    few, many = (pickle.dumps(values_of(rows)) for rows in (120, 1_200))
    assert len(many) < 1.1 * len(few)


def test_values_that_were_merged_are_those_that_were_added():
    values, received = values_of(120), SplitValues()
    for _ in range(2):
        received.merge(pickle.loads(pickle.dumps(values)))
    assert received.distinct("user", "test") == 30
    twice = [one.model_copy(update={"test_rows": 2 * one.test_rows}) for one in values.overlaps()]
    assert received.overlaps() == twice
    of_users = next(one for one in twice if one.name == "user")
    assert of_users.test_rows == 60  # even users' rows whose number is no multiple of 4, twice


def test_fitted_trees_are_read_without_what_fits_them(tmp_path):
    rows = [row(f"u{number}", RATED, "Aerwyn", [past_call("Aerwyn", 1)]) for number in range(8)]
    trees = Trees(FittingRows(len(rows), frozenset()), False)
    trees.add(Choices(rows), 0)
    trees.fit()
    (tmp_path / "trees").write_bytes(pickle.dumps(trees))
    reads = "import pickle, sys; pickle.load(open(sys.argv[1], 'rb')); print('sklearn' in sys.modules)"
    read = subprocess.run(
        [sys.executable, "-c", reads, tmp_path / "trees"], capture_output=True, text=True, check=True
    )
    assert read.stdout.strip() == "False"
    again = pickle.loads((tmp_path / "trees").read_bytes())
    assert np.array_equal(*(np.concatenate(one.scores(Choices(rows))) for one in (trees, again)))


@pytest.mark.parametrize("learner", [Popularity, InstructionWords, CoOccurrence])
def test_only_providers_that_are_asked_about_are_learned_of(learner):
    choices = Choices([row(f"u{number}", RATED, "Aerwyn", [past_call("Aerwyn", 1)]) for number in range(8)])
    asked = [frozenset(["<Weather>.<Zephyr>.<Now>"]), frozenset(choices.rows[0]["same_function_tools"])]
    learned = [learner(FittingRows(len(choices.rows), tools)) for tools in asked]
    for one in learned:
        one.add(choices, 0)
        one.fit()
    of_nobody, of_all = (np.concatenate(one.scores(choices)) for one in learned)
    assert not of_nobody.any() and of_all.any()
