"""What a selector chooses where the parameters of tools do not tell which of them do the same job.

    python benchmarks/changed_parameters.py SELECTOR DATASET

In a controlled build, the tools of one job take the same parameters, and no distractor takes just these. Other
people's tools are not so orderly. So the test rows are asked as they are; without any parameters; with parameters that
are named by lot, for each tool its own; and with a distractor that takes the parameters of the gold tool.
"""

import argparse
import random
import sys
from collections.abc import Callable
from typing import Any

from machine import heading

from petoolbench import KINDS, PARAMETER_KINDS, SETTINGS, InputError, setting_of
from petoolkit.evaluator.dataset_rows import load_split
from petoolkit.selector.tool_selector import Selector
from petoolkit.text import ALL, markdown_table

Change = Callable[[dict[str, Any]], list[dict[str, Any]]]


def as_they_are(row: dict[str, Any]) -> list[dict[str, Any]]:
    """The candidate tools of a row."""
    return row["candidate_tools"]


def without_parameters(row: dict[str, Any]) -> list[dict[str, Any]]:
    """Candidate tools that take nothing."""
    return [{**tool, **{kind: [] for kind in PARAMETER_KINDS}} for tool in row["candidate_tools"]]


def with_names_by_lot(names: list[str]) -> Change:
    """Candidate tools whose parameters have names out of these."""

    def named(tool: dict[str, Any]) -> dict[str, Any]:
        rng = random.Random(tool["tool_name"])
        return {
            **tool,
            **{kind: [{**one, "name": rng.choice(names)} for one in tool[kind]] for kind in PARAMETER_KINDS},
        }

    return lambda row: [named(tool) for tool in row["candidate_tools"]]


def with_a_distractor_like_gold(row: dict[str, Any]) -> list[dict[str, Any]]:
    """Candidate tools, of which one that does another job takes the gold tool's parameters; unchanged without one."""
    tools = row["candidate_tools"]
    gold = next(tool for tool in tools if tool["tool_name"] == row["tool_call"]["tool_name"])
    others = sorted(tool["tool_name"] for tool in tools if tool["tool_name"] not in row["same_function_tools"])
    changed = random.Random(row["id"]).choice(others) if others else None
    taken = {kind: gold[kind] for kind in PARAMETER_KINDS}
    return [{**tool, **taken} if tool["tool_name"] == changed else tool for tool in tools]


def scores(selector: Selector, rows: list[dict[str, Any]]) -> list[str]:
    """Tool Acc of each setting, and over all given the function, in percent."""
    ranked = selector.rank(rows, reasons=False)
    right: dict[str, list[bool]] = {}
    given = []
    for row, ranking in zip(rows, ranked, strict=True):
        right.setdefault(setting_of(row), []).append(ranking[0].tool_name in row["acceptable_tools"])
        best = next(one.tool_name for one in ranking if one.tool_name in row["same_function_tools"])
        given.append(best in row["acceptable_tools"])
    return [f"{100 * sum(one) / len(one):.1f}" for one in (*(right[setting] for setting in SETTINGS), given)]


def main() -> None:
    """Print a line for each way to change the parameters."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("selector", help="a folder of `petoolbench fit selector`, or its id on the Hub")
    parser.add_argument("dataset", help="a folder of a build, or its id on the Hub")
    options = parser.parse_args()
    try:
        selector = Selector.load(options.selector)
        rows = [row for row in load_split(options.dataset, ALL, "test") if row["kind"] == KINDS[0]]
    except InputError as error:
        sys.exit(f"Error: {error}")
    names = [
        one["name"]
        for row in rows
        for tool in row["candidate_tools"]
        for kind in PARAMETER_KINDS
        for one in tool[kind]
    ]
    changes: dict[str, Change] = {
        "as they are": as_they_are,
        "no parameters": without_parameters,
        "names by lot, for each tool its own": with_names_by_lot(names),
        "a distractor takes the gold tool's": with_a_distractor_like_gold,
    }
    print(heading("A selector where parameters do not tell the job", "petoolbench"))
    changed = {name: [{**row, "candidate_tools": change(row)} for row in rows] for name, change in changes.items()}
    differ = {
        name: sum(one["candidate_tools"] != row["candidate_tools"] for one, row in zip(of_change, rows, strict=True))
        for name, of_change in changed.items()
    }
    lines = [[name, f"{differ[name]:,}", *scores(selector, of_change)] for name, of_change in changed.items()]
    print(f"{len(rows):,} test rows; Tool Acc in percent.\n")
    print(markdown_table(["parameters", "rows that differ", *SETTINGS, "all, given the function"], lines))


if __name__ == "__main__":
    main()
