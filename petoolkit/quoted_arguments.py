"""Arguments in the form of Gemma 4: `{city:<|"|>Oslo<|"|>,days:3}`, with a token of its own as the quotation mark."""

import json
import re
from typing import Any

_QUOTE = '<|"|>'
_KEY = re.compile(r'\s*(?:<\|"\|>(?P<quoted>[^<>\n]{1,200})<\|"\|>|(?P<bare>[^\s:{}\[\],<>"\x27]{1,200}))\s*:')
_NUMBER_OR_WORD = re.compile(r"\s*(-?\d{1,400}(?:\.\d{1,400})?(?:[eE][+-]?\d{1,4})?|true|false|null|None)")
_DEEPEST = 50


def quoted_arguments(text: str) -> dict[str, Any] | None:
    """The object that a text begins with; `None` if there is none in this form, or it is JSON."""
    try:
        value, _ = _value(text, 0, 0)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def _value(text: str, position: int, depth: int) -> tuple[Any, int]:
    """A value, and where it ends; raises `ValueError` if there is none."""
    position = _after_space(text, position)
    if depth > _DEEPEST:
        raise ValueError("too deep")
    if text.startswith(_QUOTE, position):
        start = position + len(_QUOTE)
        end = text.index(_QUOTE, start)
        return text[start:end], end + len(_QUOTE)
    if text.startswith("{", position):
        return _items(text, position, depth, "}")
    if text.startswith("[", position):
        return _items(text, position, depth, "]")
    word = _NUMBER_OR_WORD.match(text, position)
    if not word:
        raise ValueError("no value")
    return (None if word[1] == "None" else json.loads(word[1])), word.end()


def _items(text: str, position: int, depth: int, closing: str) -> tuple[Any, int]:
    """An object or a list, and where it ends."""
    found: Any = {} if closing == "}" else []
    position = _after_space(text, position + 1)
    while not text.startswith(closing, position):
        if found:
            if not text.startswith(",", position):
                raise ValueError("no comma")
            position += 1
        if closing == "}":
            key = _KEY.match(text, position)
            if not key:
                raise ValueError("no key")
            found[key["quoted"] or key["bare"]], position = _value(text, key.end(), depth + 1)
        else:
            item, position = _value(text, position, depth + 1)
            found.append(item)
        position = _after_space(text, position)
    return found, position + 1


def _after_space(text: str, position: int) -> int:
    while text[position : position + 1].isspace():
        position += 1
    return position
