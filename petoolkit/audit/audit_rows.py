"""The rows of a dataset in memory, for an audit: candidates that several rows have are held once."""

import json
from dataclasses import dataclass, field

from petoolbench import KINDS, SELECTIVITY, SETTINGS, breaches
from petoolkit.evaluator.dataset_rows import load_setting, present_configs
from petoolkit.progress_bars import Bars

_ROWS_AT_ONCE = 200


@dataclass
class AuditRows:
    """Rows by config and split, and which of them break the contract."""

    rows: dict[str, dict[str, list[dict]]] = field(default_factory=dict)
    breaches: dict[str, int] = field(default_factory=dict)  # rows by rule
    broken_ids: set[str] = field(default_factory=set)

    def add(self, config: str, split: str, row: dict) -> None:
        """Take a row of a config and split."""
        self.rows.setdefault(config, {}).setdefault(split, []).append(row)
        for breach in breaches(row):
            self.breaches[breach] = self.breaches.get(breach, 0) + 1
            self.broken_ids.add(row["id"])

    @property
    def numbers(self) -> dict[str, dict[str, int]]:
        """Numbers of rows by config and split."""
        return {config: {split: len(rows) for split, rows in splits.items()} for config, splits in self.rows.items()}

    @property
    def all(self) -> list[dict]:
        """The rows of all configs and splits."""
        return [row for splits in self.rows.values() for rows in splits.values() for row in rows]

    def preference(self, setting: str, split: str) -> list[dict]:
        """A setting's rows of the kind `preference` that keep the contract and have a choice to make."""
        return [
            row
            for row in self.rows.get(setting, {}).get(split, [])
            if row["kind"] == KINDS[0] and row["id"] not in self.broken_ids and len(row["same_function_tools"]) > 1
        ]

    def sound(self, split: str) -> list[dict]:
        """All settings' rows of a split that keep the contract."""
        return [
            row
            for setting in SETTINGS
            for row in self.rows.get(setting, {}).get(split, [])
            if row["id"] not in self.broken_ids
        ]


def read_rows(dataset: str, revision: str | None, progress: Bars) -> AuditRows:
    """Read all configs of a dataset; raises what `load_setting` raises."""
    read = AuditRows()
    known: dict[str, dict] = {}
    configs = present_configs(dataset, revision)
    bar = progress.add_task("Reading the rows", total=None)
    for config in [name for name in (*SETTINGS, SELECTIVITY) if name in configs]:
        loaded = load_setting(dataset, config, revision)
        for split, table in loaded.items():
            for batch in table.iter(_ROWS_AT_ONCE):
                for number in range(len(batch["id"])):
                    row = {column: values[number] for column, values in batch.items()}
                    row["candidate_tools"] = [known.setdefault(json.dumps(t), t) for t in row["candidate_tools"]]
                    read.add(config, str(split), row)
                progress.advance(bar, len(batch["id"]))
    progress.update(bar, total=len(read.all))
    return read
