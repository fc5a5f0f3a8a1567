"""Whether the order of a history tells the ratings."""

import numpy as np

from petoolbench import SETTINGS, setting_of
from petoolkit.audit.choices import Choices


def shares_later(choices: Choices) -> np.ndarray:
    """(rows,) the share of pairs of a liked and a disliked call of a history in which the liked one comes later.

    NaN for histories that do not have both, and if the setting's order is meant to tell.
    """
    if not choices.rows or not SETTINGS[setting_of(choices.rows[0])].is_rated:
        return np.full(len(choices.rows), np.nan)
    return np.array([_later(liking) for liking in choices.liking])


def _later(liking: np.ndarray) -> float:
    liked, disliked = np.flatnonzero(liking > 0), np.flatnonzero(liking < 0)
    if not len(liked) or not len(disliked):
        return np.nan
    return float((liked[:, None] > disliked[None, :]).mean())
