"""Which of the asked calls are the test split: those of some users, or the latest."""

from collections.abc import Iterable, Mapping

from petoolbench import InputError

from ..record_rng import record_rng
from .log_rows import Asked

SPLIT_BY = ("user", "time")


def test_calls(asked: Mapping[str, Iterable[Asked]], split: str, share: float, seed: int) -> set[tuple[str, int]]:
    """Users and numbers of the asked calls of the test split; the others are training rows.

    Args:
        asked: by user of the dataset.
        split: `user` draws users, each with all its calls; `time` takes the latest calls of all users.
        share: of the users, or of the calls; at least one is taken.
        seed: of the draw.

    Raises:
        InputError: if calls have no times to split by.
    """
    if split == "user":
        order = sorted(asked, key=lambda user: (record_rng(seed, "split", user).random(), user))
        users = set(order[: max(round(len(order) * share), 1)])
        return {(user, one.number) for user in users for one in asked[user]}
    times = sorted(one.call.time for calls in asked.values() for one in calls if one.call.time is not None)
    if not times:
        raise InputError("--split time needs times, and the log has none; name their column, or take --split user.")
    first = times[-max(round(len(times) * share), 1)]
    return {(user, one.number) for user, calls in asked.items() for one in calls if (one.call.time or first) >= first}
