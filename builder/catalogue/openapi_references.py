"""References within an OpenAPI document: `{"$ref": "#/components/schemas/City"}`."""

from collections import Counter
from typing import Any, NamedTuple
from urllib.parse import unquote

_MOST_STEPS = 50  # of references that lead to references


class Followed(NamedTuple):
    """What stands at the end of references.

    Args:
        value: the object there, together with the keys beside the references, which go before its own; `None` if there
            is none.
        names: the references that led to it.
    """

    value: Any
    names: tuple[str, ...]


class References:
    """Follows references within one document.

    Args:
        document: the decoded document.
        counts: gets the number of references that are not followed, for each reason.
    """

    def __init__(self, document: dict, counts: Counter[str]):
        self._document = document
        self._counts = counts
        self._found: dict[str, Any] = {}

    def counting(self, counts: Counter[str]) -> "References":
        """The same, with counts of their own."""
        others = References(self._document, counts)
        others._found = self._found
        return others

    def follow(self, value: Any) -> Followed:
        """The value itself, or what its `$ref` names. References to other files and addresses are not followed."""
        names: list[str] = []
        beside: dict = {}
        while isinstance(value, dict) and isinstance(reference := value.get("$ref"), str):
            beside = {**{key: one for key, one in value.items() if key != "$ref"}, **beside}
            if reference in names or len(names) == _MOST_STEPS:
                self._counts["references not followed: they lead to themselves"] += 1
                return Followed(beside or None, tuple(names))
            if reference.partition("#")[0]:
                self._counts["references not followed: to another file or address"] += 1
                return Followed(beside or None, tuple(names))
            names.append(reference)
            if reference not in self._found:
                self._found[reference] = self._at(reference)
            value = self._found[reference]
            if value is None:
                self._counts["references not followed: nothing is there"] += 1
                return Followed(beside or None, tuple(names))
        return Followed({**value, **beside} if beside and isinstance(value, dict) else value, tuple(names))

    def _at(self, reference: str) -> Any:
        """What a JSON pointer behind `#` names; `None` if nothing."""
        value: Any = self._document
        for part in reference.removeprefix("#").split("/")[1:]:
            key = unquote(part).replace("~1", "/").replace("~0", "~")
            if isinstance(value, dict):
                value = value.get(key)
            elif isinstance(value, list) and key.isdecimal() and len(key) < 10 and int(key) < len(value):
                value = value[int(key)]
            else:
                return None
        return value if reference in ("#", "") or reference.startswith("#/") else None
