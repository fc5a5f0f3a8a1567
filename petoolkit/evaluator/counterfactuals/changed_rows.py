"""The rows of the counterfactuals that an evaluation asks."""

from collections.abc import Iterable, Sequence

from petoolbench import KINDS, SELECTIVITY, SETTINGS, InputError, check_choice, setting_of
from petoolkit.evaluator.counterfactuals.counterfactual import ChangedRow, Counterfactual, changed_id
from petoolkit.evaluator.counterfactuals.counterfactual_table import COUNTERFACTUALS
from petoolkit.evaluator.counterfactuals.neighbours import Neighbours
from petoolkit.evaluator.dataset_rows import load_setting, present_configs
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


def changed_rows(rows: Sequence[dict], names: Iterable[str]) -> dict[str, list[ChangedRow]]:
    """The rows of counterfactuals by name; none where a counterfactual cannot be made of these rows.

    Args:
        rows: rows of the kind `preference`, and those of other kinds of the same settings.
        names: of `COUNTERFACTUALS`.
    """
    neighbours = Neighbours([row for row in rows if row["kind"] == KINDS[0]])
    return {name: list(_changed(COUNTERFACTUALS[name], rows, neighbours)) for name in names}


def _changed(counterfactual: Counterfactual, rows: Sequence[dict], neighbours: Neighbours) -> Iterable[ChangedRow]:
    for row in rows:
        if row["kind"] != counterfactual.kind or counterfactual.expected(SETTINGS[setting_of(row)]) is None:
            continue
        if made := counterfactual.make(row, neighbours):
            yield made._replace(row={**made.row, "id": changed_id(row["id"], counterfactual.name)})


def rows_of_other_kinds(dataset: str, split: str, settings: Iterable[str], revision: str | None) -> list[dict]:
    """The rows of the config `selectivity` in some settings; none if the dataset does not have the config."""
    if SELECTIVITY not in present_configs(dataset, revision):
        return []
    loaded = load_setting(dataset, SELECTIVITY, revision)
    chosen = set(settings)
    return [row for row in loaded[split].to_list() if setting_of(row) in chosen] if split in loaded else []


def check_made(made: dict[str, list[ChangedRow]], dataset: str, named: Iterable[str]) -> dict[str, list[ChangedRow]]:
    """Those counterfactuals that have rows.

    Raises:
        InputError: if one of the `named` ones does not have any; says what it needs.
    """
    for name in named:
        if not made[name]:
            raise InputError(
                f"{dataset} does not have what the counterfactual {name} needs ({COUNTERFACTUALS[name].needs}); leave "
                "it out, or choose `all` for those that can be asked."
            )
    return {name: rows for name, rows in made.items() if rows}
