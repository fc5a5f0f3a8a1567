"""The parts of a benchmark that scores are given for: settings, and within them history length, category and gold
position."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from petoolbench import SETTINGS, setting_of
from petoolkit.text import ALL

_HISTORY_BINS = {"0": 0, "1-5": 5, "6-10": 10, "11-15": 15, "16-20": 20, "21-50": 50}  # each up to, inclusive


class Stratum(NamedTuple):
    """One part: `place` is a setting or `all`; the whole of a place has no `dimension` and no `name`."""

    place: str
    dimension: str = ""
    name: str = ""


def places(rows: list[dict]) -> dict[str, np.ndarray]:
    """Row numbers by place: the settings that the rows have, in the contract's order, and `all`."""
    settings = np.array([setting_of(row) for row in rows])
    found = {setting: np.flatnonzero(settings == setting) for setting in SETTINGS}
    return {setting: numbers for setting, numbers in found.items() if numbers.size} | {ALL: np.arange(len(rows))}


def strata(rows: list[dict]) -> dict[Stratum, np.ndarray]:
    """Row numbers by stratum: whole places first, then what there is of each dimension within each place."""
    whole = places(rows)
    found = {Stratum(place): numbers for place, numbers in whole.items()}
    for dimension, (name_of, order) in DIMENSIONS.items():
        names = np.array([name_of(row) for row in rows], dtype=object)
        for place, numbers in whole.items():
            for name in sorted(set(names[numbers]), key=order):
                found[Stratum(place, dimension, name)] = numbers[names[numbers] == name]
    return found


def _history_bin(row: dict) -> str:
    return next((name for name, last in _HISTORY_BINS.items() if row["history_length"] <= last), "51+")


def _gold_position(row: dict) -> str:
    names = [tool["tool_name"] for tool in row["candidate_tools"]]
    gold = row["tool_call"]["tool_name"]
    return str(names.index(gold) + 1) if gold in names else "none"


# By dimension: what a row belongs to, and how that is ordered.
DIMENSIONS: dict[str, tuple[Callable[[dict], str], Callable]] = {
    "history_length": (_history_bin, lambda name: _HISTORY_BINS.get(name, np.inf)),
    "category": (lambda row: row["category"], str),
    "gold_position": (_gold_position, lambda name: np.inf if name == "none" else int(name)),
}
