"""What a fitted selector scores: by setting, twin pairs, milliseconds a row; five seeds, halves, and a curve by users.

    python benchmarks/selector.py as-is FOLDER                    # `embedded` with `wording: as_is`, of five fits
    python benchmarks/selector.py quick-start FOLDER              # the build of the quick start, of five fits
    python benchmarks/selector.py scores SELECTOR DATASET...      # Tool Acc, Param Acc, both, on test rows
    python benchmarks/selector.py halves SELECTOR DATASET         # the same of five halves of the test users
    python benchmarks/selector.py seeds RECIPE TRAIN[,TRAIN] DATASET [--construction]  # of five fits
    python benchmarks/selector.py filler DATASET                  # Param Acc alone, of five fits of parameters alone
    python benchmarks/selector.py curve DATASET 1 10 100 1000     # fitted on so many training users, three draws each

The first two make their builds in the folder, if these are missing. Means are shown with the range. Nothing is fitted
on a test split. `petoolbench fit selector` prints the ladder, and `petoolbench evaluate` with `--counterfactual all`
the counterfactuals.
"""

import json
import random
import sys
import time
from itertools import combinations
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from petoolbench import KINDS, SELECTIVITY, SETTINGS, InputError, setting_of, to_json_text
from petoolkit.call_forms import ToolCall
from petoolkit.call_parameters import has_right_parameters, parameter_documents
from petoolkit.embedding import DEFAULT_MODEL
from petoolkit.evaluator.dataset_rows import load_rows, load_split, present_configs
from petoolkit.selector.fit_filler import fit_filler, gold_calls
from petoolkit.selector.fit_selector import FitOptions, fit_selector
from petoolkit.selector.parameter_filler import ParameterFiller
from petoolkit.selector.row_vectors import RowVectors
from petoolkit.selector.tool_selector import Selector
from petoolkit.shipped import recipe_path

# The builds that are made here: the recipe, and what is changed in it.
BUILDS: dict[str, tuple[str, dict[str, Any]]] = {
    "as-is": ("embedded", {"wording": "as_is"}),
    "quick-start": ("quickstart", {}),
}
_DRAWS = 3
_REPEATS = 5
_TIMED_ROWS = 300


class Answered(NamedTuple):
    """What is right of a row: the tool, the tool and its parameters, the best tool that does the job, and the
    parameters of the right tool."""

    tool: bool
    both: bool
    given_function: bool
    parameters: bool


def answers(selector: Selector, rows: list[dict]) -> list[Answered]:
    """What is right of each row."""
    selector.prepare(rows)
    filled: dict[tuple[str, str], dict] = {}

    def parameters(tool: dict, instruction: str) -> dict:
        key = to_json_text(tool), instruction
        if key not in filled:
            filled[key] = selector.parameters(tool, instruction)
        return filled[key]

    found = []
    for row in rows:
        (ranking,) = selector.rank([row], reasons=False)
        tool = row["candidate_tools"][ranking[0].number]
        gold = ToolCall(row["tool_call"]["tool_name"], json.loads(row["tool_call"]["parameters"]))
        gold_tool = next(one for one in row["candidate_tools"] if one["tool_name"] == gold.tool_name)
        documents = parameter_documents(gold_tool)
        chosen, given = (
            has_right_parameters(
                ToolCall(gold.tool_name, parameters(one, row["instruction"])), gold, documents=documents
            )
            for one in (tool, gold_tool)
        )
        is_right = tool["tool_name"] in row["acceptable_tools"]
        best = next(one.tool_name for one in ranking if one.tool_name in row["same_function_tools"])
        found.append(Answered(is_right, is_right and chosen, best in row["acceptable_tools"], given))
    return found


def figures(rows: list[dict], answered: list[Answered]) -> dict[str, float]:
    """Scores in percent, by name."""
    shares = {}
    for number, name in enumerate(("Tool Acc", "both right", "Tool Acc given the function")):
        for setting in SETTINGS:
            right = [one[number] for one, row in zip(answered, rows, strict=True) if setting_of(row) == setting]
            shares[f"{name}, {setting}"] = float(np.mean(right)) if right else float("nan")
        shares[f"{name}, all"] = float(np.nanmean([shares[f"{name}, {setting}"] for setting in SETTINGS]))
    shares["Param Acc, right tool given"] = float(np.mean([one.parameters for one in answered]))
    calls = {
        (row["instruction"], row["tool_call"]["parameters"]): one.parameters
        for row, one in zip(rows, answered, strict=True)
    }
    shares["Param Acc, distinct calls"] = float(np.mean([*calls.values()]))
    for setting in SETTINGS:
        by_block: dict[str, list[Answered]] = {}
        for row, one in zip(rows, answered, strict=True):
            if row["block_id"] and setting_of(row) == setting:
                by_block.setdefault(row["block_id"], []).append(one)
        pairs = [pair for found in by_block.values() for pair in combinations(found, 2)]
        if pairs:
            shares[f"twin pairs, {setting}"] = float(np.mean([a.tool and b.tool for a, b in pairs]))
            given = [a.given_function and b.given_function for a, b in pairs]
            shares[f"twin pairs given the function, {setting}"] = float(np.mean(given))
    return {name: 100 * share for name, share in shares.items()}


def show(found: list[dict[str, float]]) -> None:
    """Print each score: its value, or the mean of several with the range."""
    for name in found[0]:
        values = [one[name] for one in found]
        spread = f" ({min(values):.1f} to {max(values):.1f})" if len(values) > 1 else ""
        print(f"{name}: {np.mean(values):.1f}{spread}")


def scores(selector: Selector, rows: list[dict]) -> None:
    """Print the scores of a selector on rows, and what a row takes."""
    show([figures(rows, answers(selector, rows))])
    timed = rows[:_TIMED_ROWS]
    began = time.process_time()
    for row in timed:
        (ranking,) = selector.rank([row], reasons=False)
        selector.parameters(row["candidate_tools"][ranking[0].number], row["instruction"])
    print(f"{1000 * (time.process_time() - began) / len(timed):.1f} ms of CPU a row with cached vectors")


def halves(selector: Selector, rows: list[dict]) -> None:
    """Print the scores of halves of the users."""
    answered = answers(selector, rows)
    users = sorted({row["user_id"] for row in rows})
    found = []
    for seed in range(_REPEATS):
        half = set(random.Random(seed).sample(users, len(users) // 2))
        numbers = [number for number, row in enumerate(rows) if row["user_id"] in half]
        found.append(figures([rows[n] for n in numbers], [answered[n] for n in numbers]))
    show([figures(rows, answered)])
    print(f"-- {_REPEATS} halves of the users")
    show(found)


def seeds(recipe: str, fitted_on: str, dataset: str, construction: bool) -> None:
    """Print the scores of several fits, as a recipe says, and the CPU time of each."""
    from petoolkit.builder.selectors.selector_recipe import load_selector_recipe

    checked = load_selector_recipe(recipe_path("selector", recipe))
    vectors = RowVectors(checked.embedding_model)
    rows = [row for one in fitted_on.split(",") for row in training_rows(one)]
    asked = [row for row in load_split(dataset, "all", "test") if row["kind"] == KINDS[0]]
    with_need = [row for row in selectivity_rows(dataset, "test") if row["kind"] == KINDS[1]]
    found = []
    for seed in range(_REPEATS):
        options = FitOptions(
            checked.embedding_model, construction, checked.descriptions, checked.asked_before, seed, ladder=False
        )
        began = time.process_time()
        fit = fit_selector(rows, options, vectors)
        seconds = time.process_time() - began
        selector = Selector(fit.fitted, vectors)
        found.append(figures(asked, answers(selector, asked)))
        if with_need:
            of_needs = figures(with_need, answers(selector, with_need))
            found[-1] |= {f"{KINDS[1]} rows: {name}": value for name, value in of_needs.items() if "Tool Acc" in name}
        print(f"seed {seed}: {seconds:.0f} s, Tool Acc {found[-1]['Tool Acc, all']:.1f}", file=sys.stderr, flush=True)
    show(found)


def filler(dataset: str) -> None:
    """Print the Param Acc of the right tool, of test rows and of their distinct calls, of several fits of the
    parameter filler alone, and the CPU time of each."""
    rows = training_rows(dataset)
    asked = [row for row in load_split(dataset, "all", "test") if row["kind"] == KINDS[0]]
    calls = gold_calls(asked)
    of_call = {(call.instruction, to_json_text(call.parameters)): number for number, call in enumerate(calls)}
    keys = [(row["instruction"], to_json_text(json.loads(row["tool_call"]["parameters"]))) for row in asked]
    found = []
    for seed in range(_REPEATS):
        began = time.process_time()
        filled_by = ParameterFiller(fit_filler(rows, seed) or {})
        fitted = time.process_time()
        given = [filled_by.parameters(call.tool, call.instruction) for call in calls]
        seconds = time.process_time() - fitted
        right = [
            has_right_parameters(
                ToolCall("", one), ToolCall("", call.parameters), documents=parameter_documents(call.tool)
            )
            for one, call in zip(given, calls, strict=True)
        ]
        found.append(
            {
                "Param Acc, right tool given": 100 * float(np.mean([right[of_call[key]] for key in keys])),
                "Param Acc, distinct calls": 100 * float(np.mean(right)),
                "CPU seconds of a fit": fitted - began,
                "CPU milliseconds of a call": 1000 * seconds / len(calls),
            }
        )
    show(found)


def own_build(name: str, folder: Path) -> str:
    """The dataset of one of `BUILDS`; made if it is missing."""
    from petoolkit.builder.pipeline import build
    from petoolkit.builder.recipe import load_recipe

    from petoolkit.console import make_console

    recipe, changed = BUILDS[name]
    out = folder / name
    if not out.is_dir():
        checked = load_recipe(recipe_path("build", recipe))
        blocks = checked.blocks.model_copy(update=changed)
        build(checked.model_copy(update={"blocks": blocks}), folder / f"{name}-stages", out, make_console(stderr=True))
    return str(out)


def training_rows(dataset: str) -> list[dict]:
    """All training rows of a dataset."""
    return [*load_split(dataset, "all", "train"), *selectivity_rows(dataset, "train")]


def selectivity_rows(dataset: str, split: str) -> list[dict]:
    """The rows whose right tool is not that of the taste; none, if the dataset has none."""
    return list(load_rows(dataset, SELECTIVITY, split)) if SELECTIVITY in present_configs(dataset) else []


def curve(dataset: str, numbers: list[int]) -> None:
    """Print Tool Acc on the test rows by the number of training users."""
    vectors = RowVectors(DEFAULT_MODEL)
    rows, asked = training_rows(dataset), list(load_split(dataset, "all", "test"))
    asked = [row for row in asked if row["kind"] == KINDS[0]]
    users = sorted({row["user_id"] for row in rows})
    for number in numbers:
        found = []
        for draw in range(_DRAWS):
            chosen = set(random.Random(draw).sample(users, min(number, len(users))))
            part = [row for row in rows if row["user_id"] in chosen]
            try:
                fit = fit_selector(part, FitOptions(DEFAULT_MODEL, seed=draw, ladder=False), vectors)
            except InputError:
                continue
            selector = Selector(fit.fitted, vectors)
            ranked = selector.rank(asked, reasons=False)
            right = [one[0].tool_name in row["acceptable_tools"] for one, row in zip(ranked, asked, strict=True)]
            found.append(100 * float(np.mean(right)))
        shown = f"{np.mean(found):.1f} ({min(found):.1f} to {max(found):.1f})" if found else "cannot be fitted"
        print(f"{number:,} users: {shown}", flush=True)


def main(what: str, source: str, *more: str) -> None:
    """Print what is asked for."""
    if what == "curve":
        curve(source, [int(number) for number in more])
    elif what in BUILDS:
        dataset = own_build(what, Path(source))
        seeds("embedded", dataset, dataset, construction=False)
    elif what == "filler":
        filler(source)
    elif what == "seeds":
        seeds(source, more[0], more[1], "--construction" in more)
    else:
        for dataset in more:
            print(dataset)
            {"scores": scores, "halves": halves}[what](
                Selector.load(source), [row for row in load_split(dataset, "all", "test") if row["kind"] == KINDS[0]]
            )


if __name__ == "__main__":
    main(*sys.argv[1:])
