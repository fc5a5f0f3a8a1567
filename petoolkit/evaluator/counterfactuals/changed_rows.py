"""The rows of the counterfactuals that an evaluation asks."""

from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from petoolbench import KINDS, SELECTIVITY, SETTINGS, InputError, check_choice, setting_of
from petoolkit.evaluator.counterfactuals.counterfactual import ChangedRow, Counterfactual, changed_id
from petoolkit.evaluator.counterfactuals.counterfactual_table import COUNTERFACTUALS
from petoolkit.evaluator.counterfactuals.kept_rows import KeptRow, KeptRows
from petoolkit.evaluator.counterfactuals.neighbours import Neighbours
from petoolkit.evaluator.dataset_rows import load_setting, present_configs
from petoolkit.evaluator.row_fingerprint import RowFingerprint
from petoolkit.evaluator.stored_rows import StoredRows
from petoolkit.text import ALL


def chosen_counterfactuals(choice: str) -> list[str]:
    """The names in `NAME[,NAME...]`, or all of them; raises `InputError` for an unknown one."""
    names = named_in(choice)
    for name in names:
        check_choice(name, [ALL, *COUNTERFACTUALS], "counterfactual")
    return [name for name in COUNTERFACTUALS if name in names or ALL in names]


def named_in(choice: str) -> list[str]:
    """The names in `NAME[,NAME...]` as they are."""
    return [name.strip() for name in choice.split(",") if name.strip()]


class ChangedRows:
    """The rows of a counterfactual, each made whenever they are gone through.

    Args:
        counterfactual: that changes the rows.
        kept: the rows as they are.
        neighbours: those beside them.
    """

    def __init__(self, counterfactual: Counterfactual, kept: KeptRows, neighbours: Neighbours):
        self._counterfactual, self._kept, self._neighbours = counterfactual, kept, neighbours
        self._numbers = array("Q")
        self._hash = RowFingerprint()

    def __len__(self) -> int:
        return len(self._numbers)

    def __iter__(self) -> Iterator[ChangedRow]:
        for row in self._kept.at(self._numbers):
            made = self._made(row)
            assert made is not None, row["id"]
            yield made

    @property
    def rows(self) -> "RowsInForm":
        """The changed rows alone."""
        return RowsInForm(self, lambda one: one.row)

    @property
    def fingerprint(self) -> str:
        """Hash of the changed rows with all their columns; 16 hexadecimal digits."""
        return str(self._hash)

    @property
    def ids(self) -> Iterator[str]:
        """The ids of the changed rows."""
        return (changed_id(row["id"], self._counterfactual.name) for row in self.as_they_were)

    @property
    def as_they_were(self) -> Sequence[KeptRow]:
        """For each changed row, what groups and identifies it, before the change."""
        return [self._kept.facts[number] for number in self._numbers]

    def try_row(self, number: int, row: dict) -> None:
        """Add a row as it is, with its number among the kept ones, if it can be changed."""
        if made := self._made(row):
            self._numbers.append(number)
            self._hash.add(made.row)

    def _made(self, row: dict) -> ChangedRow | None:
        one = self._counterfactual
        if row["kind"] != one.kind or one.expected(SETTINGS[setting_of(row)]) is None:
            return None
        made = one.make(row, self._neighbours)
        return made and made._replace(row={**made.row, "id": changed_id(row["id"], one.name)})


@dataclass(frozen=True)
class RowsInForm:
    """Rows of a counterfactual, each in one form, whenever they are gone through.

    Args:
        made: the counterfactual's.
        form: takes what was made, and gives a row.
    """

    made: ChangedRows
    form: Callable[[ChangedRow], dict]

    def __len__(self) -> int:
        return len(self.made)

    def __iter__(self) -> Iterator[dict]:
        return map(self.form, self.made)


def changed_rows(rows: Iterable[dict], names: Iterable[str]) -> dict[str, ChangedRows]:
    """The rows of counterfactuals by name; none where a counterfactual cannot be made of these rows.

    Args:
        rows: rows of the kind `preference`, and those of other kinds of the same settings; gone through once.
        names: of `COUNTERFACTUALS`.
    """
    kept = KeptRows(rows)
    neighbours = Neighbours([row for row in kept.facts if row["kind"] == KINDS[0]])
    found = {name: ChangedRows(COUNTERFACTUALS[name], kept, neighbours) for name in names}
    for number, row in enumerate(kept):
        for changed in found.values():
            changed.try_row(number, row)
    return found


def rows_of_other_kinds(dataset: str, split: str, settings: Iterable[str], revision: str | None) -> Iterator[dict]:
    """The rows of the config `selectivity` in some settings; none if the dataset does not have the config."""
    if SELECTIVITY not in present_configs(dataset, revision):
        return
    loaded = load_setting(dataset, SELECTIVITY, revision)
    chosen = set(settings)
    if split in loaded:
        yield from (row for row in StoredRows([loaded[split]]) if setting_of(row) in chosen)


def check_made(made: dict[str, ChangedRows], dataset: str, named: Iterable[str]) -> dict[str, ChangedRows]:
    """Those counterfactuals that have rows.

    Raises:
        InputError: if one of the `named` ones does not have any; says what it needs.
    """
    for name in named:
        if not len(made[name]):
            raise InputError(
                f"{dataset} does not have what the counterfactual {name} needs ({COUNTERFACTUALS[name].needs}); leave "
                "it out, or choose `all` for those that can be asked."
            )
    return {name: rows for name, rows in made.items() if len(rows)}
