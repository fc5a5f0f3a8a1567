"""Measure clustering of very many distinct texts at all eps of a sweep: CPU, memory; and compare with DBSCAN.

    python benchmarks/group_texts.py 20000 60000 120000
    python benchmarks/group_texts.py 20000 --dense
    python benchmarks/group_texts.py 10000 --compare
    python benchmarks/group_texts.py --run RUN --compare

Each number of texts is done in a process of its own. Their vectors are made up: 384 numbers, around a centre for each
eight texts; with --dense, around ten centres, so that tens of millions of pairs are near. With --run, the texts are
those of a build in the folder RUN. With --compare, labels are compared with those of scikit-learn's DBSCAN.
"""

import argparse
import json
import multiprocessing
import resource
import time
from pathlib import Path

import numpy as np
from machine import heading
from petoolkit.builder.grouping.spanning_forest import components, spanning_forest
from petoolkit.builder.grouping.tool_clusters import large_enough

from petoolkit.engines.engine import make_engine
from petoolkit.exact_products import on_grid
from petoolkit.text import markdown_table

SWEEP = (0.02, 0.05, 0.08, 0.1, 0.12, 0.15, 0.2, 0.25, 0.3)  # recipes/build/rapidapi.yaml


def made_up(number: int, is_dense: bool) -> np.ndarray:
    """Vectors around centres: two of one centre are about 0.2 apart."""
    random = np.random.default_rng(0)
    centres = random.normal(size=(10 if is_dense else number // 8, 384)).astype(np.float32)
    vectors = np.empty((number, 384), np.float32)
    for start in range(0, number, 4_096):
        part = vectors[start : start + 4_096]
        part[:] = centres[random.integers(len(centres), size=len(part))]
        part += random.uniform(0.2, 0.7, size=(len(part), 1)) * random.normal(size=part.shape)
        part[:] = on_grid(part / np.linalg.norm(part, axis=1, keepdims=True))
    return vectors


def of_run(folder: Path) -> np.ndarray:
    """Vectors of the distinct functionality descriptions of a build."""
    from petoolkit.embedding import Encoder

    lines = next(folder.glob("*understand.jsonl")).read_text().splitlines()
    texts = sorted({tool["functionality"] for tool in map(json.loads, lines) if not tool["rejected"]})
    return on_grid(Encoder().encode(texts))


def measured(number: int, is_dense: bool, run: Path | None, compared: bool, workers: int) -> list[str]:
    vectors = of_run(run) if run else made_up(number, is_dense)
    before, began = cpu(), time.perf_counter()
    forest = spanning_forest(vectors, max(SWEEP), make_engine(workers))
    weights = np.ones(len(vectors))
    labels = {eps: large_enough(components(forest, len(vectors), eps), weights, 2) for eps in SWEEP}
    row = [
        f"{len(vectors):,}",
        f"{cpu() - before:.1f} s",
        f"{time.perf_counter() - began:.1f} s",
        f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB",
        f"{labels[0.15].max() + 1:,}",
        f"{labels[0.3].max() + 1:,}",
    ]
    return [*row, same_as_dbscan(vectors, labels) if compared else ""]


def same_as_dbscan(vectors: np.ndarray, labels: dict[float, np.ndarray]) -> str:
    """At how many eps of the sweep the labels are scikit-learn's."""
    from sklearn.cluster import DBSCAN

    exact = vectors.astype(np.float64)
    same = sum(
        np.array_equal(DBSCAN(eps=np.sqrt(2 * eps), min_samples=2, algorithm="brute").fit(exact).labels_, found)
        for eps, found in labels.items()
    )
    return f"{same} of {len(labels)}"


def cpu() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure clustering.")
    parser.add_argument("numbers", nargs="*", type=int)
    parser.add_argument("--dense", action="store_true")
    parser.add_argument("--run", type=Path)
    parser.add_argument("--compare", action="store_true")
    parser.add_argument("--workers", type=int, default=1)
    given = parser.parse_args()
    print(heading("Clusters at nine eps", "numpy", "scipy", "scikit-learn"))
    rows = []
    for number in given.numbers or [0]:
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            rows.append(pool.apply(measured, (number, given.dense, given.run, given.compare, given.workers)))
    print(markdown_table(["texts", "CPU", "time", "memory", "clusters at 0.15", "at 0.3", "eps as DBSCAN"], rows))


if __name__ == "__main__":
    main()
