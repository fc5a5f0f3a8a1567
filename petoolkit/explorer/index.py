"""An index of a dataset's rows to filter them by; a whole row is read when it is shown."""

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from typing import NamedTuple

import datasets
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from petoolbench import KINDS, SETTINGS, InputError, setting_of
from petoolkit.evaluator.dataset_rows import load_setting, present_configs, unchanged
from petoolkit.evaluator.scores.breakdowns import DIMENSIONS
from petoolkit.explorer.tastes import read_taste

_length_band, _band_order = DIMENSIONS["history_length"]


class RowPart(NamedTuple):
    """The rows of one config and split; the index holds them one after the other."""

    config: str
    split: str
    start: int  # number of its first row
    rows: datasets.Dataset


@dataclass(frozen=True)
class Index:
    """Columns to filter rows by; each holds one value a row, in the parts' order."""

    parts: list[RowPart]
    ids: list[str]
    instructions: list[str]
    setting: np.ndarray
    kind: np.ndarray  # what the row asks for, one of `petoolbench.KINDS`
    group: np.ndarray  # id of the gold tool's function group
    gold: np.ndarray  # full name of the gold tool
    block: np.ndarray  # id of its block; empty if it has none
    split: np.ndarray
    category: np.ndarray
    lengths: list[int]  # of the histories
    length: np.ndarray  # bands of `lengths`
    searched: pa.ChunkedArray  # lower-case text

    def __len__(self) -> int:
        return len(self.ids)

    @cached_property
    def numbers(self) -> dict[str, int]:
        """Numbers of the rows by id."""
        return {row_id: number for number, row_id in enumerate(self.ids)}

    @cached_property
    def choices(self) -> dict[str, list[str]]:
        """The values of each column: settings and kinds in the contract's order, categories in alphabetical order."""
        settings, kinds = set(self.setting), set(self.kind)
        return {
            "setting": [setting for setting in SETTINGS if setting in settings],
            "kind": [kind for kind in KINDS if kind in kinds],
            "split": list(dict.fromkeys(part.split for part in self.parts)),
            "category": sorted(set(self.category)),
            "length": sorted(set(self.length), key=_band_order),
        }

    def row(self, number: int) -> dict:
        """A whole row, by its number."""
        part = self.parts[bisect_right([part.start for part in self.parts], number) - 1]
        return part.rows[number - part.start]

    def block_numbers(self, block_id: str, setting: str) -> list[int]:
        """Numbers of the rows of a block in one setting; none for rows without block."""
        if not block_id:
            return []
        return np.flatnonzero((self.block == block_id) & (self.setting == setting)).tolist()

    def described_traits(self) -> Iterator[tuple[str, tuple[str, ...]]]:
        """The descriptions of providers, each once with the traits that it shows, in words; none without `taste`."""
        seen: set[tuple[str, tuple[str, ...]]] = set()
        for part in self.parts:
            table = part.rows.select_columns(["taste", "candidate_tools", "history"]).with_format("arrow")[:]
            tools, calls = table["candidate_tools"].combine_chunks(), table["history"].combine_chunks()
            columns = (
                _lists(tools, "tool_name"),
                _lists(tools, "provider_description"),
                _lists(calls, "provider_description"),
            )
            for text, names, of_tools, of_calls in zip(table["taste"].to_pylist(), *columns, strict=True):
                if (taste := read_taste(text)) is None:
                    continue
                described = [
                    (about, taste.of_tools.get(name, ())) for name, about in zip(names, of_tools, strict=True)
                ]
                for one in [*described, *zip(of_calls, taste.of_calls, strict=False)]:
                    if one[0] and one not in seen:
                        seen.add(one)
                        yield one

    def holding(self, text: str) -> np.ndarray:
        """Which rows hold every word of a text in their id, instruction, category, history, or a tool's name.

        Returns:
            Booleans, one a row. Upper and lower case are the same.
        """
        found = np.ones(len(self), bool)
        for word in text.lower().split():
            found &= pc.match_substring(self.searched, word).to_numpy()
        return found


def read_index(dataset: str, revision: str | None = None) -> Index:
    """Read all configs and splits that a dataset has.

    Args:
        dataset: a folder or a Hub id.
        revision: of a Hub dataset.

    Raises:
        InputError: if there is no such dataset, or it does not have rows.
    """
    with unchanged(dataset):
        loaded = [
            (config, str(split), rows)
            for config in present_configs(dataset, revision)
            for split, rows in load_setting(dataset, config, revision).items()
            if rows.num_rows
        ]
    if not loaded:
        raise InputError(f"{dataset} does not have rows to show; build it anew.")
    loaded.sort(key=lambda part: part[1] != "test")  # the rows that models are asked about come first
    sizes = [rows.num_rows for _, _, rows in loaded]
    starts = [0, *accumulate(sizes)]
    parts = [
        RowPart(config, split, start, rows) for (config, split, rows), start in zip(loaded, starts[:-1], strict=True)
    ]
    tables = [rows.with_format("arrow")[:] for _, _, rows in loaded]
    lengths = [length for table in tables for length in table["history_length"].to_pylist()]
    bands = {length: _length_band({"history_length": length}) for length in set(lengths)}
    ids = [row_id for table in tables for row_id in table["id"].to_pylist()]
    return Index(
        parts=parts,
        ids=ids,
        instructions=[text for table in tables for text in table["instruction"].to_pylist()],
        setting=np.array([setting_of({"id": row_id}) for row_id in ids], object),
        kind=np.concatenate([table["kind"].to_numpy() for table in tables]),
        group=np.concatenate([table["group_id"].to_numpy() for table in tables]),
        gold=np.concatenate([pc.struct_field(table["tool_call"], "tool_name").to_numpy() for table in tables]),
        block=np.concatenate([table["block_id"].to_numpy() for table in tables]),
        split=np.repeat(np.array([part.split for part in parts], object), sizes),
        category=np.concatenate([table["category"].to_numpy() for table in tables]),
        lengths=lengths,
        length=np.array([bands[length] for length in lengths], object),
        searched=pa.chunked_array([_searched(table) for table in tables]),
    )


def _searched(table: pa.Table) -> pa.Array:
    """The text of each row that a search looks at."""
    history, tools = table["history"].combine_chunks(), table["candidate_tools"].combine_chunks()
    texts = [
        *(table[name].combine_chunks() for name in ("id", "category", "instruction")),
        _joined(history, "instruction"),
        _joined(history, "tool_name"),
        _joined(history, "provider_description"),
        _joined(tools, "tool_name"),
        pc.struct_field(table["tool_call"].combine_chunks(), "tool_name"),
    ]
    wide = [text.cast(pa.large_string()) for text in texts]
    return pc.utf8_lower(pc.binary_join_element_wise(*wide, pa.scalar("\n", pa.large_string()), null_handling="skip"))


def _joined(lists: pa.ListArray, field: str) -> pa.Array:
    """One field of a list of structs, joined to one text a row."""
    return pc.binary_join(_field(lists, field), "\n")


def _lists(lists: pa.ListArray, field: str) -> list[list[str]]:
    """One field of a list of structs, as a list of texts a row."""
    return _field(lists, field).to_pylist()


def _field(lists: pa.ListArray, field: str) -> pa.ListArray:
    ends = pc.cumulative_sum(pc.list_value_length(lists)).cast(pa.int32())
    offsets = pa.concat_arrays([pa.array([0], pa.int32()), ends])
    values = pc.fill_null(pc.struct_field(pc.list_flatten(lists), field), "")
    return pa.ListArray.from_arrays(offsets, values)
