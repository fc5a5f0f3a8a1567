"""Values for parameters, as far as people can say them: those of documents, and those of `offline_values.yaml`."""

import json
import re
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import yaml

from petoolbench import default_of

_LONGEST_VALUE = 60  # characters of a text
_UNSPEAKABLE_TYPES = ("BINARY", "FILE", "OBJECT", "ARRAY")
# Texts that documents give instead of a default.
_PLACEHOLDER = re.compile(
    r"(?:your|insert|enter)[ _-].*|strings?|text|values?|null|none|undefined|n/?a|x{2,}|lorem.*|nisi.*"
    r"|application/.*|multipart/.*"
)


def _kinds() -> Iterator[tuple[str, dict]]:
    entries = yaml.safe_load(Path(__file__).with_suffix(".yaml").read_text(encoding="utf-8"))
    for entry in entries:
        yield from ((name, entry) for name in entry["names"])


_KINDS: dict[str, dict] = {}
for _name, _entry in _kinds():
    _KINDS.setdefault(_name, _entry)


def plain_name(name: str) -> str:
    """A parameter's name in words: `home city` of `homeCity`."""
    words = re.sub(r"([a-z0-9])([A-Z])", r"\1 \2", name)
    return re.sub(r"[\W_]+", " ", words).strip().lower() or name


def documented_values(parameter: dict) -> list:
    """The values that a parameter's document gives, in its documented type."""
    default = default_of(parameter)
    values = parameter["examples"] or ([] if _is_placeholder(default, parameter["name"]) else [default])
    values = [_as_documented(value, parameter["type"]) for value in values]
    return [value for value in values if _can_be_spoken(value)]


def plausible_values(parameter: dict, instead_of: Collection = ()) -> list:
    """Values that people might give for a parameter of this name and type; none if its name is of no known kind.

    Args:
        instead_of: values that its document gives. Kinds whose form varies from provider to provider, such as ids,
            have no others then.
    """
    kind = (parameter["type"] or "").upper()
    if kind == "BOOLEAN":
        return [value for value in (False, True) if value not in instead_of]
    if kind in _UNSPEAKABLE_TYPES or kind == "ENUM":
        return []
    if "DATE" in kind:
        return _KINDS["date"]["texts"]
    words = plain_name(parameter["name"]).split()
    entry = next((_KINDS[end] for end in _ends(words) if end in _KINDS), None)
    if entry is None or (instead_of and entry.get("form_varies")):
        return []
    if kind == "NUMBER":
        return entry.get("numbers", [])
    return entry.get("texts") or [json.dumps(number) for number in entry["numbers"]]


def _ends(words: list[str]) -> Iterator[str]:
    """`home city` and `city` of a name's words, the longest first."""
    return (" ".join(words[start:]) for start in range(len(words)))


def _as_documented(value: Any, documented_type: str | None) -> Any:
    """RapidAPI gives every default as text: "3" of a NUMBER is meant as 3."""
    kind = (documented_type or "").upper()
    if not isinstance(value, str) or kind not in ("NUMBER", "BOOLEAN"):
        return value
    try:
        decoded = json.loads(value.strip().lower())
    except ValueError:
        return None
    is_boolean = isinstance(decoded, bool)
    fits = is_boolean if kind == "BOOLEAN" else isinstance(decoded, (int, float)) and not is_boolean
    return decoded if fits else None


def _can_be_spoken(value: Any) -> bool:
    if isinstance(value, str):
        has_marks = re.search(r"['\"\n<>{}\[\]]|redacted", value)
        return bool(value.strip()) and len(value) <= _LONGEST_VALUE and not has_marks
    return isinstance(value, (int, float, bool))


def _is_placeholder(value: Any, name: str) -> bool:
    return isinstance(value, str) and (
        _PLACEHOLDER.fullmatch(value.strip().lower()) is not None or plain_name(value) == plain_name(name)
    )
