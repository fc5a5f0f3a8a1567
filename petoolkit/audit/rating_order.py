"""Whether the order of a history tells the ratings."""

import numpy as np

from petoolbench import SETTINGS, setting_of
from petoolkit.audit.choices import Choices
from petoolkit.audit.solve import mean_with_interval
from petoolkit.audit_record import AuditScore


def rating_order(choices: Choices) -> AuditScore | None:
    """The share of pairs of a liked and a disliked call of one history in which the liked one comes later (an AUC).

    Returns:
        The mean over histories that have both; `None` if none has, or if the setting's order is meant to tell.
    """
    if not choices.rows or not SETTINGS[setting_of(choices.rows[0])].is_rated:
        return None
    found = [(_later(liking), cluster) for liking, cluster in zip(choices.liking, choices.clusters, strict=True)]
    both = [(share, cluster) for share, cluster in found if share is not None]
    if not both:
        return None
    shares, clusters = map(np.array, zip(*both, strict=True))
    value, low, high = mean_with_interval(shares, np.unique(clusters, return_inverse=True)[1])
    return AuditScore(value=value, low=low, high=high)


def _later(liking: np.ndarray) -> float | None:
    liked, disliked = np.flatnonzero(liking > 0), np.flatnonzero(liking < 0)
    if not len(liked) or not len(disliked):
        return None
    return float((liked[:, None] > disliked[None, :]).mean())
