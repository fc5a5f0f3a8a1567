"""Distances are exact, so that no kernel, batch or number of threads can change a rank."""

import os
import subprocess
import sys
from fractions import Fraction

import numpy as np
import pytest
from conftest import ROOT
from petoolkit.builder.grouping.spanning_forest import components, spanning_forest
from petoolkit.builder.grouping.tool_clusters import large_enough
from sklearn.cluster import DBSCAN

from petoolbench import InputError
from petoolkit.exact_products import (
    GridVectors,
    close_pairs,
    distance_sums,
    distances,
    half_squares,
    on_grid,
    products,
)


def unit(number, dimension, seed=0, centres=None):
    random = np.random.default_rng(seed)
    vectors = random.normal(size=(number, dimension))
    if centres:
        vectors = random.normal(size=(centres, dimension))[random.integers(centres, size=number)] + 0.4 * vectors
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def exact(left, right):
    return sum(Fraction(float(a)) * Fraction(float(b)) for a, b in zip(left, right, strict=True))


@pytest.mark.parametrize("dimension", [3, 384, 4096])
def test_products_are_exact(dimension):
    vectors = on_grid(unit(6, dimension))
    for i, j in np.ndindex(6, 6):
        assert Fraction(products(vectors, vectors)[i, j]) == exact(vectors[i], vectors[j])
        apart = vectors[i].astype(float) - vectors[j].astype(float)
        assert Fraction(distances(vectors, vectors)[i, j]) == exact(apart, apart) / 2
    sums = [sum(map(Fraction, row)) for row in distances(vectors, vectors).tolist()]
    assert [Fraction(value) for value in distance_sums(vectors)] == sums


def test_vectors_move_by_a_millionth_and_equal_ones_are_no_distance_apart():
    vectors = unit(200, 384)
    rounded = on_grid(vectors)
    assert rounded.dtype == np.float32
    assert np.array_equal(rounded * 2.0**20, np.rint(rounded * 2.0**20))
    assert np.array_equal(on_grid(rounded), rounded)
    assert np.abs(products(rounded, rounded) - vectors @ vectors.T).max() < 1e-5
    assert (np.diag(distances(rounded, rounded)) == 0).all()


@pytest.mark.parametrize("length", [0.0, 0.5, 2.0, np.nan])
def test_vectors_of_another_length_are_refused(length):
    with pytest.raises(InputError, match=r"1 of 3 vectors do not have length 1 \(number 1 has"):
        on_grid(unit(3, 8) * np.array([[1], [length], [1]]))


def test_all_close_pairs_are_found_once_and_with_their_exact_distances(monkeypatch):
    monkeypatch.setattr("petoolkit.exact_products._TILE_ROWS", 32)
    monkeypatch.setattr("petoolkit.exact_products._TILE_COLUMNS", 24)
    vectors = on_grid(unit(150, 16, centres=9))
    expected = distances(vectors, vectors)
    for largest in (0.05, 0.3):
        found = list(close_pairs(vectors, half_squares(vectors), largest, 0, 150))
        pairs = {(i, j): d for firsts, seconds, near in found for i, j, d in zip(firsts, seconds, near, strict=True)}
        assert sum(len(near) for *_, near in found) == len(pairs)
        assert pairs == {
            (i, j): expected[i, j] for i, j in np.ndindex(150, 150) if i < j and expected[i, j] <= largest
        }


def test_the_nearest_vectors_are_those_of_exact_distances_whatever_the_rough_products_err():
    documents, queries = GridVectors(np.repeat(unit(150, 384, centres=9), 2, axis=0)), on_grid(unit(5, 384, seed=1))
    expected = distances(queries, documents.rows)
    random = np.random.default_rng(2)
    for query, apart in zip(queries, expected, strict=True):
        rough = documents.rough(query[None])[0] + random.uniform(-2e-5, 2e-5, 300).astype(np.float32)
        allowed = random.random(300) < 0.6
        order = np.argsort(np.where(allowed, apart, np.inf), kind="stable")
        for number in (0, 1, 7, 299):
            assert (
                documents.nearest(query, rough, number, allowed).tolist()
                == order[: min(number, allowed.sum())].tolist()
            )
        assert documents.nearest(query, rough, 5).tolist() == np.argsort(apart, kind="stable")[:5].tolist()
        largest = float(np.sort(apart)[40])
        assert documents.within(query, rough, largest).tolist() == np.flatnonzero(apart <= largest).tolist()


@pytest.mark.parametrize(("number", "seed"), [(1, 0), (700, 1), (3_000, 2)])
def test_components_of_a_forest_are_the_clusters_of_dbscan(monkeypatch, number, seed):
    monkeypatch.setattr("petoolkit.builder.grouping.spanning_forest._STRIP", 500)
    monkeypatch.setattr("petoolkit.builder.grouping.spanning_forest._MOST_EDGES", 1_000)
    vectors = on_grid(unit(number, 24, seed, centres=40))
    forest = spanning_forest(vectors, 0.5)
    for eps in (0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5):
        labels = DBSCAN(eps=np.sqrt(2 * eps), min_samples=2).fit(vectors.astype(np.float64)).labels_
        found = large_enough(components(forest, number, eps), np.ones(number), 2)
        assert found.tolist() == labels.tolist()


_DECIDED = """
import hashlib, sys
import numpy as np
from petoolkit.builder.grouping.spanning_forest import components, spanning_forest
from petoolkit.exact_products import GridVectors, distance_sums
random = np.random.default_rng(5)
vectors = random.normal(size=(40, 384))[random.integers(40, size=700)] + 0.5 * random.normal(size=(700, 384))
vectors = GridVectors(vectors / np.linalg.norm(vectors, axis=1, keepdims=True))
decided = [components(spanning_forest(vectors.rows, 0.4), 700, eps) for eps in np.linspace(0.1, 0.4, 50)]
batch = int(sys.argv[1])
for start in range(0, 90, batch):
    queries = vectors[start : min(start + batch, 90)]
    decided += [vectors.nearest(query, rough, 40) for query, rough in zip(queries, vectors.rough(queries))]
decided.append(distance_sums(vectors.rows))
print(hashlib.sha256(b"".join(found.tobytes() for found in decided)).hexdigest())
plain = vectors.rows @ vectors.rows.T
print(hashlib.sha256(plain.tobytes()).hexdigest())
"""


def test_other_kernels_threads_and_batches_decide_the_same():
    """The plain products do differ, so the test would see it."""
    processes = []
    for kernel, threads, batch in (("Haswell", 1, 90), ("Nehalem", 2, 7)):
        given = {"OPENBLAS_CORETYPE": kernel, "OPENBLAS_NUM_THREADS": str(threads), "OMP_NUM_THREADS": str(threads)}
        command = [sys.executable, "-c", _DECIDED, str(batch)]
        processes.append(subprocess.Popen(command, env={**os.environ, **given}, cwd=ROOT, stdout=-1, text=True))
    decided, plain = zip(*(process.communicate()[0].split() for process in processes), strict=True)
    assert len(set(decided)) == 1
    assert len(set(plain)) > 1
