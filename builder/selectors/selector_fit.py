"""Fitting a selector for the command line: rows are loaded, missing builds are made, and a card is written."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console

from petoolbench import SELECTIVITY, InputError
from petoolkit.embedding import DEFAULT_MODEL
from petoolkit.evaluator.dataset_rows import load_rows, load_split_if_any, present_configs
from petoolkit.folder_lock import check_outside, locked
from petoolkit.selector.fit_selector import FitOptions, fit_selector
from petoolkit.shipped import recipe_path
from petoolkit.text import ALL

from .selector_recipe import load_selector_recipe
from .selector_report import fit_facts, fit_tables, write_selector_card

_BUILDS = Path("runs") / "selector"


def fit_of_recipe(recipe: str, construction: bool, seed: int | None, out: Path, console: Console) -> list[Any]:
    """Make the builds of a recipe that are missing, and fit a selector on their training rows; returns tables."""
    checked = load_selector_recipe(recipe_path("selector", recipe))
    datasets = [_build(name, console) for name in checked.builds]
    options = FitOptions(
        checked.embedding_model,
        checked.construction or construction,
        checked.descriptions,
        checked.asked_before,
        checked.seed if seed is None else seed,
    )
    return _fit(datasets, options, out, console)


def fit_into(datasets: Sequence[str], construction: bool, seed: int, out: Path, console: Console) -> list[Any]:
    """Fit a selector on the training rows of datasets; returns tables."""
    return _fit(datasets, FitOptions(DEFAULT_MODEL, construction, seed=seed), out, console)


def _build(name: str, console: Console) -> str:
    from ..pipeline import build
    from ..recipe import load_recipe

    path = recipe_path("build", name)
    folder = _BUILDS / path.stem
    if not folder.is_dir():
        build(load_recipe(path), _BUILDS / f"{path.stem}-stages", folder, console)
    return str(folder)


def _fit(datasets: Sequence[str], options: FitOptions, out: Path, console: Console) -> list[Any]:
    for dataset in datasets:
        check_outside(out, dataset, "--out")
    with locked(out):
        rows = [row for dataset in datasets for row in _training_rows(dataset)]

        @contextmanager
        def step(text: str) -> Iterator[None]:
            if not console.is_terminal:
                console.print(text, highlight=False)
            with console.status(text):
                yield

        fit = fit_selector(rows, options, step=step)
        facts = fit_facts(fit, datasets, rows, options)
        write_selector_card(out, fit, facts)
        return fit_tables(facts, out)


def _training_rows(dataset: str) -> list[dict]:
    rows = list(load_split_if_any(dataset, ALL, "train"))
    if not rows:
        raise InputError(
            f"{dataset} has no train split that all its settings have; a selector is fitted on training rows, so give "
            "a dataset of a build, or of `petoolbench import logs`."
        )
    if SELECTIVITY in present_configs(dataset):
        rows += load_rows(dataset, SELECTIVITY, "train")
    return rows
