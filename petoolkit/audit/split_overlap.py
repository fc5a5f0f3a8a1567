"""What the test split shares with training rows."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from petoolbench import provider_of
from petoolkit.audit_record import Overlap

PROVIDERS = "providers of the test candidates"
Values = Callable[[dict], Iterable[object]]


@dataclass(frozen=True)
class Shareable:
    """One kind of values: what a test row has of them, and what a training row has."""

    name: str
    of_test: Values
    of_train: Values


def _same(name: str, value_of: Callable[[dict], str]) -> Shareable:
    def values(row: dict) -> list[str]:
        return [value] if (value := value_of(row)) else []

    return Shareable(name, values, values)


def _tools(row: dict) -> Iterable[object]:
    return (provider_of(tool) for tool in row["candidate_tools"])


def _tools_and_calls(row: dict) -> Iterable[object]:
    return (provider_of(tool) for tool in [*row["candidate_tools"], *row["history"]])


_SHAREABLE = (
    _same("users", lambda row: row["user_id"]),
    _same("blocks", lambda row: row["block_id"]),
    _same("function groups", lambda row: row["group_id"]),
    _same("gold tools", lambda row: row["tool_call"]["tool_name"]),
    Shareable(PROVIDERS, _tools, _tools_and_calls),
    _same("instructions", lambda row: row["instruction"]),
)


def overlaps(test: list[dict], train: list[dict]) -> list[Overlap]:
    """For each kind of values, how many of the test rows' the training rows have too."""
    found = []
    for kind in _SHAREABLE:
        known = {value for row in train for value in kind.of_train(row)}
        by_row = [set(kind.of_test(row)) for row in test]
        own = set().union(*by_row)
        if own:
            shared = own & known
            rows = sum(not shared.isdisjoint(values) for values in by_row)
            found.append(Overlap(name=kind.name, shared=len(shared), of=len(own), test_rows=rows))
    return found
