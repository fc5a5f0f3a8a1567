"""Statistics of a finished set of rows (paper, section 3.3 and Table 3)."""

import json
from collections import Counter

from petoolbench import KINDS, SETTINGS, ToolName, setting_of


class RowStatistics:
    """Add rows one by one, then ask for the `summary`."""

    def __init__(self) -> None:
        self._rows = self._no_parameters = 0
        self._tools: set[str] = set()
        self._instructions: set[str] = set()
        self._gold: set[str] = set()
        self._users: set[str] = set()
        self._blocks: set[str] = set()
        self._groups: set[str] = set()
        self._kinds: Counter = Counter()
        self._lengths: list[int] = []
        self._positions: Counter = Counter()
        self._same_function: Counter = Counter()
        self._disliked = self._rated = 0

    def add(self, row: dict) -> None:
        """Count a row with the columns of `petoolbench.COLUMNS`."""
        candidates = [tool["tool_name"] for tool in row["candidate_tools"]]
        self._tools.update(candidates)
        self._tools.update(call["tool_name"] for call in row["history"])
        self._rows += 1
        self._kinds[row["kind"]] += 1
        self._groups.add(row["group_id"])
        if row["kind"] == KINDS[0]:
            self._users.add(row["user_id"])
        if row["block_id"]:
            self._blocks.add(row["block_id"])
        self._lengths.append(row["history_length"])
        if SETTINGS[setting_of(row)].is_rated:
            self._rated += len(row["history"])
            self._disliked += sum(call["rating"] == 0 for call in row["history"])
        self._instructions.add(row["instruction"])
        self._gold.add(row["tool_call"]["tool_name"])
        self._no_parameters += not json.loads(row["tool_call"]["parameters"])
        self._positions[candidates.index(row["tool_call"]["tool_name"]) + 1] += 1
        self._same_function[len(row["same_function_tools"])] += 1

    def summary(self) -> dict:
        """Numbers by what they count; shares are between 0 and 1."""
        return {
            "rows": self._rows,
            "users": len(self._users),
            **({"blocks": len(self._blocks)} if self._blocks else {}),
            "function groups": len(self._groups),
            "distinct tools among candidates and histories": len(self._tools),
            "categories among them": len({ToolName.parse(name).category for name in self._tools}),
            "distinct gold tools": len(self._gold),
            "distinct instructions": len(self._instructions),
            "mean history length": round(sum(self._lengths) / self._rows, 1) if self._rows else 0,
            "share of rated calls that are disliked": round(self._disliked / self._rated, 3) if self._rated else 0,
            "share of gold calls without parameters": round(self._no_parameters / self._rows, 3) if self._rows else 0,
            "kind (rows)": {kind: self._kinds[kind] for kind in KINDS if self._kinds[kind]},
            "gold tool's position (rows)": dict(sorted(self._positions.items())),
            "same-function candidates (rows)": dict(sorted(self._same_function.items())),
        }
