"""What a fitted selector scores: by setting, twin pairs, ladder, milliseconds a row; and a curve by training users.

    python benchmarks/selector.py scores SELECTOR DATASET...      # Tool Acc, Param Acc, both, on test rows
    python benchmarks/selector.py curve DATASET 1 10 100 1000     # fitted on so many training users, three draws each

Nothing is fitted on a test split. `petoolbench fit selector` prints the ladder, and `petoolbench evaluate` with
`--counterfactual all` the counterfactuals.
"""

import json
import random
import sys
import time
from itertools import combinations

import numpy as np

from petoolbench import KINDS, SELECTIVITY, SETTINGS, InputError, setting_of
from petoolkit.call_forms import ToolCall
from petoolkit.call_parameters import has_right_parameters, parameter_documents
from petoolkit.embedding import DEFAULT_MODEL
from petoolkit.evaluator.dataset_rows import load_rows, load_split, present_configs
from petoolkit.selector.fit_selector import FitOptions, fit_selector
from petoolkit.selector.row_vectors import RowVectors
from petoolkit.selector.tool_selector import Selector

_DRAWS = 3


def scores(selector: Selector, rows: list[dict]) -> None:
    """Print the scores of a selector on rows."""
    selector.prepare(rows)
    right: dict[str, list[tuple[bool, bool]]] = {name: [] for name in SETTINGS}
    given: list[bool] = []
    by_block: dict[tuple[str, str], list[bool]] = {}
    began = time.process_time()
    called = []
    for row in rows:
        (ranking,) = selector.rank([row], reasons=False)
        tool = row["candidate_tools"][ranking[0].number]
        called.append((tool, selector.parameters(tool, row["instruction"])))
    milliseconds = 1000 * (time.process_time() - began) / len(rows)
    for row, (tool, parameters) in zip(rows, called, strict=True):
        gold = ToolCall(row["tool_call"]["tool_name"], json.loads(row["tool_call"]["parameters"]))
        gold_tool = next(one for one in row["candidate_tools"] if one["tool_name"] == gold.tool_name)
        documents = parameter_documents(gold_tool)
        with_gold = selector.parameters(gold_tool, row["instruction"])
        given.append(has_right_parameters(ToolCall(gold.tool_name, with_gold), gold, documents=documents))
        is_right = tool["tool_name"] in row["acceptable_tools"]
        both = is_right and has_right_parameters(ToolCall(gold.tool_name, parameters), gold, documents=documents)
        right[setting_of(row)].append((is_right, both))
        if row["block_id"]:
            by_block.setdefault((row["block_id"], setting_of(row)), []).append(is_right)
    shares = {name: np.mean(found, axis=0) for name, found in right.items() if found}
    print("Tool Acc  ", " / ".join(f"{100 * one[0]:.1f}" for one in shares.values()), end="")
    print(f"  (all {100 * np.mean([one[0] for one in shares.values()]):.1f})")
    print("both right", " / ".join(f"{100 * one[1]:.1f}" for one in shares.values()))
    print(f"Param Acc, right tool given {100 * np.mean(given):.1f}")
    for name in SETTINGS:
        pairs = [a and b for (_, s), found in by_block.items() if s == name for a, b in combinations(found, 2)]
        if pairs:
            print(f"twin pairs both right, {name} {100 * np.mean(pairs):.1f}")
    print(f"{milliseconds:.1f} ms of CPU a row with cached vectors")


def training_rows(dataset: str) -> list[dict]:
    """All training rows of a dataset."""
    rows = list(load_split(dataset, "all", "train"))
    return rows + (list(load_rows(dataset, SELECTIVITY, "train")) if SELECTIVITY in present_configs(dataset) else [])


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
        print(f"{number:,} users: {shown}")


def main(what: str, source: str, *more: str) -> None:
    """Print what is asked for."""
    if what == "curve":
        curve(source, [int(number) for number in more])
        return
    for dataset in more:
        print(dataset)
        scores(Selector.load(source), list(load_split(dataset, "all", "test")))


if __name__ == "__main__":
    main(*sys.argv[1:])
