"""The rows beside a row: those of the other users of its block, and those of other blocks."""

import random
from collections import defaultdict

from petoolbench import provider_of, setting_of


class Neighbours:
    """Finds other users' rows; the rows of one block get the same stranger.

    Args:
        rows: rows of the kind `preference`, in all settings.
    """

    def __init__(self, rows: list[dict]):
        self._blocks: dict[str, dict[str, list[dict]]] = defaultdict(lambda: defaultdict(list))
        for row in rows:
            self._blocks[setting_of(row)][block_or_row(row)].append(row)
        self._names = {setting: sorted(blocks) for setting, blocks in self._blocks.items()}
        self._called: dict[str, frozenset[tuple[str, ...]]] = {}  # providers of the past calls, by row id

    def twin(self, row: dict) -> dict | None:
        """The row of the next user of the block, in the same setting, who prefers another tool."""
        block = self._blocks[setting_of(row)][block_or_row(row)]
        number = next(index for index, other in enumerate(block) if other["id"] == row["id"])
        following = [*block[number + 1 :], *block[:number]]
        gold = row["tool_call"]["tool_name"]
        return next((other for other in following if other["tool_call"]["tool_name"] != gold), None)

    def stranger(self, row: dict) -> dict | None:
        """A row of another block, in the same setting, whose history shows none of the row's providers if possible."""
        own, setting = block_or_row(row), setting_of(row)
        names = self._names[setting]
        providers = {provider_of(tool) for tool in row["candidate_tools"]}
        start = random.Random(f"stranger:{setting}:{own}").randrange(len(names))
        found = None
        for name in [*names[start:], *names[:start]]:
            other = self._blocks[setting][name][0]
            if name == own or other["group_id"] == row["group_id"]:
                continue
            if other["id"] not in self._called:  # a row may be asked many times, and is read from a file
                self._called[other["id"]] = frozenset(provider_of(call) for call in other["history"])
            if providers.isdisjoint(self._called[other["id"]]):
                return other
            found = found or other
        return found


def block_or_row(row: dict) -> str:
    """The block of a row, or the row's own id where it has none: what shares one random choice."""
    return row["block_id"] or row["id"]
