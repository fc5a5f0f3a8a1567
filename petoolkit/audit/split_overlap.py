"""What the test split shares with training rows."""

from collections.abc import Iterable

from petoolkit.audit_record import Overlap
from petoolkit.split_rules import SHAREABLE


def overlaps(test: Iterable[dict], train: Iterable[dict]) -> list[Overlap]:
    """For each kind of values, how many of the test rows' the training rows have too."""
    known: list[set[str]] = [set() for _ in SHAREABLE]
    for row in train:
        for values, kind in zip(known, SHAREABLE, strict=True):
            values.update(kind.of_train(row))
    own: list[set[str]] = [set() for _ in SHAREABLE]
    sharing = [0] * len(SHAREABLE)
    for row in test:
        for number, kind in enumerate(SHAREABLE):
            values = set(kind.of_test(row))
            own[number] |= values
            sharing[number] += not known[number].isdisjoint(values)
    return [
        Overlap(name=kind.name, shared=len(mine & theirs), of=len(mine), test_rows=rows)
        for kind, mine, theirs, rows in zip(SHAREABLE, own, known, sharing, strict=True)
        if mine
    ]
