"""What an audit's workers send back: little of it, and nothing that takes long to read."""

import pickle
import subprocess
import sys

import numpy as np
from rows import past_call, row

from petoolbench import SETTINGS
from petoolkit.audit.choices import Choices
from petoolkit.audit.solver import FittingRows
from petoolkit.audit.split_overlap import SplitValues
from petoolkit.audit.tree_solvers import Trees

RATED = next(name for name, setting in SETTINGS.items() if setting.is_rated)


def sent(value):
    """A value as it comes out in another process, and the number of its buffers."""
    buffers: list[pickle.PickleBuffer] = []
    pickled = pickle.dumps(value, protocol=5, buffer_callback=buffers.append)
    return pickle.loads(pickled, buffers=buffers), len(buffers)


def test_values_of_many_rows_are_sent_as_few_arrays():
    values, received = SplitValues(), SplitValues()
    for number in range(40):
        values.add("test" if number % 4 else "train", row(f"u{number % 30}", RATED, "Aerwyn"))
    copied, arrays = sent(values)
    assert arrays < 20
    received.merge(copied)
    assert received.overlaps() == values.overlaps()
    assert received.distinct("user", "test") == len({number % 30 for number in range(40) if number % 4})


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
