"""The form of rows from elsewhere: columns, types, missing values, and the JSON text inside them."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from petoolbench import COLUMNS, KINDS, PARAMETER_KINDS, SELECTIVITY, SETTINGS, setting_of
from petoolkit.decoding import decode_json
from petoolkit.text import on_one_line

_IS_TYPE: dict[str, Callable[[pa.DataType], bool]] = {
    "string": lambda kind: pa.types.is_string(kind) or pa.types.is_large_string(kind),
    "int8": pa.types.is_integer,
    "int32": pa.types.is_integer,
}
_MAY_BE_NULL = {
    "history.rating",
    "candidate_tools.schema",
    *(
        f"candidate_tools.{kind}.{field}"
        for kind in PARAMETER_KINDS
        for field in ("type", "description", "default", "schema")
    ),
}

# Columns and fields that datasets of earlier versions lack; `completed` fills them in.
_ADDED = {
    "block_id",
    "kind",
    "acceptable_tools",
    "taste",
    "history.provider_description",
    "candidate_tools.schema",
    *(f"candidate_tools.{kind}.schema" for kind in PARAMETER_KINDS),
}
ADDED_COLUMNS = {name for name in _ADDED if "." not in name}


def lacks_added_columns(table: pa.Table) -> bool:
    """Whether the rows are of an earlier version, and `completed` has something to fill in."""
    return not {path for field in table.schema for path in _paths(field, "")} >= _ADDED


def _paths(field: pa.Field, within: str) -> Iterator[str]:
    """The names of a column and of all fields in it, such as `history.rating`."""
    path, kind = f"{within}{field.name}", field.type
    yield path
    while pa.types.is_list(kind) or pa.types.is_large_list(kind):
        kind = kind.value_type
    if pa.types.is_struct(kind):
        for part in kind:
            yield from _paths(part, f"{path}.")


def completed(row: dict) -> dict:
    """A row of an older dataset with all columns; what it lacks is empty."""
    return {
        "block_id": "",
        "kind": KINDS[0],
        "acceptable_tools": [row["tool_call"]["tool_name"]],
        "taste": "",
        **row,
        "history": [{"provider_description": "", **call} for call in row["history"]],
        "candidate_tools": [
            {"schema": None, **tool, **{kind: [{"schema": None, **p} for p in tool[kind]] for kind in PARAMETER_KINDS}}
            for tool in row["candidate_tools"]
        ],
    }


def form_problem(table: pa.Table, config: str | None = None) -> str | None:
    """What is wrong with the form of rows, as a clause for a sentence; `None` if nothing is.

    Args:
        table: rows that should have the columns of `petoolbench.COLUMNS`; those that earlier versions did not have
            may be missing.
        config: the config that they should belong to; by default, any.
    """
    try:
        table.validate(full=True)  # texts that are not UTF-8, lengths that do not fit
        for name, kind in COLUMNS.items():
            if name not in table.column_names:
                if name in _ADDED:
                    continue
                raise ValueError(f"the column {name} is missing")
            _check_values(table[name], kind, name)
        _check_content(table, config)
    except ValueError as error:
        return on_one_line(str(error))
    return None


def row_table(rows: list[dict]) -> pa.Table:
    """Rows as a table of the contract's types; raises `ValueError` or `TypeError` for values of other types."""
    return pa.Table.from_pylist(rows, schema=pa.schema([(name, _arrow_type(kind)) for name, kind in COLUMNS.items()]))


def _arrow_type(kind: Any) -> pa.DataType:
    if isinstance(kind, dict):
        return pa.struct([(name, _arrow_type(part)) for name, part in kind.items()])
    return pa.list_(_arrow_type(kind[0])) if isinstance(kind, list) else getattr(pa, kind)()


def _check_values(values: pa.ChunkedArray, kind: Any, path: str) -> None:
    if values.null_count and path not in _MAY_BE_NULL:
        raise ValueError(f"`{path}` is null {values.null_count:,} times")
    if isinstance(kind, dict):
        if not pa.types.is_struct(values.type):
            raise ValueError(f"`{path}` is {values.type}, not a structure")
        names = {field.name for field in values.type}
        for name, part in kind.items():
            if name not in names:
                if f"{path}.{name}" in _ADDED:
                    continue
                raise ValueError(f"`{path}.{name}` is missing")
            _check_values(pc.struct_field(values, name), part, f"{path}.{name}")
    elif isinstance(kind, list):
        if not (pa.types.is_list(values.type) or pa.types.is_large_list(values.type)):
            raise ValueError(f"`{path}` is {values.type}, not a list")
        _check_values(pc.list_flatten(values), kind[0], path)
    elif not _IS_TYPE[kind](values.type) and not pa.types.is_null(values.type):
        raise ValueError(f"`{path}` is {values.type}, not {kind}")


def _check_content(table: pa.Table, config: str | None) -> None:
    settings = [config] if config in SETTINGS else list(SETTINGS)
    for kind in set() if "kind" not in table.column_names else set(table["kind"].to_pylist()):
        if kind not in KINDS:
            raise ValueError(f"`kind` is {kind!r}, not one of {', '.join(KINDS)}")
        if config and (kind == KINDS[0]) == (config == SELECTIVITY):
            raise ValueError(f"rows of the kind {kind} do not belong to the config {config}")
    for row_id in table["id"].to_pylist():
        if setting_of({"id": row_id}) not in settings:
            raise ValueError(f"the id {row_id!r} does not end in /{' or /'.join(settings)}")
    if table.num_rows and not pc.min(pc.list_value_length(table["candidate_tools"])).as_py():
        raise ValueError("a row has no candidate tools")
    calls = {"tool_call": table["tool_call"], "history": pc.list_flatten(table["history"])}
    for rating in _distinct(calls["history"], "rating"):
        if rating not in (None, 0, 1):
            raise ValueError(f"`history.rating` is {rating}, neither 0 nor 1 nor null")
    for path, call in calls.items():
        _check_json(_distinct(call, "parameters"), f"{path}.parameters", dict)
    tools = pc.list_flatten(table["candidate_tools"])
    if any(field.name == "schema" for field in tools.type):
        _check_json(_distinct(tools, "schema"), "candidate_tools.schema", dict)
    for kind in PARAMETER_KINDS:
        parameters = pc.list_flatten(pc.struct_field(tools, kind))
        _check_json(_distinct(parameters, "default"), f"candidate_tools.{kind}.default", object)
        if any(field.name == "schema" for field in parameters.type):
            _check_json(_distinct(parameters, "schema"), f"candidate_tools.{kind}.schema", object)


def _distinct(structures: pa.ChunkedArray, field: str) -> list[Any]:
    return pc.unique(pc.struct_field(structures, field)).to_pylist()


def _check_json(texts: Iterable[str | None], path: str, kind: type) -> None:
    for text in texts:
        if text is None:
            continue
        try:
            is_right = isinstance(decode_json(text), kind)
        except ValueError as error:
            raise ValueError(f"`{path}` holds {text[:40]!r}: {error}") from None
        if not is_right:
            raise ValueError(f"`{path}` holds {text[:40]!r}, which is not a JSON object")
