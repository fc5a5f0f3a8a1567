"""The rules of blocks, checked while a dataset's rows go by."""

from collections import Counter, defaultdict
from collections.abc import Iterator

from petoolkit.block_rules import broken_rules


class BlockChecks:
    """Keeps a block's rows until all are there, then checks them.

    Args:
        sizes: the number of rows of each block.
        is_crossed: whether histories must describe traits in other words than the candidates.
    """

    def __init__(self, sizes: Counter[str], is_crossed: bool):
        self._missing, self._is_crossed = Counter(sizes), is_crossed
        self._rows: dict[str, list[dict]] = defaultdict(list)
        self.checked = 0  # blocks

    def read(self, row: dict) -> Iterator[str]:
        """Take a row; gives the rules that its block breaks, in words, once the block is complete."""
        block_id = row["block_id"]
        if not block_id:
            return
        self._rows[block_id].append(row)
        self._missing[block_id] -= 1
        if self._missing[block_id]:
            return
        self.checked += 1
        try:
            yield from broken_rules(self._rows.pop(block_id), self._is_crossed)
        except (ValueError, KeyError, TypeError, AttributeError):
            yield "`taste` does not say what decided"
