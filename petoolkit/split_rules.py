"""What training and test rows may not share, by how a dataset was split."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from petoolbench import provider_of


@dataclass(frozen=True)
class Unshared:
    """One thing that training and test rows may not share.

    Args:
        name: what it is, in messages and cards.
        of_test: its values in a test row.
        of_train: its values in a training row, which are no values of a test row's.
    """

    name: str
    of_test: Callable[[dict], Iterable[str]]
    of_train: Callable[[dict], Iterable[str]]


def _providers(tools: Iterable[dict]) -> Iterable[str]:
    return ("/".join(provider_of(tool)) for tool in tools)


def _one(name: str, value_of: Callable[[dict], str]) -> Unshared:
    def values_of(row: dict) -> Iterable[str]:
        return filter(None, [value_of(row)])

    return Unshared(name, values_of, values_of)


_USER, _BLOCK = _one("user", lambda row: row["user_id"]), _one("block", lambda row: row["block_id"])
_BY_SPLIT = {
    "user": (),
    "time": (),
    "tool": (_one("gold tool", lambda row: row["tool_call"]["tool_name"]),),
    "function": (_one("function group", lambda row: row["group_id"]),),
    "provider": (
        Unshared(
            "provider",
            lambda row: _providers(row["candidate_tools"]),
            lambda row: _providers([*row["candidate_tools"], *row["history"]]),
        ),
    ),
}


# All that an audit counts, whatever a dataset was split by.
SHAREABLE = (
    _USER,
    _BLOCK,
    *(what for split in ("function", "tool", "provider") for what in _BY_SPLIT[split]),
    _one("instruction", lambda row: row["instruction"]),
)


def unshared_by(split: str) -> tuple[Unshared, ...]:
    """What training and test rows may not share in a dataset that was split so (`DatasetRecord.split`).

    They never share a user or a block.
    """
    return (_USER, _BLOCK, *_BY_SPLIT[split])
