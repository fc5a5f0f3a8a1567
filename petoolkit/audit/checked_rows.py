"""What an audit counts of rows, part by part."""

from collections import Counter
from dataclasses import dataclass, field, fields

from petoolbench import KINDS, SETTINGS, breaches
from petoolkit.audit.audit_rows import RowsOfSplit, rows_of
from petoolkit.audit.row_counts import COUNTS
from petoolkit.audit.split_overlap import SplitValues
from petoolkit.block_rules import broken_rules
from petoolkit.words import SENTENCE_END

_NO_TASTE = "`taste` does not say what decided"


@dataclass
class CheckedRows:
    """What was counted.

    Args:
        rows: their number.
        breaches: number of rows by the rule of the contract that they break.
        broken_ids: of the rows that break one.
        to_ask: number of rows with a choice to make, by setting and split.
        sound: number of rows of all settings that keep the contract, by split.
        alone: those of them in which only one candidate does the job.
        having: number of rows with a choice to make, by setting, split and what they have: `described calls`,
            `described tools`, `taste`.
        counts: of the sound rows of the split that is asked, by the name in `COUNTS`.
        sentences: of the descriptions in rows with a choice to make, of that split.
        values: what splits may share.
        blocks: their number.
        broken_rules: number of blocks by the rule of the controlled design that they break.
    """

    rows: int = 0
    breaches: Counter[str] = field(default_factory=Counter)
    broken_ids: set[str] = field(default_factory=set)
    to_ask: Counter[tuple[str, str]] = field(default_factory=Counter)
    sound: Counter[str] = field(default_factory=Counter)
    alone: Counter[str] = field(default_factory=Counter)
    having: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    counts: Counter[str] = field(default_factory=Counter)
    sentences: set[str] = field(default_factory=set)
    values: SplitValues = field(default_factory=SplitValues)
    blocks: int = 0
    broken_rules: Counter[str] = field(default_factory=Counter)

    def merge(self, other: "CheckedRows") -> None:
        """Count what others counted."""
        for name in (one.name for one in fields(self)):
            own, theirs = getattr(self, name), getattr(other, name)
            if isinstance(own, int):
                setattr(self, name, own + theirs)
            elif isinstance(own, SplitValues):
                own.merge(theirs)
            else:
                own.update(theirs)

    def add(self, config: str, split: str, row: dict, is_asked: bool) -> None:
        """Count a row of a config and split.

        Args:
            is_asked: whether the solvers are asked about the split.
        """
        self.rows += 1
        if broken := breaches(row):
            self.breaches.update(broken)
            self.broken_ids.add(row["id"])
        elif config in SETTINGS:
            self.sound[split] += 1
            self.values.add(split, row)
            has_choice = len(row["same_function_tools"]) > 1
            self.alone[split] += not has_choice
            if is_asked:
                self.counts.update(one.name for one in COUNTS if one.holds(row))
            if has_choice and row["kind"] == KINDS[0]:
                self._add_to_ask(config, split, row, is_asked)

    def _add_to_ask(self, config: str, split: str, row: dict, is_asked: bool) -> None:
        members = [tool for tool in row["candidate_tools"] if tool["tool_name"] in row["same_function_tools"]]
        of_calls, of_tools = (
            [one["provider_description"] for one in some if one["provider_description"]]
            for some in (row["history"], members)
        )
        self.to_ask[config, split] += 1
        self.having[config, split, "described calls"] += bool(of_calls)
        self.having[config, split, "described tools"] += bool(of_tools)
        self.having[config, split, "taste"] += bool(row["taste"])
        if is_asked:
            self.sentences.update(s for text in {*of_calls, *of_tools} for s in SENTENCE_END.split(text))

    def add_block(self, rows: list[dict], is_crossed: bool) -> None:
        """Count a block, all of whose rows are given."""
        self.blocks += 1
        try:
            self.broken_rules.update(broken_rules(rows, is_crossed))
        except (ValueError, KeyError, TypeError, AttributeError):
            self.broken_rules[_NO_TASTE] += 1


def check(is_crossed: bool, asked_split: str, part: list[RowsOfSplit]) -> CheckedRows:
    """What is counted of some rows, which are whole blocks.

    Args:
        is_crossed: whether histories must describe traits in other words than the candidates.
        asked_split: about which the solvers are asked.
        part: the rows.
    """
    checked = CheckedRows()
    blocks: dict[str, list[dict]] = {}
    for one in part:
        for row in rows_of(one.part):
            checked.add(one.config, one.split, row, one.split == asked_split)
            if row["block_id"]:
                blocks.setdefault(row["block_id"], []).append(row)
    for rows in blocks.values():
        checked.add_block(rows, is_crossed)
    return checked
