"""E-mail addresses, telephone numbers, keys, and what a pattern finds, taken out of a user's calls."""

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

from petoolbench import InputError, to_json_text
from petoolkit.publisher.findings import KINDS, find, find_by_name

from .past_calls import PastCall

_PATTERNS = "patterns"  # the kind of what a given pattern finds
_IN_PLACEHOLDERS = {"emails": "email", "phones": "phone", "keys": "key", _PATTERNS: "pattern"}  # by kind
_LABELS = {**KINDS, _PATTERNS: "finds of the given patterns"}
# A text without an at sign, digits near each other and a long word holds nothing that could be found.
_MAYBE = re.compile(r"@|\+\W{0,3}\d|\d\W{0,3}\d\W{0,3}\d\W{0,3}\d\W{0,3}\d|[\w.+/=-]{12}|-----BEGIN")


class Redactor:
    """Finds personal things and secrets in calls, counts them, and replaces them if asked to.

    Args:
        replaces: whether what is found is replaced by `<email 1>`, `<phone 2>` and the like: the same thing by the
            same placeholder in all calls of a user.
        patterns: regular expressions; what they find is `<pattern 1>`.
        counts: gets for each kind, in how many calls it was found, and how many different things (user by user).

    Raises:
        InputError: if a pattern is not a regular expression.
    """

    def __init__(self, replaces: bool, patterns: Iterable[str], counts: Counter[str]):
        self._replaces = replaces
        self._patterns = []
        for pattern in patterns:
            try:
                self._patterns.append(re.compile(pattern))
            except re.error as error:
                raise InputError(f"--redact-pattern {pattern!r} is not a regular expression: {error}.") from None
        self._counts = counts

    def redact(self, calls: list[PastCall]) -> None:
        """Search all calls of one user, and replace what is found in them in all of them."""
        found: dict[str, str] = {}  # kind by value, in the order of first appearance
        for call in calls:
            if not (self._patterns or _MAYBE.search(call.request) or _MAYBE.search(call.parameters)):
                continue
            in_call = dict(self._found(call))
            for kind in set(in_call.values()):
                self._counts[f"calls with {_LABELS[kind]}"] += 1
            for value, kind in in_call.items():
                if value not in found:
                    found[value] = kind
                    self._counts[f"different {_LABELS[kind]}"] += 1
        if found and self._replaces:
            replaced = _Placeholders(found)
            for call in calls:
                call.request = replaced.in_text(call.request)
                call.parameters = to_json_text(replaced.in_value(json.loads(call.parameters)))

    def _found(self, call: PastCall) -> Iterator[tuple[str, str]]:
        texts = [call.request]
        for name, value in json.loads(call.parameters).items():
            for text in _texts(value):
                texts.append(text)
                yield from ((finding.value, finding.kind) for finding in find_by_name(name, text, with_examples=True))
        for text in texts:
            yield from ((finding.value, finding.kind) for finding in find(text, with_examples=True))
            for pattern in self._patterns:
                yield from ((match[0], _PATTERNS) for match in pattern.finditer(text) if match[0])


def _texts(value: Any) -> Iterator[str]:
    """All texts and numbers of a JSON value, as text."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, entry in value.items():
            yield key
            yield from _texts(entry)
    elif isinstance(value, list):
        for entry in value:
            yield from _texts(entry)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield str(value)


class _Placeholders:
    """Replaces values by placeholders, numbered by kind in the order in which they are given."""

    def __init__(self, found: dict[str, str]):
        numbers: Counter[str] = Counter()
        self._by_value = {}
        for value, kind in found.items():
            numbers[kind] += 1
            self._by_value[value] = f"<{_IN_PLACEHOLDERS[kind]} {numbers[kind]}>"
        longest_first = sorted(found, key=len, reverse=True)
        self._any = re.compile("|".join(rf"(?<!\w){re.escape(value)}(?!\w)" for value in longest_first))

    def in_text(self, text: str) -> str:
        return self._any.sub(lambda match: self._by_value[match[0]], text)

    def in_value(self, value: Any) -> Any:
        """A JSON value; a number that was found becomes a text."""
        if isinstance(value, str):
            return self.in_text(value)
        if isinstance(value, dict):
            return {self.in_text(key): self.in_value(entry) for key, entry in value.items()}
        if isinstance(value, list):
            return [self.in_value(entry) for entry in value]
        if isinstance(value, int | float) and not isinstance(value, bool):
            return self._by_value.get(str(value), value)
        return value
