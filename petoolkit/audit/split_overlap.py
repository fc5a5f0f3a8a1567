"""What the test split shares with training rows."""

from petoolkit.audit_record import Overlap
from petoolkit.split_rules import SHAREABLE


def overlaps(test: list[dict], train: list[dict]) -> list[Overlap]:
    """For each kind of values, how many of the test rows' the training rows have too."""
    found = []
    for kind in SHAREABLE:
        known = {value for row in train for value in kind.of_train(row)}
        by_row = [set(kind.of_test(row)) for row in test]
        own = set().union(*by_row)
        if own:
            shared = own & known
            rows = sum(not shared.isdisjoint(values) for values in by_row)
            found.append(Overlap(name=kind.name, shared=len(shared), of=len(own), test_rows=rows))
    return found
