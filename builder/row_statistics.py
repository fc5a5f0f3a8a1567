"""Statistics of a finished set of rows (paper, section 3.3 and Table 3)."""

import hashlib
import json
from collections import Counter
from typing import Any

import numpy as np

from petoolbench import KINDS, SETTINGS, ToolName, setting_of

_DISTINCT = ("users", "blocks", "instructions")  # of which there may be as many as rows: only hashes are kept
_NAMES = ("tools", "gold tools", "groups")
_NUMBERED = ("gold tool's position", "same-function candidates")


class RowStatistics:
    """Add rows one by one, or the states of others, then ask for the `summary`."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._kinds: Counter[str] = Counter()
        self._names: dict[str, set[str]] = {what: set() for what in _NAMES}
        self._hashes: dict[str, set[int]] = {what: set() for what in _DISTINCT}
        self._merged: dict[str, list[np.ndarray]] = {what: [] for what in _DISTINCT}
        self._numbered: dict[str, Counter[int]] = {what: Counter() for what in _NUMBERED}

    def add(self, row: dict) -> None:
        """Count a row with the columns of `petoolbench.COLUMNS`."""
        candidates = [tool["tool_name"] for tool in row["candidate_tools"]]
        gold = row["tool_call"]["tool_name"]
        self._names["tools"].update(candidates)
        self._names["tools"].update(call["tool_name"] for call in row["history"])
        self._names["groups"].add(row["group_id"])
        self._names["gold tools"].add(gold)
        self._kinds[row["kind"]] += 1
        if row["kind"] == KINDS[0]:
            self._hashes["users"].add(_hash(row["user_id"]))
        if row["block_id"]:
            self._hashes["blocks"].add(_hash(row["block_id"]))
        self._hashes["instructions"].add(_hash(row["instruction"]))
        self._counts["rows"] += 1
        self._counts["past calls"] += row["history_length"]
        if SETTINGS[setting_of(row)].is_rated:
            self._counts["rated"] += len(row["history"])
            self._counts["disliked"] += sum(call["rating"] == 0 for call in row["history"])
        self._counts["no parameters"] += not json.loads(row["tool_call"]["parameters"])
        self._numbered["gold tool's position"][candidates.index(gold) + 1] += 1
        self._numbered["same-function candidates"][len(row["same_function_tools"])] += 1

    def state(self) -> dict[str, Any]:
        """All that was counted, as JSON values."""
        return {
            "counts": dict(self._counts),
            "kinds": dict(self._kinds),
            "names": {what: sorted(names) for what, names in self._names.items()},
            "hashes": {what: self._distinct(what).tolist() for what in _DISTINCT},
            "numbered": {what: sorted(counts.items()) for what, counts in self._numbered.items()},
        }

    def merge(self, state: dict[str, Any]) -> None:
        """Count what others counted."""
        self._counts.update(state["counts"])
        self._kinds.update(state["kinds"])
        for what, names in state["names"].items():
            self._names[what].update(names)
        for what, hashes in state["hashes"].items():
            self._merged[what].append(np.array(hashes, np.uint64))
        for what, counts in state["numbered"].items():
            self._numbered[what].update(dict(counts))

    def _distinct(self, what: str) -> np.ndarray:
        own = np.fromiter(self._hashes[what], np.uint64, len(self._hashes[what]))
        return np.unique(np.concatenate([own, *self._merged[what]]))

    def summary(self) -> dict:
        """Numbers by what they count; shares are between 0 and 1."""
        rows, counts = self._counts["rows"], self._counts
        blocks = len(self._distinct("blocks"))
        return {
            "rows": rows,
            "users": len(self._distinct("users")),
            **({"blocks": blocks} if blocks else {}),
            "function groups": len(self._names["groups"]),
            "distinct tools among candidates and histories": len(self._names["tools"]),
            "categories among them": len({ToolName.parse(name).category for name in self._names["tools"]}),
            "distinct gold tools": len(self._names["gold tools"]),
            "distinct instructions": len(self._distinct("instructions")),
            "mean history length": round(counts["past calls"] / rows, 1) if rows else 0,
            "share of rated calls that are disliked": round(counts["disliked"] / counts["rated"], 3)
            if counts["rated"]
            else 0,
            "share of gold calls without parameters": round(counts["no parameters"] / rows, 3) if rows else 0,
            "kind (rows)": {kind: self._kinds[kind] for kind in KINDS if self._kinds[kind]},
            "gold tool's position (rows)": dict(sorted(self._numbered["gold tool's position"].items())),
            "same-function candidates (rows)": dict(sorted(self._numbered["same-function candidates"].items())),
        }


def _hash(text: str) -> int:
    """64 bits, by which a billion texts are told apart."""
    return int.from_bytes(hashlib.blake2b(text.encode(errors="replace"), digest_size=8).digest())
