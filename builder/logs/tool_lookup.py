"""Which tool of the catalogue a log means by a name."""

import re
from collections.abc import Iterable
from typing import Literal

from petoolbench import ToolName

Unclear = Literal["unknown", "ambiguous"]
_NOT_WORD = re.compile(r"[\W_]+")


class ToolLookup:
    """Finds tools by the names that logs have for them.

    These are, the first that fits one tool alone: the full name; provider and API with `.`, `/` or `__` between them,
    also behind `mcp__`; the API alone; then the same in any case and with any marks between the words.

    Args:
        names: full names of all tools, `<Category>.<Provider>.<Api>`; their positions are what is found.
    """

    def __init__(self, names: Iterable[str]):
        self._exact: dict[str, set[int]] = {}
        self._plain: dict[str, set[int]] = {}
        for index, name in enumerate(names):
            for form in _forms(name):
                self._exact.setdefault(form, set()).add(index)
                self._plain.setdefault(_plain(form), set()).add(index)
        self._known: dict[str, int | Unclear] = {}

    def find(self, name: str) -> int | Unclear:
        """The position of the tool that a log calls so; or why there is none."""
        if name not in self._known:
            self._known[name] = self._look_up(name)
        return self._known[name]

    def _look_up(self, name: str) -> int | Unclear:
        found = self._exact.get(name) or self._plain.get(_plain(name)) or set()
        return "unknown" if not found else next(iter(found)) if len(found) == 1 else "ambiguous"


def _forms(name: str) -> list[str]:
    category, provider, api = ToolName.parse(name)
    if not provider:
        return [name]
    pairs = [f"{provider}{between}{api}" for between in (".", "/", "__")]
    return [name, f"{category}.{provider}.{api}", *pairs, f"mcp__{provider}__{api}", api]


def _plain(name: str) -> str:
    return _NOT_WORD.sub("_", name.casefold()).strip("_")
