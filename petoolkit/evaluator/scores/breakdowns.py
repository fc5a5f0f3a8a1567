"""Groups of rows with scores of their own: settings, and bands of history length, category and gold position."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from petoolbench import SETTINGS, setting_of
from petoolkit.text import ALL

_HISTORY_BANDS = {"0": 0, "1-5": 5, "6-10": 10, "11-15": 15, "16-20": 20, "21-50": 50}  # band: its longest history


class RowGroup(NamedTuple):
    """A group of rows: a whole setting (or `all`), or one band of a dimension within a setting."""

    setting: str
    dimension: str = ""
    band: str = ""


def by_setting(rows: Sequence[dict]) -> dict[str, np.ndarray]:
    """Row numbers by setting, for the settings of the rows in the order of `petoolbench.SETTINGS`, and for `all`."""
    settings = np.array([setting_of(row) for row in rows])
    found = {setting: np.flatnonzero(settings == setting) for setting in SETTINGS}
    return {setting: numbers for setting, numbers in found.items() if numbers.size} | {ALL: np.arange(len(rows))}


def row_groups(rows: Sequence[dict]) -> dict[RowGroup, np.ndarray]:
    """Row numbers by group: whole settings first, then the bands of each dimension within each setting."""
    whole = by_setting(rows)
    found = {RowGroup(setting): numbers for setting, numbers in whole.items()}
    for dimension, (band_of, order) in DIMENSIONS.items():
        bands = np.array([band_of(row) for row in rows], dtype=object)
        for setting, numbers in whole.items():
            for band in sorted(set(bands[numbers]), key=order):
                found[RowGroup(setting, dimension, band)] = numbers[bands[numbers] == band]
    return found


def _history_band(row: dict) -> str:
    return next((band for band, last in _HISTORY_BANDS.items() if row["history_length"] <= last), "51+")


def _gold_position(row: dict) -> str:
    names = [tool["tool_name"] for tool in row["candidate_tools"]]
    gold = row["tool_call"]["tool_name"]
    return str(names.index(gold) + 1) if gold in names else "none"


# By dimension: a function that returns the band of a row, and the sort key of bands.
DIMENSIONS: dict[str, tuple[Callable[[dict], str], Callable]] = {
    "history_length": (_history_band, lambda band: _HISTORY_BANDS.get(band, np.inf)),
    "category": (lambda row: row["category"], str),
    "gold_position": (_gold_position, lambda band: np.inf if band == "none" else int(band)),
}
