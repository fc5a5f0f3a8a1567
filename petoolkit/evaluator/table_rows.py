"""Rows of an Arrow table as dictionaries that share what is equal in them, so that 100,000 rows fit into memory."""

from itertools import accumulate, pairwise
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

_ROWS_AT_ONCE = 2_000


def table_rows(table: pa.Table) -> list[dict]:
    """The rows of a table, as `table.to_pylist()` gives them, in a tenth of the memory where rows repeat tools.

    Equal texts are one object, and so are equal documents of candidate tools and equal past calls: do not change them.
    """
    return SharingRows().rows_of(table)


class SharingRows:
    """Makes rows of tables that share what is equal in them, as `table_rows` does for those of one table."""

    def __init__(self) -> None:
        self._texts: dict[str, str] = {}
        self._tools: dict[str, list[dict]] = {}
        self._calls: dict[tuple, dict] = {}

    def rows_of(self, table: pa.Table) -> list[dict]:
        """The rows of a table."""
        rows: list[dict] = []
        for start in range(0, table.num_rows, _ROWS_AT_ONCE):
            part = table.slice(start, _ROWS_AT_ONCE)
            columns = [_values(part[name].combine_chunks(), self._texts) for name in table.column_names]
            for values in zip(*columns, strict=True):
                row = dict(zip(table.column_names, values, strict=True))
                if isinstance(candidates := row.get("candidate_tools"), list):
                    row["candidate_tools"] = [self._shared_tool(tool) for tool in candidates]
                if isinstance(history := row.get("history"), list):
                    row["history"] = [self._calls.setdefault(tuple(call.values()), call) for call in history]
                rows.append(row)
        return rows

    def _shared_tool(self, tool: dict) -> dict:
        """The first document that equals this one."""
        known = self._tools.setdefault(tool["tool_name"], [])
        for one in known:
            if one == tool:
                return one
        known.append(tool)
        return tool


def _values(array: pa.Array, texts: dict[str, str]) -> list[Any]:
    """The values of an array; a structure's dictionaries have the same keys as objects."""
    kind = array.type
    if pa.types.is_struct(kind):
        names = [kind.field(number).name for number in range(kind.num_fields)]
        parts = [_values(pc.struct_field(array, number), texts) for number in range(kind.num_fields)]
        return _with_nulls(array, [dict(zip(names, values)) for values in zip(*parts, strict=True)])  # noqa: B905
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        flat = _values(pc.list_flatten(array), texts)
        ends = accumulate(pc.fill_null(pc.list_value_length(array), 0).to_pylist(), initial=0)
        return _with_nulls(array, [flat[start:end] for start, end in pairwise(ends)])
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        encoded = array.dictionary_encode()
        known = [texts.setdefault(text, text) for text in encoded.dictionary.to_pylist()]
        return [None if number is None else known[number] for number in encoded.indices.to_pylist()]
    return array.to_pylist()


def _with_nulls(array: pa.Array, values: list[Any]) -> list[Any]:
    if not array.null_count:
        return values
    return [value if valid else None for value, valid in zip(values, array.is_valid().to_pylist(), strict=True)]
