"""The calibration behind `petoolbench plan`: small builds on this machine, kept until the software changes."""

import hashlib
import multiprocessing
import os
import platform
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TypeVar

import numpy as np
from pydantic import ValidationError
from rich.console import Console

from petoolbench import InputError, to_json_text
from petoolkit.decoding import read_json
from petoolkit.embedding import DEFAULT_MODEL
from petoolkit.exact_products import GridVectors
from petoolkit.files import content_hash, write_json
from petoolkit.progress_bars import progress_bars
from petoolkit.returned_memory import return_freed_memory
from petoolkit.store import cache_folder

from ..catalogue.catalogue_settings import CatalogueSettings
from ..grouping.spanning_forest import spanning_forest
from ..recipe import AuthorSettings, Recipe
from ..stage_code import source_files
from .calibration import Calibration
from .catalogue_copies import write_copies
from .measured_build import AUDIT, EVALUATION, BuildToMeasure, Measured, measure, measure_audit, measure_evaluation

Result = TypeVar("Result")
CALIBRATIONS = "calibrations"  # folder in the cache
SIZES = ((1, 2_000), (1, 6_000), (8, 400), (8, 2_000))  # copies of the embedded catalogue, and users
_VECTORS, _QUERIES, _DIMENSION = 8_192, 256, 384  # of the products that are timed


def calibration_of(recipe: Recipe, console: Console, anew: bool = False) -> Calibration:
    """What was measured on this machine with a recipe's settings; measured now, unless it was before.

    Args:
        recipe: its catalogue, users, seed, authors and language model make no difference.
        console: for a bar.
        anew: whether to measure again.
    """
    path = cache_folder() / CALIBRATIONS / f"{_key(recipe)}.json"
    if not anew:
        try:
            return Calibration.model_validate(read_json(path))
        except (InputError, ValidationError):
            pass  # there is none, or one of another form
    calibration = calibrate(recipe, console)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_json(path, calibration.model_dump(mode="json"))
    return calibration


def _key(recipe: Recipe) -> str:
    """Names what a calibration depends on: settings, software and machine."""
    settings = recipe.model_dump(mode="json", exclude={"catalogue", "users", "seed", "author", "llm", "audit"})
    machine = [platform.platform(), platform.processor(), platform.python_version(), os.cpu_count()]
    code = content_hash(*source_files([calibrate.__module__, measure.__module__]))
    text = to_json_text([settings, machine, version("petoolbench"), code])
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def calibrate(recipe: Recipe, console: Console) -> Calibration:
    """Measure; takes two or three minutes."""
    return_freed_memory()  # as a build does; the processes that are started take some of it from here
    started = time.process_time()
    used = 0.0
    console.print("Measuring this machine with small builds, which takes two or three minutes; the figures are kept.")
    with tempfile.TemporaryDirectory(prefix="petoolbench-plan-") as made, progress_bars(console) as progress:
        folder = Path(made)
        bar = progress.add_task("Measuring", total=len(SIZES) + 1)
        found: list[Measured] = []
        audit_texts, audit_texts_cpu = 0, 0.0
        for copies, users in SIZES:
            task = _task(recipe, folder, copies, users, is_first=not found)
            one = _in_a_process(measure, task)
            one.build.parts[AUDIT], texts, cpu = _in_a_process(measure_audit, task)
            one.build.parts[EVALUATION] = _in_a_process(measure_evaluation, task)
            used += sum(part.cpu for part in one.build.parts.values()) + one.build.embedding_cpu + cpu
            if copies == 1:
                audit_texts, audit_texts_cpu = audit_texts + texts, audit_texts_cpu + cpu
            if found and found[-1].build.tools == one.build.tools:  # it did not do all stages again
                one.build.parts = {**found[-1].build.parts, **one.build.parts}
            found.append(one)
            progress.advance(bar)
        pair_seconds, neighbour_seconds = _seconds_of_products(recipe.group.eps)
    first = found[0]
    assert first.asked_in_evaluation is not None
    return Calibration(
        date=datetime.now(UTC).date().isoformat(),
        seconds=round(time.process_time() - started + used, 1),
        builds=[one.build for one in found],
        audit_texts=(audit_texts, audit_texts_cpu),
        pair_seconds=pair_seconds,
        neighbour_seconds=neighbour_seconds,
        asked=first.asked,
        asked_in_evaluation=first.asked_in_evaluation,
        render_seconds=first.render_seconds,
    )


def _in_a_process(function: Callable[[BuildToMeasure], Result], task: BuildToMeasure) -> Result:
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        return pool.submit(function, task).result()


def _task(recipe: Recipe, folder: Path, copies: int, users: int, is_first: bool) -> BuildToMeasure:
    catalogue = folder / f"copies{copies}.jsonl"
    tools = write_copies(catalogue, copies)
    agree = "required" if recipe.group.uniform == "function" else recipe.group.uniform  # what rules can build
    small = recipe.model_copy(
        update={
            "catalogue": [CatalogueSettings(path=str(catalogue))],
            "users": users,
            "author": AuthorSettings(),
            "group": recipe.group.model_copy(update={"model": DEFAULT_MODEL, "uniform": agree}),
            "candidates": recipe.candidates.model_copy(update={"retriever": None}),
        }
    )
    return BuildToMeasure(
        recipe=small,
        tools=tools,
        run_folder=folder / f"run-{copies}",
        dataset_folder=folder / f"data-{copies}-{users}",
        results_folder=folder / f"results-{copies}-{users}",
        cache=folder / "cache",
        counts_calls=is_first,
        uniform=recipe.group.uniform,
    )


def _seconds_of_products(eps: float) -> tuple[float, float]:
    """CPU time a pair of vectors in the stage `group`, and in a search for neighbours."""
    vectors = np.random.default_rng(0).standard_normal((_VECTORS, _DIMENSION)).astype(np.float32)
    grid = GridVectors(vectors / np.linalg.norm(vectors, axis=1, keepdims=True))
    started = time.process_time()
    spanning_forest(grid.rows, eps)
    compared = time.process_time()
    queries = grid[list(range(_QUERIES))]
    for query, rough in zip(queries, grid.rough(queries), strict=True):
        grid.within(query, rough, eps)
    searched = time.process_time()
    pairs = _VECTORS * (_VECTORS - 1) / 2
    return (compared - started) / pairs, (searched - compared) / (_QUERIES * _VECTORS)
